"""For tests of Kaggle kernels: they are written, and run as Kaggle runs them."""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from common.paths import Paths
from conftest import ROOT, run_script

NO_NETWORK = """
import socket
def refuse(*_):
    raise OSError("no network")
socket.socket.connect = socket.socket.connect_ex = refuse
"""


def write_kernels(*args, category: str = "entity") -> list[Path]:
    """The folders that write_kernels made, the merging one last; with --answer the kernel's and its
    dataset's."""
    done = run_script("write_kernels", category, *args, "--owner", "me")
    assert done.returncode == 0, done.stderr
    top = Paths(category).dir / ("answer_kernel" if "--answer" in args else "kernels")
    if "--to" in args:
        top = Path(args[args.index("--to") + 1])
    return sorted(top.iterdir())


def value_in(folder: Path, name: str = "KERNEL"):
    """The value of a variable of a kernel's script."""
    variables: dict = {"__name__": "read"}
    exec((folder / "kernel.py").read_text(), variables)
    return variables[name]


def run_as_kaggle(folder: Path, working: Path, top: Path) -> subprocess.CompletedProcess:
    """Run a kernel on the data in top/input, without a network; all that it writes must lie in its
    working folder."""
    home, temp, site = (top / f"{name}_of_{working.name}" for name in ("home", "temp", "site"))
    for path in (home, temp, site, working):
        path.mkdir(exist_ok=True)
    (site / "sitecustomize.py").write_text(NO_NETWORK)
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": str(temp),
        "PYTHONPATH": str(site),
        "KAGGLE_KERNEL_RUN_TYPE": "Batch",
        "OMP_NUM_THREADS": "1",
        "input_path": str(top / "input"),
        "working_path": str(working),
        "submissions_path": str(working),
    }
    watched = [top / "input", folder, ROOT / "configs", ROOT / "scripts"]
    before = hashes(*watched)
    command = [*without_network(), sys.executable, folder / "kernel.py"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=working, env=env)
    assert hashes(*watched) == before
    assert not list(home.iterdir())
    assert not list(temp.iterdir())
    assert not (working / ".toolkit").exists()
    return done


def without_network() -> list[str]:
    """The command that takes a command's network away, [] where this machine has none."""
    command = ["unshare", "-rn"]
    if not shutil.which("unshare"):
        return []
    works = subprocess.run([*command, "true"], capture_output=True).returncode == 0
    return command if works else []


def hashes(*folders: Path) -> dict[str, str]:
    """{file or folder below the folders: hash of a file's bytes, "" of a folder}; not what Python
    compiles."""
    result = {}
    for folder in folders:
        for file in folder.rglob("*"):
            if "__pycache__" not in file.parts:
                is_file = file.is_file()
                result[str(file)] = hashlib.sha256(file.read_bytes()).hexdigest() if is_file else ""
    return result


def write_wheel(folder: Path, name: str, needs=()) -> None:
    """An empty package as the wheel `name`; needs: its Requires-Dist."""
    package, version, tag = name.split("-", 2)
    info = f"{package}-{version}.dist-info"
    metadata = ["Metadata-Version: 2.1", f"Name: {package}", f"Version: {version}"]
    metadata += [f"Requires-Dist: {need}" for need in needs]
    files = {
        f"{package}.py": "",
        f"{info}/METADATA": "\n".join([*metadata, ""]),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: {tag}\n",
        f"{info}/RECORD": "",
    }
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}.whl", "w") as wheel:
        for file, text in files.items():
            wheel.writestr(file, text)
