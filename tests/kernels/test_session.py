"""Kernels run as Kaggle runs them: they end in the submission of one uninterrupted run."""

import base64
import io
import os
import shlex
import shutil
import zipfile
from pathlib import Path

import pytest

import tiny
from conftest import CATALOGUE, make, run_script, write_catalogue
from kaggle_kernels import run_as_kaggle, value_in, write_kernels, write_wheel
from kernels.session import quote_for_make

LOCAL = ["data.train_image=images/{image_link:name}", "data.test_image=images/{image_link:name}"]
VLM = [
    "data.folder=demo_entity",
    *LOCAL,
    "models=vlm",
    "data.parts=2",
    "data.max_train_rows=8",
    "data.n_folds=2",
    "data.validation=0",
    "vlm.bits=0",
    "vlm.model=Some/tiny-vlm",
    "vlm.max_pixels=12544",
    "vlm.batch=4",
    "vlm.max_new_tokens=6",
]
NETS = [*CATALOGUE, "models=net"]


@pytest.fixture
def kaggle(folders):
    """kaggle(folder of a kernel, working folder) runs it on the data in folders/input."""

    def run(folder: Path, working: Path):
        return run_as_kaggle(folder, working, folders)

    return run


def attach(working: Path, folder: Path) -> None:
    """A kernel's output where Kaggle mounts it."""
    shutil.copytree(working, folder, dirs_exist_ok=True)


def output_of(done) -> str:
    """The end of what a process printed, for a failed assert."""
    return done.stdout[-2000:] + done.stderr[-2000:]


def add_requirement(folder: Path, line: str) -> None:
    """A further line in the requirements.txt that a kernel carries."""
    toolkit = value_in(folder, "TOOLKIT")
    data = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(base64.b64decode(toolkit))) as old,
        zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            content = old.read(name)
            if name == "requirements.txt":
                content += f"{line}\n".encode()
            new.writestr(name, content)
    file = folder / "kernel.py"
    changed = base64.b64encode(data.getvalue()).decode()
    file.write_text(file.read_text().replace(toolkit, changed))


def uninterrupted(folders: Path, category: str, settings: list[str]) -> bytes:
    """The submission of one make all."""
    for name in ("working", "submissions"):
        os.environ[f"{name}_path"] = str(folders / "quiet")  # the fixture `folders` puts them back
    done = make("all", f"CATEGORY={category}", "SET=" + " ".join(settings))
    assert done.returncode == 0, output_of(done)
    return (folders / f"quiet/{category}.csv").read_bytes()


def test_settings_reach_the_scripts_as_they_are(folders):
    """A kernel's make asks for the plan with them, and shows the commands that it would run."""
    settings = ["download.agent=Mozilla/5.0 (x; y) 'a' \"b\" $HOME #1", "net.epochs=2"]
    done = make("-n", "all", "CATEGORY=c2", f"SET={quote_for_make(settings)}")
    assert done.returncode == 0, done.stderr
    steps = [line for line in done.stdout.splitlines() if "/01_split_files.py" in line]
    assert steps
    for line in steps:
        words = shlex.split(line)
        assert words[words.index("c2") + 1 :][:2] == settings


@pytest.mark.slow
def test_what_is_not_attached_is_listed_before_any_work(folders, kaggle):
    from tasks.entity import sample as entity

    entity.draw(folders / "input" / entity.FOLDER, rows={"train": 20, "test": 5})
    [kernel] = write_kernels("data.folder=demo_entity", *LOCAL, "vlm.bits=4")
    done = kaggle(kernel, folders / "out")
    assert done.returncode == 1
    for words in (
        "nothing was begun",
        "Qwen2.5-VL-7B-Instruct",
        "gemma-2-2b-it",
        str(folders / "input"),
        "bitsandbytes",
        "pip download",
    ):
        assert words in done.stderr
    assert not list((folders / "out").iterdir())

    settings = ["vlm.bits=4", "refine.constrained=true"]
    printed = run_script("write_kernels", "entity", "--owner", "me", *settings).stdout
    assert "attach packages xgrammar, bitsandbytes: " in printed
    assert "pip download" not in printed  # this machine's Python is not Kaggle's


