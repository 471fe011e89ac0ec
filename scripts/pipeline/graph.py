"""Which files make a category, and what each is made from.

A numbered script says it of its own file, and this module asks it:

  TARGET    what it writes in working/<category>/, and in answers/<rows>/ there: "merged.npz", or of
            many files "model/*"; where two scripts write such a file, the later one does
  OPTION    of many files: the option that says which, by its name without folder and suffix
  needs(config, paths, name)     the files that it reads; paths: those of the rows that it is for
  settings(config, paths, name)  the config's sections, or section.key, that shape it
  gpus(config, name)             GPUs that it computes on; may be left out: none
  FIRST     True where make all makes it before all others, as it shows early what is wrong with
            the input; may be left out
  FINAL     True where make all is to make it though nothing needs it; may be left out

Make is told by plan.py, and every script's record is written from the same step.
"""

import re
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

from common.errors import UserError
from common.paths import ANSWERS, ROOT, TEST, Paths
from config import Config
from models import count_members, load_model, split_member


@dataclass(frozen=True)
class Step:
    """One file: the command that writes it, the files that it reads, the settings that shape it."""

    target: Path
    command: str  # e.g. "04_train_fold c2 --member net_0"
    needs: tuple[Path, ...]
    settings: tuple[str, ...]  # keys of the config, e.g. "net" or "features.views"
    # those of the needs by which it grows old: what was learnt may have seen images of rows to
    # answer (net.mmd), and is as good when other rows are to be answered; None: it does not grow
    # old by what it was made from
    inputs: tuple[Path, ...] | None
    rows: str  # the name of the rows to answer that it is of; "" = the training rows
    gpus: int = 0  # how many GPUs it computes on, where the machine has some

    @property
    def shell(self) -> str:
        """The command as a person types it."""
        script, _, options = self.command.partition(" ")
        return f"python scripts/{script}.py {options}"


@cache
def scripts() -> list[ModuleType]:
    """The numbered scripts that write a file of the pipeline, the last first.

    Raises UserError when two have the same TARGET.
    """
    files = sorted((ROOT / "scripts").glob("[0-9]*_*.py"), reverse=True)
    modules = [import_module(file.stem) for file in files if is_step(file)]
    writer_of: dict[str, str] = {}
    for module in modules:
        for target in targets_of(module):
            other = writer_of.setdefault(target, module.__name__)
            if other != module.__name__:
                raise UserError(
                    f"scripts/{module.__name__}.py and scripts/{other}.py both write {target}; "
                    "move one of them away, or give it a TARGET of its own"
                )

    return modules


def targets_of(script: ModuleType) -> tuple[str, ...]:
    """What a script writes: its TARGET, one or several."""
    target = script.TARGET
    return (target,) if isinstance(target, str) else target


def is_step(script: Path) -> bool:
    """Whether a script has a line TARGET = "..."."""
    return bool(re.search(r"^TARGET\b", script.read_text(), re.MULTILINE))


def members(config: Config) -> list[str]:
    """All members `<model>_<k>`, in the order of the config's models: one per fold or part, or one
    for all."""
    names = []
    for model in config.models:
        names += [f"{model}_{k}" for k in range(count_members(model, config.data))]

    return names


def final_models(config: Config, paths: Paths) -> list[str]:
    """The models whose predictions no other configured model reads: a stack, a refiner, or all."""
    read_by_others = set()
    for model in config.models:
        for file in load_model(model).inputs(config, paths, 0):
            if file.parent.name == "pred":
                read_by_others.add(split_member(file.stem)[0])

    return [model for model in config.models if model not in read_by_others]


def final_files(config: Config, paths: Paths) -> list[Path]:
    """What `make all` is asked for: the files of scripts with FINAL, the report last. A category
    that is made of others has no rows, and only a report."""
    if config.concat:
        return [paths.report]

    files = []
    for script in reversed(scripts()):
        if getattr(script, "FINAL", False):
            files.append(paths.dir / script.TARGET)

    if paths.report in files:
        files.remove(paths.report)
        files.append(paths.report)

    return files


