"""One job at a time on a device, and the precision that the hardware does well."""

import fcntl
import socket

import pytest
import torch

from common.errors import UserError
from common.sections import Run
from networks.device import lock_first_free, precision, use_device


def test_the_first_free_device_is_taken_and_given_back(tmp_path):
    with open(tmp_path / "0", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        files = [open(tmp_path / name, "w") for name in "01"]
        assert lock_first_free(files) == 1
        fcntl.flock(held, fcntl.LOCK_UN)
        assert lock_first_free(files) == 0
        [file.close() for file in files]


def test_the_cpu_is_held_while_used_and_free_after(folders):
    lock = (
        folders / "working" / f".cpu.{socket.gethostname()}.lock"
    )  # machines that share the folder have their own
    with use_device(Run(device="cpu")) as device:
        assert device.type == "cpu"
        with open(lock, "w") as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with open(lock, "w") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_gpu_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(UserError, match="torch sees no GPU"), use_device(Run(device="cuda")):
        pass


@pytest.mark.parametrize(
    "capability, dtype",
    [((7, 5), torch.float16), ((8, 0), torch.bfloat16), ((9, 0), torch.bfloat16)],
)
def test_bf16_where_the_gpu_has_it_else_fp16(monkeypatch, capability, dtype):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert precision(Run(), torch.device("cuda")) == dtype
    assert precision(Run(amp="fp32"), torch.device("cuda")) is None


def test_training_on_a_cpu_is_in_fp32():
    assert precision(Run(), torch.device("cpu"), training=True) is None
