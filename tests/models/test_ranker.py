"""The ranker: the candidates of a text, label statistics, which labels it may know, and that it
learns to choose."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, strategies as st

from common.rows import Rows
from common.sections import Data
from metrics.value_f1 import f1
from models import ranker
from models.ranker import Settings
from models.ranker.candidates import MOST, gather
from models.ranker.columns import COLUMNS
from models.ranker.label_stats import SHARES, LabelStats, group_numbers
from models.ranker.lines import Line, read_lines, text_lines
from models.ranker.mentions import Kind, find_mentions
from models.ranker.similar_texts import (
    SIMILAR,
    similar_text_columns,
    similar_texts,
    text_vectors,
)
from tasks import entity
from texts import value_codes
from texts.units import UNITS

GRAM, OUNCE, CENTIMETRE = (UNITS.index(unit) for unit in ("gram", "ounce", "centimetre"))


def lines(*texts):
    return [line for text in texts for line in text_lines(text)]


def mentions_in(texts, question, usual_units=()):
    return {
        (m.number, m.unit, m.kind)
        for m in find_mentions(lines(*texts), question, list(usual_units))
    }


@pytest.mark.parametrize(
    "texts, question, expected",
    [
        (["Weight: 5.3g"], "item_weight", (5.3, "gram", Kind.READ)),
        (["30", "kg"], "item_weight", (30, "kilogram", Kind.BESIDE)),
        (["12 pieces of 50 mm"], "height", (12, "millimetre", Kind.AFTER)),
        (["Smm"], "depth", (5, "millimetre", Kind.MISREAD)),
        (["NET WT. 2800"], "item_weight", (280, "gram", Kind.MISREAD)),
        (["1,500"], "item_weight", (1500, "gram", Kind.BARE)),
    ],
)
def test_a_number_gets_its_unit_from_where_it_stands(texts, question, expected):
    assert expected in mentions_in(texts, question, ["gram"] if question == "item_weight" else [])


def test_a_number_far_from_every_unit_has_none_but_the_usual():
    assert mentions_in(["model 30", "red", "kg"], "item_weight") == {(3, "gram", Kind.MISREAD)}
    assert mentions_in(["model 31", "red", "kg"], "item_weight") == set()


def table_of(texts, question="item_weight", units=(), values=()):
    c = gather([lines(*texts)], [question], [list(units)], [list(values)])
    return c, {
        (float(n), int(u)): dict(zip(COLUMNS, x.tolist(), strict=True))
        for n, u, x in zip(c.number, c.unit, c.x, strict=True)
    }


def test_every_row_ends_with_no_answer_and_has_each_value_once():
    c = gather(
        [lines("5 g", "5 g or 7 g"), []],
        ["item_weight", "height"],
        [[], []],
        [[(5.0, GRAM), (9.0, GRAM)], []],
    )
    assert c.row.tolist() == [0, 0, 0, 0, 1]
    assert c.number.tolist() == [5, 7, 9, 0, 0]
    assert c.unit.tolist() == [GRAM, GRAM, GRAM, -1, -1]
    kind, times = (c.x[:, COLUMNS.index(name)].tolist() for name in ("kind", "times"))
    assert kind == [Kind.READ, Kind.READ, Kind.USUAL, Kind.NOTHING, Kind.NOTHING]
    assert times[:2] == [
        2,
        1,
    ]


def test_a_length_in_two_units_is_a_twin_and_lengths_are_ranked():
    _, x = table_of(["25 cm / 9.84 in", "10 cm"], "height")
    assert [
        x[value]["twin"]
        for value in ((25.0, CENTIMETRE), (9.84, UNITS.index("inch")), (10.0, CENTIMETRE))
    ] == [1, 1, 0]
    assert x[25.0, CENTIMETRE]["rank in unit"] == 1
    assert x[10.0, CENTIMETRE]["rank in unit"] == 0.5
    assert x[10.0, CENTIMETRE]["to largest"] == pytest.approx(np.log(0.4), abs=1e-3)


def test_the_nearer_a_word_the_more_it_counts():
    _, x = table_of(["net 5 g, and of gross 70 g, net"])
    assert x[5.0, GRAM]["net before"] > x[70.0, GRAM]["net before"] > 0
    assert x[70.0, GRAM]["gross before"] > 0 == x[5.0, GRAM]["gross before"]
    assert x[70.0, GRAM]["net behind"] > 0


def test_places_are_of_dimensions_and_in_parts_of_the_picture(tmp_path):
    box = [
        [10, 100, 10, 60, 18, 60, 18, 100, 50, 200],
        [100, 10, 180, 10, 180, 20, 100, 20, 50, 200],
    ]
    table = pd.DataFrame(
        [
            ["a.jpg", i, text, 0.9, *b]
            for i, (text, b) in enumerate(zip(("20 cm", "5×7 cm"), box, strict=True))
        ]
        + [["b.jpg", -1, "", 0, *[0] * 10]],
        columns=[
            "image",
            "line",
            "text",
            "score",
            *(f"{a}{i}" for i in range(4) for a in "xy"),
            "width",
            "height",
        ],
    )
    table.to_csv(tmp_path / "ocr.csv", index=False)
    read = read_lines(tmp_path / "ocr.csv")
    assert list(read) == ["a.jpg"]
    assert read["a.jpg"][1].text == "5x7 cm"
    assert read["a.jpg"][0].box == pytest.approx([0.9, 0.07, 0.4, 0.2, 0.04, 0], abs=1e-6)
    assert read["a.jpg"][1].box[5] == 0
    rank = [
        gather([read["a.jpg"]], [question], [[]], [[]]).x[0, COLUMNS.index("rank x")]
        for question in ("height", "item_weight")
    ]
    assert rank[0] > 0
    assert np.isnan(rank[1])


def targets(*values, question="item_weight"):
    return value_codes.encode_values(pd.Series(values), [question] * len(values))


def test_usual_units_and_values_are_those_of_the_group_first():
    group = group_numbers(["tea", "tea", "tea", "nut", "nut", "nut", "nut", "new"], 8)
    stats = LabelStats(
        targets(
            "1.0 ounce",
            "1.0 ounce",
            "2.0 ounce",
            "9.0 gram",
            "9.0 gram",
            "9.0 gram",
            "",
            "[1.0, 2.0] gram",
        ),
        group,
    )
    e = value_codes.ENTITY_NAMES.index("item_weight")
    assert stats.units(e, group[0])[0] == OUNCE
    assert stats.units(e, group[3])[0] == GRAM
    assert stats.values(e, group[0], 2) == [(1.0, OUNCE), (9.0, GRAM)]
    assert stats.values(e, group[7], 1) == [(9.0, GRAM)]
    code, number = np.full(3, value_codes.WIDTH * e + OUNCE), np.array([1.0, 2.0, 500.0])
    x = dict(zip(SHARES, stats.columns(code, number, group[[0, 0, 0]]).T, strict=True))
    assert x["value in group"][0] > x["value in group"][1] > x["value in group"][2]
    assert x["size in group"][0] > x["size in group"][2]
    assert np.isfinite(
        LabelStats(np.zeros((0, 2)), np.zeros(0)).columns(code, number, group[:3])[:, :8]
    ).all()


def test_rows_alike_are_of_the_source_and_of_the_same_key():
    sunny, rose = "yankee candle sunny", "yankee candle rose"
    vectors = text_vectors([sunny, rose, sunny, sunny], np.ones(4, bool))
    similar_idx, cosine = similar_texts(
        vectors, np.array([0, 0, 0, 1]), np.array([1, 2, 3]), np.array([0, 3])
    )
    assert similar_idx[0, :2].tolist() == [2, 1]
    assert cosine[0, 0] > 0.999
    assert 0.9 > cosine[0, 1] > 0 == cosine[0, 2]
    assert similar_idx[1, 0] == 3
    assert cosine[1, 1] == 0
    columns = similar_text_columns(
        targets("5.0 gram", "7.0 gram", "5.0 gram", "5.0 gram")[similar_idx],
        cosine,
        np.array([0, 0]),
        np.array([5.0, 8.0]),
        targets("5.0 gram", "8.0 gram")[:, 1],
    )
    assert columns[0, SIMILAR.index("cosine of same")] == pytest.approx(1, abs=1e-5)
    assert columns[1, SIMILAR.index("cosine of same")] == 0
    assert columns[1, SIMILAR.index("share of unit")] > 0.9
    assert not similar_texts(None, np.zeros(2), np.array([0]), np.array([1]))[1].any()


def test_probabilities_of_a_row_sum_to_one_and_none_is_right_where_no_other_is():
    row = np.array([0, 0, 1, 1, 1])
    assert np.add.reduceat(
        ranker.softmax(np.array([1.0, 900, -5, 0, 2]), row), [0, 2]
    ) == pytest.approx([1, 1])
    c = gather([lines("5 g"), lines("6 g 7 g")], ["item_weight"] * 2, [[], []], [[], []])
    assert ranker.is_right(c, targets("5.0 gram", "8.0 gram")).tolist() == [1, 0, 0, 0, 1]
    assert ranker.is_right(c, targets("5.0 ounce", "")).tolist() == [0, 1, 0, 0, 1]


def sample(n=240):
    """Rows whose text holds a net and a gross weight; the label is the net one. Images of two
    rows stay in one fold."""
    rng = np.random.default_rng(0)
    net, gross = rng.integers(1, 400, (2, n))
    texts = [
        f"net {a} g, gross {b} g" if flip else f"gross {b} g, net {a} g"
        for a, b, flip in zip(net, gross, rng.random(n) < 0.5, strict=True)
    ]
    value = pd.Series([f"{a}.0 gram" for a in net])
    group = np.array([f"link{i // 2}" for i in range(n)])
    return Rows(
        entity,
        {"item_weight": ["gram"]},
        np.array([f"train:{i}" for i in range(n)]),
        np.arange(n) // 2 % 3,
        np.zeros(n, bool),
        np.full(n, ""),
        value_codes.encode_values(value, ["item_weight"] * n),
        group,
        np.array(texts, object),
        np.full(n, "item_weight", object),
        np.full(n, "7", object),
    )


def job_in(folder, **settings):
    data = Data(
        labels=("entity_value",),
        question="entity_name",
        group="image_link",
        category_column="group_id",
        text=("ocr",),
        folder="entity",
    )
    return SimpleNamespace(
        config=SimpleNamespace(data=data, ranker=Settings(rounds=40, seeds=1, **settings)),
        paths=SimpleNamespace(model=lambda member: folder / f"{member}.safetensors"),
    )


def test_it_learns_which_of_two_weights_is_the_net_one(tmp_path):
    rows, job = sample(), job_in(tmp_path)
    record = ranker.fit(job, 1, rows, job.paths.model("ranker_1"))
    idx = np.flatnonzero(rows.fold == 1)
    pred = ranker.predict(job, 1, rows, idx)
    assert f1(pred[:, :2], rows.target[idx])["f1"] > 0.9
    assert pred.shape == (len(idx), 3 * value_codes.TOP_K)
    assert (pred[:, 2::3].sum(1) <= 1 + 1e-6).all()
    assert set(record["gain"]) == set(ranker.READS)


def test_no_label_of_its_own_fold_is_known_to_a_row(tmp_path, monkeypatch):
    rows, job, calls, build = sample(60), job_in(tmp_path), [], ranker.build_candidates

    def noted(texts, rows, idx, source_idx, label_stats):
        calls.append((idx, source_idx))
        return build(texts, rows, idx, source_idx, label_stats)

    monkeypatch.setattr(ranker, "build_candidates", noted)
    ranker.fit(job, 1, rows, job.paths.model("ranker_1"))
    assert len(calls) == 4  # two folds, each halved
    assert sorted(np.concatenate([idx for idx, _ in calls])) == rows.labelled(1).tolist()
    for idx, source_idx in calls:
        assert not {1} & set(rows.fold[source_idx])
        assert not set(rows.group[idx]) & set(rows.group[source_idx])
    before = job.paths.model("ranker_1").read_bytes()
    rows.target[rows.fold == 1, 0] = 3.0
    ranker.fit(job, 1, rows, job.paths.model("ranker_1"))
    assert job.paths.model("ranker_1").read_bytes() == before


def test_further_labels_are_of_other_pictures(folders):
    folder = folders / "input" / "entity"
    folder.mkdir(parents=True)
    (folder / "train.csv").write_text("image_link\na\n")
    (folder / "test.csv").write_text("image_link\nb\n")
    (folder / "labels.csv").write_text(
        "image_link,group_id,entity_name,entity_value\na,7,width,1.0 inch\nb,7,width,2.0 "
        "inch\nc,7,width,3.0 inch\n"
    )
    target, group = ranker.further_labels(job_in(folders, labels="labels.csv").config)
    assert target[:, 0].tolist() == [3]
    assert group.tolist() == group_numbers(["7"], 1).tolist()
    assert not len(ranker.further_labels(job_in(folders, labels="absent.csv").config)[0])


def test_a_line_has_no_place_unless_it_is_known():
    assert np.isnan(Line("5 g").box).all()


def test_a_table_of_labels_that_appears_is_noticed(folders):
    from common.sections import Data
    from config import Config
    from pipeline import staleness

    folder = folders / "input/entity"
    folder.mkdir(parents=True)
    (folder / "train.csv").touch()
    config = Config(
        task="entity", models=("ranker",), data=Data(folder="entity"), ranker={"labels": "more.csv"}
    )
    record = {"raw": ranker.raw_labels(config)}
    assert record == {"raw": {"more.csv": None}}
    assert staleness.replaced(record, config) == ""
    (folder / "more.csv").write_text("x")
    assert staleness.replaced(record, config) == "more.csv"
    record = {"raw": ranker.raw_labels(config)}
    assert staleness.replaced(record, config) == ""
    (folder / "more.csv").write_text("yy")
    assert staleness.replaced(record, config) == "more.csv"


@pytest.mark.parametrize(
    "text",
    [
        "Over 1,000,000 sold",
        "12,345,670 g",
        "9" * 400 + " g",
        "0 sugar, 0 g",
        "1.000.000 kg",
        "",
        "\x00\ud800",
    ],
)
def test_no_text_stops_the_reader_and_no_candidate_is_nothing(text):
    candidates = gather([text_lines(text)], ["item_weight"], [["gram"]], [[]])
    assert np.isfinite(candidates.number).all()
    assert (candidates.number[candidates.unit >= 0] > 0).all()


@given(st.text(st.sampled_from("0123456789.,oOlSZg kmx/-|\n'\"fz"), max_size=60))
@example("1,234,569 users")
def test_candidates_of_any_text_are_positive_numbers(text):
    for question in ("item_weight", "width", "item_volume"):
        candidates = gather([text_lines(text)], [question], [[]], [[]])
        assert np.isfinite(candidates.number).all()
        assert (candidates.number[candidates.unit >= 0] > 0).all()
        assert candidates.unit[-1] == -1


def test_of_more_readings_than_are_kept_the_first_are_told():
    text = " ".join(f"{n} g" for n in range(1, 3 * MOST))
    candidates = gather([text_lines(text)], ["item_weight"], [[]], [[]])
    assert (candidates.unit >= 0).sum() == MOST
    assert candidates.number[:3].tolist() == [1, 2, 3]
