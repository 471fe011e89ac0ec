"""Categories on disk: half way, broken, merged, joined."""

import json
from argparse import Namespace

import numpy as np
import pytest

from common.paths import Paths
from config import load
from models import split_member
from page.blocks import Note, Table
from pipeline.job import Job
from pipeline.load import load_rows
from report import data, headline, scores, worst
from report.stages import load_stages, submitted_stage
from report.view import View, load_view

SHOP = ["data.n_folds=2", "models=ridge,mlp", "ridge.alpha=2"]
MEMBERS = ("ridge_0", "ridge_1", "mlp_0", "mlp_1")


@pytest.fixture
def shop(folders, script) -> Job:
    """A drawn shop of 60 prices as the input of category demo_price, with its folds, and the job of
    its report."""
    from tasks.price import sample as price

    price.draw(folders / "input" / price.FOLDER, rows={"train": 60, "test": 12})
    script("split_files").main(["demo_price", *SHOP])
    return Job(load("demo_price", SHOP), Paths("demo_price"), Namespace(), SHOP)


def write_member(job: Job, member: str, off: float = 0.3) -> None:
    """A member's predictions, each `off` from the label, as 06 leaves them."""
    rows = load_rows(job)
    idx = rows.predicted(split_member(member)[1])
    pred = np.where(rows.target[idx] >= 0, rows.target[idx] + off, 3.0)
    file = job.paths.pred(member)
    file.parent.mkdir(exist_ok=True)
    np.savez(file, id=rows.id[idx], pred=pred, missing_image=np.zeros(len(idx), bool))


def write_record(file, **record) -> None:
    file.with_name(f"{file.name}.json").write_text(json.dumps(record))


def all_blocks(view: View) -> list:
    return [
        *view.notes,
        *headline.headline(view),
        *data.section(view).blocks,
        *scores.section(view).blocks,
        *worst.section(view).blocks,
    ]


def notes_of(view: View) -> str:
    return " ".join(note.text for note in view.notes)


def test_before_there_is_anything_there_are_notes(folders):
    job = Job(load("demo_price"), Paths("demo_price"), Namespace())
    view = load_view(job)
    assert view.rows is None
    assert view.notes
    assert headline.headline(view) == []
    assert worst.section(view).blocks == []
    blocks = [*data.section(view).blocks, *scores.section(view).blocks]
    assert "raw files cannot be read" in blocks[0].text
    assert all(isinstance(block, Note) for block in blocks)


def test_before_a_model_is_trained_there_is_the_baseline(shop):
    view = load_view(shop)
    assert view.rows is not None
    assert view.preds == {}
    assert view.merged is None
    assert "Not there yet" in view.notes[-1].text
    top = headline.headline(view)[0].text
    assert "No model has answered every row yet. Median alone" in top
    assert all_blocks(view)


def test_a_model_that_is_half_way_has_scores_of_its_folds(shop):
    for member in ("ridge_0", "ridge_1", "mlp_1"):
        write_member(shop, member)
    view = load_view(shop)
    assert list(view.preds) == ["ridge"]
    assert list(view.partial) == ["mlp"]
    assert "before the models are merged" in headline.headline(view)[0].label
    frames = [block.frame for block in scores.section(view).blocks if isinstance(block, Table)]
    (folds,) = [frame.set_index("step") for frame in frames if "fold 0" in frame]
    assert np.isfinite(folds.loc["ridge", "fold 0"])
    assert np.isnan(folds.loc["mlp", "fold 0"])
    assert np.isfinite(folds.loc["mlp", "fold 1"])
    assert folds.loc["mlp", "mean"] == folds.loc["mlp", "fold 1"]
    assert all_blocks(view)


def test_broken_files_are_notes(shop):
    for member in ("ridge_0", "ridge_1"):
        write_member(shop, member)
    ids = load_rows(shop).id
    shop.paths.pred("ridge_0").write_bytes(b"PK\x03\x04 broken")
    np.savez(shop.paths.merged, id=ids[:5], pred=np.zeros((5, 1)))
    view = load_view(shop)
    assert view.preds == {}
    assert view.merged is None
    assert "ridge_0.npz" in notes_of(view)
    assert "merged.npz is of other rows" in notes_of(view)
    assert all_blocks(view)

    shop.paths.folds.write_text('no,table\n"')
    view = load_view(shop)
    assert view.rows is None
    assert "folds.csv" in notes_of(view)
    assert all_blocks(view)


