"""Which kernels make a category: all in one, or several sessions and one kernel that merges them.
Or the one that answers test rows with what was learnt elsewhere.

in: 5 folds of net and heads, 5 sessions → out: net_0 heads_0, net_1 heads_1, ... and the merge
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from common.errors import UserError
from common.paths import TEST, Paths
from kernels.dataset import learnt_files, models_id
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

    if job.args.answer:
        return [plan_answer(job)]

    if n == 1:
        kernel = new_kernel(job, suffix="")
        contents = f"All of it, to the submission. {going_on(kernel)}"
        return [Planned(f"catalogue {name}", contents, kernel)]

    groups, late = share(job.config, job.paths, n)
    sessions = []
    for i, members in enumerate(groups):
        number = str(i).zfill(len(str(n - 1)))
        kernel = new_kernel(job, f"-{number}")
        kernel["targets"] = targets_of(members, job.paths)
        contents = f"Session {number} of {n}: {describe_members(members)}. {going_on(kernel)}"
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
        f"the submission. {going_on(kernel)}"
    )

    return Planned(f"catalogue {slug(job.paths.category)} merge", contents, kernel)


def plan_answer(job) -> Planned:
    """The kernel that answers the test rows with what was learnt here. Raises UserError where some
    of it is missing or stale."""
    if job.args.parts > 1:
        raise UserError("ANSWER=1 is one kernel: leave PARTS out")

    kernel = new_kernel(job, "-answer")
    paths = job.paths
    kernel["learnt"] = [str(file.relative_to(paths.dir)) for file in learnt_files(job)]
    contents = (
        f"Answers the rows of {job.config.data.test} with what {models_id(kernel['id'])} holds, "
        "and leaves submission.csv. It trains nothing and needs no training rows; where "
        "run.time_limit in KERNEL is not enough, it fails before Kaggle ends it."
    )

    return Planned(f"catalogue {slug(paths.category)} answer", contents, kernel)


def going_on(kernel: Kernel) -> str:
    """For a person: what becomes of a kernel that trains and has too little time."""
    return (
        "It stops by itself before Kaggle's time is over (run.time_limit in KERNEL); what it made "
        f'is its output. To go on, attach that output to it ("{kernel["id"]}" into kernel_sources '
        "in kernel-metadata.json) and push again."
    )


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
        learnt=[],
        internet=bool(job.args.internet),
    )


def targets_of(members: list[str], paths: Paths) -> list[str]:
    """The members' predictions below working/<category>/, of training rows and of test rows."""
    targets = []
    for member in members:
        targets += [str(file.relative_to(paths.dir)) for file in pred_files(member, paths)]

    return targets


def pred_files(member: str, paths: Paths) -> list[Path]:
    """A member's predictions of training rows and of test rows."""
    return [pred_file(paths.of(rows), member) for rows in ("", TEST)]


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


@dataclass
class Group:
    """Members that are made in one session, and the files that they take."""

    members: list[str]
    files: set[Path]

    def add(self, other: "Group") -> None:
        self.members += other.members
        self.files |= other.files


def group_members(config, paths: Paths) -> tuple[list[list[str]], list[str]]:
    """Groups of members that share no file but the tables of rows and images, which are the same
    on every machine: each group can be made whatever the others do.

    Also returns the members that build on several groups, or on such a member: they come after.
    """
    test = paths.of(TEST)
    common = {paths.folds, paths.images, test.table, test.images}

    members = graph.members(config)

    files_of: dict[str, set[Path]] = {}
    for member in members:
        files = graph.upstream(pred_files(member, paths), config, paths)
        files_of[member] = files.keys() - common

    groups: list[Group] = []
    late: set[str] = set()
    # a member that reads others' predictions has more files than they have
    for member in sorted(members, key=lambda member: len(files_of[member])):
        files = files_of[member]
        sharing = [group for group in groups if group.files & files]

        read = [group for group in sharing if reads(files, group.members, paths)]
        if len(read) > 1 or reads(files, late, paths):
            late.add(member)
            continue

        joined = Group([], set())
        for group in sharing:
            groups.remove(group)
            joined.add(group)

        joined.add(Group([member], files))
        groups.append(joined)

    order = members.index
    in_order = [sorted(group.members, key=order) for group in groups]
    in_order.sort(key=lambda group: order(group[0]))
    return in_order, sorted(late, key=order)


def reads(files: set[Path], members, paths: Paths) -> bool:
    """Whether predictions of some of the members are among the files."""
    return any(file in files for member in members for file in pred_files(member, paths))


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
