"""What the report says, by hand: replicates, mistakes, suspects; half way; with hostile names."""

from argparse import Namespace
from io import BytesIO

import numpy as np
import pandas as pd
import pytest

import config as settings
from common.paths import Paths
from common.rows import Rows
from common.sections import Data
from config import Config
from page.blocks import Cards, Figure, Note, Number, Table
from page.formats import list_names, shorten
from pipeline.job import Job
from report import data, headline, scores, stages, worst
from report.view import View, load_view
from tasks import load_task
from tasks.attributes import figures as of_attributes
from tasks.entity import figures as of_entity
from tasks.price import figures as of_price
from texts.value_codes import encode_predictions, encode_values

HOSTILE = "<script>alert('$x^$')</script> 🍵 \u202eabc\u202c $\\frac{1}{0}$ "
OUTPUTS = {
    "attributes": {"tone": ["dark", "mid", "light", "none"], "coin": ["heads", "tails"]},
    "price": {"price": [0.5, 900.0]},
    "entity": {"item_weight": ["gram", "kilogram"], "height": ["centimetre", "metre"]},
}


def some(task: str, n: int = 60, seed: int = 0):
    """Targets (n, a), a prediction (n, K) that is right now and then, of a task."""
    rng, values = np.random.default_rng(seed), ["1.0 gram", "2.0 kilogram", "3.0 gram"]
    if task == "entity":
        questions = np.array(list(OUTPUTS[task]))[rng.integers(0, 2, n)]
        target = encode_values(
            pd.Series([*np.array(values)[rng.integers(0, 3, n - 2)], "", "[1, 2] gram"]), questions
        )
        parsed = [
            [(float(v.split()[0]), v.split()[1], w)] if w > 0.2 else []
            for v, w in zip(np.array(values)[rng.integers(0, 3, n)], rng.random(n), strict=True)
        ]
        return target, encode_predictions(parsed, questions)
    if task == "price":
        target = np.where(rng.random((n, 1)) < 0.1, -1, rng.normal(3, 1, (n, 1)).clip(0.5))
        return target, np.abs(target + rng.normal(0, 0.5, (n, 1)))
    target = np.stack(
        [rng.integers(-1, 3, n), rng.integers(-1, 2, n)], 1
    )  # a class that is nowhere true
    return target, np.concatenate([rng.dirichlet(np.ones(4), n), rng.dirichlet(np.ones(2), n)], 1)


def rows_of(task: str, target, group=None, text=None, question=None) -> Rows:
    n = len(target)
    ids = np.array([f"train:{i}" for i in range(n)])
    return Rows(
        load_task(task),
        OUTPUTS[task],
        ids,
        np.arange(n) % 3,
        np.zeros(n, bool),
        np.array(["../away.jpg"] * n, object),
        target,
        ids if group is None else group,
        text,
        question,
    )


def view_of(task: str, n: int = 60, models=("a", "b"), **of_rows) -> View:
    """A finished category in memory, of models that its config knows."""
    known = {"attributes": ("net", "knn"), "price": ("ridge", "mlp"), "entity": ("ranker", "vlm")}[
        task
    ]
    target, _ = some(task, n)
    preds = {name: some(task, n, seed)[1] for seed, name in enumerate(known[: len(models)])}
    rows = rows_of(task, target, **of_rows)
    merged = rows.task.average(np.stack(list(preds.values())))
    names = Data(labels=("price",)) if task == "price" else Data()
    job = Job(Config(task=task, models=known, data=names), Paths("nowhere"), Namespace())
    return View(
        job, rows=rows, preds=preds, merged=merged, answer=rows.task.answer(merged, rows.outputs)
    )


TASKS = sorted(OUTPUTS)


