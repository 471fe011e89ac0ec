"""Processes: which of several this is, a child that dies with its parent, threads that wait."""

import ctypes
import os
import runpy
import signal
import sys

# Turns that an OpenMP thread spins before it sleeps. By default 300,000: on two cores, beside other
# work, torch then trained at half the speed and LightGBM at less than a fiftieth. Without any,
# LightGBM's short loops lose a quarter on a quiet machine; with 300 both lose nothing there.
SPINS = "300"
PR_SET_PDEATHSIG = 1  # prctl(2): the signal to get when the parent's thread ends


def die_with_parent() -> None:
    """Let this process be killed when its parent ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def limit_spinning() -> None:
    """Let OpenMP's threads sleep soon when they wait, unless the user's environment says how. To be
    called before torch, LightGBM or scikit-learn is loaded."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)


def rank() -> int:
    """The number of this process among all."""
    return int(os.environ.get("RANK", 0)) if world_size() > 1 else 0


def world_size() -> int:
    """How many processes there are, on all machines together."""
    return (
        int(os.environ.get("WORLD_SIZE", 1)) if "LOCAL_RANK" in os.environ else 1
    )  # other launchers set the one without the other


def here() -> tuple[int, int]:
    """The number of this process on its own machine, and how many are there."""
    return (
        (int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"]))
        if world_size() > 1
        else (0, 1)
    )


def is_first() -> bool:
    return rank() == 0


def cores() -> int:
    """Cores of this machine for each of its processes."""
    return max(1, os.cpu_count() // here()[1])


if __name__ == "__main__":
    parent, *sys.argv = sys.argv[1:]
    die_with_parent()
    if os.getppid() != int(parent):  # it died before
        sys.exit(f"{sys.argv[0]}: process {parent} has gone")
    sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
    runpy.run_path(sys.argv[0], run_name="__main__")
