"""The same files by Ray: a worker killed on its way, machines, what stops, and that nothing is
begun where nothing is to be done."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from common.errors import UserError
from common.paths import Paths, folder
from common.sections import Run
from config import load
from conftest import ROOT, make, run_script, wait_until
from pipeline import cluster as ray_cluster, graph

ray = pytest.importorskip("ray")

pytestmark = pytest.mark.slow
# not downloaded
HERE = "data.train_image=images/{image_link:name} data.test_image=images/{image_link:name}"


@pytest.fixture(scope="module")
def cluster():
    """The address of a cluster of two machines, both this one, with a core each."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        for name, value in ray_cluster.QUIET.items():
            patch.setenv(name, value)
        node = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
        cluster = Cluster(initialize_head=True, head_node_args=node | {"include_dashboard": False})
        cluster.add_node(**node)
        yield cluster.address
        cluster.shutdown()


@pytest.fixture(scope="module")
def packs(tmp_path_factory):
    """The sample's packs, 24 questions of train and 12 of test."""
    from tasks.entity import sample as entity

    top = tmp_path_factory.mktemp("packs")
    entity.draw(top / entity.FOLDER, rows={"train": 24, "test": 12})
    return top


@pytest.fixture
def parts(packs, monkeypatch):
    """settings(delay): three parts asked of a server that takes so many seconds for each answer."""
    monkeypatch.setenv("input_path", str(packs))
    started = []

    def settings(delay: float) -> str:
        server = subprocess.Popen(
            [sys.executable, ROOT / "tests/chat_server.py", "--port", "0", "--delay", str(delay)],
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(server)
        address = f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"
        return (
            f"data.folder=demo_entity {HERE} models=vlm data.parts=3 data.max_train_rows=12 "
            f"vlm.endpoint={address} vlm.model=made-up vlm.at_once=1"
        )

    yield settings
    for server in started:
        server.kill()


def processes(*words: str) -> list[int]:
    """The processes whose command line begins with the first word and holds them all."""
    lines = {}
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines[int(file.parent.name)] = (
                file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            )
        except OSError:
            continue  # it has just ended
    return [
        pid
        for pid, line in lines.items()
        if line.startswith(words[0]) and all(word in line for word in words)
    ]


def test_a_worker_is_killed_and_the_submission_is_that_of_make(
    cluster, parts, folders, monkeypatch
):
    monkeypatch.setenv("working_path", str(folders / "quiet"))
    quiet = make("all", "CATEGORY=entity", f"SET={parts(0)}")
    assert quiet.returncode == 0, quiet.stderr[-2000:]
    submission = Paths("entity").submission
    made = submission.read_bytes()
    submission.unlink()
    monkeypatch.setenv("working_path", str(folders / "ray"))
    command = [
        "make",
        "-C",
        ROOT,
        f"PYTHON={sys.executable}",
        "all",
        "CATEGORY=entity",
        "ENGINE=ray",
        f"ADDRESS={cluster}",
        f"SET={parts(0.6)}",
    ]
    with (
        open(folders / "log", "w") as log,
        subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT) as running,
    ):
        growing, mine = (
            Paths("entity").replies("vlm_0").with_suffix(".growing"),
            ("ray::06_infer entity --member vlm_0",),
        )
        while running.poll() is None and not (
            growing.exists() and growing.read_bytes().count(b"\n") > 3
        ):
            time.sleep(0.05)
        [worker] = processes(*mine)
        [script] = processes(sys.executable, f"processes.py {worker} ")
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: not processes(sys.executable, f"processes.py {worker} "))
        until = time.time() + 120
        while (
            Path(f"/proc/{script}/cwd").exists() and time.time() < until
        ):  # the kernel clears it away
            time.sleep(0.01)
        assert not Path(f"/proc/{script}/cwd").exists()
    text = (folders / "log").read_text()
    assert running.returncode == 0, text[-2000:]
    assert submission.read_bytes() == made and Paths("entity").report.exists()
    assert "Task run_step failed. There are 3 retries remaining" in text
    asked = [
        tuple(map(int, found))
        for found in re.findall("member vlm_0 to_ask ([0-9]+) answered_before ([0-9]+)", text)
    ]
    assert (
        len(asked) == 2 and asked[0][1] == 0 < asked[1][1] and sum(asked[0]) == sum(asked[1])
    )  # the second goes on
    assert "(09_post_process entity pid=" in text and "machines 2 cores 2 gpus 0" in text
    assert not list(folders.glob("*/.seen-*"))
    again = make("all", "CATEGORY=entity", "ENGINE=ray", "ADDRESS=nowhere:1", command[-1])
    assert (
        again.returncode == 0
        and f"Nothing to be done for {submission}" in again.stdout
        and "machines" not in again.stdout
    )


