"""Which files make a category, what each is made from, and which of them no longer are what today's
config says.

A numbered script says it of its own file, and this file asks it:

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
import sys
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

from common.errors import UserError
from common.files import digest, read_record
from common.paths import ROOT, Paths, input_folder
from config import Config
from images.archives import archive_stamps
from images.names import size_of
from models import count_members, load_model, split_member
from networks.weights import weights_file


@dataclass(frozen=True)
class Step:
    """One file: the command that writes it, the files that it reads, the settings that shape it."""

    target: Path
    command: str  # e.g. "04_train_fold c2 --member net_0"
    needs: tuple[Path, ...]
    settings: tuple[str, ...]  # keys of the config, e.g. "net" or "features.views"
    gpus: int = 0  # that it computes on where there are some

    @property
    def shell(self) -> str:
        """The command as a person types it."""
        script, _, options = self.command.partition(" ")
        return f"python scripts/{script}.py {options}"


@cache
def scripts() -> list[ModuleType]:
    """The numbered scripts that are steps, the last first: those that say what they write. UserError
    where two write the same."""
    files = sorted((ROOT / "scripts").glob("[0-9]*_*.py"), reverse=True)
    found = [import_module(file.stem) for file in files if is_step(file)]
    whose: dict[str, str] = {}
    for script in found:
        other = whose.setdefault(script.TARGET, script.__name__)
        if other != script.__name__:
            raise UserError(
                f"scripts/{script.__name__}.py and scripts/{other}.py both write {script.TARGET}; "
                "move one of them away, or give it a TARGET of its own"
            )
    return found


def is_step(script: Path) -> bool:
    """Whether a script says which file it writes, in a line TARGET = "..."."""
    return bool(re.search(r"^TARGET\b", script.read_text(), re.MULTILINE))


def members(config: Config) -> list[str]:
    """The members `<model>_<k>` in the order of the config's models: one per fold or part, or one
    for all."""
    return [
        f"{model}_{k}" for model in config.models for k in range(count_members(model, config.data))
    ]


def final_models(config: Config, paths: Paths) -> list[str]:
    """The models that no other of the config's builds on: a stack, a refiner, else all."""
    used = {
        split_member(file.stem)[0]
        for model in config.models
        for file in load_model(model).inputs(config, paths, 0)
        if file.parent == paths.pred("net_0").parent
    }
    return [model for model in config.models if model not in used]


def finished(config: Config, paths: Paths) -> list[Path]:
    """The files that make all is to make, and with them all that they need: those of scripts with
    FINAL, the report last; of a category that joins others, which has no rows, the report alone."""
    if config.concat:
        return [paths.report]
    final = [script.TARGET for script in reversed(scripts()) if getattr(script, "FINAL", False)]
    return sorted((paths.dir / name for name in final), key=lambda file: file == paths.report)


def steps(config: Config, paths: Paths, *more: Path) -> dict[Path, Step]:
    """Every file of a category by its path, each after the files that it needs; and `more`, which
    its models may not need."""
    return upstream((*finished(config, paths), *more), config, paths)


def upstream(targets, config: Config, paths: Paths) -> dict[Path, Step]:
    """The targets and the category's files that they are made from, each after those that it
    needs."""
    found: dict[Path, Step] = {}

    def visit(target: Path):
        if target not in found:
            step = step_of(target, config, paths)
            for need in step.needs:
                if paths.dir in need.parents or need == paths.submission:
                    visit(need)
            found[target] = step

    for target in targets:
        visit(target)
    return found


def script_of(target: Path, paths: Paths) -> ModuleType:
    """The numbered script that writes `target`; where two write such a file, the later one."""
    name = name_of(target, paths)
    for script in scripts():
        if fnmatchcase(name, script.TARGET):
            return script
    raise UserError(f"no script writes {target}; see TARGET in scripts/[0-9]*.py")


def step_of(target: Path, config: Config, paths: Paths) -> Step:
    """How `target` is made; it need not belong to the config's models."""
    script = script_of(target, paths)
    option = f" {script.OPTION} {target.stem}" if hasattr(script, "OPTION") else ""
    return Step(
        target,
        f"{script.__name__} {paths.category}{option}",
        tuple(script.needs(config, paths, target.stem)),
        tuple(script.settings(config, target.stem)),
        script.gpus(config, target.stem) if hasattr(script, "gpus") else 0,
    )


def name_of(target: Path, paths: Paths) -> str:
    """A file as scripts name it in TARGET: below working/<category>/, or submissions/<name>."""
    if target == paths.submission:
        return f"submissions/{target.name}"
    return target.relative_to(paths.dir).as_posix() if paths.dir in target.parents else str(target)


