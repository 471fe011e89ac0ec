"""Run a script in a process that dies with the one that started it, however that ends: nothing goes on writing unseen.

Run     python scripts/common/bound.py <pid of the parent> scripts/04_train_fold.py c2 --member net_0
"""
import ctypes
import os
import runpy
import signal
import sys

PR_SET_PDEATHSIG = 1  # prctl(2): the signal to get when the parent's thread ends


def bind() -> None:
    """Let this process be killed when its parent ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    parent, *sys.argv = sys.argv[1:]
    bind()
    if os.getppid() != int(parent):  # it died before
        sys.exit(f"{sys.argv[0]}: process {parent} has gone")
    sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
    runpy.run_path(sys.argv[0], run_name="__main__")
