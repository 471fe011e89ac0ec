"""Attached outputs of kernels: what is copied of them, whole, and where there is room."""

import shutil
from pathlib import Path

import pytest

from common.errors import UserError
from common.paths import Paths
from config import load
from kernels.outputs import take_over
from kernels.weights import attached_folders

MERGE = {
    "category": "c2",
    "sessions": {
        "me/a": ["pred/net_0.npz", "answers/test/pred/net_0.npz"],
        "me/b": ["pred/net_1.npz"],
    },
    "remaining": [],
    "learnt": [],
}


def take_over_into(paths: Paths, kernel: dict) -> None:
    take_over(kernel, load("c2"), paths, attached_folders())


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def files_below(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def test_outputs_that_contradict_each_other_are_not_merged(folders):
    paths = Paths("c2")
    for name in ("a", "b"):
        for file in ("folds.csv", "folds.csv.json", "images/0.bin", "images/rows.growing"):
            write(folders / "input" / name / "c2" / file, name)
    with pytest.raises(UserError, match="a/c2 and .*b/c2 hold other rows or folds"):
        take_over_into(paths, MERGE)

    (folders / "input/b/c2/folds.csv").write_text("a")
    take_over_into(paths, MERGE | {"remaining": ["pred/net_2.npz"]})
    assert {file.read_text() for file in paths.cache.iterdir()} == {"a"}  # one cache, of one output


FILES = (
    "folds.csv",
    "images.csv",
    "model/net_0.safetensors",
    "pred/net_0.npz",
    "answers/test/rows.csv",
    "answers/test/images.csv",
    "answers/test/pred/net_0.npz",
)
USED = ["colours.npy", *FILES, *(f"{file}.json" for file in FILES)]
UNUSED = [
    "model/net_3.safetensors",
    "checkpoints/net_0.pt",
    "pred/net_3.npz",
    "features/net_3.npy",
    "images/000.bin",
    "images/rows.growing",
    "report.html",
    "answers/test/merged.npz",
]
BEGUN = ["checkpoints/net_2.pt", "model/net_2.safetensors"]


@pytest.fixture
def output(folders):
    """An attached output with 8 bytes in each file."""
    for file in USED + UNUSED + BEGUN + ["../downloads/3f/3f", "../downloads/.parts/1"]:
        write(folders / "input/a/c2" / file, "12345678")


def test_a_merging_kernel_copies_what_it_has_use_for(output):
    paths = Paths("c2")
    take_over_into(paths, MERGE)
    assert files_below(paths.dir.parent) == {f"c2/{file}" for file in USED}

    take_over_into(paths, MERGE | {"remaining": ["pred/net_2.npz"]})
    copied = [*USED, *BEGUN, "images/000.bin", "images/rows.growing"]
    expected = {f"c2/{file}" for file in copied} | {"downloads/3f/3f"}
    assert files_below(paths.dir.parent) == expected


def test_a_kernel_that_answers_copies_what_was_learnt_alone(output, folders):
    paths = Paths("c2")
    learnt = ["folds.csv", "features/net_3.npy"]
    write(folders / "input/a/c2/features/net_3.names.npy", "")
    take_over_into(paths, {"category": "c2", "sessions": {}, "remaining": [], "learnt": learnt})
    names = {"c2/folds.csv", "c2/folds.csv.json", "c2/features/net_3.npy"}
    assert files_below(paths.dir.parent) == names | {"c2/features/net_3.names.npy"}


def test_nothing_is_copied_where_there_is_no_room(output, monkeypatch):
    paths = Paths("c2")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(100, 40, 60))
    with pytest.raises(UserError, match="room for 0.00 GB; nothing was copied. .*fewer outputs"):
        take_over_into(paths, MERGE)
    assert files_below(paths.dir.parent) == set()


def test_a_copy_that_fails_leaves_nothing(output, monkeypatch):
    def copy_half(source, target):
        target.write_text("1234")
        raise OSError("disk error")

    paths = Paths("c2")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(1000, 0, 1000))
    monkeypatch.setattr(shutil, "copyfile", copy_half)
    with pytest.raises(OSError, match="disk error"):
        take_over_into(paths, MERGE)
    assert files_below(paths.dir.parent) == set()


def test_a_file_and_its_record_are_of_one_output(folders):
    paths = Paths("c2")
    files = {
        "a": ["folds.csv.json", "pred/net_0.npz"],
        "b": ["folds.csv.json", "pred/net_0.npz.json", "pred/net_1.npz.json"],
    }
    for name, names in files.items():
        for file in names:
            write(folders / "input" / name / "c2" / file, name)
    take_over_into(paths, {"category": "c2", "sessions": {}, "remaining": [], "learnt": []})
    assert {file.name: file.read_text() for file in paths.dir.rglob("*.*")} == {
        "folds.csv.json": "a",
        "net_0.npz": "a",
        "net_1.npz.json": "b",
    }
