"""The cache of pictures as it is read in every epoch: by position, in threads, uint8."""

import os
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from common.errors import UserError
from common.ledger import Ledger
from common.rows import Rows
from common.tables import align
from images.decode import fast_jpeg, opencv

# what a JPEG of the cache starts with, and a plain picture does not
JFIF = b"\xff\xd8\xff\xe0\x00\x10JFIF"


class Cache:
    """The pictures of images.csv by position: `names` (n,), `ok` (n,) bool, read(i) → uint8 (size,
    size, 3)."""

    def __init__(self, table: Path, folder: Path):
        texts = dict.fromkeys(
            ("id", "image", "file", "sha256", "hash"), str
        )  # a hash of digits alone is no number
        self.table, self.folder = pd.read_csv(table, keep_default_na=False, dtype=texts), folder
        self.names, self.ok = (
            self.table.image.to_numpy(object),
            (self.table.status == "ok").to_numpy(),
        )
        position = self.table[["shard", "offset", "length"]].apply(
            pd.to_numeric, errors="coerce"
        )  # "" where nothing was kept
        self.position = position.fillna(-1).to_numpy(np.int64)
        shard, offset, length = self.position[self.ok].T
        if (shard < 0).any():
            raise UserError(
                f"{table} was made with images.cache=false; this model reads the cache: "
                "set images.cache=true and run make again"
            )
        try:
            self.shards = {
                s: np.memmap(folder / f"{s:03d}.bin", np.uint8, "r")
                for s in sorted(set(shard.tolist()))
            }
        except (OSError, ValueError) as error:
            raise UserError(
                f"the cache {folder} is not whole ({error}); remove {table} and run make again"
            ) from None
        self.side = self.plain_side(shard, offset, length)

    def plain_side(self, shard: np.ndarray, offset: np.ndarray, length: np.ndarray) -> int:
        """Pixels a side where the cache holds plain levels: all are as long, and the first is no
        JPEG; 0 where it holds JPEGs."""
        side = round((length[0] / 3) ** 0.5) if len(length) else 0
        if (length != 3 * side * side).any():
            return 0
        return (
            0
            if len(length) and self.shards[shard[0]][offset[0] :][: len(JFIF)].tobytes() == JFIF
            else side
        )

    def read(self, i: int) -> np.ndarray:
        shard, offset, length = self.position[i]
        data = self.shards[shard][offset : offset + length]
        picture = self.decode(data) if len(data) == length > 0 else None
        if picture is None:
            raise UserError(
                f"{self.names[i]} is not where images.csv says; remove images.csv and "
                f"{self.folder}, and run make again"
            )
        return picture

    def decode(self, data: np.ndarray) -> np.ndarray | None:
        """uint8 (size, size, 3) of a picture's bytes; None where they are none."""
        if self.side:
            return np.array(data).reshape(self.side, self.side, 3)
        if not fast_jpeg():
            return opencv().imdecode(data, opencv().IMREAD_COLOR_RGB)
        try:
            return fast_jpeg().decode_jpeg(data)
        except ValueError:
            return None


def batches(cache: Cache, groups: list[np.ndarray], workers: int, change=None):
    """Yield the pictures uint8 (b, size, size, 3) of each group of positions (b,), read ahead by
    threads.

    change(picture, g, i) augments the i-th picture of group g; since it is told these and nothing
    else, what comes out is the same whatever the number of workers. Decoders and albumentations
    release the GIL, so threads do.
    """
    opencv()  # albumentations is told to use one thread by this, too

    def one(g: int, i: int) -> np.ndarray:
        picture = cache.read(groups[g][i])
        return picture if change is None else change(picture, g, i)

    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:

        def submit(g):
            return [pool.submit(one, g, i) for i in range(len(groups[g]))]

        todo = iter(range(len(groups)))
        ahead = deque(submit(g) for g in islice(todo, 3))
        try:
            while ahead:
                found = [future.result() for future in ahead.popleft()]
                pictures = np.stack(found) if found else np.zeros((0, 1, 1, 3), np.uint8)
                ahead.extend(submit(g) for g in islice(todo, 1))
                yield pictures
        finally:
            pool.shutdown(cancel_futures=True)


COLUMNS = (
    "image",
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
    "shard",
    "offset",
    "length",
)
LARGEST = 2**30  # bytes of a shard before the next is begun
# seconds between commits: what a kill costs of decoding; downloaded files are there all the same
EVERY = 2.0


def load_pictures(job, rows: Rows) -> tuple[Cache, np.ndarray]:
    """The image cache, and the position of each row's picture in it (n,); -1 where the picture is
    bad."""
    cache = Cache(job.paths.images, job.paths.cache)
    position = align(cache.names, rows.image)
    return cache, np.where((position >= 0) & cache.ok[position], position, -1)


class CacheWriter:
    """`with Growing(folder, key, table) as cache`: `row` gives the row of a picture that is there,
    `add` appends one.

    A picture's bytes are on the disk before the row that points to them, and never written over:
    what a killed run wrote without a row stays between them. Another key (a string: the hash of the
    settings) starts anew; then images.csv, `table`, goes first, and shards are unlinked, which a
    process that has them open does not notice.
    """

    def __init__(self, folder: Path, key: str, table: Path):
        self.folder, self.table, self.ledger = (
            folder,
            table,
            Ledger(folder / "rows.growing", COLUMNS, key),
        )

    def __enter__(self):
        self.ledger.__enter__()
        blobs = {int(blob.stem): blob.stat().st_size for blob in self.folder.glob("[0-9]*.bin")}
        self.pending, self.committed, self.shard = [], time.monotonic(), max(blobs, default=0)
        lost = [
            image
            for image, *_, shard, offset, length in self.ledger.rows()
            if int(shard) >= 0 and int(offset) + int(length) > blobs.get(int(shard), 0)
        ]
        for image in lost:  # their shard was removed, or cut by a pulled plug
            del self.ledger.done[image]
        if not self.ledger.done:
            self.table.unlink(missing_ok=True)
            for shard in blobs:
                self.path(shard).unlink()
        self.shard += bool(lost)  # nothing may come to stand where a lost one's row points
        self.file = open(self.path(self.shard), "ab", buffering=0)  # noqa: SIM115
        return self

    def row(self, image: str) -> dict[str, str] | None:
        """The row of a picture by column; None where there is none."""
        cells = self.ledger.done.get(image)
        return cells and dict(zip(COLUMNS, cells, strict=True))

    def __exit__(self, *_):
        try:
            self.commit()
        finally:
            self.file.close()
            self.ledger.__exit__()

    def path(self, shard: int) -> Path:
        return self.folder / f"{shard:03d}.bin"

    def add(self, image: str, data: bytes, row: dict) -> None:
        """A picture judged: its bytes for the cache, b"" for none, and its row but for the last
        three columns."""
        place = (-1, 0, 0)
        if data:
            if self.file.tell() + len(data) > LARGEST:
                self.commit()
                self.file.close()
                self.shard += 1
                self.file = open(self.path(self.shard), "ab", buffering=0)  # noqa: SIM115
            place = (self.shard, self.file.tell(), len(data))
            left = memoryview(data)
            while left:
                left = left[self.file.write(left) :]
        self.pending.append((image, *(row[column] for column in COLUMNS[1:-3]), *place))
        if time.monotonic() - self.committed > EVERY:
            self.commit()

    def commit(self) -> None:
        """The bytes, then the rows that point to them."""
        os.fsync(self.file.fileno())
        self.ledger.add(self.pending)
        self.pending, self.committed = [], time.monotonic()
