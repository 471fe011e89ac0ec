"""Several processes train what one would: T1, V1 and the text encoder by two processes of torchrun,
on a CPU."""

import os
import shutil
import subprocess
import sys
from collections import namedtuple
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

import tiny
from common.errors import UserError
from common.files import read_record
from common.paths import Paths
from common.sections import Run
from conftest import (
    CATALOGUE,
    LONG,
    PREPARATION,
    ROOT,
    SCRIPTS,
    run_script,
    wait_until,
    write_catalogue,
)
from models import split_member
from networks import distributed
from networks.device import use_device
from networks.weights import read_weights
from pipeline.job import start
from pipeline.load import load_rows

pytestmark = pytest.mark.slow

# an epoch's last batch is one row, or none for one of two processes
EXACT = [
    "data.n_folds=2",
    "images.size=32",
    "run.workers=2",
    "run.save_every=0",
    "run.amp=fp32",
    "run.device=cpu",
]
PRICE = [
    "data.folder=demo_price",
    "data.train_image=images/{sample_id}.jpg",
    "data.test_image=images/{sample_id}.jpg",
    *EXACT,
]
LESSONS = {
    "net_0": [
        "fashion",
        *CATALOGUE,
        *EXACT,
        "net.augment=light",
        "net.ema=0.9",
        "net.mmd=0",
        "net.batch=5",
        "net.lr=1e-3",
        "net.head_lr=1e-3",
    ],
    "net_1": [
        "price",
        *PRICE,
        "models=net",
        "net.backbone=test_convnext",
        "net.pretrained=false",
        "net.width=32",
        "net.epochs=2",
        "net.batch=11",
        "net.mmd=0",
        "net.lr=1e-3",
        "net.head_lr=1e-3",
    ],
    "clip_0": [
        "price_v1",
        *PRICE,
        "clip.epochs=2",
        "clip.width=16",
        "clip.batch=7",
        "clip.dropout=0",
        "clip.lr=1e-3",
        "clip.head_lr=1e-3",
    ],
    "transformer_0": [
        "price_text",
        *PRICE,
        "transformer.epochs=2",
        "transformer.max_length=48",
        "transformer.batch=7",
        "transformer.lr=1e-3",
    ],
}
Trained = namedtuple("Trained", "weights history record")


def torchrun(*jobs, **env) -> subprocess.CompletedProcess:
    """Two processes that train a member for each of `jobs`, a command line."""
    launch = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        ROOT / "tests/processes.py",
    ]
    words = " ; ".join(" ".join(job) for job in jobs).split()
    return subprocess.run(
        [*launch, *words],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | env,
        timeout=LONG,
    )


def job(member: str) -> list[str]:
    """The command line that trains a member."""
    category, *settings = LESSONS[member]
    return [
        category,
        "--member",
        member,
        *settings,
        f"run.weights={os.environ['input_path']}/weights",
    ]


def taken(member: str) -> Trained:
    """What was trained and written; it is removed."""
    file = Paths(LESSONS[member][0]).model(member)
    record = read_record(file)
    weights = read_weights(file)
    file.unlink()
    assert not Paths(LESSONS[member][0]).checkpoint(member).exists()
    return Trained(
        weights,
        [
            {key: entry[key] for key in ("epoch", "loss", "score", "lr")}
            for entry in record["history"]
        ],
        record,
    )


def without_key_bias(weights: dict) -> dict:
    """Softmax does not see what is added to all keys alike: that bias has a gradient of rounding
    errors, of which Adam makes whole steps."""
    whole = {key: weight for key, weight in weights.items() if not key.endswith("k_proj.bias")}
    return {
        key: torch.stack(weight.chunk(3))[[0, 2]] if key.endswith("in_proj_bias") else weight
        for key, weight in whole.items()
    }


def alike(one: Trained, other: Trained) -> bool:
    """Whether weights and history are the same to rounding."""
    ours, theirs = without_key_bias(one.weights), without_key_bias(other.weights)
    assert ours.keys() == theirs.keys() and len(one.history) == len(other.history)
    return all(torch.allclose(ours[key], theirs[key], atol=1e-5) for key in ours) and all(
        a == pytest.approx(b, rel=1e-5) for a, b in zip(one.history, other.history, strict=True)
    )


def move(patch, top: Path) -> None:
    """Let `top` hold input, working and submissions."""
    for name in ("input", "working", "submissions"):
        patch.setenv(f"{name}_path", str(top / name))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Folders with all that is needed to train."""
    from tasks.price import sample as price

    top = tmp_path_factory.mktemp("processes")
    write_catalogue(top / "input/fashion")
    price.draw(top / "input" / price.FOLDER, rows={"train": 50, "test": 6})
    tiny.clip(top / "input/weights/clip-vit-base-patch32")
    tiny.deberta(top / "input/weights/deberta-v3-base")
    with pytest.MonkeyPatch.context() as patch:
        move(patch, top)
        for member in LESSONS:
            category, _, _, *settings = job(member)
            for name, *rows in PREPARATION:
                import_module(SCRIPTS[name]).main([category, *settings, *rows])
    return top


@pytest.fixture
def here(prepared, monkeypatch):
    """The prepared folders as this test's own."""
    move(monkeypatch, prepared)
    return prepared


@pytest.fixture
def alone(script, monkeypatch):
    """alone(member) trains it here, in one process."""
    monkeypatch.setattr(torch.nn.Dropout, "forward", lambda self, x: x)

    def train(member):
        script("train_fold").main(job(member))
        return taken(member)

    return train


