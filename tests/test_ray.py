"""The same files by Ray: a worker killed on its way, machines, what stops, and that nothing is
begun where nothing is to be done."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from chat_server import serving
from common.errors import UserError
from common.paths import Paths, folder
from common.sections import Run
from config import load
from conftest import ROOT, make, run_script, wait_until
from pipeline import cluster as ray_cluster, graph

ray = pytest.importorskip("ray")

pytestmark = pytest.mark.slow
# not downloaded
LOCAL = "data.train_image=images/{image_link:name} data.test_image=images/{image_link:name}"


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
    """parts(delay): settings of three parts, asked of a server that takes so many seconds for each
    answer."""
    monkeypatch.setenv("input_path", str(packs))
    with ExitStack() as servers:

        def settings(delay: float) -> str:
            address = servers.enter_context(serving("--delay", delay))
            return (
                f"data.folder=demo_entity {LOCAL} models=vlm data.parts=3 data.max_train_rows=12 "
                f"data.validation=0 vlm.endpoint={address}/v1 vlm.model=made-up vlm.at_once=1"
            )

        yield settings


def processes(*words: str) -> list[int]:
    """The processes whose command line begins with the first word and holds them all."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has just ended
        if line.startswith(words[0]) and all(word in line for word in words):
            found.append(int(file.parent.name))
    return found


def kill_worker(member: str) -> None:
    """Kill the Ray worker that predicts training rows by a member; its script must die with it."""
    title = f"ray::06_infer entity --member {member}"
    [worker] = set(processes(title)) - set(processes(title, "--rows test"))
    [script] = processes(sys.executable, f"processes.py {worker} ")
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: not processes(sys.executable, f"processes.py {worker} "))
    wait_until(lambda: not Path(f"/proc/{script}/cwd").exists())  # the kernel clears it away


def test_a_worker_is_killed_and_the_submission_is_that_of_make(
    cluster, parts, folders, monkeypatch
):
    monkeypatch.setenv("working_path", str(folders / "quiet"))
    by_make = make("all", "CATEGORY=entity", f"SET={parts(0)}")
    assert by_make.returncode == 0, by_make.stderr[-2000:]
    paths = Paths("entity")
    expected = paths.submission.read_bytes()
    paths.submission.unlink()

    monkeypatch.setenv("working_path", str(folders / "ray"))
    paths = Paths("entity")
    goal = ["all", "CATEGORY=entity", "ENGINE=ray", f"SET={parts(0.6)}"]
    command = ["make", "-C", ROOT, f"PYTHON={sys.executable}", *goal, f"ADDRESS={cluster}"]
    growing = paths.replies("vlm_0").with_suffix(".growing")
    with (
        open(folders / "log", "w") as log,
        subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT) as running,
    ):
        while running.poll() is None:
            if growing.exists() and growing.read_bytes().count(b"\n") > 3:
                break
            time.sleep(0.05)
        kill_worker("vlm_0")
    text = (folders / "log").read_text()
    assert running.returncode == 0, text[-2000:]
    assert paths.submission.read_bytes() == expected
    assert paths.report.exists()
    assert "Task run_step failed. There are 3 retries remaining" in text
    assert "(09_post_process entity pid=" in text
    assert "machines 2 cores 2 gpus 0" in text
    assert not list(folders.glob("*/.seen-*"))

    # the second try goes on where the first was killed
    asked = r"--member vlm_0 pid=.* to_ask ([0-9]+) answered_before ([0-9]+)"
    counts = re.findall(asked, text)
    (to_ask, before), (to_ask_again, before_again) = [tuple(map(int, pair)) for pair in counts]
    assert before == 0 < before_again
    assert to_ask == to_ask_again + before_again

    again = make(*goal, "ADDRESS=nowhere:1")
    assert again.returncode == 0
    assert f"Nothing to be done for {paths.submission}" in again.stdout
    assert "machines" not in again.stdout


def test_what_stops_is_not_tried_again_and_says_why(cluster, parts, folders):
    settings = parts(0).split()
    wrong = run_script("run_ray", "entity", *settings, "data.labels=colour", "--address", cluster)
    assert wrong.returncode == 1
    assert "retries remaining" not in wrong.stdout + wrong.stderr
    last = wrong.stderr.strip().splitlines()[-1]
    message = "run_ray.py: 0[12]_[a-z_]+ entity: .*train.csv has no column colour"
    assert re.match(message, last)
    assert last.endswith("(and 1 more, above)")
    assert wrong.stdout.count(" stopped ") == 2  # 01 and 02; what needs them is not even begun


