"""What all tests share: folders of their own, scripts by name, a catalogue small enough to train on
in seconds."""

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

import warm
from common.processes import limit_spinning

# nothing is left behind, no test is timed, and a change is judged by the same examples as the one
# before; look for others with
# --hypothesis-profile=default
settings.register_profile("here", database=None, deadline=None, derandomize=True)
settings.load_profile("here")
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
limit_spinning()  # before torch is loaded: other programs on the machine must not slow the tests
# what is tiny gains nothing by threads, and other tests want the other cores
os.environ.setdefault("OMP_NUM_THREADS", "1")
LONG = 600  # seconds that nothing takes, however busy the machine is: then it hangs
ROOT = Path(__file__).parents[1]
SCRIPTS = {p.stem[3:]: p.stem for p in (ROOT / "scripts").glob("[0-9][0-9]_*.py")}
SMALL = [
    "images.size=32",
    "net.width=32",
    "net.epochs=2",
    "net.batch=16",
    "net.backbone=test_convnext",
    "net.augment=none",
    "heads.epochs=2",
    "data.n_folds=2",
    "data.group=",
    "run.workers=2",
    "run.save_every=0",
]  # settings that train in a second


# scripts that come before all others: images of both tables, and the folds
PREPARATION = (
    ("download_images",),
    ("download_images", "--rows", "test"),
    ("split_files",),
)


def pytest_collection_modifyitems(items):
    """Files with slow tests first, so that no core waits for the last of them."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True)
def an_end():
    """No test waits for ever."""

    def give_up(*_):
        pytest.fail(f"not done after {2 * LONG} s", pytrace=True)

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(2 * LONG)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def script():
    """script("merge_files") is the module of scripts/08_merge_files.py, whatever its number."""
    return lambda name: import_module(SCRIPTS[name])


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    """Input, working and submissions folders of the test's own."""
    for name in ("input", "working", "submissions"):
        monkeypatch.setenv(f"{name}_path", str(tmp_path / name))
    return tmp_path


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    """The toolkit's own sample, 48 training rows per category: drawn once, read by many."""
    from tasks.attributes import sample as attributes

    folder = tmp_path_factory.mktemp("drawn") / attributes.FOLDER
    attributes.draw(folder, rows={"train": 48, "test": 12})
    return folder


@pytest.fixture
def sample(drawn, folders):
    """The sample as this test's input."""
    (folders / "input").mkdir()
    (folders / "input" / drawn.name).symlink_to(drawn)
    return drawn


def write_catalogue(folder: Path, n: int = 60, seed: int = 0) -> pd.DataFrame:
    """A many-attribute table with images of one colour: `tone` can be seen in them, `coin`
    cannot; a third of it unlabelled."""
    from PIL import Image

    rng = np.random.default_rng(seed)
    tone, coin = rng.integers(0, 3, n), rng.integers(0, 2, n)
    (folder / "images").mkdir(parents=True)
    for i in range(n):
        colour = rng.normal([60, 120, 200][tone[i]], 12, (40, 40, 3)).clip(0, 255).astype(np.uint8)
        Image.fromarray(colour).save(folder / "images" / f"{i}.jpg", quality=95)
    table = pd.DataFrame(
        {
            "id": range(n),
            "tone": np.array(["dark", "mid", "light"])[tone],
            "coin": np.array(["heads", "tails"])[coin],
        }
    )
    table.loc[rng.random(n) < 0.3, "tone"] = ""
    table.loc[rng.random(n) < 0.3, "coin"] = ""
    table[: n * 4 // 5].to_csv(folder / "train.csv", index=False)
    table[n * 4 // 5 :][["id"]].to_csv(folder / "test.csv", index=False)
    return table


def reason_of(file: Path) -> str:
    """Why an image is bad, "" where it is good."""
    from images.settings import Images
    from images.validate import validate

    return validate(file.read_bytes(), Images(size=32))[1]["reason"] if file.exists() else "missing"


CATALOGUE = [
    "data.folder=fashion",
    "data.labels=tone,coin",
    "models=net,heads",
    "net.pretrained=false",
    "heads.source=net",
    *SMALL,
]


@pytest.fixture
def catalogue(folders):
    """write_catalogue as the input of category fashion, with the settings CATALOGUE."""
    return write_catalogue(folders / "input" / "fashion")


@cache
def warm_python() -> list:
    """The command of a Python that starts within a moment: see warm.py. Its server ends with this
    process. Where there is no pidfd (not Linux), the plain Python."""
    if not hasattr(os, "pidfd_open"):
        return [sys.executable]

    socket = Path(tempfile.mkdtemp(prefix="warm-")) / "socket"
    command = [sys.executable, ROOT / "scripts/common/processes.py", str(os.getpid())]
    server = subprocess.Popen([*command, ROOT / "tests/warm.py", socket])
    atexit.register(shutil.rmtree, socket.parent, ignore_errors=True)
    atexit.register(server.kill)
    wait_until(socket.exists)
    os.environ["WARM_SOCKET"] = str(socket)
    return [sys.executable, "-I", "-S", ROOT / "tests/warm.py"]


def script_command(name: str, *args, python=(sys.executable,)) -> list:
    """A script's command line, as a user types it."""
    return [*python, ROOT / "scripts" / f"{SCRIPTS.get(name, name)}.py", *args]


def run_script(name: str, *args, **env) -> subprocess.CompletedProcess:
    """A script in a process of its own, as a user runs it, from a folder that is not the
    project's."""
    return subprocess.run(
        script_command(name, *args, python=warm_python()),
        capture_output=True,
        text=True,
        cwd=ROOT.parent,
        env=os.environ | env,
        timeout=LONG,
    )


def run_steps(category: str, overrides, *files: Path) -> None:
    """Every step of a category in this process, up to its submission or to these files, whatever is
    there already."""
    from common.paths import Paths
    from config import load
    from pipeline.graph import upstream

    paths = Paths(category)
    targets = files or (paths.submission,)
    for step in upstream(targets, load(category, overrides), paths).values():
        name, *options = step.command.split()
        import_module(name).main([*options, *overrides])


def make_command(*args, python=(sys.executable,)) -> list:
    """make with this Python, so that nothing is installed."""
    return ["make", "-C", ROOT, f"PYTHON={' '.join(map(str, python))}", *args]


def make(*args) -> subprocess.CompletedProcess:
    command = make_command(*args, python=warm_python())
    return subprocess.run(command, capture_output=True, text=True, timeout=LONG)


def begin(command) -> subprocess.Popen:
    """A process at the head of a session of its own, with nobody who reads what it says: to be
    killed."""
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, stdout=quiet, stderr=quiet, start_new_session=True)


def start_make(*args) -> subprocess.Popen:
    return begin(make_command(*args, python=warm_python()))


def start_script(name: str, *args) -> subprocess.Popen:
    return begin(script_command(name, *args, python=warm_python()))


def kill(process: subprocess.Popen) -> None:
    """SIGKILL what was begun so, and all that it started; when this ends nothing of it runs."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(LONG)

    def gone():
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return True
        return False

    wait_until(gone)
    if "WARM_SOCKET" in os.environ:
        warm.wait_for_end(os.environ["WARM_SOCKET"], process.pid)


def wait_until(true, seconds: float = 120) -> None:
    """Wait for it, and fail where it does not come."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"waited for {seconds} s"
        time.sleep(0.01)
