"""The bench's rows of threads that wait: OpenMP's default of 300,000 turns against ours, alone and
beside a program that keeps one core busy."""

import os
import subprocess
import sys
import time
from pathlib import Path

from common.processes import SPIN_COUNT

WORK = """
import sys
import numpy as np
rng = np.random.default_rng(0)
if sys.argv[1] == "LightGBM":
    import lightgbm
    x = rng.normal(size=(20_000, 13))
    data = lightgbm.Dataset(x, x[:, 0] + rng.normal(size=20_000))
    lightgbm.train(dict(objective="l1", num_leaves=15, verbose=-1), data, int(sys.argv[2]))
else:
    import timm
    import torch
    net = timm.create_model("test_convnext", num_classes=10)
    images, labels = torch.randn(16, 3, 64, 64), torch.randint(0, 10, (16,))
    for _ in range(int(sys.argv[2])):
        torch.nn.functional.cross_entropy(net(images), labels).backward()
"""


def waiting(folder: Path, race):
    """Steps of torch and rounds of LightGBM, each less those of a start alone."""
    for what, n in (("LightGBM", 300), ("torch", 40)):
        for busy in (False, True):
            others = [subprocess.Popen([sys.executable, "-c", "while True: pass"])] if busy else []
            try:
                slow, fast = race(lambda: work(what, n, ""), lambda: work(what, n, SPIN_COUNT))
            finally:
                for other in others:
                    other.kill()
            device = "one core is busy" if busy else "nothing else runs"
            step = f"{what}, {device}"
            yield (
                step,
                "OpenMP spins by default",
                f"{SPIN_COUNT} turns",
                slow,
                fast,
                "starts included",
            )


def work(what: str, n: int, spins: str) -> float:
    """Run the work in a process of its own. Gives its seconds."""
    names = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
    env = {name: value for name, value in os.environ.items() if name not in names}
    start = time.perf_counter()
    extra = {"GOMP_SPINCOUNT": spins} if spins else {}
    subprocess.run([sys.executable, "-c", WORK, what, str(n)], env=env | extra, check=True)
    return time.perf_counter() - start
