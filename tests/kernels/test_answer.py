"""The kernel of a code competition, run as Kaggle runs it on hidden rows: it answers them with what
was learnt elsewhere, and learns nothing."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conftest import CATALOGUE, SMALL, make, run_script, write_catalogue
from kaggle_kernels import run_as_kaggle, value_in, write_kernels
from networks.weights import save_weights

CATEGORY = "fashion"
NETS = [*CATALOGUE, "models=net,heads"]
ENCODERS = [
    *SMALL,
    "data.labels=tone,coin",
    "models=knn,heads",
    "heads.source=encoders",
    "features.encoders=test_convnext",
    "features.stages=false",
    "features.views=1",
]


def words(settings) -> str:
    return "SET=" + " ".join(settings)


def output_of(done) -> str:
    """The end of what a process printed, for a failed assert."""
    return done.stdout[-2000:] + done.stderr[-2000:]


def write_hidden_rows(folder: Path, known: Path) -> pd.DataFrame:
    """A data folder without training rows: half of the known test rows and others, in another
    order, with their images."""
    (folder / "images").mkdir(parents=True)
    write_catalogue(folder.parent / "drawn", n=20, seed=1)
    ids = pd.read_csv(known / "test.csv").id[::2].tolist()
    for row_id in ids:
        shutil.copy(known / f"images/{row_id}.jpg", folder / "images")
    for image in (folder.parent / "drawn/images").iterdir():
        new_id = 1000 + int(image.stem)
        image.rename(folder / f"images/{new_id}.jpg")
        ids.append(new_id)
    shutil.rmtree(folder.parent / "drawn")
    table = pd.DataFrame({"id": np.random.default_rng(0).permutation(ids)})
    table.to_csv(folder / "test.csv", index=False)
    return table


def names_below(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def with_records(names: set[str]) -> set[str]:
    return names | {f"{name}.json" for name in names}


def require_nothing_learnt(working: Path, attached: Path, printed: str) -> None:
    """What the kernel has of the training rows is what was attached, byte by byte."""
    of_training_rows = names_below(working / CATEGORY)
    of_training_rows -= {name for name in of_training_rows if name.startswith("answers/")}
    assert of_training_rows == names_below(attached)
    for name in names_below(attached):
        assert (working / CATEGORY / name).read_bytes() == (attached / name).read_bytes()
    assert "04_train_fold" not in printed
    assert "10_report" not in printed


@pytest.fixture
def trained(folders):
    """trained(settings, local settings): the category made; its kernel's folder and its dataset's,
    and a folder like Kaggle's with hidden rows and nothing else attached."""

    def train(settings: list[str], *local: str) -> tuple[Path, Path, Path]:
        write_catalogue(folders / "input/fashion")
        done = make("all", f"CATEGORY={CATEGORY}", words([*settings, *local]))
        assert done.returncode == 0, output_of(done)
        kernel, models = write_kernels("--answer", "1", *settings, category=CATEGORY)
        top = folders / "kaggle"
        write_hidden_rows(top / "input/competitions/fashion", folders / "input/fashion")
        return kernel, models, top

    return train


def attach(models: Path, top: Path) -> Path:
    """The dataset where Kaggle mounts it."""
    folder = top / "input/datasets/me/catalogue-fashion-models"
    shutil.copytree(models, folder)
    (folder / "dataset-metadata.json").unlink()
    return folder / CATEGORY


def require_same_answers(folders: Path, working: Path, settings: list[str]) -> None:
    """The kernel's submission is that of make answer of the same rows on the machine that learnt,
    and its rows of the first test.csv have the answers that they had there."""
    submission = (working / "submission.csv").read_text()
    assert submission == (working / f"{CATEGORY}.csv").read_text()

    hidden = folders / "kaggle/input/competitions/fashion"
    shutil.copy(hidden / "test.csv", hidden / "hidden.csv")
    done = make("answer", f"CATEGORY={CATEGORY}", f"FILE={hidden}/hidden.csv", words(settings))
    assert done.returncode == 0, output_of(done)
    assert submission == (folders / f"submissions/{CATEGORY}-hidden.csv").read_text()

    lines = submission.splitlines()
    first_ids = pd.read_csv(folders / "input/fashion/test.csv").id.tolist()
    in_both = [line for line in lines[1:] if int(line.partition(",")[0]) in first_ids]
    known_lines = (folders / f"submissions/{CATEGORY}.csv").read_text().splitlines()
    assert len(in_both) == 6
    assert set(in_both) < set(known_lines)
    assert len(lines) == 27


