"""What a kernel is to do: KERNEL of its script, written by `make kernels` and read on Kaggle."""

from pathlib import Path
from typing import TypedDict

from common.paths import Paths
from config import Config
from pipeline import graph


class Kernel(TypedDict):
    id: str  # owner/slug, as Kaggle has it
    category: str
    settings: list[str]  # section.key=value
    targets: list[str]  # files that a session makes, e.g. "pred/net_0.npz"; [] = all
    sessions: dict[str, list[str]]  # of the kernel that merges: {id of a session: its targets}
    remaining: list[str]  # of the kernel that merges: targets that no session makes
    internet: bool


def files_to_make(kernel: Kernel, config: Config, paths: Paths) -> set[Path]:
    """The files that a kernel may have to make itself: see kernels.session.work."""
    names = kernel["targets"] + kernel["remaining"]
    targets = [paths.dir / name for name in names]
    if not targets and not kernel["sessions"]:
        targets = graph.final_files(config, paths)

    return set(graph.upstream(targets, config, paths))
