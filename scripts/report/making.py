"""Section "How it was made": settings, seeds, versions, commit, commands and files, from today's
config and the files' records."""

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from config import Config
from page.blocks import Code, Note, Section, Subsection, Table
from page.formats import MISSING
from pipeline.commit import commit
from report.other_code import other_code_notes

LONG = 30  # commands; more are folded away


def section(view) -> Section:
    """Everything that is needed to make the same again."""
    blocks = [
        *setting_blocks(view.job),
        *version_blocks(view.records),
        *other_code_notes(view),
        *command_blocks(view),
        *file_table(view),
    ]
    return Section("How it was made", "making", blocks)


def flatten(values: dict, prefix: str = "") -> dict:
    """{"net.epochs": 12} of {"net": {"epochs": 12}}; lists stay values."""
    flat = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and value:
            flat |= flatten(value, f"{name}.")
        else:
            flat[name] = value

    return flat


def format_setting(value) -> str:
    """A setting's value as it is written on the command line."""
    if value in ("", [], ()):
        return "nothing"

    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))

    return str(value)


def setting_blocks(job) -> list:
    """What the config says other than the defaults, what this command changed, and all of it."""
    config = job.config
    defaults = Config.model_construct(
        task=config.task,
        models=config.models,
        concat=config.concat,
    )
    default_values = flatten(defaults.model_dump(mode="json"))

    values = flatten(config.model_dump(mode="json"))
    changed = []
    for key, value in values.items():
        default = default_values.get(key, "")
        if value != default_values.get(key):
            line = {
                "setting": key,
                "value": format_setting(value),
                "default": format_setting(default),
            }
            changed.append(line)

    blocks: list = [Note(summary(job, values))]
    if changed:
        caption = f"configs/{job.paths.category}.py: what differs from the defaults"
        blocks.append(Table(caption, pd.DataFrame(changed)))

    lines = [f"{key} = {format_setting(value)}" for key, value in values.items()]
    code = Code("section.key = value", "\n".join(lines))
    blocks.append(Subsection("The complete config", [code], closed=True))

    return blocks


def summary(job, values: dict) -> str:
    """Task, models, overrides and seeds in a sentence each; values: the flat config."""
    config = job.config
    models = "none of its own"

    if config.models:
        models = format_setting(config.models)

    joins = ""
    if config.concat:
        joins = f"; joins {format_setting(config.concat)}"

    overrides = " ".join(job.overrides) or "nothing"
    seeds = [f"{key}={values[key]}" for key in values if is_seed(key, config)]
    return (
        f"Task {config.task}; models {models}{joins}. Set by the command: {overrides}. "
        f"Seeds: {', '.join(seeds)}; all randomness follows from them."
    )


def is_seed(key: str, config) -> bool:
    """Whether "section.key" is a seed that shapes this category."""
    section = key.partition(".")[0]
    name = key.rpartition(".")[2]
    return name in ("seed", "seeds") and section in ("data", *config.models)


def version_blocks(records: dict[Path, dict]) -> list:
    """The packages and machine that the last file was made with, the commit; a warning where files
    were made with others."""
    lines = []
    mixed = []
    for name, files_by_version in collect_versions(records).items():
        newest = list(files_by_version)[-1]
        what = "files made on" if name == "machine" else f"files made with {name}"
        lines.append({"what": what, "value": newest})

        if len(files_by_version) > 1:
            text = describe_versions(files_by_version)
            mixed.append(f"{name}: {text}")

    lines.append({"what": "commit", "value": commit()})
    table = Table("Versions, machine and commit", pd.DataFrame(lines))

    if not mixed:
        return [table]

    text = (
        f"Not all files were made with the same: {'; '.join(mixed)}. Scores may differ in the "
        "last digits from those of one machine."
    )
    return [table, Note(text, "warning")]


def describe_versions(files_by_version: dict[str, list[str]]) -> str:
    """ "1.0 (3 files, e.g. net_0.npz), 2.0 (1 files, e.g. net_1.npz)"."""
    texts = []
    for version, names in files_by_version.items():
        n_files = len(names)
        newest = names[-1]
        texts.append(f"{version} ({n_files} files, e.g. {newest})")

    return ", ".join(texts)


def collect_versions(records: dict[Path, dict]) -> dict[str, dict[str, list[str]]]:
    """{package or "machine": {version: names of files}}, Python and the machine first; versions in
    the order in which they were first used."""
    files: dict[str, dict[str, list[str]]] = {"python": {}, "machine": {}}
    for target in sorted(records, key=modified):
        versions = records[target].get("packages", {})
        for package, version in versions.items():
            by_version = files.setdefault(package, {})
            names = by_version.setdefault(version, [])
            names.append(target.name)

    for package in ("python", "machine"):
        if not files[package]:  # no record says
            del files[package]

    return files


def modified(target: Path) -> float:
    """When a file was last written (Unix time); 0 of an evicted one."""
    return target.stat().st_mtime if target.exists() else 0


def command_blocks(view) -> list[Subsection]:
    """The commands that made the files, in their order."""
    lines = []
    for target, record in view.records.items():
        overrides = record.get("overrides", [])
        command = view.steps[target].shell
        lines.append(" ".join([command, *overrides]))

    if not lines:
        return []

    code = Code("In this order; make all runs those that are needed", "\n".join(lines))
    title = f"The {len(lines)} commands"
    return [Subsection(title, [code], closed=len(lines) > LONG)]


def file_table(view) -> list[Table]:
    """Every file with its size, when it was made, how long that took, and what is not as it should
    be."""
    lines = []
    for target, record in view.records.items():
        state = view.stale.get(target, "")
        if not state and record.get("evicted"):
            state = "removed, nothing needs it any more"

        lines.append(
            {
                "file": short_path(target, view.paths),
                "kB": target.stat().st_size / 1000 if target.exists() else None,
                "made (UTC)": creation_time(target, record),
                "seconds": record.get("seconds"),
                "state": state,
            }
        )

    if not lines:
        return []

    frame = pd.DataFrame(lines)
    if (frame["state"] == "").all():
        frame = frame.drop(columns="state")

    return [Table("Files", frame)]


def short_path(target: Path, paths) -> str:
    """A file's path below working/<category>/; of a file elsewhere its name."""
    return str(target.relative_to(paths.dir)) if paths.dir in target.parents else target.name


def creation_time(target: Path, record: dict) -> str:
    """When a file was made, by its record; without one, when it was last written."""
    try:
        moment = datetime.fromisoformat(record["created"])
    except (KeyError, TypeError, ValueError):
        if not target.exists():
            return MISSING

        moment = datetime.fromtimestamp(target.stat().st_mtime, UTC)

    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
