"""Several processes train one member: each on its share of every batch, on its own GPU; their
gradients are added up.

`torchrun --nproc-per-node 2 scripts/04_train_fold.py c2 --member net_0` starts them and says in the
environment which one each is; with --nnodes on several machines, which see the same working folder.
Started plainly there is one process, and everything here gives back what it was given. The first
process alone writes and logs.

This is data parallelism as in DistributedDataParallel, without that wrapper. It sends gradients off
while backward is still running, and what has been sent cannot be taken back; here a step is added
up once it is whole. So a process that runs out of memory halves its micro-batch and repeats, and
the others merely wait; processes may take unequal numbers of micro-batches, or no row of an epoch's
last batch; a parameter that no loss reaches keeps no gradient, as in one process. Gradients are
added, not averaged: a slice's loss is its share of the whole batch's. The price is that sending and
computing do not overlap.
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

PATIENCE = timedelta(
    days=1
)  # to wait for a process that waits for its GPU; torchrun ends all when one has died


def launch(script: str, argv: list[str], processes: int) -> int:
    """Run a script in so many processes of torchrun, which end when this one does, however that
    ends. Gives torchrun's exit code."""
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        str(processes),
        script,
        *argv,
    ]
    threads = {"OMP_NUM_THREADS": str(max(1, os.cpu_count() // processes))}
    return subprocess.run(command, env=threads | os.environ, preexec_fn=die_with_parent).returncode


def shard(rows):
    """This process's part of what is cut along its first axis: neighbours, in order; empty where
    there are more processes than rows."""
    n = len(rows)
    return rows[n * rank() // world_size() : n * (rank() + 1) // world_size()]


@contextmanager
def process_group(device):
    """Where there are several processes: wait for all of them, and let them speak to one another in
    the block."""
    if world_size() == 1:
        yield
        return
    import torch.distributed as dist

    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    yield
    # not after an error: it would wait for work that the others never join
    dist.destroy_process_group()


def place():
    """Where a tensor must be to be sent."""
    import torch
    import torch.distributed as dist

    return (
        torch.device("cuda", torch.cuda.current_device())
        if dist.get_backend() == "nccl"
        else torch.device("cpu")
    )


def all_reduce_sum(number: float) -> float:
    """The sum of a number over all processes, the same in each."""
    if world_size() == 1:
        return number
    import torch
    import torch.distributed as dist

    total = torch.tensor(float(number), dtype=torch.float64, device=place())
    dist.all_reduce(total)
    return total.item()


def all_gather_objects(value) -> list:
    """The value of each process, in order."""
    if world_size() == 1:
        return [value]
    import torch.distributed as dist

    found = [None] * world_size()
    dist.all_gather_object(found, value)
    return found


def require_same(value) -> None:
    """Raises UserError where the processes are not about to train the same."""
    found = all_gather_objects(value)
    if other := [r for r, own in enumerate(found) if own != found[0]]:
        raise UserError(
            f"process {other[0]} of torchrun has other settings, sees other files or "
            "computes in another precision than process 0; give "
            "all machines the same command and one folder as working_path, and where "
            "their GPUs differ say run.amp=fp16"
        )


def all_gather_rows(rows: np.ndarray) -> np.ndarray:
    """What the processes have made of their shares (m, ...), put together again: (n, ...)."""
    return rows if world_size() == 1 else np.concatenate(all_gather_objects(rows))


def reduce_gradients(parameters, bucket: int = 2**25) -> None:
    """Every gradient becomes its sum over all processes, sent `bucket` numbers at a time; where no
    process has one, none stays none."""
    if world_size() == 1:
        return
    import torch
    import torch.distributed as dist

    parameters = list(parameters)
    used = torch.tensor([p.grad is not None for p in parameters], dtype=torch.uint8, device=place())
    dist.all_reduce(used, dist.ReduceOp.MAX)
    gradients = []
    for parameter in itertools.compress(parameters, used.tolist()):
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        gradients.append(parameter.grad)
    ends = itertools.accumulate(gradient.numel() for gradient in gradients)
    for _, group in itertools.groupby(
        zip(ends, gradients, strict=True), lambda pair: pair[0] // bucket
    ):
        some = [gradient for _, gradient in group]
        flat = torch.cat([gradient.flatten() for gradient in some])
        dist.all_reduce(flat)
        for gradient, total in zip(
            some, flat.split([gradient.numel() for gradient in some]), strict=True
        ):
            gradient.copy_(total.view(gradient.shape))


def broadcast_parameters(*modules) -> None:
    """The first process's weights and buffers in all of them: another machine's, or a batch norm's
    own statistics, give way."""
    if world_size() == 1:
        return
    import torch.distributed as dist

    for tensor in itertools.chain(*(module.state_dict().values() for module in modules)):
        sent = tensor.to(place()).contiguous()
        dist.broadcast(sent, 0)
        tensor.copy_(sent)
