"""Features written in order, so that a killed run goes on where it was."""

import json
import os
import shutil
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.files import replacing

SAVE_EVERY = 2**26  # bytes between saves, 64 MB: seconds of work


class FeatureWriter:
    """Append-only float16 memmap (n, ...), resumable after a kill: it grows beside `file`.

    `done` rows are there already; `add` appends, `finish` gives the whole its name. Another key (a
    string: the hash of settings and inputs) starts anew.
    """

    def __init__(self, file: Path, shape: tuple[int, ...], key: str):
        self.partial = file.with_suffix(".partial")
        self.progress = file.with_suffix(".progress")
        self.key = key
        self.unsaved = 0  # bytes
        file.parent.mkdir(parents=True, exist_ok=True)

        self.done = self.read_progress()
        if not self.done:
            check_disk(file, shape)
            self.progress.unlink(missing_ok=True)  # it is of the file that is now overwritten

        self.array = np.lib.format.open_memmap(
            self.partial,
            mode="r+" if self.done else "w+",
            dtype=np.float16,
            shape=shape,
        )
        self.allocate()

    def allocate(self) -> None:
        """Claim the file's blocks now: on a full disk, writing to a memory map would be a SIGBUS.
        Raises OSError when they do not fit."""
        if not hasattr(os, "posix_fallocate"):
            return

        try:
            with open(self.partial, "r+b") as file:
                os.posix_fallocate(file.fileno(), 0, self.partial.stat().st_size)
        except OSError:
            self.partial.unlink()
            raise

    def read_progress(self) -> int:
        """Rows that are on disk for this key; 0 where there are none."""
        try:
            state = json.loads(self.progress.read_text())
        except (OSError, ValueError):
            return 0

        is_same = state["key"] == self.key and self.partial.exists()
        return state["done"] if is_same else 0

    def add(self, rows: np.ndarray) -> None:
        """Append rows (m, ...)."""
        start = self.done
        end = start + len(rows)

        self.array[start:end] = rows
        self.done = end

        self.unsaved += rows.nbytes
        if self.unsaved > SAVE_EVERY:
            self.save()

    def save(self) -> None:
        """Bring all rows to the disk, and note how many they are."""
        self.array.flush()
        state = {"key": self.key, "done": self.done}

        with replacing(self.progress) as tmp:
            tmp.write_text(json.dumps(state))

        self.unsaved = 0

    def finish(self, file: Path) -> None:
        """Rename the whole array to `file`."""
        self.array.flush()
        os.replace(self.partial, file)
        self.progress.unlink(missing_ok=True)


def check_disk(file: Path, shape: tuple[int, ...]) -> None:
    """Raises UserError when float16 features of this shape do not fit the disk."""
    n_values = int(np.prod(shape))
    needed = 2 * n_values  # bytes
    usage = shutil.disk_usage(file.parent)
    free = usage.free
    if needed > free:
        raise UserError(
            f"{file} needs {needed / 1e9:.1f} GB and the disk has {free / 1e9:.1f} GB "
            "free; free some, move working_path, "
            "or keep less: encode.tokens, features.views, images.size, a smaller encoder"
        )
