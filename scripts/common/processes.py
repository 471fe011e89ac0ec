"""Processes: which of several this is, a child that dies with its parent, threads that wait."""

import ctypes
import os
import runpy
import signal
import sys

# Turns that an OpenMP thread spins before it sleeps. By default 300,000: on two cores, beside other
# work, torch then trained at half the speed and LightGBM at less than a fiftieth. With 0, the short
# loops of LightGBM lose a quarter on a quiet machine; with 300 both lose nothing there.
# `python tests/bench/bench.py waiting` measures it.
SPIN_COUNT = "300"
PR_SET_PDEATHSIG = 1  # prctl(2): the signal to get when the parent's thread ends


def die_with_parent() -> None:
    """Let the kernel kill this process when its parent ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def limit_spinning() -> None:
    """Let OpenMP threads that wait go to sleep soon, unless the user's environment says how they
    wait.

    To be called before torch, LightGBM or scikit-learn is loaded.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)


def world_size() -> int:
    """How many processes train together, on all machines; 1 where torchrun did not start this."""
    if "LOCAL_RANK" not in os.environ:  # other launchers set WORLD_SIZE without it
        return 1

    return int(os.environ.get("WORLD_SIZE", 1))


def rank() -> int:
    """The number of this process among all."""
    return int(os.environ.get("RANK", 0)) if world_size() > 1 else 0


def local_world_size() -> int:
    """How many of the processes run on this machine."""
    return int(os.environ["LOCAL_WORLD_SIZE"]) if world_size() > 1 else 1


def is_first() -> bool:
    """Whether this is the process that writes and logs."""
    return rank() == 0


def cores() -> int:
    """Cores of this machine for each of its processes."""
    return max(1, os.cpu_count() // local_world_size())


def run_bound() -> None:
    """`processes.py <pid of the parent> script.py ...`: run the script, and die with the parent."""
    parent, *sys.argv = sys.argv[1:]
    die_with_parent()

    if os.getppid() != int(parent):  # it ended before
        sys.exit(f"{sys.argv[0]}: process {parent} has gone")

    sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    run_bound()
