"""Files: written whole or not at all, each with a record of how it was made."""

import hashlib
import json
import os
import platform
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import numpy as np

from common.errors import UserError

# packages whose versions stand in a record, by the name that is imported
PACKAGES = {
    "torch": "torch",
    "timm": "timm",
    "transformers": "transformers",
    "albumentations": "albumentations",
    "pandas": "pandas",
    "numpy": "numpy",
    "sklearn": "scikit-learn",
    "lightgbm": "lightgbm",
}


def record_path(path: Path) -> Path:
    """The record of `path`: <name>.json beside it."""
    return path.with_name(path.name + ".json")


def read_record(path: Path) -> dict | None:
    """How `path` was made; None when there is no readable record, or the file is missing and was
    not evicted."""
    try:
        record = json.loads(record_path(path).read_text())
    except (OSError, ValueError):
        return None

    if not isinstance(record, dict):
        return None

    exists = record.get("evicted") or path.exists()
    return record if exists else None


def load_npz(path: Path) -> dict:
    """The arrays of an .npz file by name. Raises UserError when it cannot be read."""
    try:
        with np.load(path) as arrays:
            return dict(arrays)
    except Exception as error:  # zipfile, zlib and numpy raise errors of their own for broken bytes
        raise UserError(f"cannot read {path}: {error}; remove it and run make again") from None


def evict(path: Path) -> None:
    """Remove a large file that no later step reads. Its record stays, so that what was made from it
    stays fresh."""
    record = read_record(path)
    if record is None:
        return

    with replacing(record_path(path)) as tmp:
        tmp.write_text(json.dumps(record | {"evicted": True}, indent=1))

    path.unlink(missing_ok=True)


@contextmanager
def replacing(path: Path):
    """Yield a temporary path that becomes `path` when the block ends well; else nothing is left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path)
    tmp = path.with_name(f".{os.getpid()}.{path.name}")  # same suffix: numpy looks at it

    try:
        yield tmp
        with open(tmp, "rb") as file:
            os.fsync(file.fileno())  # a pulled plug must not leave a name without its bytes

        os.replace(tmp, path)
    finally:
        tmp.unlink(missing_ok=True)


def remove_leftovers(path: Path) -> None:
    """Remove the temporary files of `path` that killed processes left."""
    for leftover in path.parent.glob(f".*.{path.name}"):
        pid = leftover.name.split(".")[1]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            leftover.unlink(missing_ok=True)


@contextmanager
def writing(path: Path, record: dict):
    """`replacing` with a record, which the block may still add to.

    The old file goes first and the new record comes before the new file. So no record ever stands
    beside a file of other settings, and a file that exists is complete and says how it was made.

    In the record, `created` is the time, and `version` tells this file from another of the same
    name: what is made from it is stale when the version changes. It is `created` unless the block
    sets one.
    """
    start = time.time()
    with replacing(path) as tmp:
        yield tmp
        created = datetime.now(UTC).isoformat(timespec="microseconds")
        record = {
            "created": created,
            "version": created,
            "seconds": round(time.time() - start, 1),
            **record,
            "bytes": tmp.stat().st_size,
            "packages": loaded_packages(),
        }
        path.unlink(missing_ok=True)

        with replacing(record_path(path)) as tmp_record:
            tmp_record.write_text(json.dumps(record, indent=1, default=str))


def loaded_packages() -> dict:
    """Python, the machine, and the versions of the packages that this process has imported."""
    versions = {"python": platform.python_version(), "machine": platform.platform(terse=True)}
    for module, package in PACKAGES.items():
        if module in sys.modules:
            versions[module] = metadata.version(package)

    return versions


def digest(path: Path, known: dict | None = None) -> dict:
    """size, mtime_ns and sha256 of a file.

    known: what an earlier call gave; where size and time are the same, the file is not read again.
    """
    stat = path.stat()
    result = {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns}

    is_known = bool(known) and all(known[key] == result[key] for key in result)
    if is_known:
        result["sha256"] = known["sha256"]
        return result

    with open(path, "rb") as file:
        result["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()

    return result