@pytest.mark.parametrize("task", TASKS)
def test_a_draw_is_the_score_of_rows_that_are_repeated(task):
    target, pred = some(task)
    verbs, outputs, rng = load_task(task), OUTPUTS[task], np.random.default_rng(1)
    answer = verbs.answer(pred, outputs)
    draws = [
        np.ones(len(target), int),
        *rng.multinomial(len(target), np.full(len(target), 1 / len(target)), 20),
        rng.integers(0, 2, len(target)),
    ]
    found = verbs.score_replicates(answer, target, outputs, np.stack(draws).astype(np.uint16))
    assert found[0] == verbs.score(answer, target, outputs)  # to the last bit
    for weights, value in zip(draws, found, strict=True):
        again = np.repeat(np.arange(len(target)), weights)
        assert value == pytest.approx(verbs.score(answer[again], target[again], outputs), rel=1e-12)


def test_a_draw_without_a_label_has_no_score():
    target, pred = some("attributes")
    nothing = load_task("attributes").score_replicates(
        np.zeros((3, 2), int),
        np.full((3, 2), -1),
        OUTPUTS["attributes"],
        np.ones((2, 3), np.uint16),
    )
    assert np.isnan(nothing).all()
    assert np.isnan(
        load_task("price").score_replicates(
            np.ones((2, 1)), np.array([[1.0], [-1]]), {}, np.array([[0, 5]], np.uint16)
        )
    ).all()


def test_kinds_of_mistakes_by_hand():
    cases = [
        ("1.0 gram", "1.0 gram", [], -1),
        ("1.0 gram", "", [], 0),
        ("", "1.0 gram", [], 1),
        ("[1, 2] gram", "1.0 gram", [], 2),
        ("5.0 gram", "5.0 kilogram", [], 3),
        ("1000.0 gram", "1.0 kilogram", [], 4),
        ("200.0 gram", "2.0 gram", [], 5),
        ("2.0 gram", "20.0 gram", [], 5),
        ("7.0 gram", "9.0 gram", [(7.0, "gram", 0.2)], 6),
        ("7.0 gram", "9.0 gram", [], 7),
        ("", "", [], -1),
    ]
    labels, said, other, expected = zip(*cases, strict=True)
    questions = ["item_weight"] * len(cases)
    target = encode_values(pd.Series(labels), questions)
    pred = encode_predictions(
        [
            ([(float(text.split()[0]), text.split()[1], 0.6)] if text else []) + more
            for text, more in zip(said, other, strict=True)
        ],
        questions,
    )
    answer = load_task("entity").answer(pred, {})
    assert of_entity.kinds(answer, target, pred).tolist() == list(expected)
    assert of_entity.kinds(answer, np.where(np.arange(2) == 1, -1, target), pred).tolist() == [
        -1
    ] * len(cases)  # none is labelled
    table = of_entity.mistakes(answer, target, pred).frame.set_index("mistake")
    assert table.loc[of_entity.KINDS[5], "rows"] == 2 and table["rows"].sum() == 9
    assert table.loc[of_entity.KINDS[5], "F1 without it"] == pytest.approx(
        2 * 3 / (2 * 3 + 6 + 1)
    )  # of TP 1, FP 8, FN 1
    assert table.loc[of_entity.KINDS[4], "for example"] == "1000.0 gram → 1.0 kilogram"
    found = of_entity.units(answer, target)[0].frame
    assert found.values.tolist() == [
        ["item_weight", "gram", "kilogram", 2, 1, 7]
    ]  # 5 gram, 1000 gram; of 7 in gram that are answered


def test_a_price_is_suspect_where_all_models_are_off_on_one_side():
    target = np.log1p([[10.0], [10.0], [10.0]])
    rows = rows_of("price", target)
    preds = {"ridge": np.log1p([[40.0], [40.0], [10.0]]), "mlp": np.log1p([[30.0], [5.0], [10.0]])}
    said = of_price.verdict(
        View(
            view_of("price").job,
            rows=rows,
            preds=preds,
            merged=preds["ridge"],
            answer=np.array([[40.0], [40], [10]]),
        )
    )
    assert said.suspicion.tolist() == pytest.approx(
        [np.log(3), 0, 0]
    ) and said.loss.tolist() == pytest.approx([1.2, 1.2, 0])
    assert said.facts(0) == {
        "price": "10.00",
        "predicted": "40.00",
        "off by": "4 times too high",
        "models": "ridge 40.00, mlp 30.00",
    }


