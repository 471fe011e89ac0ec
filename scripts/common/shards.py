"""The cache of pictures while it grows: bytes one after the other in a few large files, and a row for each picture once its bytes are safe."""
import os
import time
from pathlib import Path

from common.ledger import Ledger

COLUMNS = ("image", "file", "status", "reason", "bytes", "width", "height", "sha256", "hash", "shard", "offset", "length")
LARGEST = 2**30  # bytes of a shard before the next is begun
EVERY = 2.0      # seconds between commits: what a kill costs of decoding; downloaded files are there all the same


class Growing:
    """`with Growing(folder, key, table) as cache`: rows {image: {column: cell}} that are there, `add` appends a picture.

    A picture's bytes are on the disk before the row that points to them; what a killed run wrote without a row is cut off. Another key
    (a string: the hash of the settings) starts anew; then images.csv, `table`, goes before the bytes that it speaks of are overwritten.
    """

    def __init__(self, folder: Path, key: str, table: Path):
        self.folder, self.table, self.ledger = folder, table, Ledger(folder / "rows.growing", COLUMNS, key)

    def __enter__(self):
        self.ledger.__enter__()
        sizes = {int(blob.stem): blob.stat().st_size for blob in self.folder.glob("*.bin")}
        ends = dict.fromkeys(sizes, 0)
        self.rows, self.pending, self.committed = {}, [], time.monotonic()
        for image, *cells in self.ledger.rows():
            shard, end = int(cells[-3]), int(cells[-2]) + int(cells[-1])
            if shard < 0 or end <= sizes.get(shard, 0):  # else its shard was removed, or cut
                self.rows[image] = (image, *cells)
                ends[shard] = max(ends.get(shard, 0), end)
        if not self.rows:
            self.table.unlink(missing_ok=True)
        for shard, size in sizes.items():
            if ends[shard] < size:
                os.truncate(self.path(shard), ends[shard])
        self.shard = max(sizes, default=0)
        self.file = open(self.path(self.shard), "ab", buffering=0)
        return self

    def __exit__(self, *_):
        try:
            self.commit()
        finally:
            self.file.close()
            self.ledger.__exit__()

    def path(self, shard: int) -> Path:
        return self.folder / f"{shard:03d}.bin"

    def add(self, image: str, data: bytes, row: dict) -> None:
        """A picture judged: its bytes for the cache, b"" for none, and its row but for the last three columns."""
        place = (-1, 0, 0)
        if data:
            if self.file.tell() + len(data) > LARGEST:
                self.commit()
                self.file.close()
                self.shard += 1
                self.file = open(self.path(self.shard), "ab", buffering=0)
            place = (self.shard, self.file.tell(), len(data))
            left = memoryview(data)
            while left:
                left = left[self.file.write(left):]
        self.pending.append((image, *(row[column] for column in COLUMNS[1:-3]), *place))
        if time.monotonic() - self.committed > EVERY:
            self.commit()

    def commit(self) -> None:
        """The bytes, then the rows that point to them."""
        os.fsync(self.file.fileno())
        self.ledger.add(self.pending)
        self.rows.update((row[0], tuple(map(str, row))) for row in self.pending)
        self.pending, self.committed = [], time.monotonic()
