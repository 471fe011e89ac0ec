"""The image cache as 02 writes it: JPEGs one after the other in shards, and a ledger of their rows.

in: "images/0.jpg", its JPEG, its row → out: 000.bin, and the row with shard, offset and length
"""

import os
import time
from pathlib import Path

from common.ledger import Ledger
from images.cache import POSITION, shard_path

# what is known of an image: stamp (of its file) stays in the ledger, colours (for near duplicates)
# go to colours.npy, the others to images.csv, whose columns 02_download_images.py explains
FACTS = (
    "file",
    "stamp",
    "status",
    "reason",
    "bytes",
    "width",
    "height",
    "sha256",
    "hash",
    "colours",
)
COLUMNS = ("image", *FACTS, *POSITION)
NOWHERE = (-1, 0, 0)  # the position of an image that is not kept
LARGEST = 2**30  # bytes of a shard before the next is begun
# Seconds between commits: what a kill costs of decoding. Downloaded files are there all the same.
COMMIT_EVERY = 2.0


class CacheWriter:
    """`with CacheWriter(folder, key, table) as cache`: `add` appends an image, `row` gives the row
    of one that is there already, also from a run that was killed.

    The bytes of an image are on the disk before the row that points to them, and are never written
    over: what a killed run wrote without a row stays between them. With another key (a string: the
    hash of the settings) the cache starts anew: then images.csv, `table`, is removed first, and
    shards are unlinked, which a process that has them open does not notice.
    """

    def __init__(self, folder: Path, key: str, table: Path):
        self.folder = folder
        self.table = table
        journal = folder / "rows.growing"
        self.ledger = Ledger(journal, COLUMNS, key)
        # rows whose bytes may not be on the disk yet
        self.pending: list[tuple] = []
        self.committed = time.monotonic()

    def __enter__(self):
        self.ledger.__enter__()
        sizes = {}
        for file in self.folder.glob("[0-9]*.bin"):
            sizes[int(file.stem)] = file.stat().st_size

        lost = self.lost_images(sizes)
        for image in lost:
            del self.ledger.done[image]

        if not self.ledger.done:
            self.table.unlink(missing_ok=True)
            for shard in sizes:
                shard_path(self.folder, shard).unlink()

        last = max(sizes, default=0)
        # Nothing may come to stand where the row of a lost image points.
        self.open_shard(last + 1 if lost else last)
        return self

    def __exit__(self, *_):
        try:
            self.commit()
        finally:
            self.file.close()
            self.ledger.__exit__()

    def lost_images(self, sizes: dict[int, int]) -> list[str]:
        """The images whose shard was removed, or cut short by a power failure. sizes: {shard:
        bytes}."""
        lost = []
        for image, *_, shard, offset, length in self.ledger.rows():
            shard = int(shard)
            is_kept = shard >= 0
            end = int(offset) + int(length)
            size = sizes.get(shard, 0)
            if is_kept and end > size:
                lost.append(image)

        return lost

    def open_shard(self, shard: int) -> None:
        self.shard = shard
        path = shard_path(self.folder, shard)
        self.file = open(path, "ab", buffering=0)  # noqa: SIM115, closed in __exit__

    def row(self, image: str) -> dict[str, str] | None:
        """{column: cell} of an image; None where it has no row."""
        cells = self.ledger.done.get(image)
        return dict(zip(COLUMNS, cells, strict=True)) if cells else None

    def add(self, image: str, data: bytes, row: dict) -> None:
        """Append an image: its JPEG, b"" for none, and its FACTS."""
        position = self.write(data) if data else NOWHERE
        cells = [row[column] for column in FACTS]
        self.pending.append((image, *cells, *position))

        now = time.monotonic()
        if now - self.committed > COMMIT_EVERY:
            self.commit()

    def write(self, data: bytes) -> tuple[int, int, int]:
        """Append bytes to the shard, or to a new one when it is full. Returns their position."""
        length = len(data)
        if self.file.tell() + length > LARGEST:
            self.commit()
            self.file.close()
            self.open_shard(self.shard + 1)

        offset = self.file.tell()
        rest = memoryview(data)
        while rest:
            written = self.file.write(rest)
            rest = rest[written:]

        return self.shard, offset, length

    def commit(self) -> None:
        """Bring the bytes to the disk, then the rows that point to them."""
        os.fsync(self.file.fileno())
        self.ledger.add(self.pending)
        self.pending = []
        self.committed = time.monotonic()
