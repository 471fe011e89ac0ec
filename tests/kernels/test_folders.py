"""The folders of kernels: as Kaggle takes them, and nothing of a person's is lost."""

import json
import os
from pathlib import Path

import pytest

from common.errors import UserError
from config import load
from conftest import make, run_script
from kaggle_kernels import value_in, write_kernels
from kernels.folders import metadata
from kernels.kaggle_names import slug
from pipeline import graph


def read_metadata(folder: Path) -> dict:
    return json.loads((folder / "kernel-metadata.json").read_text())


def test_folders_as_kaggle_takes_them(folders):
    datasets = ["me/weights", "me/wheels"]
    attached = ["--datasets", " ".join(datasets), "--competitions", "a-b"]
    written = write_kernels("--parts", "20", *attached, "refine.bits=4")
    names = [folder.name for folder in written]
    assert names == [f"entity-{i:02d}" for i in range(20)] + ["entity-merge"]

    abouts = [read_metadata(folder) for folder in written]
    for folder, about in zip(written, abouts, strict=True):
        assert about["id"] == f"me/{slug(about['title'])}"
        assert (folder / about["code_file"]).is_file()
        assert about["is_private"]
        assert not about["enable_internet"]
        assert about["dataset_sources"] == datasets
        assert about["competition_sources"] == ["a-b"]
    assert [about["enable_gpu"] for about in abouts] == [True] * 20 + [False]
    assert abouts[0]["machine_shape"] == "NvidiaTeslaT4"
    assert abouts[0]["kernel_sources"] == []
    assert abouts[-1]["kernel_sources"] == [about["id"] for about in abouts[:-1]]

    kernels = [value_in(folder) for folder in written]
    targets = sum((kernel["targets"] for kernel in kernels), [])
    members = graph.members(load("entity"))
    of_rows = [
        f"{folder}pred/{member}.csv" for folder in ("", "answers/test/") for member in members
    ]
    assert sorted(targets) == sorted(of_rows)
    assert kernels[-1]["remaining"] == []
    assert kernels[0]["settings"] == ["refine.bits=4", "run.time_limit=11.5"]


def test_folders_of_before_go_and_the_same_question_gives_the_same_bytes(folders):
    first = write_kernels("--parts", "20", "refine.bits=4")[0]
    before = (first / "kernel.py").read_bytes()
    [alone] = write_kernels("--parts", "1", "run.time_limit=3", "--internet", "1")
    assert alone.name == "entity"
    assert value_in(alone)["settings"] == ["run.time_limit=3"]
    assert read_metadata(alone)["enable_internet"]
    write_kernels("--parts", "20", "refine.bits=4")
    assert (first / "kernel.py").read_bytes() == before


