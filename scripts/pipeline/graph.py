"""Which files make a category, and what each is made from.

A numbered script says it of its own file, and this module asks it:

  TARGET    what it writes below working/<category>/: "folds.csv", or of many files "model/*"; where
            two scripts write such a file, the later one does
  OPTION    of many files: the option that says which, by its name without folder and suffix
  needs(config, paths, name)  the files that it reads
  settings(config, name)      the config's sections, or section.key, that shape it
  gpus(config, name)          GPUs that it computes on; may be left out: none
  FINAL     True where make all is to make it though nothing needs it; may be left out

Make is told by plan.py, and every script's record is written from the same step.
"""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

from common.errors import UserError
from common.paths import ROOT, Paths
from config import Config
from models import count_members, load_model, split_member


@dataclass(frozen=True)
class Step:
    """One file: the command that writes it, the files that it reads, the settings that shape it."""

    target: Path
    command: str  # e.g. "04_train_fold c2 --member net_0"
    needs: tuple[Path, ...]
    settings: tuple[str, ...]  # keys of the config, e.g. "net" or "features.views"
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
        other = writer_of.setdefault(module.TARGET, module.__name__)
        if other != module.__name__:
            raise UserError(
                f"scripts/{module.__name__}.py and scripts/{other}.py both write {module.TARGET}; "
                "move one of them away, or give it a TARGET of its own"
            )

    return modules


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
    pred_folder = paths.pred("net_0").parent
    read_by_others = set()
    for model in config.models:
        for file in load_model(model).inputs(config, paths, 0):
            if file.parent == pred_folder:
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


def upstream(targets, config: Config, paths: Paths) -> dict[Path, Step]:
    """{file: its step} of the targets and of all the category's files that they are made from, each
    after the files that it reads."""
    in_order: dict[Path, Step] = {}

    def visit(target: Path) -> None:
        if target in in_order:
            return

        step = step_of(target, config, paths)
        for need in step.needs:
            if paths.dir in need.parents or need == paths.submission:
                visit(need)

        in_order[target] = step

    for target in targets:
        visit(target)

    return in_order


def script_of(target: Path, paths: Paths) -> ModuleType:
    """The numbered script that writes `target`; where two could, the later one."""
    name = name_of(target, paths)
    for script in scripts():
        if fnmatchcase(name, script.TARGET):
            return script

    raise UserError(f"no script writes {target}; see TARGET in scripts/[0-9]*.py")


def step_of(target: Path, config: Config, paths: Paths) -> Step:
    """How `target` is made; it need not belong to the config's models."""
    script = script_of(target, paths)
    name = target.stem
    command = f"{script.__name__} {paths.category}"

    if hasattr(script, "OPTION"):
        command += f" {script.OPTION} {name}"

    needs = tuple(script.needs(config, paths, name))
    settings = tuple(script.settings(config, name))
    gpus = script.gpus(config, name) if hasattr(script, "gpus") else 0
    return Step(target, command, needs, settings, gpus)


def name_of(target: Path, paths: Paths) -> str:
    """A file as scripts name it in TARGET: below working/<category>/, or submissions/<name>."""
    if target == paths.submission:
        return f"submissions/{target.name}"

    if paths.dir in target.parents:
        return target.relative_to(paths.dir).as_posix()

    return str(target)
