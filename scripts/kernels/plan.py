"""Which kernels make a category: all in one, or several sessions and one kernel that merges them.

in: 5 folds of net and heads, 5 sessions → out: net_0 heads_0, net_1 heads_1, ... and the merge
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from common.errors import UserError
from common.paths import Paths
from kernels.kaggle_names import account, check_names, slug
from kernels.kernel import Kernel
from models import pred_file, split_member
from pipeline import graph

LIMIT = "run.time_limit=11.5"  # hours; Kaggle ends a session after 12


@dataclass(frozen=True)
class Planned:
    """A kernel, and what people read of it on Kaggle."""

    title: str
    contents: str
    kernel: Kernel


def plan(job) -> list[Planned]:
    """The kernels of write_kernels' options, the one that merges last. Raises UserError where there
    cannot be so many sessions."""
    n = job.args.parts
    name = slug(job.paths.category)

    if n < 1:
        raise UserError(f"--parts {n}: in how many sessions? Write PARTS=1 or more")

    if n == 1:
        kernel = new_kernel(job, suffix="")
        return [Planned(f"catalogue {name}", "All of it, to the submission.", kernel)]

    groups, late = share(job.config, job.paths, n)
    sessions = []
    for i, members in enumerate(groups):
        number = str(i).zfill(len(str(n - 1)))
        kernel = new_kernel(job, f"-{number}")
        kernel["targets"] = targets_of(members, job.paths)
        contents = f"Session {number} of {n}: {describe_members(members)}."
        sessions.append(Planned(f"catalogue {name} {number}", contents, kernel))

    return [*sessions, plan_merge(job, sessions, late)]


def plan_merge(job, sessions: list[Planned], late: list[str]) -> Planned:
    """The kernel that merges the sessions, and makes the members that come after them."""
    kernel = new_kernel(job, "-merge")
    for session in sessions:
        session_id = session.kernel["id"]
        kernel["sessions"][session_id] = session.kernel["targets"]

    kernel["remaining"] = targets_of(late, job.paths)

    makes = f", makes {describe_members(late)}" if late else ""
    contents = (
        f"Merges sessions 0 to {len(sessions) - 1}, whose outputs are attached{makes}, and writes "
        "the submission."
    )

    return Planned(f"catalogue {slug(job.paths.category)} merge", contents, kernel)


def new_kernel(job, suffix: str) -> Kernel:
    """A kernel of the job's category that makes everything."""
    owner = "".join(check_names("OWNER", (job.args.owner or account()).lower()))
    settings = list(job.overrides)
    if not any(setting.startswith("run.time_limit=") for setting in settings):
        settings.append(LIMIT)

    return Kernel(
        id=f"{owner}/catalogue-{slug(job.paths.category)}{suffix}",
        category=job.paths.category,
        settings=settings,
        targets=[],
        sessions={},
        remaining=[],
        internet=bool(job.args.internet),
    )


def targets_of(members: list[str], paths: Paths) -> list[str]:
    """The members' predictions below working/<category>/."""
    return [str(pred_file(paths, member).relative_to(paths.dir)) for member in members]


def share(config, paths: Paths, n: int) -> tuple[list[list[str]], list[str]]:
    """The members of each of n sessions, and those that only the kernel that merges can make.

    Raises UserError when there are not so many groups of members.
    """
    groups, late = group_members(config, paths)
    if n > len(groups) > 1:
        raise UserError(
            f"the members of {paths.category} can be shared by {len(groups)} sessions and no more, "
            f"as those that stand on one file go together ({' '.join(groups[0][:6])}); "
            f"write PARTS={len(groups)} or less"
        )

    if n > len(groups):
        raise UserError(
            f"the members of {paths.category} all stand on the same files, so that one "
            "session makes them; write PARTS=1"
        )

    bounds = [len(groups) * i // n for i in range(n + 1)]
    sessions = []
    for start, end in pairwise(bounds):
        members = sum(groups[start:end], [])
        sessions.append(members)

    return sessions, late


def group_members(config, paths: Paths) -> tuple[list[list[str]], list[str]]:
    """Groups of members that share no file but folds.csv and images.csv, which are the same on
    every machine: each group can be made whatever the others do.

    Also returns the members that build on several groups, or on such a member: they come after.
    """
    member_of = {pred_file(paths, member): member for member in graph.members(config)}
    files = graph.upstream(member_of, config, paths)
    common = {paths.folds, paths.images}

    group_of: dict[Path, Path] = {}  # a group is called by the file that joined it last
    late: set[Path] = set()
    for target, step in graph.steps(config, paths).items():
        if target not in files or target in common:
            continue

        # the groups that the step reads, and those of them with a member's predictions
        needed = {group_of[need] for need in step.needs if need in group_of}
        with_members = {group_of[pred] for pred in member_of if pred in group_of}
        if len(needed & with_members) > 1 or late.intersection(step.needs):
            late.add(target)
            continue

        for file, group in group_of.items():
            if group in needed:
                group_of[file] = target

        group_of[target] = target

    groups: dict[Path, list[str]] = {}
    late_members = []
    for pred, member in member_of.items():
        if pred in late:
            late_members.append(member)
        elif pred in group_of:
            group = group_of[pred]
            groups.setdefault(group, [])
            groups[group].append(member)

    return list(groups.values()), late_members


def describe_members(members: list[str]) -> str:
    """ "vlm_0 to vlm_4, refine_0 to refine_4" for the members of a session."""
    numbers: dict[str, list[int]] = {}
    for member in members:
        model, k = split_member(member)
        numbers.setdefault(model, [])
        numbers[model].append(k)

    words = [describe_model(model, ks) for model, ks in numbers.items()]
    return ", ".join(words)


def describe_model(model: str, ks: list[int]) -> str:
    """ "net_0 to net_4" of [0, 1, 2, 3, 4], "net_0 net_2" of [0, 2]."""
    names = [f"{model}_{k}" for k in ks]
    without_gaps = list(range(ks[0], ks[-1] + 1))
    if ks == without_gaps and len(ks) > 1:
        return f"{names[0]} to {names[-1]}"

    return " ".join(names)
