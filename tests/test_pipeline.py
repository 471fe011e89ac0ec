"""The pipeline as a user runs it: make, scripts alone, twice, killed, with mistakes."""

import os
import random
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from common.files import read_record
from conftest import (
    CATALOGUE,
    LONG,
    PREPARATION,
    SCRIPTS,
    SMALL,
    kill,
    make,
    run_script,
    start_make,
    wait_until,
    write_catalogue,
)

pytestmark = pytest.mark.slow

SET = "SET=" + " ".join(CATALOGUE)


@pytest.mark.parametrize("name", sorted(SCRIPTS.values()) + ["plan"])
def test_every_script_has_a_help_and_runs_from_any_folder(name):
    done = run_script(name, "--help")
    assert done.returncode == 0 and "Run     python scripts/" in done.stdout


def test_make_alone_is_help():
    done = make()
    assert (
        done.returncode == 0
        and "make demo" in done.stdout
        and "categories: c1 c2 c3 c4 c5" in done.stdout
    )


def test_the_sample_becomes_one_checked_submission(sample, folders):
    """make every on the toolkit's own sample, then again: nothing is to be done."""
    settings = " ".join([*SMALL, "models=net"])
    done = make("every", "COMPETITION=demo_taxonomy", f"SET={settings}")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    table = pd.read_csv(folders / "submissions/demo_taxonomy.csv", dtype=str, keep_default_na=False)
    test = pd.read_csv(sample / "test.csv", dtype=str)
    assert (
        table[["id", "Category"]].equals(test[["id", "Category"]]) and not (table == "").any().any()
    )
    assert "without_image 1" in done.stdout  # the broken test image
    assert "submitted" in done.stdout and "majority" in done.stdout
    again = make("every", "COMPETITION=demo_taxonomy", f"SET={settings}")
    assert again.stdout.count(
        "Nothing to be done for 'all'"
    ) == 3 and "scripts/0" not in again.stdout.replace("scripts/plan.py", "")
    checked = run_script(
        "post_process", "demo_taxonomy", "--check", str(folders / "submissions/demo_taxonomy.csv")
    )
    assert checked.returncode == 0 and "rows 24" in checked.stdout
    table.loc[3, "attr_2"] = ""
    table.to_csv(folders / "bad.csv", index=False)
    checked = run_script("post_process", "demo_taxonomy", "--check", str(folders / "bad.csv"))
    assert (
        checked.returncode == 1
        and f"attr_2 is empty in 1 rows, e.g. id {table.id[3]}" in checked.stderr
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """write_catalogue and all that make all CATEGORY=fashion makes of it: net and heads, two
    folds."""
    top = tmp_path_factory.mktemp("finished")
    write_catalogue(top / "input/fashion")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("input", "working", "submissions"):
            patch.setenv(f"{name}_path", str(top / name))
        done = make("all", "CATEGORY=fashion", SET)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return top


def test_what_a_changed_setting_file_or_time_makes_again(finished, folders):
    shutil.copytree(
        finished, folders, dirs_exist_ok=True
    )  # elsewhere, with other times: nothing is to be made again
    work = folders / "working/fashion"

    def planned(*changes):
        return [
            line.split("scripts/")[1][:2]
            for line in make(
                "-n", "all", "CATEGORY=fashion", SET + " " + " ".join(changes)
            ).stdout.splitlines()
            if "scripts/0" in line
        ]

    assert planned() == []
    assert planned("run.workers=1") == []
    assert planned("post.decode=plain") == ["08", "08", "09"]
    # the spent features are needed again, for the training rows and for the test rows
    assert sorted(planned("heads.epochs=3")) == [
        *["03"] * 4,
        *["05"] * 2,
        *["06"] * 4,
        "08",
        "08",
        "09",
    ]
    assert planned("models=net") == ["08", "08", "09"]
    assert not list(
        (work / "features").glob("*.npy")
    )  # spent: the heads were their only readers, and nothing misses them
    assert sorted(planned("infer.flip=false")) == ["03"] * 4 + ["06"] * 8 + ["08", "08", "09"]
    assert sorted(planned("net.epochs=3")) == [
        *["03"] * 4,
        *["04"] * 2,
        *["05"] * 2,
        *["06"] * 8,
        "08",
        "08",
        "09",
    ]
    # the images are the same, and so are the test rows
    assert len(planned("data.seed=1")) == 20 and "02" not in planned("data.seed=1")
    for file in (work / "folds.csv", work / "merged.npz", folders / "input/fashion/train.csv"):
        os.utime(file)
    assert planned() == []
    (work / "model/net_1.safetensors").unlink()
    assert sorted(planned()) == [*["03"] * 2, "04", "05", *["06"] * 4, "08", "08", "09"]
    assert make("all", "CATEGORY=fashion", SET).returncode == 0
    train = folders / "input/fashion/train.csv"
    train.write_text(train.read_text().replace("mid", "grey"))
    assert planned()[0] == "01" and "train.csv" in make("why", "CATEGORY=fashion", SET).stdout
    assert (
        make("clean", "CATEGORY=fashion", SET).returncode == 0
        and not work.exists()
        and train.exists()
    )


def test_out_of_fold_predictions_never_saw_their_rows(catalogue, folders):
    """Labels that no image shows are predicted no better than by chance, and those it shows are
    learnt."""
    settings = [
        *CATALOGUE,
        "net.backbone=test_resnet",
        "net.head=mlp",
        "net.epochs=15",
        "net.batch=8",
        "net.lr=4e-3",
        "net.head_lr=4e-3",
        "net.mmd=0",
        "models=net",
        "data.validation=0",
    ]
    assert make("all", "CATEGORY=fashion", "SET=" + " ".join(settings)).returncode == 0
    scores = read_record(folders / "working/fashion/merged.npz")["scores"]
    assert scores["net"]["coin"]["accuracy"] < 0.8
    assert scores["net"]["tone"]["accuracy"] > scores["majority"]["tone"]["accuracy"] + 0.2
    folds = pd.read_csv(folders / "working/fashion/folds.csv")
    for k in range(2):
        pred = np.load(folders / f"working/fashion/pred/net_{k}.npz")
        assert set(pred["id"]) == set(folds.id[folds.fold == k])

    test = pd.read_csv(folders / "working/fashion/answers/test/rows.csv")
    for k in range(2):
        pred = np.load(folders / f"working/fashion/answers/test/pred/net_{k}.npz")
        assert set(pred["id"]) == set(test.id)


def test_heads_and_neighbours_on_encoders_learn_what_pictures_show(
    catalogue, folders, script, capsys
):
    """knn and heads on two frozen encoders with stages and three views, in one process: random
    weights see brightness too."""
    settings = [
        *CATALOGUE,
        "models=knn,heads",
        "heads.source=encoders",
        "features.encoders=test_resnet,test_convnext",
        "knn.k=3",
        "features.pretrained=false",
        "features.stages=true",
        "features.views=3",
        "features.augment=light",
        "heads.epochs=12",
        "heads.lr=3e-3",
        "data.n_folds=2",
    ]
    for_rows = [
        *(["extract_features", "--source", e] for e in ("test_resnet", "test_convnext")),
        *(["infer", "--member", f"{model}_{k}"] for model in ("knn", "heads") for k in range(2)),
        ["merge_files"],
    ]
    for name, *options in (
        *PREPARATION,
        ["split_files", "--rows", "test"],
        *for_rows[:2],
        *(["train_attr_heads", "--member", f"heads_{k}"] for k in range(2)),
        *for_rows[2:],
        *([*step, "--rows", "test"] for step in for_rows),
        ["post_process"],
    ):
        script(name).main(["fashion", *options, *settings])
    scores = read_record(folders / "working/fashion/merged.npz")["scores"]
    assert (
        min(scores[m]["tone"]["accuracy"] for m in ("knn", "heads", "submitted"))
        > scores["majority"]["tone"]["accuracy"] + 0.2
    )
    work = folders / "working/fashion"
    n_train = len(pd.read_csv(work / "folds.csv"))
    n_test = len(pd.read_csv(work / "answers/test/rows.csv"))
    for own, n in ((work, n_train), (work / "answers/test", n_test)):
        assert np.load(own / "features/test_resnet.npy").shape[:2] == (n, 3)
    script("post_process").main(
        ["fashion", *settings, "--check", str(folders / "submissions/fashion.csv")]
    )
    assert "valid" in capsys.readouterr().out


def test_no_member_learns_from_or_chooses_by_the_rows_it_predicts():
    """A member's rows, of a table of 3 folds with validation rows and unlabelled ones; beside rows
    to answer, these alone are predicted."""
    from common.rows import Rows
    from tasks import attributes

    rng = np.random.default_rng(0)
    n, fold = 75, np.repeat([0, 1, 2, 0, 1], 15)
    target = rng.integers(-1, 2, (n, 2))
    rows = Rows(
        attributes,
        {"x": ["a", "b"], "y": ["a", "b"]},
        np.arange(n).astype(str),
        fold,
        rng.random(n) < 0.2,
        np.arange(n),
        target,
        np.arange(n).astype(str),
    )
    for k in range(3):
        train, validation = set(rows.training(k)), set(rows.validating(k))
        predicted = set(rows.predicted(k))
        assert train and validation and not train & validation
        assert not (train | validation) & predicted
        assert predicted == set(np.flatnonzero(fold == k))
        others = target[fold != k, 0]
        assert rows.baseline(k)[1] == pytest.approx((others == 1).sum() / (others >= 0).sum())

    to_answer = replace(rows, fold=np.where(fold == 2, -1, fold))
    for k in range(2):
        assert set(to_answer.predicted(k)) == set(np.flatnonzero(fold == 2))
        assert not set(to_answer.training(k)) & set(to_answer.predicted(k))


def test_what_is_damaged_or_mended_is_made_again(finished, folders):
    shutil.copytree(finished, folders, dirs_exist_ok=True)
    work, images = folders / "working/fashion", folders / "input/fashion/images"

    def why():
        return make("why", "CATEGORY=fashion", SET).stdout

    assert "nothing: all files are as today's config says" in why()
    for file in (work / "folds.csv", work / "pred/net_0.npz", folders / "submissions/fashion.csv"):
        whole = file.read_bytes()
        file.write_bytes(whole[:-9])
        assert f"{file} is damaged" in why()
        file.write_bytes(whole)
    for record in ("{}", "[]", '{"settings":'):
        (work / "merged.npz.json").write_text(record)
        assert "merged.npz has no record" in why()
    shutil.copy(finished / "working/fashion/merged.npz.json", work)
    images.joinpath(
        "3.jpg"
    ).unlink()  # read before, so nothing is missed; now it is read again without it
    (work / "images.csv").unlink()
    assert "bad 1" in run_script("download_images", "fashion", *CATALOGUE).stdout
    shutil.copy(finished / "input/fashion/images/3.jpg", images)
    assert "was made from another images/3.jpg, which could not be read" in why()


@pytest.mark.parametrize(
    "args, says",
    [
        (["all", "category=c2"], "make takes no category=c2; it takes: CATEGORY"),
        (["all", "net.epochs=2"], 'net.epochs is a setting: write SET="net.epochs=2"'),
        (["clean"], "which? make clean CATEGORY=c2"),
        (["all", "CATEGORY=c9"], "no config 'c9'"),
    ],
)
def test_make_refuses_what_it_would_not_mean(args, says):
    done = make("-n", *args)
    assert done.returncode == 2 and says in done.stderr


def test_a_path_with_a_slash_at_its_end_is_the_same_path(finished, folders, monkeypatch):
    shutil.copytree(finished, folders, dirs_exist_ok=True)
    for name in ("input", "working", "submissions"):
        monkeypatch.setenv(f"{name}_path", f"{folders / name}/")
    assert "Nothing to be done" in make("-n", "all", "CATEGORY=fashion", SET).stdout


@pytest.mark.parametrize(
    "change, says",
    [
        ("doubled", "predicts train:.* twice"),
        ("foreign", "predicts elsewhere, which is not in folds.csv"),
        ("missing", "does not predict train:2"),
        ("another", "predicts train:1 of another fold"),
        ("nan", "has 1 predictions that are not finite"),
    ],
)
def test_merge_refuses_what_is_not_whole(change, says):
    from common.errors import UserError
    from common.rows import Rows
    from pipeline.merging import merge
    from tasks import attributes

    rows = Rows(
        attributes,
        {"x": ["a", "b"]},
        np.array(["train:1", "train:2"]),
        np.array([0, 1]),
        *[None] * 4,
    )

    def table(*ids):
        return {"id": np.array(ids), "pred": np.full((len(ids), 2), 0.5)}

    tables = {"net_0": table("train:1"), "net_1": table("train:2")}
    assert merge(tables, rows).tolist() == [[0.5, 0.5]] * 2
    if change == "nan":
        tables["net_1"]["pred"][0, 0] = np.nan
    else:
        tables["net_1"] = table(
            *{
                "doubled": ["train:2", "train:2"],
                "foreign": ["elsewhere"],
                "missing": [],
                "another": ["train:1", "train:2"],
            }[change]
        )
    with pytest.raises(UserError, match=says):
        merge(tables, rows)


@pytest.mark.parametrize(
    "args, says",
    [
        (["04_train_fold", "c2"], "images.csv is missing; run: python scripts/02_download_images"),
        (
            ["04_train_fold", "c2", "data.group="],
            "folds.csv is missing; run: python scripts/01_split_files.py c2 data.group=",
        ),
        (["01_split_files", "c2"], "no visual-taxonomy/train.csv in input_path="),
        (
            ["04_train_fold", "c2", "--member", "tree_0"],
            "no model 'tree'; there are: clip, fusion, heads, knn, lightgbm, mlp, net",
        ),
        (
            ["05_train_attr_heads", "c2", "--member", "net_0"],
            "run: python scripts/04_train_fold.py c2 --member net_0",
        ),
        (["04_train_fold", "c2", "--member", "net"], "'net' is no member"),
        (
            ["04_train_fold", "c2", "--member", "net_9"],
            "net_9 is not a member of c2; there are: net_0",
        ),
        (["01_split_files", "c7"], "no config 'c7'; there are: c1"),
        (["01_split_files", "c2", "data.fold=1"], "no setting 'data.fold'; there are: folder"),
    ],
)
def test_a_mistake_is_one_line_and_a_failure(args, says):
    done = run_script(args[0], *args[1:])
    assert (
        done.returncode == 1 and says in done.stderr and len(done.stderr.strip().splitlines()) == 1
    )


def test_killed_anywhere_make_again_gives_the_same_submission(finished, folders):
    """SIGKILL of make and its children at random moments, up to eight times, then to the end."""
    shutil.copytree(finished / "input", folders / "input")
    whole = len(made_in(finished))
    rng, kills = random.Random(0), 0
    while kills < 8:
        process = start_make("all", "CATEGORY=fashion", SET)
        there = len(made_in(folders))
        reach = min(there + rng.randint(0, 2), whole - 1)  # files, and some time after
        wait_until(lambda: len(made_in(folders)) >= reach or process.poll() is not None, LONG)
        try:
            assert process.wait(rng.uniform(0, 2)) == 0
            break
        except subprocess.TimeoutExpired:
            kill(process)
            kills += 1
    assert make("all", "CATEGORY=fashion", SET).returncode == 0
    assert (
        kills
        and (folders / "submissions/fashion.csv").read_bytes()
        == (finished / "submissions/fashion.csv").read_bytes()
    )


def made_in(folders) -> list:
    """What a run of make has made whole there."""
    return list((folders / "working/fashion").rglob("*.json"))