def steps(config: Config, paths: Paths, *extra: Path) -> dict[Path, Step]:
    """{file: its step} of all files of a category, each after the files that it reads.

    extra: files that its models may not read, such as images.csv.
    """
    return upstream([*final_files(config, paths), *extra], config, paths)


def answer_steps(config: Config, paths: Paths) -> dict[Path, Step]:
    """{file: its step} of what answers the rows of `paths`, up to their submission, and of what was
    learnt for that, as it is."""
    return upstream([paths.submission], config, paths, as_learnt=True)


def upstream(targets, config: Config, paths: Paths, as_learnt: bool = False) -> dict[Path, Step]:
    """{file: its step} of the targets and of all the category's files that they are made from, each
    after the files that it reads; those of scripts with FIRST before the others.

    as_learnt: files of the training rows that are there are taken as they are, whatever they were
    made from: that need not be there any more.
    """
    in_order: dict[Path, Step] = {}

    def visit(target: Path) -> None:
        if target in in_order:
            return

        step = step_of(target, config, paths)
        if as_learnt and not step_rows(target, paths) and target.exists():
            step = replace(step, needs=(), inputs=None)

        for need in step.needs:
            if is_of_category(need, paths):
                visit(need)

        in_order[target] = step

    for target in targets:
        visit(target)

    first = {target: step for target, step in in_order.items() if is_first(target, paths)}
    return first | in_order


def is_first(target: Path, paths: Paths) -> bool:
    """Whether a file is made before all that takes long."""
    return getattr(script_of(target, paths), "FIRST", False)


def is_of_category(file: Path, paths: Paths) -> bool:
    """Whether a step makes the file for the category of `paths`."""
    return paths.dir in file.parents or bool(submission_rows(file, paths))


def submission_rows(file: Path, paths: Paths) -> str:
    """The name of the rows that a submission of the category answers; "" of any other file."""
    if file == paths.submission:
        return paths.rows or TEST

    return TEST if file == paths.of(TEST).submission else ""


def step_rows(file: Path, paths: Paths) -> str:
    """The name of the rows to answer that a file is of, "" where it is of the training rows."""
    if paths.dir / ANSWERS in file.parents:
        return file.relative_to(paths.dir / ANSWERS).parts[0]

    return submission_rows(file, paths)


def script_of(target: Path, paths: Paths) -> ModuleType:
    """The numbered script that writes `target`; where two could, the later one."""
    name = name_of(target, paths)
    for script in scripts():
        if any(fnmatchcase(name, pattern) for pattern in targets_of(script)):
            return script

    raise UserError(f"no script writes {target}; see TARGET in scripts/[0-9]*.py")


def step_of(target: Path, config: Config, paths: Paths) -> Step:
    """How `target` is made; it need not belong to the config's models."""
    script = script_of(target, paths)
    name = target.stem
    command = f"{script.__name__} {paths.category}"

    if hasattr(script, "OPTION"):
        command += f" {script.OPTION} {name}"

    rows = step_rows(target, paths)
    is_submission = bool(submission_rows(target, paths))
    if rows and not (is_submission and rows == TEST):
        command += f" --rows {rows}"

    own_paths = paths.of(rows)
    needs = tuple(script.needs(config, own_paths, name))
    learns = not rows and not getattr(script, "FINAL", False)  # a report shows what there is
    inputs = tuple(need for need in needs if not (learns and step_rows(need, paths)))
    settings = tuple(script.settings(config, own_paths, name))
    gpus = script.gpus(config, name) if hasattr(script, "gpus") else 0
    return Step(target, command, needs, settings, inputs, rows, gpus)


def name_of(target: Path, paths: Paths) -> str:
    """A file as scripts name it in TARGET: below the folder of its rows, or submissions/<name>."""
    if submission_rows(target, paths):
        return f"submissions/{target.name}"

    if paths.dir in target.parents:
        own = paths.of(step_rows(target, paths)).own
        return target.relative_to(own).as_posix()

    return str(target)
