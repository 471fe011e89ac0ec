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


def record_path(path: Path) -> Path:
    """The record of `path`: <name>.json beside it."""
    return path.with_name(path.name + ".json")


def read_record(path: Path) -> dict | None:
    """How `path` was made; None when it is missing (and not spent), has no record, or the record is
    not readable."""
    try:
        record = json.loads(record_path(path).read_text())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and (record.get("evicted") or path.exists()) else None


def load_npz(path: Path) -> dict:
    """The arrays of an .npz file by name. Raises UserError when it cannot be read."""
    try:
        with np.load(path) as arrays:
            return dict(arrays)
    except Exception as error:  # zipfile, zlib and numpy have one each for broken bytes
        raise UserError(f"cannot read {path}: {error}; remove it and run make again") from None


def evict(path: Path) -> None:
    """Remove a large file that nobody needs any more; its record stays, so that what was made from
    it stays fresh."""
    record = read_record(path)
    with replacing(record_path(path)) as part:
        part.write_text(json.dumps(record | {"evicted": True}, indent=1))
    path.unlink(missing_ok=True)


@contextmanager
def replacing(path: Path):
    """Yield a temporary path beside `path` that replaces it when the block ends well; else nothing
    is left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".*.{path.name}"):  # by a process that was killed
        pid = left.name.split(".")[1]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            left.unlink(missing_ok=True)
    part = path.with_name(f".{os.getpid()}.{path.name}")  # same suffix: numpy looks at it
    try:
        yield part
        with open(part, "rb") as file:
            os.fsync(file.fileno())  # a pulled plug must not leave a name without its bytes
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def writing(path: Path, record: dict):
    """`replacing` with a record, which the block may still add to.

    The old file goes first and the new record comes before the new file, so at no instant does a
    record stand beside a file of other settings, and a file that exists is complete and says how it
    was made.
    """
    start = time.time()
    with replacing(path) as part:
        yield part
        created = datetime.now(UTC).isoformat(timespec="microseconds")
        record = {
            "created": created,
            "version": created,  # tells one making from another; a script may have a better one
            "seconds": round(time.time() - start, 1),
            **record,
            "bytes": part.stat().st_size,
            "packages": packages(),
        }
        path.unlink(missing_ok=True)
        with replacing(record_path(path)) as file:
            file.write_text(json.dumps(record, indent=1, default=str))


def packages() -> dict:
    """Python, machine and the packages that this process has loaded."""
    names = ("torch", "timm", "transformers", "albumentations", "pandas", "numpy")
    names += ("sklearn", "lightgbm")
    loaded = {
        n: metadata.version({"sklearn": "scikit-learn"}.get(n, n))
        for n in names
        if n in sys.modules
    }
    return {"python": platform.python_version(), "machine": platform.platform(terse=True), **loaded}


def digest(path: Path, known: dict | None = None) -> dict:
    """size, mtime_ns and sha256 of a file; `known` from an earlier call saves reading it when size
    and time are the same."""
    stat = path.stat()
    same = known and (known["size"], known["mtime_ns"]) == (stat.st_size, stat.st_mtime_ns)
    with open(path, "rb") as file:
        sha = known["sha256"] if same else hashlib.file_digest(file, "sha256").hexdigest()
    return {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": sha}
