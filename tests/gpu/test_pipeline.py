"""Tests of the scripts that train networks, run once more on the GPU, which run.device=auto
selects."""

import subprocess
import sys

import pytest

from conftest import ROOT

TRAINING_TESTS = {
    "test_pipeline.py": "out_of_fold or heads_and_neighbours",
    "test_price_pipeline.py": "the_networks_run",
}  # file: which of its tests, for pytest -k


@pytest.mark.gpu_only
@pytest.mark.late
@pytest.mark.parametrize("file", TRAINING_TESTS)
def test_the_scripts_train_on_the_gpu(file):
    selected = [f"tests/{file}", "-k", TRAINING_TESTS[file]]
    completed = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", *selected],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    print(completed.stdout[-2000:])
    assert completed.returncode == 0
