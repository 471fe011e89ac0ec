"""Which files no longer are what today's config and input files make, and why.

A file's record says with which settings, inputs and raw files it was made; staleness compares these
with today's. Times of files do not matter, and neither do settings that a step does not read.
"""

import sys
from pathlib import Path

from common.errors import UserError
from common.files import digest, read_record
from common.paths import ANSWERS, Paths, input_folder
from config import Config
from images.archives import archive_stamps
from images.names import size_of
from networks.weights import weights_file
from pipeline.graph import Step, step_rows


def values(config: Config, keys) -> dict:
    """The config's values by key, e.g. "net" or "features.views", as they stand in a record."""
    dump = config.model_dump(mode="json")
    result = {}
    for key in keys:
        section, _, name = key.partition(".")
        result[key] = dump[section][name] if name else dump[section]

    return result


def recorded(settings: dict, config: Config, keys) -> dict:
    """Settings as a record has them, with today's default for each that did not exist then: a new
    setting makes no file stale."""
    defaults = Config.model_construct(task=config.task, models=config.models, concat=config.concat)
    result = values(defaults, keys)

    for key, value in settings.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = result[key] | value
        else:
            result[key] = value

    return result


def differences(old: dict, new: dict, prefix: str = "") -> str:
    """ "net.epochs=30, not 12, ..." for the settings of `new` that are others in `old`, and for
    those of `old` that exist no more; "" for none."""
    changes = []
    for key, value in new.items():
        before = old.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            change = differences(before, value, f"{prefix}{key}.")
            changes += [change] if change else []
        elif before != value:
            changes.append(f"{prefix}{key}={before}, not {value}")

    if prefix:  # within a section: the step's own list of keys may be another today
        for key in old.keys() - new.keys():
            changes.append(f"{prefix}{key}={old[key]}, which is no setting any more")

    return ", ".join(changes)


def versions(needs) -> dict:
    """The version of each input, by its folder and name; None where it has none."""
    result = {}
    for need in needs:
        record = read_record(need) or {}
        result[short_name(need)] = record.get("version")

    return result


def short_name(file: Path) -> str:
    """ "features/ocr.csv"; of rows to answer "answers/test/features/ocr.csv"."""
    *_, folder, name = file.parts
    if ANSWERS not in file.parts:
        return f"{folder}/{name}"

    own = file.parts[file.parts.index(ANSWERS) :]
    return "/".join(own)


def without_folders(inputs: dict) -> list[tuple]:
    """`versions` as (file name, version) in their order: folders may have been renamed."""
    return [(name.rpartition("/")[2], version) for name, version in inputs.items()]


def stale(config: Config, steps: dict[Path, Step], reader: Step | None = None) -> dict[Path, str]:
    """{file: the reason why it must be made}, in the order of the steps.

    An evicted file, removed by its last reader, is made again only for a step that is stale itself,
    or for `reader`.
    """
    reasons: dict[Path, str] = {}
    for target, step in steps.items():
        reason = reason_to_make(step, config, reasons)
        if reason:
            reasons[target] = reason

    readers = [steps[target] for target in reasons]
    if reader:
        readers.append(reader)

    for step in readers:
        for need in step.needs:
            if need in steps and need not in reasons and not need.exists():
                reasons[need] = f"is needed again for {step.target.name}"

    return reasons


def reason_to_make(step: Step, config: Config, stale_before: dict[Path, str]) -> str:
    """Why a step's file must be made; "" when it is as it should be. stale_before: the stale files
    among those that it may read."""
    target = step.target
    record = read_record(target)
    if record is None or not {"settings", "inputs"} <= record.keys():
        return "has no record" if target.exists() else "is missing"

    if "version" not in record:
        return "was made by an earlier version of the toolkit"

    if target.exists() and target.stat().st_size != record.get("bytes", target.stat().st_size):
        return "is damaged: it has another size than was written"

    old_settings = recorded(record["settings"], config, step.settings)
    changes = differences(old_settings, values(config, step.settings))
    if changes:
        return f"was made with {changes}"

    if step.inputs is not None:
        for need in step.inputs:
            if need in stale_before:
                return f"comes after {need.name}"

        if without_folders(record["inputs"]) != without_folders(versions(step.inputs)):
            return "was made from other files"

    name = ""
    if step.inputs is not None:
        name = replaced(record, config, is_answering=bool(step.rows))

    name = name or replaced_weights(record, config)
    if name:
        return f"was made from another {name}"

    if record.get("unanswered") and not config.run.leave_failed:
        return f"has {record['unanswered']} questions without an answer"

    return ""


def replaced(record: dict, config: Config, is_answering: bool = False) -> str:
    """The first raw file, unreadable image or archive that is not as recorded.

    "" when all are, or when the data folder is not here. is_answering: it is of rows to answer.
    """
    if not (record.get("raw") or record.get("bad") or record.get("archives")):
        return ""

    data = config.data
    try:
        folder = input_folder(data.folder, data.test if is_answering else data.train)
    except UserError:
        return ""

    return replaced_in(folder, record)


def replaced_weights(record: dict, config: Config) -> str:
    """The first weights file that is not as recorded, in words; "" when all are, or not here."""
    for name, old in (record.get("weights") or {}).items():
        file = weights_file(name, config.run.weights)
        if file and old and has_changed(file, old):
            return f"{name} weights"

    return ""


def replaced_in(folder: Path, record: dict) -> str:
    """The first file of the data folder that is not as recorded; "" for none."""
    for name, old in (record.get("raw") or {}).items():
        file = folder / name
        if file.exists() != bool(old) or (old and has_changed(file, old)):
            return name

    for name, size in (record.get("bad") or {}).items():
        if size_of(folder, name) != size:
            return f"{name}, which could not be read"

    if "archives" in record:
        old = record["archives"]
        new = archive_stamps(folder)
        for name in {**old, **new}:
            if old.get(name) != new.get(name):
                return name

    return ""


def first_unlearnt(reasons: dict[Path, str], paths: Paths) -> str:
    """The first of the stale files that is of the training rows, with its reason; "" for none."""
    for target, reason in reasons.items():
        if not step_rows(target, paths):
            return f"{target} {reason}"

    return ""


def has_changed(file: Path, old: dict) -> bool:
    return digest(file, old)["sha256"] != old["sha256"]


def tell_replaced(reasons: dict[Path, str], needed) -> None:
    """Before hours of work are replaced, print which existing files will be made again, a line for
    each reason. needed: the files that are asked for."""
    targets_of: dict[str, list[Path]] = {}
    for target, reason in reasons.items():
        is_asked_for = target in needed and target.exists()
        if is_asked_for and reason.startswith("was made"):
            targets_of.setdefault(reason, []).append(target)

    for reason, targets in targets_of.items():
        first = targets[0]
        n_others = len(targets) - 1
        others = f" and {n_others} more like it" if n_others else ""
        print(f"{first}{others} {reason}: to be made again", file=sys.stderr)
