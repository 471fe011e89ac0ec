"""Pictures: read and judged once, kept as JPEGs of the size the network needs, read from there in every epoch.

A picture that cannot be had or trusted is `bad` with its reason; nothing ever takes its place.
"""
import io
import os
import warnings
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from common.errors import Stop

UNUSUAL = {"CMYK": "CMYK", "YCCK": "CMYK", "I": "16-bit", "I;16": "16-bit", "I;16B": "16-bit", "F": "float"}  # PIL modes


def load_picture(file: Path, images) -> tuple:
    """RGB PIL image of a file, and its width and height there. Raises ValueError with the reason when it is missing, broken or
    not what config `images` takes."""
    from PIL import Image, ImageOps

    if not file.is_file():
        raise ValueError("missing")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PIL's own limit on size: ours is below, with a reason
            picture = Image.open(file)
            width, height = picture.size
            if width * height > images.max_megapixels * 1e6:
                raise ValueError(f"{width}x{height} is over {images.max_megapixels:g} megapixels")
            if min(width, height) < images.min_side:
                raise ValueError(f"{width}x{height} is under {images.min_side} pixels")
            frames = 1 if picture.format == "MPO" else getattr(picture, "n_frames", 1)  # a phone's JPEG with a preview behind it
            unusual = "animated" if frames > 1 else UNUSUAL.get(picture.mode)
            if unusual and not images.convert:
                raise ValueError(f"{unusual}; images.convert=true takes it")
            picture.draft("RGB", (images.size, images.size))  # a JPEG is decoded at 1/2, 1/4 or 1/8 of its size where that is enough
            if picture.mode.startswith("I"):
                picture = Image.fromarray((np.asarray(picture) / 257).astype(np.uint8))
            return ImageOps.exif_transpose(picture).convert("RGB"), (width, height)
    except Exception as error:  # broken bytes make PIL raise anything: OSError, SyntaxError, TypeError, struct.error, ...
        if type(error) is ValueError:
            raise
        raise ValueError(f"broken: {str(error).replace(str(file), file.name)[:80]}") from None


def to_square(picture, images):
    """The picture at images.size squared: stretched, or padded with grey."""
    from PIL import Image, ImageOps

    square = (images.size, images.size)
    if images.fit == "pad":
        return ImageOps.pad(picture, square, Image.Resampling.BICUBIC, color=(128, 128, 128))
    return picture if picture.size == square else picture.resize(square, Image.Resampling.BICUBIC)


def cached_bytes(file: Path, images) -> tuple[bytes, dict]:
    """JPEG bytes for the cache, empty when the picture is bad, and its row of images.csv: status, reason, width, height."""
    try:
        picture, (width, height) = load_picture(file, images)
        buffer = io.BytesIO()
        to_square(picture, images).save(buffer, "JPEG", quality=images.quality, subsampling=0 if images.quality >= 90 else 2)
        return buffer.getvalue(), {"status": "ok", "reason": "", "width": width, "height": height}
    except ValueError as error:
        return b"", {"status": "bad", "reason": str(error), "width": 0, "height": 0}


class Cache:
    """The pictures of images.csv by position: `names` (n,), `ok` (n,) bool, read(i) → uint8 (size, size, 3)."""

    def __init__(self, table: Path, folder: Path):
        self.table, self.folder = pd.read_csv(table, keep_default_na=False, dtype={"image": str}), folder
        self.names, self.ok = self.table.image.to_numpy(str), (self.table.status == "ok").to_numpy()
        try:
            self.shards = {s: np.memmap(folder / f"{s:03d}.bin", np.uint8, "r") for s in sorted(set(self.table.shard[self.ok]))}
        except (OSError, ValueError) as error:
            raise Stop(f"the cache {folder} is not whole ({error}); remove {table} and run make again") from None
        self.where = self.table[["shard", "offset", "bytes"]].to_numpy()

    def read(self, i: int) -> np.ndarray:
        import cv2

        shard, offset, size = self.where[i]
        data = self.shards[shard][offset:offset + size]
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB) if len(data) == size else None
        if picture is None:
            raise Stop(f"{self.names[i]} is not where images.csv says; remove images.csv and {self.folder}, and run make again")
        return picture


def batches(cache: Cache, groups: list[np.ndarray], workers: int, change=None):
    """Yield the pictures uint8 (b, size, size, 3) of each group of positions (b,), read ahead by threads.

    change(picture, g, i) augments the i-th picture of group g; since it is told these and nothing else, what comes out is
    the same whatever the number of workers. Decoders and albumentations release the GIL, so threads do.
    """
    import cv2

    cv2.setNumThreads(1)  # one picture per thread: OpenCV's own threads would only fight over the cores

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