def test_steps_are_compared_with_what_they_build_on():
    view = view_of("price")
    found = {step.name: step for step in stages.load_stages(view)}
    assert list(found) == ["median", "ridge", "mlp", "ensemble"] and [
        step.rival for step in found.values()
    ][:3] == ["", "median", "median"]
    assert found["ensemble"].rival == min(("ridge", "mlp"), key=lambda name: found[name].score)
    table = scores.section(view).blocks[0].frame.set_index("step")
    assert (
        table.loc["ridge", "by"] == pytest.approx(found["median"].score - found["ridge"].score)
        and table.loc["ridge", "told from chance"] == "yes"
    )
    truth, price = np.expm1(view.rows.target[view.labelled, 0]), view.answer[view.labelled, 0]
    assert table.loc["ensemble", "score"] == pytest.approx(
        (200 * np.abs(price - truth) / (price + truth)).mean()
    )


def test_folds_are_scored_each_by_its_own_rows():
    view = view_of("entity")
    table = next(
        block
        for block in scores.section(view).blocks
        if isinstance(block, Table) and "fold 0" in block.frame
    ).frame.set_index("step")
    use = view.labelled[view.rows.fold[view.labelled] == 1]
    pred = view.preds["ranker"]
    assert table.loc["ranker", "fold 1"] == load_task("entity").score(
        pred[use][:, :2], view.rows.target[use], {}
    )
    assert table.loc["ranker", "mean"] == pytest.approx(
        table.loc["ranker", ["fold 0", "fold 1", "fold 2"]].mean()
    )


def blocks_of(view: View) -> list:
    task = {"attributes": of_attributes, "price": of_price, "entity": of_entity}[
        view.job.config.task
    ]
    return [
        *headline.headline(view),
        *scores.section(view).blocks,
        *(task.figures(view) if view.rows is not None else []),
        *worst.section(view).blocks,
    ]


@pytest.mark.parametrize("task", TASKS)
def test_every_block_has_words_and_every_chart_its_numbers(task):
    blocks = blocks_of(view_of(task))
    assert {Number, Table, Figure, Cards} <= set(map(type, blocks))
    for block in blocks:
        assert (
            next(
                getattr(block, key) for key in ("label", "text", "caption") if hasattr(block, key)
            ).strip()
            and "nan" not in str(getattr(block, "alt", "")).split()
        )
        assert not isinstance(block, Figure) or block.svg.startswith("<svg") and block.alt
        assert (
            not isinstance(block, Table)
            or len(block.frame)
            and not block.frame.columns.duplicated().any()
        )
    lists = [[card.id for card in block.cards] for block in blocks if isinstance(block, Cards)]
    assert (
        len(lists) == 2
        and not set(lists[0]) & set(lists[1])
        and all(len(cards) <= worst.SHOWN for cards in lists)
    )


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("n", [3, 9])
def test_very_few_rows_are_no_error(task, n):
    assert blocks_of(view_of(task, n))


@pytest.mark.parametrize("task", TASKS)
def test_a_text_is_cut_and_a_missing_picture_is_none(task):
    texts = np.array([HOSTILE * 100] * 60, object)
    cards = [
        card
        for block in blocks_of(view_of(task, text=texts))
        if isinstance(block, Cards)
        for card in block.cards
    ]
    assert cards and all(
        len(card.text) <= worst.LETTERS and card.image is None and card.text.startswith("<script>")
        for card in cards
    )


@pytest.mark.parametrize("task", TASKS)
def test_without_a_label_nothing_is_scored_and_nothing_breaks(task):
    view = view_of(task)
    blind = View(
        view.job,
        rows=rows_of(task, np.full_like(view.rows.target, -1)),
        preds=view.preds,
        merged=view.merged,
        answer=view.answer,
    )
    assert (
        scores.section(blind).blocks[0].kind == "warning"
        and headline.headline(blind) == []
        and len(worst.section(blind).blocks) == 1
    )
    assert {"attributes": of_attributes, "price": of_price, "entity": of_entity}[task].figures(
        blind
    ) == []


