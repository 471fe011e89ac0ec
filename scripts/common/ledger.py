"""A table that grows row by row and survives a kill at any byte.

Replies of language models, lines of OCR and the images of the cache are kept in one. The growing
file is no csv yet: its first line holds key and columns, every further line is a row as a JSON
list. JSON has no bare line ending, so a line without its end is a record that was not written
whole, whatever the texts hold.
"""

import fcntl
import json
import os
import re
import time
from pathlib import Path

from common.errors import UserError
from common.log import log

SYNC_SECONDS = 5.0  # between fsyncs: a power cut costs that much; a kill costs no row of `add`


class Ledger:
    """A growing table: `with Ledger(file, columns, key) as ledger`.

    `done` {id: row} are the rows that are there, `add` appends some, and `finish` writes the csv. A
    row's id is its first cell; a later row with the same id replaces the earlier one, so rows that
    failed can be tried again. A file with another key (a string: the hash of settings and inputs)
    or other columns is started anew.

    Cells are strings. A NUL or half a surrogate pair in them becomes U+FFFD, for csv readers and
    UTF-8 do not take them; everything else is kept as it is.

    Raises UserError when another process has the file open. It is for one thread at a time.
    """

    def __init__(self, file: Path, columns, key: str):
        self.file, self.columns, self.key = file, tuple(columns), key
        self.done: dict[str, tuple[str, ...]] = {}

    def __enter__(self):
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.fd = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            self.lock()
            self.load()
        except BaseException:
            os.close(self.fd)
            raise
        return self

    def __exit__(self, *_):
        try:
            self.sync()
        finally:
            os.close(self.fd)

    def lock(self) -> None:
        """Lock the file. Raises UserError when another process has it locked.

        This is not flock: forked workers would inherit its lock, and hold it when this process is
        killed. The lock goes when this process closes any descriptor of the file, so the file is
        read through self.fd alone.
        """
        try:
            fcntl.lockf(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever had the lock before may just have removed the file.
            is_ours = self.file.exists() and os.path.samestat(os.fstat(self.fd), self.file.stat())
        except (BlockingIOError, PermissionError):
            is_ours = False
        if not is_ours:
            raise UserError(
                f"another process is writing {self.file}: wait for it, or end it, then "
                "run the same command again"
            )

    def load(self) -> None:
        """Read the rows that are there and cut off a torn record; or start anew."""
        with open(self.fd, "rb", closefd=False) as file:
            data = file.read()
        records = data[: data.rfind(b"\n") + 1]
        header = encode_line({"key": self.key, "columns": self.columns})
        is_ours = records.startswith(header)
        if not is_ours:
            n_lost = max(records.count(b"\n") - 1, 0)
            if n_lost:
                log(started_anew=self.file, rows=n_lost, because="settings or inputs are others")
            records = b""

        self.size = len(records)  # bytes that are whole records
        self.safe_size = self.size  # those of them that stay when an fsync fails
        self.synced = time.monotonic()
        os.ftruncate(self.fd, self.size)
        if not is_ours:
            self.append(header)

        lines = records.decode(errors="replace").split("\n")
        self.parse(lines[1:-1])

    def parse(self, lines: list[str]) -> None:
        """Fill `done` from the lines below the header."""
        self.done = {}
        n_unreadable = 0
        for line in lines:
            row = decode_row(line, len(self.columns))
            if row is None:
                n_unreadable += 1
            else:
                self.done[row[0]] = row
        if n_unreadable:
            because = "the disk lost them; these rows are made again"
            log(unreadable=n_unreadable, of=self.file, because=because)

    def add(self, rows) -> None:
        """Append rows: tuples with a cell per column, the id first.

        When this returns, all of them are in the file; when it raises, none. Raises ValueError when
        a row has not a cell for each column.
        """
        clean_rows = []
        for row in rows:
            cells = tuple(clean(str(cell)) for cell in row)
            if len(cells) != len(self.columns):
                raise ValueError(f"{cells} has not a cell for each of {', '.join(self.columns)}")
            clean_rows.append(cells)

        self.append(b"".join(map(encode_line, clean_rows)))
        for row in clean_rows:
            self.done[row[0]] = row
        if time.monotonic() - self.synced > SYNC_SECONDS:
            self.sync()

    def append(self, data: bytes) -> None:
        remaining = memoryview(data)
        try:
            while remaining:
                n_written = os.write(self.fd, remaining)
                remaining = remaining[n_written:]
        except BaseException:  # a full disk, Ctrl-C: remove what was written of it
            os.ftruncate(self.fd, self.size)
            raise
        self.size += len(data)

    def sync(self) -> None:
        try:
            os.fsync(self.fd)
        except OSError:  # some disks say only here that they are full
            self.size = self.safe_size
            os.ftruncate(self.fd, self.size)
            raise
        self.safe_size = self.size
        self.synced = time.monotonic()

    def rows(self) -> list[tuple[str, ...]]:
        """The rows, each id once, in the order in which the ids first came."""
        return list(self.done.values())

    def finish(self, file: Path, ids) -> None:
        """Write the rows of `ids`, in their order, to `file` as csv with a header.

        Other rows are left out. Raises UserError when a row is missing.
        """
        ids = [clean(str(id)) for id in ids]
        missing_ids = [id for id in ids if id not in self.done]
        if missing_ids:
            raise UserError(
                f"{self.file}: {len(missing_ids)} of {len(ids)} rows are not done, e.g. "
                f"{missing_ids[0]}; run the same command again"
            )
        with open(file, "w", encoding="utf-8", newline="") as csv:
            for row in (self.columns, *map(self.done.get, ids)):
                csv.write(",".join(map(quote, row)) + "\n")

    def remove(self) -> None:
        """Remove the growing file, once what `finish` wrote has its name."""
        self.file.unlink(missing_ok=True)


def encode_line(value) -> bytes:
    return json.dumps(value).encode() + b"\n"


def decode_row(line: str, n_columns: int) -> tuple[str, ...] | None:
    """The row of a line; None where the line is none.

    A power cut can leave such lines: a file grows before its blocks are written.
    """
    try:
        row = json.loads(line)
    except ValueError:
        return None
    if not isinstance(row, list) or len(row) != n_columns:
        return None
    return tuple(row) if all(isinstance(cell, str) for cell in row) else None


def clean(cell: str) -> str:
    """The cell with U+FFFD for NULs and half surrogate pairs; whole pairs become a character."""
    text = cell.replace("\0", "\ufffd")
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def quote(cell: str) -> str:
    """A cell as csv has it.

    The csv module of Python 3.11 leaves a lone \\r without quotes, and readers then end the line.
    """
    doubled = cell.replace('"', '""')
    return f'"{doubled}"' if re.search('[",\r\n]', cell) else cell