def test_nothing_is_begun_after_the_time_limit(cluster, parts, folders):
    settings = [*parts(0).split(), "run.time_limit=0.001"]
    a_minute_ago = str(int(time.time()) - 60)
    late = run_script(
        "run_ray", "entity", *settings, "--address", cluster, MAKE_STARTED=a_minute_ago
    )
    assert late.returncode == 75
    assert "the time limit has come" in late.stderr.strip().splitlines()[-1]
    assert not Paths("entity").folds.exists()


def ray_command(done) -> list[str]:
    """The line with run_ray that make printed, in words."""
    lines = [line for line in done.stdout.splitlines() if "run_ray" in line]
    return lines[0].split()


def test_make_asks_for_ray_by_name_and_address():
    options = ["ENGINE=ray", "ADDRESS=10.0.0.1:6379", "SET=net.epochs=1"]
    done = make("-n", "all", "CATEGORY=c2", *options)
    script = ["scripts/run_ray.py", "c2", "net.epochs=1"]
    assert ray_command(done)[-5:] == [*script, "--address", "10.0.0.1:6379"]
    assert ray_command(make("-n", "-j3", "all", "ENGINE=ray"))[-2:] == ["--jobs", "3"]
    assert "write ENGINE=make or ENGINE=ray" in make("-n", "all", "ENGINE=dask").stderr
    assert "ENGINE=ray is for make all" in make("-n", "train", "ENGINE=ray").stderr


def test_ray_that_is_not_there_or_not_installed_stops(monkeypatch):
    monkeypatch.setattr(os, "environ", dict(os.environ))
    message = "no Ray at 127.0.0.1:1: .*refused; on the first machine run: ray start --head"
    with pytest.raises(UserError, match=message):
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

    class Look:
        """What ray.remote makes of missing_paths: machine b sees no working folder."""

        def options(self, scheduling_strategy):
            self.node = scheduling_strategy.node_id.strip("0")
            return self

        def remote(self, paths):
            assert not ray_cluster.missing_paths(paths)
            return [path for path in paths if self.node == "b" and "working" in str(path)]

    folder("input").mkdir()
    monkeypatch.setattr(ray, "nodes", lambda: [node("a"), node("b")])
    monkeypatch.setattr(ray, "remote", lambda **options: lambda function: Look())
    monkeypatch.setattr(ray, "get", list)
    with pytest.raises(
        UserError, match=f"^b .10.0.0.1. does not see {folder('working')} of this machine"
    ):
        ray_cluster.require_shared_folders()
    assert not list(folders.glob("*/.seen-*"))


def gpus_of(category: str, *settings) -> dict[str, int]:
    """{script and model or source: GPUs that its steps compute on}."""
    steps = graph.steps(load(category, settings), Paths(category))
    gpus = {}
    for step in steps.values():
        command, rows, _ = step.command.partition(" --rows test")
        script, _, *option = command.split()
        name = option[-1].rpartition("_")[0] if option else ""
        gpus[f"{script} {name}".strip() + rows] = step.gpus
    return gpus


def test_networks_ask_for_gpus_and_nothing_else_does():
    assert gpus_of("c2") == {
        "01_split_files": 0,
        "01_split_files --rows test": 0,
        "02_download_images": 0,
        "02_download_images --rows test": 0,
        "03_extract_features net": 1,
        "04_train_fold net": 1,
        "05_train_attr_heads heads": 1,
        "06_infer net": 1,
        "06_infer heads": 1,
        "08_merge_files": 0,
        "03_extract_features net --rows test": 1,
        "06_infer net --rows test": 1,
        "06_infer heads --rows test": 1,
        "08_merge_files --rows test": 0,
        "09_post_process": 0,
        "10_report": 0,
    }
    assert gpus_of("entity", "data.parts=2")["06_infer vlm"] == 1
    endpoint = "vlm.endpoint=http://localhost:1/v1"
    assert gpus_of("entity", "data.parts=2", endpoint)["06_infer vlm"] == 0
    for name, gpus in gpus_of("price").items():
        assert "mlp" in name or not gpus


def test_the_lock_is_that_of_the_gpu_that_ray_shows(tmp_path, monkeypatch):
    """Ray gives a task the machine's fourth GPU, its only one: the lock is the fourth's, as make's
    would be."""
    import torch

    from networks.device import use_device

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "set_device", lambda k: None)
    for name in ("cudnn", "cuda"):  # what device sets there is not to stay
        monkeypatch.setattr(torch.backends, name, MagicMock())
    with use_device(Run()) as device:
        locks = [file.name for file in tmp_path.glob("*.lock")]
    assert str(device) == "cuda:0"
    assert locks == [f"catalogue-{os.getuid()}-gpu-3.lock"]
