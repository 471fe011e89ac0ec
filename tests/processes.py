"""What test_distributed.py has torchrun start: 04_train_fold once for each `;` of the command line,
made to show what it shows.

Without dropout, whose draws alone are not the same in one process and in two. Process 1 never has
the memory for more than two rows at a time, and is killed at step DIE_AT.
"""

import os
import signal
import sys
from functools import cache
from importlib import import_module
from pathlib import Path

import torch
import torch.distributed as dist

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
from common.processes import rank  # noqa: E402
from networks import training  # noqa: E402
from pipeline.stops import run  # noqa: E402

backward = training.Trainer.backward


def short_of_memory(self, data, part, batch, number):
    if rank() == 1 and str(number) == os.environ.get("DIE_AT"):
        os.kill(os.getpid(), signal.SIGKILL)
    if rank() == 1 and part.stop - part.start > 2:
        raise torch.OutOfMemoryError
    return backward(self, data, part, batch, number)


def main():
    for words in " ".join(sys.argv[1:]).split(" ; "):
        import_module("04_train_fold").main(words.split())


torch.nn.Dropout.forward = lambda self, x: x
training.Trainer.backward = short_of_memory
dist.init_process_group, dist.destroy_process_group = (
    cache(dist.init_process_group),
    lambda: None,
)  # once in a process, says torch
if __name__ == "__main__":
    run(main)
