"""OpenMP's threads sleep soon: it is said before a library that has them is loaded, unless the user
says how."""

import os
import subprocess
import sys

import pytest

from common.paths import ROOT
from common.processes import SPIN_COUNT

SCRIPT = """
import sys
sys.path.insert(0, {scripts!r})
from pipeline.stops import run
def main():
    import os
    print(os.environ.get("GOMP_SPINCOUNT"))
run(main)
"""


@pytest.mark.parametrize(
    "given, says",
    [({}, SPIN_COUNT), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, "None")],
)
def test_threads_spin_less_unless_the_user_says_how(given, says):
    own = {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"}
    env = {name: value for name, value in os.environ.items() if name not in own}
    code = SCRIPT.format(scripts=str(ROOT / "scripts"))
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=env | given, capture_output=True, text=True)
    assert done.stdout == f"{says}\n"


def test_no_script_loads_a_library_with_openmp_before_it_runs():
    names = sorted(file.stem for file in (ROOT / "scripts").glob("[0-9]*.py"))
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'scripts')!r})\n"
        "from importlib import import_module\n"
        f"for name in {names}: import_module(name)\n"
        "print([m for m in ('torch', 'lightgbm', 'sklearn', 'onnxruntime') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
