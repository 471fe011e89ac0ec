"""What a kernel of `make kernels` does on Kaggle: see that all is attached, take over what was made
before, make its files, say how to go on. Or answer the rows that are attached with what was learnt
elsewhere."""

import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

from common.errors import AGAIN, UserError
from common.files import replacing
from common.log import log
from common.paths import TEST, Paths, input_folder
from common.time_limit import deadline
from config import load
from kernels.dataset import models_id
from kernels.equip import equip
from kernels.kernel import Kernel
from kernels.outputs import take_over
from kernels.weights import attached_folders
from pipeline import graph, staleness
from pipeline.stops import stops_since

SUBMISSION = "submission.csv"  # what Kaggle reads of a kernel that it runs on hidden rows


def work(kernel: Kernel, toolkit: Path) -> int:
    """Run a kernel and return its exit code: 0 also when its time is over, so that Kaggle keeps the
    output.

    toolkit: the folder of the project that the kernel carries. Raises UserError before any work
    when something is not attached, and when make fails.
    """
    category = kernel["category"]
    config = load(category, kernel["settings"])
    paths = Paths(category)
    folders = attached_folders()
    table = config.data.test if kernel["learnt"] else config.data.train
    input_folder(config.data.folder, table)  # raises where the data are not attached
    settings = kernel["settings"] + equip(kernel, config, paths, folders, toolkit)
    take_over(kernel, config, paths, folders)

    if kernel["sessions"]:
        require_sessions(kernel, config, paths)

    if kernel["learnt"]:
        require_learnt(kernel, config, paths)

    started = time.time()
    code = make(kernel, settings, paths, toolkit)
    if code:
        require_time_is_over(kernel, config, code, started)
        tell_time_is_over(kernel)
        return 0

    done = f"{len(kernel['targets'])} members" if kernel["targets"] else paths.submission
    if kernel["learnt"]:
        done = copy_for_kaggle(paths.submission)

    log(kernel=kernel["id"], done=done)
    return 0


def copy_for_kaggle(submission: Path) -> Path:
    """The submission once more, by the name that Kaggle looks for."""
    copy = submission.with_name(SUBMISSION)
    with replacing(copy) as tmp:
        shutil.copyfile(submission, tmp)

    return copy


def make(kernel: Kernel, settings: list[str], paths: Paths, toolkit: Path) -> int:
    """Run make for the kernel's targets, a step at a time on each GPU; returns its exit code."""
    gpus = list(Path("/dev").glob("nvidia[0-9]*"))
    targets = [str((paths.dir / target).absolute()) for target in kernel["targets"]]
    command = [
        "make",
        f"-j{len(gpus) or 1}",
        "-C",
        toolkit,
        f"PYTHON={sys.executable}",
        f"CATEGORY={kernel['category']}",
        f"SET={quote_for_make(settings)}",
        *(targets or ["answer" if kernel["learnt"] else "all"]),
    ]

    return subprocess.run(command).returncode


def quote_for_make(settings: list[str]) -> str:
    """The value of SET= with which make's shell passes on each setting as it is."""
    return " ".join(shlex.quote(setting).replace("$", "$$") for setting in settings)


def require_time_is_over(kernel: Kernel, config, code: int, started: float) -> None:
    """Raises UserError where make ended with `code` for another reason than run.time_limit."""
    stops = stops_since(kernel["category"], started)
    failed = [stop for stop in stops if stop["code"] != AGAIN]
    if failed:
        first = failed[0]
        reason = f"{first['command']} failed: {first['message']}"
    elif time.time() <= deadline(config.run):
        reason = "the lines above say why"
    else:
        return

    raise UserError(f"make ended with {code}: {reason}. Then {go_on(kernel)}")


def tell_time_is_over(kernel: Kernel) -> None:
    """Say how a kernel goes on that stopped at its time limit. Raises UserError where it was to
    answer: without all answers there is no submission."""
    stopped = f"at the time limit, not done; {go_on(kernel)}"
    if kernel["learnt"]:
        raise UserError(f"stopped {stopped}")

    log(kernel=kernel["id"], stopped=stopped)


def go_on(kernel: Kernel) -> str:
    """For a person: how a kernel goes on where it stopped."""
    if kernel["learnt"]:
        return "push it again: it answers all rows anew"

    return (
        f'add "{kernel["id"]}" to kernel_sources in its kernel-metadata.json and push it '
        "again: it goes on from its own output"
    )


def require_sessions(kernel: Kernel, config, paths: Paths) -> None:
    """Raises UserError with the sessions whose files are missing, damaged, or made with other
    settings or images."""
    reasons = staleness.stale(config, graph.steps(config, paths))
    lines = []
    for session, targets in kernel["sessions"].items():
        files = graph.upstream([paths.dir / target for target in targets], config, paths)
        bad = []
        for file, reason in reasons.items():
            if file in files and not is_asked_again(file, reason):
                name = file.relative_to(paths.dir)
                bad.append(f"{name} {reason}")

        if bad:
            line = f"{session}: {bad[0]}"
            if len(bad) > 1:
                line += f" and {len(bad) - 1} more like it"

            lines.append(line)

    if lines:
        head = "these sessions are to be run again, then attached here:"
        raise UserError("\n  ".join([head, *lines]))


def require_learnt(kernel: Kernel, config, paths: Paths) -> None:
    """Raises UserError where something that answering reads is not attached, or is not what these
    settings learnt."""
    steps = graph.answer_steps(config, paths.of(TEST))
    unlearnt = staleness.first_unlearnt(staleness.stale(config, steps), paths)
    if unlearnt:
        raise UserError(
            f"{unlearnt}, and this kernel trains nothing: attach {models_id(kernel['id'])} as "
            "`make kernels` with ANSWER=1 wrote it together with this kernel"
        )


def is_asked_again(file: Path, reason: str) -> bool:
    """Whether a stale file is a language model's replies to other images: make asks again only the
    rows whose own image is another."""
    is_of_other_images = reason.startswith(("comes after", "was made from other files"))
    return is_of_other_images and file.match("pred/*.csv")