@pytest.mark.slow
def test_two_sessions_of_a_language_model_and_the_merge_are_the_uninterrupted_run(folders, kaggle):
    """Weights in a dataset, wheels in another, of which the one that is needed is installed; no
    session's files are missing unnoticed."""
    from tasks.entity import sample as entity

    data = folders / "input"
    entity.draw(data / "competitions" / entity.FOLDER, rows={"train": 20, "test": 6})
    weights = data / "datasets/me/weights"
    tiny.lively(tiny.qwen_vl(weights / "tiny-vlm"))
    for wheel in (
        "kernel_test_package-1.0-py3-none-any",
        "kernel_test_package-2.0-cp27-cp27m-win32",
        "kernel_test_unneeded-1.0-py3-none-any",
    ):
        write_wheel(data / "datasets/me/wheels", wheel)

    *sessions, merge = write_kernels(*VLM, "--parts", "2")
    for kernel in sessions:
        add_requirement(kernel, "kernel-test-package>=1")
        done = kaggle(kernel, folders / kernel.name)
        assert done.returncode == 0, output_of(done)
        assert f"at {weights}/tiny-vlm" in done.stdout
        assert "kernel_test_package-1.0" in done.stdout
        assert "package-2.0" not in done.stdout
        assert "unneeded" not in done.stdout

    one, two = (folders / kernel.name for kernel in sessions)
    attach(one, data / "notebooks/me/catalogue-entity-0")
    done = kaggle(merge, folders / "early")
    assert done.returncode == 1
    assert "me/catalogue-entity-1: pred/vlm_1.csv is missing" in done.stderr
    assert "entity-0:" not in done.stderr

    attach(two, data / "catalogue-entity-1")
    (data / "catalogue-entity-1/entity/pred/vlm_1.csv").write_text("id,")
    done = kaggle(merge, folders / "torn")
    assert done.returncode == 1
    assert "me/catalogue-entity-1: pred/vlm_1.csv is damaged" in done.stderr

    attach(two, data / "catalogue-entity-1")
    done = kaggle(merge, folders / "merged")
    assert done.returncode == 0, output_of(done)
    assert "06_infer" not in done.stdout
    expected = uninterrupted(folders, "entity", [*VLM, f"run.weights={weights}"])
    assert (folders / "merged/entity.csv").read_bytes() == expected


@pytest.mark.slow
def test_a_session_stopped_by_its_limit_goes_on_from_its_own_output(folders, kaggle):
    """Networks of two folds in two sessions, one of them stopped at once and gone on with."""
    write_catalogue(folders / "input/fashion")
    limit = ["run.time_limit=0.00001", "--to", str(folders / "limited")]
    limited = write_kernels(*NETS, *limit, "--parts", "2", category="fashion")
    done = kaggle(limited[0], folders / "first")
    assert done.returncode == 0, output_of(done)
    assert 'add "me/catalogue-fashion-0" to kernel_sources' in done.stdout

    one, two, merge = write_kernels(*NETS, "--parts", "2", category="fashion")
    attach(folders / "first", folders / "input/catalogue-fashion-0")
    for kernel, other in ((one, "net_1"), (two, "net_0")):
        working = folders / kernel.name
        done = kaggle(kernel, working)
        assert done.returncode == 0, output_of(done)
        assert "took_over" in done.stdout
        assert not list((working / "fashion/pred").glob(f"{other}*"))

    attach(folders / one.name, folders / "input/catalogue-fashion-0")
    attach(folders / two.name, folders / "input/catalogue-fashion-1")
    done = kaggle(merge, folders / "merged")
    assert done.returncode == 0, output_of(done)
    expected = uninterrupted(folders, "fashion", NETS)
    assert (folders / "merged/fashion.csv").read_bytes() == expected
