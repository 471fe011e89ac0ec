"""Tests that need a GPU. Each is skipped where there is none; GPU_DRY=1 runs them on the CPU with
tiny networks instead, to check that the tests themselves run."""

import ctypes
import gc
import os
import sys
from functools import cache

import pytest

from synthetic import SMALL, TINY

DRY = bool(os.environ.get("GPU_DRY"))
# what is cheap and matters most comes first; what is marked `compiles`, then `late`, comes last
FILES = ("test_training.py", "test_device.py", "test_replies.py", "test_encoders.py")
ALLOWED_LEAK = 128 * 2**20  # bytes; cuBLAS keeps about 32 MB once it has run


@cache
def has_gpu() -> bool:
    """Whether torch sees a GPU. Without NVIDIA's driver it cannot; then torch is not even
    imported, which would take seconds."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    import torch

    return torch.cuda.is_available()


def pytest_configure(config):
    config.addinivalue_line("markers", "gpu_only: not part of the dry run on the CPU")
    config.addinivalue_line("markers", "compiles: waits for torch.compile")
    config.addinivalue_line("markers", "late: starts processes that take a minute")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    def rank(item) -> tuple:
        late = item.get_closest_marker("late") is not None
        compiles = item.get_closest_marker("compiles") is not None
        number = FILES.index(item.path.name) if item.path.name in FILES else len(FILES)
        return late, compiles, number

    items.sort(key=rank)


def pytest_report_teststatus(report):
    """With -v the seconds of each test stand in the log as it ends, so that a log that is cut off
    still tells them."""
    if report.when == "call" and report.passed:
        return "passed", ".", f"PASSED {report.duration:.1f} s"


def pytest_runtest_setup(item):
    if DRY and item.get_closest_marker("gpu_only"):
        pytest.skip("dry run: this test needs a real GPU")
    if not DRY and not has_gpu():
        pytest.skip("torch sees no GPU (GPU_DRY=1 runs a tiny version on the CPU)")


@pytest.fixture
def size():
    """How large the networks that are trained are."""
    return TINY if DRY else SMALL


@pytest.fixture
def device(folders):
    """The GPU, locked and configured as every script does it; the CPU in a dry run."""
    import torch

    from common.sections import Run
    from networks import device as devices

    threads = torch.get_num_threads()
    if DRY:
        torch.set_num_threads(1)  # faster for networks this small
    with devices.use_device(Run(device="cpu" if DRY else "cuda")) as locked:
        yield locked
    torch.set_num_threads(threads)


@pytest.fixture
def no_tf32(device):
    """Full fp32 precision: TF32 keeps 10 bits, too few for some comparisons."""
    from torch.backends import cuda, cudnn

    before = cuda.matmul.allow_tf32, cudnn.allow_tf32
    cuda.matmul.allow_tf32 = cudnn.allow_tf32 = False
    yield
    cuda.matmul.allow_tf32, cudnn.allow_tf32 = before


def allocated() -> int:
    """Bytes of GPU memory that tensors of this process occupy."""
    import torch

    gc.collect()
    return sum(torch.cuda.memory_allocated(k) for k in range(torch.cuda.device_count()))


@pytest.fixture(autouse=True)
def no_memory_leak():
    """After every test its GPU memory is free again, also after one that raised errors."""
    if DRY:
        yield
        return
    before = allocated()
    yield
    import torch

    if "torch._dynamo" in sys.modules:
        torch._dynamo.reset()  # drops the compiled networks, which hold their weights
    leak = allocated() - before
    torch.cuda.empty_cache()
    assert leak < ALLOWED_LEAK, f"{leak / 2**20:.0f} MB of GPU memory are still in use"