def test_classes_with_hostile_names_are_drawn():
    outputs = {HOSTILE: [HOSTILE + "a", HOSTILE * 100, "x"]}
    figure = of_attributes.confusion(
        HOSTILE, outputs[HOSTILE], np.array([0, 1, 2, 1]), np.array([0, 1, 1, 2])
    )
    assert "<script>" not in figure.svg and "&lt;script" in figure.svg


# ---- from disk ----

SHOP = ["data.n_folds=2", "models=ridge,mlp", "ridge.alpha=2"]


@pytest.fixture
def shop(folders, script):
    """A drawn shop of 60 prices as the input of category demo_price, with its folds, and the job of
    its report."""
    from tasks.price import sample as price

    price.draw(folders / "input" / price.FOLDER, rows={"train": 60, "test": 12})
    script("split_files").main(["demo_price", *SHOP])
    return Job(settings.load("demo_price", SHOP), Paths("demo_price"), Namespace(), SHOP)


def write_member(job, member: str, off: float = 0.3):
    """A member's predictions, each `off` from the label, with a record as 06 leaves it."""
    from models import split_member
    from pipeline.load import load_rows

    rows = load_rows(job)
    own = rows.predicted(split_member(member)[1])
    pred = np.where(rows.target[own] >= 0, rows.target[own] + off, 3.0)
    job.paths.pred(member).parent.mkdir(exist_ok=True)
    np.savez(
        job.paths.pred(member), id=rows.id[own], pred=pred, missing_image=np.zeros(len(own), bool)
    )


def test_half_way_the_report_says_what_there_is(shop, folders):
    def everything(view):
        return [
            *view.notes,
            *headline.headline(view),
            *data.section(view).blocks,
            *scores.section(view).blocks,
            *worst.section(view).blocks,
        ]

    view = load_view(shop)
    assert (
        view.rows is not None
        and view.preds == {}
        and view.merged is None
        and "Not there yet" in view.notes[-1].text
    )
    assert "No model has answered every row yet. Median alone" in headline.headline(view)[
        0
    ].text and everything(view)

    for member in ("ridge_0", "ridge_1", "mlp_1"):
        write_member(shop, member)
    view = load_view(shop)
    assert (
        list(view.preds) == ["ridge"]
        and list(view.partial) == ["mlp"]
        and "before the models are merged" in headline.headline(view)[0].label
    )
    folds = next(
        block.frame
        for block in scores.section(view).blocks
        if isinstance(block, Table) and "fold 0" in block.frame
    ).set_index("step")
    assert (
        np.isnan(folds.loc["mlp", "fold 0"])
        and np.isfinite(folds.loc["mlp", "fold 1"])
        and np.isfinite(folds.loc["ridge", "fold 0"])
    )
    assert folds.loc["mlp", "mean"] == folds.loc["mlp", "fold 1"] and everything(view)

    shop.paths.pred("ridge_0").write_bytes(b"PK\x03\x04 broken")
    np.savez(shop.paths.merged, id=view.rows.id[:5], pred=np.zeros((5, 1)))
    view = load_view(shop)
    said = " ".join(note.text for note in view.notes)
    assert (
        view.preds == {}
        and view.merged is None
        and "ridge_0.npz" in said
        and "merged.npz is of other rows" in said
        and everything(view)
    )

    shop.paths.folds.write_text('no,table\n"')
    view = load_view(shop)
    assert (
        view.rows is None
        and "folds.csv" in " ".join(note.text for note in view.notes)
        and everything(view)
    )


def test_before_there_is_anything_there_are_notes(folders):
    job = Job(settings.load("demo_price"), Paths("demo_price"), Namespace())
    view = load_view(job)
    blocks = [*data.section(view).blocks, *scores.section(view).blocks]
    assert (
        view.rows is None
        and view.notes
        and headline.headline(view) == []
        and worst.section(view).blocks == []
    )
    assert "raw files are not to be had" in blocks[0].text and all(
        isinstance(block, Note) for block in blocks
    )


