"""What the report says of rows with twins."""

import json

import pandas as pd
import pytest

from common.files import record_path
from page.blocks import Note
from report.independence import independence_blocks
from views import TASKS, view_of


@pytest.fixture
def blocks(folders):
    """blocks(task, facts): of a category whose first 30 rows have twins."""

    def of(task: str, **facts) -> list:
        view = view_of(task)
        view.paths.dir.mkdir(parents=True, exist_ok=True)
        view.paths.folds.write_text("")
        counts = {"train": 30, "test": 0}
        twins = {
            "rows": {"train": 60, "test": 0},
            "rows_with_twin": {"image": {"train": 0, "test": 0}, "text": counts, "any": counts},
            "training_rows_with_twin_in_other_fold": 0,
            "test_rows_as_often": False,
            **facts,
        }
        record_path(view.paths.folds).write_text(json.dumps({"twins": twins}))
        ids = view.rows.id[:30]
        pd.DataFrame({"id": ids}).to_csv(view.paths.dir / "twins.csv", index=False)
        return independence_blocks(view)

    return of


@pytest.mark.parametrize("task", TASKS)
def test_how_many_rows_have_twins_and_how_well_they_are_answered(blocks, task):
    note, table = blocks(task)
    assert "30 of 60 training rows show the same image or text" in note.text
    assert "They stay in one fold" in note.text
    assert "with a twin: " in note.text
    assert table.frame["training rows"].tolist() == [0, 30, 30]
    assert table.frame["share of train"].tolist() == [0, 0.5, 0.5]


def test_twins_apart_are_a_warning_unless_test_rows_have_them_as_often(blocks):
    note, _ = blocks("price", training_rows_with_twin_in_other_fold=12)
    assert "12 training rows have theirs in another fold" in note.text
    assert "the score is too good. data.group=twins" in note.text
    assert note.kind == "warning"

    note, _ = blocks("price", training_rows_with_twin_in_other_fold=12, test_rows_as_often=True)
    assert "Test rows do so as often, so folds leave them apart" in note.text
    assert note == Note(note.text)


def test_nothing_is_said_where_no_row_has_a_twin(blocks):
    none = {"train": 0, "test": 0}
    assert blocks("price", rows_with_twin={"image": none, "any": none}) == []
