"""The notes that steps leave for the report when they stop."""

import pytest

from common.paths import Paths
from pipeline.stops import command_line, note_stop, read_stop


def stop(monkeypatch, option: str | None, *argv: str) -> None:
    """Leave a note as the script with this command line would."""
    monkeypatch.setattr("sys.argv", list(argv))
    note_stop("why", 1, command_line(option))


def test_a_step_leaves_a_note(folders, monkeypatch):
    argv = ["scripts/04_train_fold.py", "price", "--member", "ridge_0", "ridge.alpha=3"]
    stop(monkeypatch, "--member", *argv)
    assert read_stop("04_train_fold price --member ridge_0")["message"] == "why"
    names = [file.name for file in Paths("price").stopped.iterdir()]
    assert names == ["04_train_fold.ridge_0.json"]


@pytest.mark.parametrize(
    "option, argv",
    [
        (None, ["scripts/plan.py", "price"]),
        ("--member", ["scripts/04_train_fold.py", "no_such", "--member", "ridge_0"]),
        ("--member", ["scripts/04_train_fold.py", "price"]),
        (None, ["scripts/09_post_process.py", "price", "--check", "/tmp/x.csv"]),
        (None, ["scripts/02_download_images.py", "price", "--retry"]),
        (None, ["pytest"]),
    ],
)
def test_what_is_no_step_leaves_no_note_and_raises_nothing(folders, monkeypatch, option, argv):
    stop(monkeypatch, option, *argv)
    working = folders / "working"
    assert not [file for file in working.rglob("*") if file.is_file()]
