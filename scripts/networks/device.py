"""Where and in which precision to compute: one job at a time on a device, however wide make -j is.

Each process of torchrun has a GPU of its own, by its number on the machine. The first process of a
machine holds the locks of all of them, taken in order: otherwise two such jobs could each hold what
the other waits for, for ever.
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
from common.processes import is_first, local_world_size, world_size
from networks.distributed import process_group


def local_rank() -> int:
    """The number of this process on its machine."""
    return int(os.environ["LOCAL_RANK"]) if world_size() > 1 else 0


@contextmanager
def use_device(run):
    """Yield a free torch.device and hold it: a GPU, or the CPU; wait while others use it.

    Under torchrun it is this process's GPU, and inside the block the processes can communicate.
    Raises UserError when run.device=cuda and there is no GPU, or when there are fewer GPUs than
    processes.
    """
    import torch

    gpus = torch.cuda.device_count() if run.device != "cpu" else 0
    if run.device == "cuda" and not gpus:
        raise UserError(
            "run.device=cuda, and torch sees no GPU; leave run.device at auto to use the CPU"
        )

    processes = local_world_size()
    if 0 < gpus < processes:
        raise UserError(
            f"{processes} processes, and torch sees {gpus} GPUs; write "
            f"run.processes={gpus}, or torchrun --nproc-per-node {gpus}"
        )

    locks = [open(file, "w") for file in lock_files(gpus)]  # noqa: SIM115, closed later
    try:
        number = take_locks(locks, gpus)
        device = torch.device("cpu")

        if gpus:
            device = torch.device(f"cuda:{number}")
            set_up_gpu(number)

        with process_group(device):
            yield device
    finally:
        for lock in locks:
            lock.close()  # and its lock goes with it, also when the process is killed


def lock_files(gpus: int) -> list[Path]:
    """One file per GPU that torch sees, whose lock means that the GPU is in use; without GPUs one
    for this machine's CPU."""
    working = folder("working")
    working.mkdir(parents=True, exist_ok=True)

    if not gpus:
        # machines may share the working folder
        return [working / f".cpu.{socket.gethostname()}.lock"]

    # the GPU's own number, which CUDA_VISIBLE_DEVICES may have changed
    every = ",".join(str(number) for number in range(gpus))
    visible = (os.environ.get("CUDA_VISIBLE_DEVICES") or every).split(",")
    temp = Path(tempfile.gettempdir())
    return [temp / f"catalogue-{os.getuid()}-gpu-{visible[k]}.lock" for k in range(gpus)]


def take_locks(locks: list, gpus: int) -> int:
    """Take what this process has to hold, and return the number of its device on this machine."""
    if world_size() == 1:
        return lock_first_free(locks)

    # with GPUs, the first process of each machine; on CPUs, the first of all
    takes_locks = local_rank() == 0 if gpus else is_first()
    if takes_locks:
        for lock in locks[: local_world_size()]:
            lock_first_free([lock])

    return local_rank()


def lock_first_free(files: list) -> int:
    """Lock the first of the open files that nobody holds, and return its number; wait while all are
    held."""
    for attempt in itertools.count():
        for number, file in enumerate(files):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return number
            except BlockingIOError:
                continue

        if attempt == 5:
            log(waiting="another job uses the device")

        time.sleep(0.2)


def set_up_gpu(number: int) -> None:
    """Make this GPU the process's own, and allow the fast paths: TF32, and cuDNN's search for the
    fastest convolution."""
    import torch

    torch.cuda.set_device(number)
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cuda.matmul.allow_tf32 = True


def precision(run, device, training: bool = False):
    """The torch dtype to autocast to, None for plain fp32: bf16 where the hardware has it, else
    fp16 on a GPU, else fp32.

    Training on a CPU stays in fp32: oneDNN's bf16 backward of a depthwise convolution is 3 to 20
    times slower (measured on Zen 4).
    """
    import torch

    if run.amp != "auto":
        return {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": None}[run.amp]

    if device.type == "cuda":
        # a T4 (7.5) emulates bf16: slower than fp16 and no more exact
        has_bf16 = torch.cuda.get_device_capability(device) >= (8, 0)
        return torch.bfloat16 if has_bf16 else torch.float16

    if training:
        return None

    cpu_has_bf16 = getattr(torch.cpu, "_is_avx512_bf16_supported", bool)()
    return torch.bfloat16 if cpu_has_bf16 else None


def autocast(device, dtype):
    """torch.autocast to dtype on the device; dtype None: no autocast."""
    import torch

    return torch.autocast(device.type, dtype, enabled=dtype is not None)
