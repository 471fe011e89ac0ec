"""The image cache as it is read in every epoch: by position, in threads.

in: position 17 of images.csv → out: uint8 (size, size, 3)
"""

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from common.errors import UserError
from common.rows import Rows
from common.tables import align
from images.decode import fast_jpeg, opencv

# Columns of images.csv that are text though a cell may look like a number.
TEXTS = dict.fromkeys(("id", "image", "file", "sha256", "hash"), str)
POSITION = ["shard", "offset", "length"]
AHEAD = 3  # batches that are decoded while the network works on one


class Cache:
    """The images of images.csv by position: `table`, `names` (n,), `ok` (n,) bool, and `position`
    (n, 3) int64: shard, offset and length of each JPEG, -1 where nothing was kept.

    Raises UserError when usable images are not in the cache, or shards are missing.
    """

    def __init__(self, table: Path, folder: Path):
        self.folder = folder
        self.table = pd.read_csv(table, keep_default_na=False, dtype=TEXTS)
        self.names = self.table.image.to_numpy(object)
        is_ok = self.table.status == "ok"
        self.ok = is_ok.to_numpy()

        # cells are "" where nothing was kept
        cells = self.table[POSITION]
        numbers = cells.apply(pd.to_numeric, errors="coerce")
        self.position = numbers.fillna(-1).to_numpy(np.int64)

        shards = self.position[self.ok, 0]
        if (shards < 0).any():
            raise UserError(
                f"{table} was made with images.cache=false; this model reads the cache: "
                "set images.cache=true and run make again"
            )

        self.shards = {}
        try:
            for shard in np.unique(shards).tolist():
                file = shard_path(folder, shard)
                self.shards[shard] = np.memmap(file, np.uint8, "r")
        except (OSError, ValueError) as error:
            raise UserError(
                f"the cache {folder} is not whole ({error}); remove {table} and run make again"
            ) from None

    def read(self, i: int) -> np.ndarray:
        """The image at position i, uint8 (size, size, 3). Raises UserError when its bytes are not
        where images.csv says."""
        shard, offset, length = self.position[i]
        data = self.shards[shard][offset : offset + length]
        is_whole = len(data) == length > 0

        image = decode(data) if is_whole else None
        if image is None:
            raise UserError(
                f"{self.names[i]} is not where images.csv says; remove images.csv and "
                f"{self.folder}, and run make again"
            )

        return image


class JoinedCache:
    """Two caches as one: the positions of the second follow those of the first."""

    def __init__(self, first: Cache, second: Cache):
        self.first = first
        self.second = second
        self.size = len(first.names)

    def read(self, i: int) -> np.ndarray:
        """The image at position i, as Cache.read."""
        return self.first.read(i) if i < self.size else self.second.read(i - self.size)


def shard_path(folder: Path, shard: int) -> Path:
    return folder / f"{shard:03d}.bin"


def decode(data: np.ndarray) -> np.ndarray | None:
    """uint8 (size, size, 3) of a JPEG's bytes; None where they are no JPEG."""
    simplejpeg = fast_jpeg()
    if simplejpeg is None:
        cv2 = opencv()
        return cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)

    try:
        return simplejpeg.decode_jpeg(data)
    except ValueError:
        return None


def open_cache(job, rows: Rows) -> tuple[Cache, np.ndarray]:
    """(the image cache, the position of each row's image in it (n,)); -1 where the image is bad or
    missing."""
    cache = Cache(job.paths.images, job.paths.cache)
    position = align(cache.names, rows.image)
    usable = (position >= 0) & cache.ok[position]
    return cache, np.where(usable, position, -1)


def batches(cache: Cache, groups: list[np.ndarray], workers: int, change=None):
    """Yield the images uint8 (b, size, size, 3) of each group of positions (b,), decoded ahead by
    `workers` threads (0: one per core).

    change(image, g, i) augments the i-th image of group g. It depends on nothing else, so that the
    result is the same whatever the number of threads. Decoders and albumentations release the GIL.
    """
    opencv()  # sets one thread for albumentations too

    def read(g: int, i: int) -> np.ndarray:
        image = cache.read(groups[g][i])
        return image if change is None else change(image, g, i)

    running = deque()
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        try:
            for g, group in enumerate(groups):
                futures = [pool.submit(read, g, i) for i in range(len(group))]
                running.append(futures)

                if len(running) > AHEAD:
                    yield stack(running.popleft())

            while running:
                yield stack(running.popleft())
        finally:
            pool.shutdown(cancel_futures=True)


def stack(futures: list) -> np.ndarray:
    """The images of futures as one array; (0, 1, 1, 3) of none."""
    if not futures:
        return np.zeros((0, 1, 1, 3), np.uint8)

    return np.stack([future.result() for future in futures])