def values(config: Config, keys) -> dict:
    """The config's values by key, as they stand in a record."""
    dump = config.model_dump(mode="json")
    return {
        key: dump[key] if "." not in key else dump[key.split(".")[0]][key.split(".")[1]]
        for key in keys
    }


def recorded(old: dict, config: Config, keys) -> dict:
    """Recorded settings, with the defaults of those that there were none of yet: a new setting
    makes no file stale."""
    base = values(
        Config.model_construct(task=config.task, models=config.models, concat=config.concat), keys
    )
    return base | {
        key: base[key] | value
        if isinstance(value, dict) and isinstance(base.get(key), dict)
        else value
        for key, value in old.items()
    }


def differences(old: dict, new: dict, prefix: str = "") -> str:
    """ "net.epochs=30, not 12, ..." for the settings of `new` that were others in `old`; "" when
    none was."""
    found = []
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(old.get(key), dict):
            found.append(differences(old[key], value, f"{prefix}{key}."))
        elif old.get(key) != value:
            found.append(f"{prefix}{key}={old.get(key)}, not {value}")
    return ", ".join(filter(None, found))


def versions(needs) -> dict:
    """When each input was made, by folder and name: tells one making of a file from another,
    wherever it was moved to."""
    return {"/".join(need.parts[-2:]): (read_record(need) or {}).get("version") for need in needs}


def named(inputs: dict) -> list[tuple]:
    """Inputs as (file name, when made), in order, for encoders stand side by side; folders may have
    been renamed."""
    return [(name.rpartition("/")[2], when) for name, when in inputs.items()]


def stale(config: Config, graph: dict[Path, Step], reader: Step | None = None) -> dict[Path, str]:
    """The files to be made, each with the reason: missing, other settings, other inputs, or an
    input is to be made.

    A spent file, removed by the last that read it, is made again only for a reader that is to be
    made, or for `reader`.
    """
    why: dict[Path, str] = {}
    for target, step in graph.items():
        record = read_record(target)
        if record is None or not {"settings", "inputs"} <= record.keys():
            why[target] = "has no record" if target.exists() else "is missing"
        elif target.exists() and record.get("bytes", size := target.stat().st_size) != size:
            why[target] = "is damaged: it has another size than was written"
        elif changed := differences(
            recorded(record["settings"], config, step.settings), values(config, step.settings)
        ):
            why[target] = f"was made with {changed}"
        elif old := [need.name for need in step.needs if need in why]:
            why[target] = f"comes after {old[0]}"
        elif named(record["inputs"]) != named(versions(step.needs)):
            why[target] = "was made from other files"
        elif name := replaced(record, config):
            why[target] = f"was made from another {name}"
        elif record.get("unanswered") and not config.run.leave_failed:
            why[target] = f"has {record['unanswered']} questions without an answer"
    for step in [graph[target] for target in why] + [reader] * bool(reader):
        for need in step.needs:
            if need in graph and need not in why and not need.exists():
                why[need] = f"is needed again for {step.target.name}"
    return why


def replaced(record: dict, config: Config) -> str:
    """The first raw file, bad picture or weights file that is not as recorded; "" when all are, or
    are not there to compare."""
    try:
        place = (
            input_folder(config.data.folder, config.data.train)
            if any(map(record.get, ("raw", "bad", "archives")))
            else None
        )
    except UserError:
        return ""
    for name, old in (record.get("raw") or {}).items():
        if (
            (place / name).exists() != bool(old)
            or old
            and digest(place / name, old)["sha256"] != old["sha256"]
        ):
            return name
    for name, size in (
        record.get("bad") or {}
    ).items():  # a picture that could not be read, and now perhaps can
        if size_of(place, name) != size:
            return f"{name}, which could not be read"
    if "archives" in record and (now := archive_stamps(place)) != (old := record["archives"]):
        return next(name for name in {**old, **now} if old.get(name) != now.get(name))
    for name, old in (record.get("weights") or {}).items():
        file = weights_file(name, config.run.weights)
        if file and old and digest(file, old)["sha256"] != old["sha256"]:
            return f"{name} weights"
    return ""


def tell_replaced(stale: dict, needed) -> None:
    """Say which files that are there will be made anew, a line for each reason: before an hour's
    work is replaced."""
    found: dict = {}
    for target, why in stale.items():
        if target in needed and target.exists() and why.startswith("was made"):
            found.setdefault(why, []).append(target)
    for why, targets in found.items():
        others = f" and {len(targets) - 1} more like it" if len(targets) > 1 else ""
        print(f"{targets[0]}{others} {why}: to be made again", file=sys.stderr)