@pytest.mark.slow
def test_what_was_learnt_from_images_answers_hidden_rows(folders, trained):
    """net and heads on its maps: pretrained weights are not asked for, nor training rows."""
    kernel, models, top = trained(NETS)
    about = json.loads((kernel / "kernel-metadata.json").read_text())
    assert about["id"] == "me/catalogue-fashion-answer"
    assert about["dataset_sources"] == ["me/catalogue-fashion-models"]
    assert not about["enable_internet"]
    about = json.loads((models / "dataset-metadata.json").read_text())
    assert about["id"] == "me/catalogue-fashion-models"
    assert 6 <= len(about["title"]) <= 50

    members = ("net_0", "net_1", "heads_0", "heads_1")
    learnt = {"folds.csv", "images.csv", "merged.npz"}
    learnt |= {f"model/{member}.safetensors" for member in members}
    assert set(value_in(kernel)["learnt"]) == learnt
    assert names_below(models / CATEGORY) == with_records(learnt) | {"colours.npy"}

    working = folders / "out"
    done = run_as_kaggle(kernel, working, top)
    assert done.returncode == 1
    [line] = done.stderr.strip().splitlines()
    assert "is missing, and this kernel trains nothing: attach me/catalogue-fashion-models" in line

    attached = attach(models, top)
    done = run_as_kaggle(kernel, working, top)
    assert done.returncode == 0, output_of(done)
    assert "weights=" not in done.stdout
    require_nothing_learnt(working, attached, done.stdout)
    require_same_answers(folders, working, NETS)

    require_what_make_says(folders, NETS)

    # a dataset of other settings is not taken for today's
    other = write_kernel_of_other_settings(folders, kernel)
    done = run_as_kaggle(other, folders / "other", top)
    assert done.returncode == 1
    assert "was made with net.epochs=2, not 3, and this kernel trains nothing" in done.stderr

    for command in ([*NETS, "net.epochs=3"], [*NETS, "data.n_folds=3"]):
        done = run_script("write_kernels", CATEGORY, "--answer", "1", "--owner", "me", *command)
        assert done.returncode == 1
        [line] = done.stderr.strip().splitlines()
        assert "was made with" in line
        assert "a kernel that answers trains nothing; run first: make all" in line
    assert value_in(kernel)["learnt"]  # and the folders of before are still there


def require_what_make_says(folders: Path, settings: list[str]) -> None:
    """make kernels ANSWER=1 prints what to run, and writes over its own folders alone."""
    command = ["kernels", f"CATEGORY={CATEGORY}", "ANSWER=1", "OWNER=me", words(settings)]
    command += [f"TO={folders}/k", "COMPETITIONS=a-b"]
    for _ in range(2):
        done = make(*command)
        assert done.returncode == 0, output_of(done)
    for line in (
        f"then kaggle datasets create -p {folders}/k/fashion-models --dir-mode zip",
        f"then kaggle kernels push -p {folders}/k/fashion-answer",
        "then kaggle competitions submit a-b -k me/catalogue-fashion-answer -v <version> "
        "-f submission.csv -m fashion",
    ):
        assert line in done.stdout

    models = folders / "k/fashion-models"
    learnt = models / "fashion/folds.csv"
    assert learnt.samefile(folders / "working/fashion/folds.csv")  # a link, not a copy
    (models / "notes.txt").write_text("mine")
    done = make(*command)
    assert done.returncode
    assert "holds fashion-models, which make kernels did not write" in done.stderr
    assert (models / "notes.txt").exists()


def write_kernel_of_other_settings(folders: Path, kernel: Path) -> Path:
    folder = folders / "other_kernel"
    folder.mkdir()
    text = (kernel / "kernel.py").read_text()
    (folder / "kernel.py").write_text(text.replace("'net.epochs=2'", "'net.epochs=3'"))
    return folder


@pytest.mark.slow
def test_training_rows_features_are_attached_where_rows_are_answered_by_them(folders, trained):
    """knn, and heads on an encoder: its weights are in a dataset of their own."""
    import timm

    weights = folders / "weights"
    weights.mkdir()
    save_weights(timm.create_model("test_convnext"), weights / "test_convnext.safetensors")
    kernel, models, top = trained(ENCODERS, f"run.weights={weights}")
    features = {f"features/test_convnext{end}" for end in (".npy", ".npy.json", ".names.npy")}
    assert features < names_below(models / CATEGORY)

    attached = attach(models, top)
    working = folders / "out"
    done = run_as_kaggle(kernel, working, top)
    assert done.returncode == 1
    assert "nothing was begun" in done.stderr
    assert "weights test_convnext: a dataset with test_convnext.safetensors" in done.stderr

    shutil.copytree(weights, top / "input/datasets/me/weights")
    done = run_as_kaggle(kernel, working, top)
    assert done.returncode == 0, output_of(done)
    require_nothing_learnt(working, attached, done.stdout)
    require_same_answers(folders, working, [*ENCODERS, f"run.weights={weights}"])
