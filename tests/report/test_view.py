"""Categories on disk: half way, broken, decoded, joined."""

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
def merged_shop(shop) -> Job:
    """The shop with all members, of which merged.npz holds ridge's."""
    for member in MEMBERS:
        write_member(shop, member, 0.25 if member.startswith("ridge") else 0.5)
    view = load_view(shop)
    np.savez(shop.paths.merged, id=view.rows.id, pred=view.preds["ridge"])
    write_record(shop.paths.merged, version="now")
    return shop


def test_an_ensemble_of_one_model_is_that_model(merged_shop):
    view = load_view(merged_shop)
    assert not view.decoded
    assert submitted_stage(view).name == "ridge"


def test_decoded_answers_are_a_stage_of_their_own(merged_shop):
    submission = merged_shop.paths.submission
    submission.parent.mkdir(exist_ok=True)
    submission.write_text("x")
    write_record(submission, fitted=[-0.25], score_at_test_size=1.5)
    view = load_view(merged_shop)
    assert view.decoded
    stages = load_stages(view)
    assert [stage.name for stage in stages] == ["median", "ridge", "mlp", "decoded"]
    assert stages[-1].score < 1
    assert stages[-1].rival == "ridge"
    number = headline.headline(view)[0]
    assert "decoded" in number.label
    assert "Expected on the 12 test rows: 1.5000" in number.detail


@pytest.mark.parametrize("version, is_taken", [("now", True), ("before", False)])
def test_kept_answers_are_taken_when_they_are_of_these_predictions(merged_shop, version, is_taken):
    ids = load_rows(merged_shop).id
    np.savez(merged_shop.paths.answers, id=ids, answer=np.full((len(ids), 1), 77.0), of=version)
    answer = load_view(merged_shop).answer
    assert (answer == 77).all() == is_taken


def test_joined_categories_are_told_by_their_records(folders):
    job = Job(load("demo_taxonomy"), Paths("demo_taxonomy"), Namespace())
    for name, score in (("demo_tees", 0.5), ("demo_dresses", 0.7)):
        submission = Paths(name).submission
        submission.parent.mkdir(exist_ok=True)
        submission.write_text("id")
        write_record(submission, score=score, plain=0.4, score_at_test_size=score)
    view = load_view(job)
    assert view.rows is None
    frame = scores.section(view).blocks[0].frame
    assert frame["out-of-fold score"].tolist() == pytest.approx([0.5, 0.7, 0.6])
    assert frame["category"].tolist()[-1] == "mean of them"
    assert headline.headline(view)[0].value == "0.6000"

    Paths("demo_tees").submission.unlink()
    assert "demo_tees" in scores.section(view).blocks[1].text
    assert headline.headline(view) == []
