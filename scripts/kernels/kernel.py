"""What a kernel is to do: KERNEL of its script, written by `make kernels` and read on Kaggle."""

from pathlib import Path
from typing import TypedDict

from common.paths import TEST, Paths
from config import Config
from pipeline import graph


class Kernel(TypedDict):
    id: str  # owner/slug, as Kaggle has it
    category: str
    settings: list[str]  # section.key=value
    targets: list[str]  # files that a session makes, e.g. "pred/net_0.npz"; [] = all
    sessions: dict[str, list[str]]  # of the kernel that merges: {id of a session: its targets}
    remaining: list[str]  # of the kernel that merges: targets that no session makes
    learnt: list[str]  # of the kernel that answers: what it takes from the dataset of models
    internet: bool


def steps_to_make(kernel: Kernel, config: Config, paths: Paths) -> dict[Path, graph.Step]:
    """{file: its step} of what a kernel may have to make itself: see kernels.session.work."""
    if kernel["learnt"]:
        steps = graph.answer_steps(config, paths.of(TEST))
        return {file: step for file, step in steps.items() if graph.step_rows(file, paths)}

    names = kernel["targets"] + kernel["remaining"]
    targets = [paths.dir / name for name in names]
    if not targets and not kernel["sessions"]:
        targets = graph.final_files(config, paths)

    return graph.upstream(targets, config, paths)