@pytest.fixture
def merge_shop(shop):
    """Writes all members, and a merged.npz that answers as ridge does, times a factor."""
    for member in MEMBERS:
        write_member(shop, member, 0.25 if member.startswith("ridge") else 0.5)

    def merge(factor: float, **record) -> Job:
        rows = load_rows(shop)
        pred = load_view(shop).preds["ridge"]
        answer = factor * rows.task.answer(pred, rows.outputs)
        np.savez(shop.paths.merged, id=rows.id, pred=pred, answer=answer)
        write_record(shop.paths.merged, **record)
        test = shop.paths.of("test").merged
        test.parent.mkdir(parents=True, exist_ok=True)
        test.touch()
        test.touch()
        write_record(test, rows=12, expected=record.get("expected"))
        return shop

    return merge


def test_a_model_that_is_submitted_as_it_is_is_no_stage_of_its_own(merge_shop):
    view = load_view(merge_shop(1.0, chosen="ridge"))
    assert submitted_stage(view).name == "ridge"
    assert [stage.name for stage in load_stages(view)] == ["median", "ridge", "mlp"]


def test_what_is_submitted_is_a_stage_and_the_top_says_why(merge_shop):
    expected = {"score": 1.5, "interval": [1.25, 1.75], "gain_of_folds": -0.25}
    why = "ridge, decoded: 3.0000 better out-of-fold than ridge alone"
    view = load_view(merge_shop(0.8, chosen="ridge, decoded", why=why, expected=expected))
    stages = load_stages(view)
    assert [stage.name for stage in stages] == ["median", "ridge", "mlp", "ridge, decoded"]
    assert stages[-1].rival == "ridge"

    number, note, *_ = headline.headline(view)
    assert "ridge, decoded" in number.label
    assert f"Submitted is {why}." in note.text
    assert "Expected on the 12 test rows: 1.5000, 95 % interval" in note.text
    assert "Of it, 0.2500 is what the mean of all folds' members is estimated to gain" in note.text


def test_a_gain_of_folds_that_is_not_known_is_told(merge_shop):
    expected = {"score": 1.5, "interval": [1.25, 1.75], "gain_of_folds": None}
    view = load_view(merge_shop(0.8, chosen="x", why="x", expected=expected))
    assert "it is a careful number" in headline.headline(view)[1].text


def test_candidates_are_listed_with_what_they_would_change(merge_shop):
    candidates = {
        "ridge": {"score": 20.0, "gain": 0.0, "error": 0.0},
        "mlp": {"score": 25.0, "gain": -5.0, "error": 1.0},
    }
    view = load_view(merge_shop(1.0, chosen="ridge", candidates=candidates))
    blocks = scores.section(view).blocks
    tables = [block.frame for block in blocks if isinstance(block, Table)]
    (table,) = [frame for frame in tables if "answers by" in frame]
    assert table["submitted"].tolist() == ["yes", ""]


def test_merged_predictions_without_answers_are_told(merge_shop):
    shop = merge_shop(1.0)
    arrays = dict(np.load(shop.paths.merged))
    np.savez(shop.paths.merged, id=arrays["id"], pred=arrays["pred"])
    view = load_view(shop)
    assert view.answer is None
    assert "it is of older code; run make again" in notes_of(view)


def test_joined_categories_are_told_by_their_records(folders):
    job = Job(load("demo_taxonomy"), Paths("demo_taxonomy"), Namespace())
    for name, score in (("demo_tees", 0.5), ("demo_dresses", 0.7)):
        submission = Paths(name).submission
        submission.parent.mkdir(exist_ok=True)
        submission.write_text("id")
        write_record(submission, score=score, score_at_test_size=score)
    view = load_view(job)
    assert view.rows is None
    frame = scores.section(view).blocks[0].frame
    assert frame["out-of-fold score"].tolist() == pytest.approx([0.5, 0.7, 0.6])
    assert frame["category"].tolist()[-1] == "mean of them"
    assert headline.headline(view)[0].value == "0.6000"

    Paths("demo_tees").submission.unlink()
    assert "demo_tees" in scores.section(view).blocks[1].text
    assert headline.headline(view) == []
