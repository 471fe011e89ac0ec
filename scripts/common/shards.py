"""The cache of pictures while it grows: bytes one after the other in a few large files, and a row for each picture once its bytes are safe."""
import os
import time
from pathlib import Path

from common.ledger import Ledger

COLUMNS = ("image", "file", "stamp", "status", "reason", "bytes", "width", "height", "sha256", "hash", "colours", "shard", "offset", "length")
LARGEST = 2**30  # bytes of a shard before the next is begun
EVERY = 2.0      # seconds between commits: what a kill costs of decoding; downloaded files are there all the same


class Growing:
    """`with Growing(folder, key, table) as cache`: `row` gives the row of a picture that is there, `add` appends one.

    A picture's bytes are on the disk before the row that points to them, and never written over: what a killed run wrote without a row
    stays between them. Another key (a string: the hash of the settings) starts anew; then images.csv, `table`, goes first, and shards
    are unlinked, which a process that has them open does not notice.
    """

    def __init__(self, folder: Path, key: str, table: Path):
        self.folder, self.table, self.ledger = folder, table, Ledger(folder / "rows.growing", COLUMNS, key)

    def __enter__(self):
        self.ledger.__enter__()
        blobs = {int(blob.stem): blob.stat().st_size for blob in self.folder.glob("[0-9]*.bin")}
        self.pending, self.committed, self.shard = [], time.monotonic(), max(blobs, default=0)
        lost = [image for image, *_, shard, offset, length in self.ledger.rows() if int(shard) >= 0 and int(offset) + int(length) > blobs.get(int(shard), 0)]
        for image in lost:  # their shard was removed, or cut by a pulled plug
            del self.ledger.done[image]
        if not self.ledger.done:
            self.table.unlink(missing_ok=True)
            for shard in blobs:
                self.path(shard).unlink()
        self.shard += bool(lost)  # nothing may come to stand where a lost one's row points
        self.file = open(self.path(self.shard), "ab", buffering=0)
        return self

    def row(self, image: str) -> dict[str, str] | None:
        """The row of a picture by column; None where there is none."""
        cells = self.ledger.done.get(image)
        return cells and dict(zip(COLUMNS, cells))

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
        self.pending, self.committed = [], time.monotonic()