@pytest.fixture(scope="module")
def together(prepared):
    """All members, trained by two processes."""
    with pytest.MonkeyPatch.context() as patch:
        move(patch, prepared)
        done = torchrun(*map(job, LESSONS))
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("wrote model/") == len(LESSONS) and done.stdout.count(
            "epoch 1 "
        ) == len(LESSONS)  # the first alone speaks
        return {member: taken(member) for member in LESSONS}


@pytest.mark.parametrize("member", LESSONS)
def test_two_processes_train_what_one_does(here, together, alone, member):
    """Also where an epoch's last batch has a row for one of them only, and where one of them runs
    out of memory."""
    category, _, _, *settings = job(member)
    asked = start("", [category, *settings])
    rows = load_rows(asked)
    name, k = split_member(member)
    batch = getattr(asked.config, name).batch
    assert len(rows.training(k)) % batch == 1 and len(rows.validating(k)) > 0
    one = alone(member)
    assert alike(one, together[member])
    assert (one.record["processes"], together[member].record["processes"]) == (1, 2)
    assert not any(key.startswith("module.") for key in together[member].weights)


def test_killed_at_any_step_they_go_on_and_so_does_one_process_alone(here, together, alone):
    """SIGKILL for one of two in the last batch of an epoch: torchrun ends the other, and says so;
    nothing is left half written."""
    model, checkpoint = Paths("fashion").model("net_0"), Paths("fashion").checkpoint("net_0")
    died = torchrun(job("net_0"), DIE_AT="7")
    assert died.returncode != 0 and "wrote" not in died.stdout
    assert not model.exists() and checkpoint.exists()
    kept = shutil.copy(checkpoint, here / "kept.pt")

    done = torchrun(job("net_0"))
    assert done.returncode == 0 and "resumed net_0 epoch 1 step 2" in done.stdout, done.stderr
    resumed = taken("net_0")
    assert all(
        torch.equal(weight, together["net_0"].weights[key])
        for key, weight in resumed.weights.items()
    )

    shutil.move(kept, checkpoint)
    assert alike(alone("net_0"), together["net_0"])


@pytest.fixture
def second_of_two(monkeypatch):
    """This process as torchrun would start it."""
    for name, value in {"RANK": 1, "LOCAL_RANK": 1, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2}.items():
        monkeypatch.setenv(name, str(value))


def test_a_model_that_trains_in_one_process_says_so(here, script, second_of_two):
    with pytest.raises(
        UserError,
        match="ridge_0 trains in one process; run: python scripts/04_train_fold.py price_v1 "
        "--member ridge_0",
    ):
        script("train_fold").main(["price_v1", "--member", "ridge_0", "models=ridge"])


def test_asked_for_by_a_setting_they_stop_in_time_with_all_that_is_done(here):
    """torchrun ends all processes once one has gone: the first has saved by then. The exit code and
    the reason are a single process's."""
    limited = run_script(
        "train_fold", *job("net_0"), "run.processes=2", "run.time_limit=1e-9", OMP_NUM_THREADS="1"
    )
    assert limited.returncode == 75 and limited.stderr.rstrip().endswith(
        "run the same command again, it goes on from here"
    ), limited.stderr
    assert (
        Paths("fashion").checkpoint("net_0").exists()
        and not Paths("fashion").model("net_0").exists()
    )
    done = run_script("train_fold", *job("net_0"), "run.processes=2", OMP_NUM_THREADS="1")
    assert done.returncode == 0 and "resumed net_0 epoch 0 step 1" in done.stdout, done.stderr
    assert taken("net_0").record["processes"] == 2 and not list(Paths("fashion").stopped.iterdir())


def test_nothing_trains_on_when_who_asked_is_killed(here):
    asking = subprocess.Popen(
        [
            sys.executable,
            ROOT / "scripts/04_train_fold.py",
            *job("net_0"),
            "run.processes=2",
            "net.epochs=1000",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )

    def working():
        return [pid for pid in Path("/proc").glob("[0-9]*") if str(here).encode() in cmdline(pid)]

    wait_until(lambda: Paths("fashion").checkpoint("net_0").exists(), LONG)
    assert len(working()) == 4  # it, torchrun and two processes
    asking.kill()
    asking.wait()
    wait_until(lambda: not working())
    Paths("fashion").checkpoint("net_0").unlink()


def cmdline(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:  # gone since
        return b""


def test_other_scripts_say_that_they_run_in_one_process(here, script, second_of_two):
    with pytest.raises(UserError, match="runs in one process; start it with python, not torchrun"):
        script("merge_files").main(job("net_0")[:1])


def test_more_processes_than_gpus_are_told(monkeypatch, second_of_two):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with (
        pytest.raises(
            UserError,
            match="2 processes, and torch sees 1 GPUs; write run.processes=1, or torchrun "
            "--nproc-per-node 1",
        ),
        use_device(Run()),
    ):
        pass


@given(st.integers(0, 50), st.integers(1, 9))
def test_shares_are_all_rows_once_in_order_and_nearly_equal(n, processes):
    with pytest.MonkeyPatch.context() as patch:
        found = []
        for rank in range(processes):
            for name, value in {"RANK": rank, "LOCAL_RANK": 0, "WORLD_SIZE": processes}.items():
                patch.setenv(name, str(value))
            found.append(distributed.shard(np.arange(n)))
    assert np.concatenate(found).tolist() == list(range(n))
    assert max(map(len, found)) - min(map(len, found)) <= 1


def test_processes_that_were_given_other_settings_stop(monkeypatch):
    monkeypatch.setattr(
        distributed, "all_gather_objects", lambda value: [value, value, ("other", 0, 0)]
    )
    with pytest.raises(
        UserError,
        match="process 2 of torchrun has other settings, sees other files or computes in "
        "another precision",
    ):
        distributed.require_same(("key", 0, 0))
