"""Data-parallel training: several processes train one member, each on its share of every batch and
on its own GPU, and their gradients are added up.

`torchrun --nproc-per-node 2 scripts/04_train_fold.py c2 --member net_0` starts them, and tells each
its number in the environment; with --nnodes they run on several machines, which see the same
working folder. Without torchrun there is one process, and every function here returns its input.
Only the first process writes and logs.

This is not DistributedDataParallel. That wrapper sends gradients while backward is still running,
and what was sent cannot be taken back. Here a step's gradients are added once the step is whole, so
that a process that runs out of memory may halve its micro-batch and repeat the step, while the
others merely wait. Processes may also take unequal numbers of micro-batches, or have no row of an
epoch's last batch, and a parameter that no loss reaches keeps no gradient, as in one process.
Gradients are added, not averaged: the loss of a slice is already its share of the whole batch's.
The price is that communication and computation do not overlap.
"""

import itertools
import os
import subprocess
import sys
from contextlib import contextmanager
from datetime import timedelta

import numpy as np

from common.errors import UserError
from common.processes import die_with_parent, rank, world_size

# to wait for a process that waits for its GPU; torchrun ends all of them when one has died
TIMEOUT = timedelta(days=1)


def launch(script: str, argv: list[str], processes: int) -> int:
    """Run a script in `processes` processes of torchrun, and return torchrun's exit code. They end
    when this process ends, however it ends."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = [*torchrun, "--nproc-per-node", str(processes), script, *argv]

    # the user's own OMP_NUM_THREADS wins
    threads = max(1, os.cpu_count() // processes)
    env = {"OMP_NUM_THREADS": str(threads), **os.environ}

    done = subprocess.run(command, env=env, preexec_fn=die_with_parent)
    return done.returncode


@contextmanager
def process_group(device):
    """Connect all processes inside the block, once all of them have come; nothing for one."""
    if world_size() == 1:
        yield
        return

    import torch.distributed as dist

    backend = "nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=TIMEOUT)
    yield
    # not after an error: it would wait for processes that never come
    dist.destroy_process_group()


def shard(rows):
    """This process's share of the rows: a contiguous slice of the first axis, empty where there are
    more processes than rows."""
    n = len(rows)
    start = n * rank() // world_size()
    stop = n * (rank() + 1) // world_size()
    return rows[start:stop]


def communication_device():
    """The torch.device on which a tensor must be to be sent."""
    import torch
    import torch.distributed as dist

    if dist.get_backend() == "nccl":
        return torch.device("cuda", torch.cuda.current_device())

    return torch.device("cpu")


def all_reduce_sum(number: float) -> float:
    """all_reduce: the sum of every rank's number."""
    if world_size() == 1:
        return number

    import torch
    import torch.distributed as dist

    total = torch.tensor(float(number), dtype=torch.float64, device=communication_device())
    dist.all_reduce(total)
    return total.item()


def all_gather_objects(value) -> list:
    """all_gather: the list of every rank's value."""
    if world_size() == 1:
        return [value]

    import torch.distributed as dist

    values = [None] * world_size()
    dist.all_gather_object(values, value)
    return values


def all_gather_rows(rows: np.ndarray) -> np.ndarray:
    """All rows (n, ...), from every rank's rows (m, ...) of its `shard`."""
    if world_size() == 1:
        return rows

    return np.concatenate(all_gather_objects(rows))


def require_same(value) -> None:
    """Check that all ranks have the same value, e.g. config hash, precision and resume position.
    Raises UserError when one differs from rank 0's."""
    values = all_gather_objects(value)
    different = [number for number, other in enumerate(values) if other != values[0]]
    if different:
        raise UserError(
            f"process {different[0]} of torchrun has other settings, sees other files or "
            "computes in another precision than process 0; give "
            "all machines the same command and one folder as working_path, and where "
            "their GPUs differ say run.amp=fp16"
        )


def reduce_gradients(parameters, bucket: int = 2**25) -> None:
    """Replace every gradient by its sum over all ranks, about `bucket` numbers at a time. Where no
    rank has a gradient it stays None."""
    if world_size() == 1:
        return

    gradients = gradients_of_any_rank(list(parameters))
    for group in buckets(gradients, bucket):
        reduce_in_place(group)


def gradients_of_any_rank(parameters: list) -> list:
    """The gradients of the parameters that have one on some rank; zeros where it is another's."""
    import torch
    import torch.distributed as dist

    has_gradient = torch.tensor(
        [parameter.grad is not None for parameter in parameters],
        dtype=torch.uint8,
        device=communication_device(),
    )
    dist.all_reduce(has_gradient, dist.ReduceOp.MAX)

    gradients = []
    for parameter in itertools.compress(parameters, has_gradient.tolist()):
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)

        gradients.append(parameter.grad)

    return gradients


def buckets(tensors: list, size: int):
    """Yield lists of consecutive tensors: a new one wherever another `size` numbers are full."""
    group, group_number, count = [], 0, 0
    for tensor in tensors:
        count += tensor.numel()
        if group and count // size != group_number:
            yield group
            group = []

        group_number = count // size
        group.append(tensor)

    if group:
        yield group


def reduce_in_place(tensors: list) -> None:
    """Replace the tensors by their sums over all ranks, sent as one."""
    import torch
    import torch.distributed as dist

    flat = torch.cat([tensor.flatten() for tensor in tensors])
    dist.all_reduce(flat)

    sums = flat.split([tensor.numel() for tensor in tensors])
    for tensor, total in zip(tensors, sums, strict=True):
        tensor.copy_(total.view(tensor.shape))


def broadcast_parameters(*modules) -> None:
    """Broadcast rank 0's parameters and buffers to all ranks: batch norms have seen other rows in
    each, and another machine may have started from other weights."""
    if world_size() == 1:
        return

    import torch.distributed as dist

    for module in modules:
        for tensor in module.state_dict().values():
            sent = tensor.to(communication_device()).contiguous()
            dist.broadcast(sent, 0)
            tensor.copy_(sent)