def test_merged_predictions_are_answered_as_09_left_them(shop, script):
    for member in ("ridge_0", "ridge_1", "mlp_0", "mlp_1"):
        write_member(shop, member, 0.25 if member.startswith("ridge") else 0.5)
    view = load_view(shop)
    np.savez(shop.paths.merged, id=view.rows.id, pred=view.preds["ridge"])
    shop.paths.merged.with_name("merged.npz.json").write_text('{"version": "now"}')
    view = load_view(shop)
    assert (
        not view.decoded and stages.submitted_stage(view).name == "ridge"
    )  # one model's, no ensemble beside it
    shop.paths.submission.parent.mkdir(exist_ok=True)
    shop.paths.submission.write_text("x")
    shop.paths.submission.with_name("demo_price.csv.json").write_text(
        '{"fitted": [-0.25], "score_at_test_size": 1.5}'
    )
    view = load_view(shop)
    assert view.decoded and [step.name for step in stages.load_stages(view)] == [
        "median",
        "ridge",
        "mlp",
        "decoded",
    ]
    assert (
        stages.load_stages(view)[-1].score < 1
        and "decoded" in (head := headline.headline(view)[0]).label
        and "Expected on the 12 test rows: 1.5000" in head.detail
    )
    for of, decoded in (
        ("now", 77.0),
        ("before", None),
    ):  # kept answers are taken when they are of these predictions
        np.savez(
            shop.paths.answers, id=view.rows.id, answer=np.full((len(view.rows.id), 1), 77.0), of=of
        )
        assert (load_view(shop).answer == 77).all() == (decoded is not None)


def test_joined_categories_are_told_by_their_records(folders):
    job = Job(settings.load("demo_taxonomy"), Paths("demo_taxonomy"), Namespace())
    (folders / "submissions").mkdir()
    for name, value in (("demo_tees", 0.5), ("demo_dresses", 0.7)):
        (folders / "submissions" / f"{name}.csv").write_text("id")
        (folders / "submissions" / f"{name}.csv.json").write_text(
            f'{{"score": {value}, "plain": 0.4, "score_at_test_size": {value}}}'
        )
    view = load_view(job)
    frame = scores.section(view).blocks[0].frame
    assert (
        view.rows is None
        and frame.iloc[:, 1].tolist() == pytest.approx([0.5, 0.7, 0.6])
        and frame.category.tolist()[-1] == "mean of them"
    )
    (folders / "submissions" / "demo_tees.csv").unlink()
    assert "demo_tees" in scores.section(view).blocks[1].text


def test_look_alikes_that_straddle_the_splits_are_shown(folders):
    from PIL import Image

    from conftest import write_catalogue

    write_catalogue(folders / "input/fashion", 10)
    paths = Paths("fashion")
    paths.dir.mkdir(parents=True)
    rows = [
        ("train:0", "images/0.jpg", "ok", ""),
        ("train:1", "images/1.jpg", "ok", ""),
        ("train:2", "images/2.jpg", "bad", "9x9 is under 10 pixels"),
        ("test:8", "images/8.jpg", "ok", ""),
    ]
    pd.DataFrame(rows, columns=["id", "image", "status", "reason"]).assign(
        width=40, height=40
    ).to_csv(paths.images, index=False)
    pd.DataFrame(
        [("near", "images/8.jpg", "images/0.jpg"), ("exact", "images/1.jpg", "images/0.jpg")],
        columns=["kind", "picture", "same as"],
    ).to_csv(paths.dir / "duplicates.csv", index=False)
    job = Job(settings.load("fashion", ["data.labels=tone,coin"]), paths, Namespace())
    blocks = data.section(load_view(job)).blocks
    tables = {block.caption[:12]: block.frame for block in blocks if isinstance(block, Table)}
    assert tables["Pictures tha"].values.tolist() == [
        ["exact", "train", 1],
        ["near", "train and test", 1],
    ]
    assert tables["Why 1 pictur"].reason.tolist() == ["is under 10 pixels"]
    (card,) = blocks[-1].cards
    assert (
        Image.open(BytesIO(card.image)).size == (84, 40) and card.facts["shown in"] == "test; train"
    )


def test_lists_are_cut():
    assert list_names(list("abcdef"), 2) == "a, b and 4 more"
    assert list_names(["a"]) == "a"
    assert shorten("a\n b" * 9, 5) == "a ba…"