@pytest.mark.parametrize(
    "args, message",
    [
        (["visual_taxonomy"], "joins others: make kernels of each, CATEGORY=c1 c2 c3 c4 c5"),
        (["entity", "--parts", "0", "--owner", "me"], "write PARTS=1 or more"),
        (
            ["entity", "--answer", "1", "--parts", "2", "--owner", "me"],
            "ANSWER=1 is one kernel: leave PARTS out",
        ),
        (
            ["c2", "--answer", "1", "--owner", "me", "net.epochs=3"],
            "/c2/images.csv is missing, and a kernel that answers trains nothing; run first: "
            'make all CATEGORY=c2 SET="net.epochs=3"',
        ),
        (["entity"], "OWNER=<your Kaggle user name>"),
        (
            ["entity", "--owner", "me", "--to", "OTHER"],
            "holds notes.txt, which make kernels did not write",
        ),
        (
            ["entity", "--owner", "jane_doe"],
            "OWNER=jane_doe is not as Kaggle names them; write e.g. OWNER=jane-doe",
        ),
        (
            ["entity", "--owner", "me", "--datasets", "me/a,me/b"],
            "DATASETS=me/a,me/b is not as Kaggle names them; write e.g. DATASETS=jane-doe/weights",
        ),
        (["entity", "--owner", "me", "--datasets", "me/a weights"], "DATASETS=weights is not"),
        (
            ["entity", "--owner", "me", "--competitions", "https://kaggle.com/c/a-b"],
            "write e.g. COMPETITIONS=visual-taxonomy",
        ),
        (["entity", "--owner", "me", "--models", "google/gemma-2"], "MODELS=google/gemma-2 is not"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(folders, args, message):
    other = folders / "other"
    other.mkdir()
    (other / "notes.txt").write_text("mine")
    args = [str(other) if arg == "OTHER" else arg for arg in args]
    env = {"KAGGLE_USERNAME": "", "KAGGLE_CONFIG_DIR": str(folders)}
    done = run_script("write_kernels", *args, **env)
    assert done.returncode == 1
    [line] = done.stderr.strip().splitlines()
    assert message.lower() in line.lower()
    assert [file.name for file in folders.rglob("*") if file.is_file()] == ["notes.txt"]


def test_owner_is_kaggles_own_and_make_passes_its_options_on(folders, monkeypatch):
    (folders / "kaggle.json").write_text('{"username": "Somebody", "key": "secret"}')
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(folders))
    monkeypatch.delenv("KAGGLE_USERNAME", raising=False)
    done = make(
        "kernels",
        "CATEGORY=c2",
        "PARTS=2",
        f"TO={folders}/k",
        "DATASETS=me/a me/b",
        "GPU=0",
        "SET=net.epochs=3",
    )
    assert done.returncode == 0, done.stderr
    assert "weights convnext_base.fb_in22k_ft_in1k_384" in done.stdout

    folder = folders / "k/c2-0"
    about = read_metadata(folder)
    assert about["id"] == "somebody/catalogue-c2-0"
    assert not about["enable_gpu"]
    assert about["dataset_sources"] == ["me/a", "me/b"]
    assert "net.epochs=3" in value_in(folder)["settings"]
    assert "secret" not in (folder / "kernel.py").read_text()


def test_kernel_sources_that_a_person_added_are_kept(folders):
    top = folders / "k"
    written = write_kernels("--parts", "2", "--to", str(top), category="c2")
    added = {written[0]: "me/catalogue-c2-0", written[-1]: "me/extra"}
    for folder, id in added.items():
        about = read_metadata(folder)
        about["kernel_sources"].append(id)
        (folder / "kernel-metadata.json").write_text(json.dumps(about))

    write_kernels("--parts", "3", "--to", str(top), category="c2")
    one, two, merge = write_kernels("--parts", "2", "--to", str(top), category="c2")
    assert read_metadata(one)["kernel_sources"] == ["me/catalogue-c2-0"]
    assert read_metadata(two)["kernel_sources"] == []
    sessions = ["me/catalogue-c2-0", "me/catalogue-c2-1"]
    assert read_metadata(merge)["kernel_sources"] == [*sessions, "me/extra"]


@pytest.mark.parametrize(
    "name, files",
    [
        ("mine", {"kernel-metadata.json": '{"id": "me/titanic"}', "kernel.py": ""}),
        ("c2-0", {"notes.txt": "mine"}),
    ],
)
def test_what_a_person_put_beside_the_folders_or_into_one_is_named_and_kept(folders, name, files):
    top = folders / "k"
    write_kernels("--parts", "2", "--to", str(top), category="c2")
    (top / name).mkdir(exist_ok=True)
    for file, text in files.items():
        (top / name / file).write_text(text)
    done = run_script("write_kernels", "c2", "--owner", "me", "--to", str(top))
    assert done.returncode == 1
    assert f"holds {name}, which make kernels did not write" in done.stderr
    for file, text in files.items():
        assert (top / name / file).read_text() == text


def test_folders_stay_where_writing_fails(folders, monkeypatch, script):
    import write_kernels as written_script

    top = folders / "k"
    written = write_kernels("--parts", "2", "--to", str(top), category="c2")
    before = {folder.name: (folder / "kernel.py").read_bytes() for folder in written}
    monkeypatch.setattr("kernels.folders.MAX_BYTES", 1000)
    with pytest.raises(UserError, match="Kaggle takes 1,000"):
        written_script.main(["c2", "--owner", "me", "--to", str(top)])
    after = {folder.name: (folder / "kernel.py").read_bytes() for folder in top.iterdir()}
    assert after == before
    assert [file.name for file in folders.iterdir() if file.name.startswith(".")] == []


def test_what_a_killed_process_left_is_no_hindrance(folders, script):
    import write_kernels as written_script

    top = folders / "k"
    arguments = ["c2", "--owner", "me", "--to", str(top)]
    written_script.main(arguments)
    [folder] = top.iterdir()
    pid = os.getpid()
    top.rename(folders / f".{pid}.old.k")  # killed between its two renames
    (folders / f".{pid}.new.k" / folder.name).mkdir(parents=True)

    written_script.main(arguments)
    assert {file.name for file in folder.iterdir()} == {"kernel.py", "kernel-metadata.json"}
    assert [file.name for file in folders.iterdir() if file.name.startswith(".")] == []


def test_a_title_that_kaggle_does_not_take():
    title = "catalogue " + "x" * 41
    with pytest.raises(UserError, match="titles of 5 to 50.*shorter name"):
        metadata("me/x", title, {}, gpu=False, internet=False)


def test_help_says_what_the_script_does():
    done = run_script("write_kernels", "--help")
    assert done.returncode == 0
    assert "make kernels CATEGORY=" in done.stdout