def test_what_stops_is_not_tried_again_and_says_why(cluster, parts, folders):
    settings = parts(0).split()
    wrong = run_script("run_ray", "entity", *settings, "data.labels=colour", "--address", cluster)
    assert wrong.returncode == 1 and "retries remaining" not in wrong.stdout + wrong.stderr
    last = wrong.stderr.strip().splitlines()[-1]
    assert re.match(
        "run_ray.py: 0[12]_[a-z_]+ entity: .*train.csv has no column colour", last
    ) and last.endswith("(and 1 more, above)")
    assert wrong.stdout.count(" stopped ") == 2  # 01 and 02; what needs them is not even begun
    late = run_script(
        "run_ray",
        "entity",
        *settings,
        "run.time_limit=0.001",
        "--address",
        cluster,
        MAKE_STARTED=str(int(time.time()) - 60),
    )
    assert (
        late.returncode == 75 and "the time limit has come" in late.stderr.strip().splitlines()[-1]
    )
    assert not Paths("entity").folds.exists()


def test_ray_is_asked_for_by_name_and_address(monkeypatch):
    done = make(
        "-n",
        "all",
        "CATEGORY=c2",
        "ENGINE=ray",
        "ADDRESS=10.0.0.1:6379",
        "SET=net.epochs=1",
    )

    def command(done):
        return next(line for line in done.stdout.splitlines() if "run_ray" in line).split()

    assert command(done) == [
        sys.executable,
        "scripts/run_ray.py",
        "c2",
        "net.epochs=1",
        "--address",
        "10.0.0.1:6379",
    ]
    assert command(make("-n", "-j3", "all", "ENGINE=ray"))[-2:] == ["--jobs", "3"]
    assert "write ENGINE=make or ENGINE=ray" in make("-n", "all", "ENGINE=dask").stderr
    assert "ENGINE=ray is for make all" in make("-n", "train", "ENGINE=ray").stderr
    monkeypatch.setattr(os, "environ", dict(os.environ))
    with pytest.raises(
        UserError,
        match="no Ray at 127.0.0.1:1: .*refused; on the first machine run: ray start --head",
    ):
        ray_cluster.connect("127.0.0.1:1", 0)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match="pip install ray"):
        ray_cluster.connect("", 0)


def test_a_machine_without_the_folders_is_named(folders, monkeypatch):

    def node(name):
        return {
            "Alive": True,
            "Resources": {"CPU": 1.0},
            "NodeID": f"{name:0>56}",
            "NodeManagerHostname": name,
            "NodeManagerAddress": "10.0.0.1",
        }

    class Task:
        def options(self, scheduling_strategy):
            self.name = scheduling_strategy.node_id.strip("0")
            return self

        def remote(self, places):
            assert not ray_cluster.missing_paths(places)
            return [place for place in places if self.name == "b" and "working" in str(place)]

    folder("input").mkdir()
    monkeypatch.setattr(ray, "nodes", lambda: [node("a"), node("b")])
    monkeypatch.setattr(ray, "remote", lambda **options: lambda function: Task())
    monkeypatch.setattr(ray, "get", list)
    with pytest.raises(
        UserError, match=f"^b .10.0.0.1. does not see {folder('working')} of this machine"
    ):
        ray_cluster.require_shared_folders()
    assert not list(folders.glob("*/.seen-*"))


def test_networks_ask_for_gpus_and_nothing_else_does():
    def asks(category, *settings):
        return {
            step.command.split()[0] + step.command.partition("--")[2].rpartition("_")[0]: step.gpus
            for step in graph.steps(load(category, settings), Paths(category)).values()
        }

    assert asks("c2") == {
        "01_split_files": False,
        "02_download_images": False,
        "04_train_foldmember net": True,
        "06_infermember net": True,
        "03_extract_featuressource net": True,
        "05_train_attr_headsmember heads": True,
        "06_infermember heads": True,
        "08_merge_files": False,
        "09_post_process": False,
        "10_report": False,
    }
    parts = "06_infermember vlm"
    assert (
        asks("entity", "data.parts=2")[parts]
        and not asks("entity", "data.parts=2", "vlm.endpoint=http://localhost:1/v1")[parts]
    )
    assert not any(network for name, network in asks("price").items() if "mlp" not in name)


def test_the_lock_is_that_of_the_gpu_that_ray_shows(tmp_path, monkeypatch):
    """Ray gives a task the machine's fourth GPU, its only one: the lock is the fourth's, as make's
    would be."""
    import torch

    from networks.device import use_device

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "set_device", lambda k: None)
    for place in ("cudnn", "cuda"):  # what device sets there is not to stay
        monkeypatch.setattr(torch.backends, place, MagicMock())
    with use_device(Run()) as device:
        assert str(device) == "cuda:0" and [file.name for file in tmp_path.glob("*.lock")] == [
            f"catalogue-{os.getuid()}-gpu-3.lock"
        ]
