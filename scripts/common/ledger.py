"""A table that grows row by row and survives a kill at any byte: replies of language models, lines
of OCR.

The growing file is no csv yet. Its first line holds key and columns, every further one a row as a
JSON list, in which no cell can put a bare line ending: so a line that is not ended is a record that
was not written whole, whatever the texts hold.
"""

import fcntl
import json
import os
import re
import time
from pathlib import Path

from common.errors import UserError
from common.log import log

# seconds between fsyncs: what a pulled plug may cost; a kill costs nothing that `add` came back
# from
SYNC = 5.0


class Ledger:
    """`with Ledger(file, columns, key) as ledger`: done {id: row} are the rows there already, `add`
    appends, `finish` writes the csv.

    A row's id is its first cell. A later row with the same id takes the place of the earlier one:
    so rows that failed are tried again. A file of another key (a string: the hash of settings and
    inputs) or of other columns is started anew. Cells are str; a NUL or half a surrogate pair in
    them, which csv readers and UTF-8 do not take, becomes U+FFFD; everything else is kept as it is.

    Raises UserError when another process has the file open. One thread at a time.
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
        """Raises UserError when another process has the lock. Not flock: forked workers inherit it, and hold it
        on when this process is killed.

        The lock goes when this process closes any descriptor of the file, so the file is read
        through self.fd alone.
        """
        try:
            fcntl.lockf(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            mine = self.file.exists() and os.path.samestat(
                os.fstat(self.fd), self.file.stat()
            )  # else it was just removed
        except (BlockingIOError, PermissionError):
            mine = False
        if not mine:
            raise UserError(
                f"another process is writing {self.file}: wait for it, or end it, then "
                "run the same command again"
            )

    def load(self) -> None:
        """Read what is there, cut off a torn record; or start anew."""
        with open(self.fd, "rb", closefd=False) as file:
            data = file.read()
        self.size = self.safe = (
            data.rfind(b"\n") + 1
        )  # bytes that are whole records; of them, those not at stake when an fsync fails
        self.synced = time.monotonic()
        head, *lines = data[: self.size].decode(errors="replace").split("\n")[:-1] or [""]
        mine = line({"key": self.key, "columns": self.columns})
        if head + "\n" != mine:
            self.size, self.safe, lines = 0, 0, []
        os.ftruncate(self.fd, self.size)
        if not self.size:
            self.append(mine)
        rows = [row for row in map(self.parse, lines) if row]
        self.done = {row[0]: row for row in rows}
        if bad := len(lines) - len(rows):
            log(
                unreadable=bad,
                of=self.file,
                because="the disk lost them; these rows are made again",
            )

    def parse(self, text: str) -> tuple[str, ...] | None:
        """The row of a line; None where it is none, as a pulled plug can leave behind: a file grows
        before its blocks are written."""
        try:
            row = json.loads(text)
        except ValueError:
            return None
        whole = isinstance(row, list) and [type(cell) for cell in row] == [str] * len(self.columns)
        return tuple(row) if whole else None

    def add(self, rows) -> None:
        """Append rows, tuples of a cell per column, the id first: all of them are in the file when
        this comes back, or none."""
        rows = [tuple(clean(str(cell)) for cell in row) for row in rows]
        if wrong := [row for row in rows if len(row) != len(self.columns)]:
            raise ValueError(f"{wrong[0]} has not a cell for each of {', '.join(self.columns)}")
        self.append("".join(map(line, rows)))
        self.done.update((row[0], row) for row in rows)
        if time.monotonic() - self.synced > SYNC:
            self.sync()

    def append(self, text: str) -> None:
        left = memoryview(text.encode())
        try:
            while left:
                left = left[os.write(self.fd, left) :]
        except BaseException:  # a full disk, Ctrl-C: what was written of it goes
            os.ftruncate(self.fd, self.size)
            raise
        self.size += len(text)

    def sync(self) -> None:
        try:
            os.fsync(self.fd)
        except OSError:  # some disks say only here that they are full
            self.size = self.safe
            os.ftruncate(self.fd, self.size)
            raise
        self.safe, self.synced = self.size, time.monotonic()

    def rows(self) -> list[tuple[str, ...]]:
        """The rows, each id once, in the order in which ids first came."""
        return list(self.done.values())

    def finish(self, part: Path, ids) -> None:
        """Write the rows of `ids`, in their order, to `part` as csv with a header. Raises UserError when one is
        not there; others are left out."""
        ids = [clean(str(id)) for id in ids]
        if missing := [id for id in ids if id not in self.done]:
            raise UserError(
                f"{self.file}: {len(missing)} of {len(ids)} rows are not done, e.g. "
                f"{missing[0]}; run the same command again"
            )
        with open(part, "w", encoding="utf-8", newline="") as file:
            file.writelines(
                ",".join(map(quoted, row)) + "\n"
                for row in (self.columns, *map(self.done.get, ids))
            )

    def remove(self) -> None:
        """The growing file goes, once what `finish` wrote has its name."""
        self.file.unlink(missing_ok=True)


def line(value) -> str:
    """A line of the growing file: ASCII, so that its characters are bytes."""
    return json.dumps(value) + "\n"


def clean(cell: str) -> str:
    return (
        cell.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )


def quoted(cell: str) -> str:
    """A cell as csv has it. The csv module of Python 3.11 leaves a lone \\r bare, and readers then
    end the line there."""
    return '"' + cell.replace('"', '""') + '"' if re.search('[",\r\n]', cell) else cell
