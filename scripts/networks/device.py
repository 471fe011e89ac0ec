"""Where and in which precision to compute: one job at a time on a device, however wide make -j is.

Processes of torchrun have a GPU each, by their number on the machine. The machine's first holds the
locks of all of them, taken in order: two such jobs, each holding what the other waits for, would
wait for ever.
"""

import fcntl
import itertools
import os
import socket
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from common.errors import UserError
from common.log import log
from common.paths import folder
from common.processes import here, is_first, world_size
from networks.distributed import process_group


@contextmanager
def use_device(run):
    """Yield a free torch.device and hold it: a GPU, waited for while others use it, or the CPU, one
    job at a time.

    Under torchrun it is this process's own, and in the block all of them can speak to one another.
    """
    import torch

    gpus = torch.cuda.device_count() if run.device != "cpu" else 0
    if run.device == "cuda" and not gpus:
        raise UserError(
            "run.device=cuda, and torch sees no GPU; leave run.device at auto to use the CPU"
        )
    number, processes = here()
    if 0 < gpus < processes:
        raise UserError(
            f"{processes} processes, and torch sees {gpus} GPUs; write "
            f"run.processes={gpus}, or torchrun --nproc-per-node {gpus}"
        )
    visible = (os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(gpus)))).split(",")
    temp, working = Path(tempfile.gettempdir()), folder("working")
    working.mkdir(parents=True, exist_ok=True)
    locks = [temp / f"catalogue-{os.getuid()}-gpu-{visible[k]}.lock" for k in range(gpus)] or [
        working / f".cpu.{socket.gethostname()}.lock"
    ]
    files = [open(lock, "w") for lock in locks]  # noqa: SIM115, closed later
    try:
        k = first_free(files) if world_size() == 1 else number
        for file in (
            files[:processes] if world_size() > 1 and (number == 0 if gpus else is_first()) else ()
        ):
            first_free([file])
        if gpus:
            torch.cuda.set_device(k)
            torch.backends.cudnn.benchmark = True
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        device = torch.device(f"cuda:{k}" if gpus else "cpu")
        with process_group(device):
            yield device
    finally:
        for file in files:
            file.close()  # and its lock goes with it, also when the process is killed


def first_free(files) -> int:
    """Lock one of the files, the first that nobody holds, and give its number; wait while all are
    held."""
    for attempt in itertools.count():
        for k, file in enumerate(files):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return k
            except BlockingIOError:
                continue
        if attempt == 5:
            log(waiting="another job uses the device")
        time.sleep(0.2)


def precision(run, device, training: bool = False):
    """torch dtype to autocast to, None for plain fp32: bf16 where the hardware has it, else fp16 on
    a GPU, else fp32.

    Training on a CPU stays in fp32: oneDNN's bf16 backward of a depthwise convolution is 3 to 20
    times slower (measured on Zen 4).
    """
    import torch

    if run.amp != "auto":
        return {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": None}[run.amp]
    if device.type == "cuda":  # a T4 emulates bf16: slower than fp16 and no more exact
        return (
            torch.bfloat16 if torch.cuda.get_device_capability(device) >= (8, 0) else torch.float16
        )
    return (
        torch.bfloat16
        if not training and getattr(torch.cpu, "_is_avx512_bf16_supported", bool)()
        else None
    )


def autocast(device, dtype):
    import torch

    return torch.autocast(device.type, dtype, enabled=dtype is not None)
