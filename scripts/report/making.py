"""How a category was made: settings, seeds, versions, machine, commit, commands and files. From
today's config and the records."""

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from common.files import read_record
from config import Config
from page.blocks import Code, Note, Part, Section, Table
from pipeline.commit import ask, commit

FOLD = 30  # lines of commands from which on they are folded away


def section(view) -> Section:
    """Everything that is needed to make the same again."""
    records = {
        target: record
        for target in view.steps
        if target != view.job.paths.report and (record := read_record(target))
    }
    return Section(
        "How it was made",
        "making",
        [*settings(view.job), *machine(records), *commands(view, records), *files(view, records)],
    )


def flat(values: dict, prefix: str = "") -> dict:
    """{"net.epochs": 12} of {"net": {"epochs": 12}}; lists stay values."""
    found = {}
    for key, value in values.items():
        found |= (
            flat(value, f"{prefix}{key}.")
            if isinstance(value, dict) and value
            else {f"{prefix}{key}": value}
        )
    return found


def shown(value) -> str:
    """A setting as it is written on the command line."""
    if value in ("", [], ()):
        return "nothing"
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def settings(job) -> list:
    """What the config says other than the defaults, what this command changed, and all of it."""
    config = job.config
    default = flat(
        Config.model_construct(
            task=config.task, models=config.models, concat=config.concat
        ).model_dump(mode="json")
    )
    values = flat(config.model_dump(mode="json"))
    seeds = ", ".join(
        f"{key}={values[key]}"
        for key in values
        if key.rpartition(".")[2] in ("seed", "seeds")
        and key.partition(".")[0] in ("data", *config.models)
    )
    rows = [
        (key, shown(value), shown(default.get(key, "")))
        for key, value in values.items()
        if value != default.get(key)
    ]
    changed = Table(
        f"configs/{job.paths.category}.py: what differs from the defaults",
        pd.DataFrame(rows, columns=["setting", "value", "default"]),
    )
    return [
        Note(
            f"Task {config.task}; models {shown(config.models) or 'none of its own'}"
            + (f"; joins {shown(config.concat)}" if config.concat else "")
            + f". Set by the command: {' '.join(job.overrides) or 'nothing'}. Seeds: "
            f"{seeds}; all randomness follows from them."
        ),
        *[changed] * bool(rows),
        Part(
            "The complete config",
            [
                Code(
                    "section.key = value",
                    "\n".join(f"{key} = {shown(value)}" for key, value in values.items()),
                )
            ],
            closed=True,
        ),
    ]


def machine(records: dict) -> list:
    """Versions and machines that the files were made with, this machine, the commit; a warning
    where the files differ among themselves."""
    seen: dict[str, dict[str, list]] = {}
    for target, record in sorted(
        records.items(), key=lambda item: item[0].stat().st_mtime if item[0].exists() else 0
    ):
        for name, version in record.get("versions", {}).items():
            seen.setdefault(name, {}).setdefault(version, []).append(target.name)
    mixed = [
        f"{name}: "
        + ", ".join(f"{version} ({len(of)} files, e.g. {of[-1]})" for version, of in found.items())
        for name, found in seen.items()
        if len(found) > 1
    ]
    facts = {name: list(found)[-1] for name, found in seen.items()}
    facts = (
        {"python": facts.pop("python", "–"), "machine": facts.pop("machine", "–"), **facts}
        if facts
        else {}
    )
    rows = [
        *here().items(),
        *(
            (f"files made with {name}" if name != "machine" else "files made on", version)
            for name, version in facts.items()
        ),
        ("commit", commit()),
    ]
    notes = [
        Note(
            "Not all files were made with the same: "
            + "; ".join(mixed)
            + ". Scores may differ in the last digits from those of one machine.",
            "warning",
        )
    ]
    return [
        Table("Versions, machine and commit", pd.DataFrame(rows, columns=["what", "value"])),
        *notes * bool(mixed),
    ]


def here() -> dict[str, str]:
    """This machine's processors, memory and GPUs; what cannot be read is left out."""
    affinity = hasattr(os, "sched_getaffinity")
    facts = {"processors here": str(len(os.sched_getaffinity(0)) if affinity else os.cpu_count())}
    if model := proc("cpuinfo", "model name"):
        facts["processors here"] += f" of {model}"
    if memory := proc("meminfo", "MemTotal"):
        facts["memory here"] = f"{int(memory.split()[0]) / 2**20:.1f} GiB"
    names = (
        ask("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader")
        if shutil.which("nvidia-smi")
        else None
    )
    return facts | {"GPU here": "; ".join(names.splitlines()) if names else "none"}


def proc(file: str, key: str) -> str:
    """The first value of a key in /proc/<file>; "" where there is none."""
    try:
        lines = Path("/proc", file).read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")


def command_line(step, record: dict | None) -> str:
    """What to type to make a file as it was made."""
    script, _, rest = step.command.partition(" ")
    return " ".join(
        ["python", f"scripts/{script}.py", rest, *(record or {}).get("overrides", [])]
    ).strip()


def commands(view, records: dict) -> list:
    """The commands that made the files, in their order."""
    lines = [command_line(view.steps[target], record) for target, record in records.items()]
    code = Code("In this order; make all runs those that are needed", "\n".join(lines))
    return (
        [] if not lines else [Part(f"The {len(lines)} commands", [code], closed=len(lines) > FOLD)]
    )


def files(view, records: dict) -> list:
    """Every file with its size, when it was made, how long that took, and what is not as it should
    be."""
    rows = [
        (
            name_of(target, view.job.paths),
            size(target),
            when(target, record),
            record.get("seconds"),
            view.stale.get(target, "")
            or ("removed, nothing needs it any more" if record.get("evicted") else ""),
        )
        for target, record in records.items()
    ]
    frame = pd.DataFrame(rows, columns=["file", "kB", "made (UTC)", "seconds", "state"])
    return (
        [Table("Files", frame if (frame.state != "").any() else frame.drop(columns="state"))]
        if rows
        else []
    )


def name_of(target: Path, paths) -> str:
    return str(target.relative_to(paths.dir)) if paths.dir in target.parents else target.name


def size(target: Path) -> float | None:
    return target.stat().st_size / 1000 if target.exists() else None


def when(target: Path, record: dict) -> str:
    """When a file was made; of those whose record holds a digest instead, when it was last
    written."""
    try:
        moment = datetime.fromisoformat(record["created"])
    except (KeyError, TypeError, ValueError):
        moment = datetime.fromtimestamp(target.stat().st_mtime, UTC) if target.exists() else None
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if moment else "–"
