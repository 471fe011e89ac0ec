"""Thumbnails for the page: from the image cache where there is one, else from the files."""

import io

import numpy as np

from common.errors import UserError
from images.cache import Cache
from images.decode import load_image
from images.locate import open_image_files

SIDE = 160  # pixels of the longer side
QUALITY = 70  # of the JPEG: about 6 kB each
GAP = 4  # pixels between the two images of a pair


class Thumbnails:
    """Thumbnails of a job's images as JPEG bytes. Nothing is read before it is asked for."""

    def __init__(self, job):
        self.job = job
        self.files = None  # the data folder's, opened when first needed
        self.has_folder = True  # until it turns out to be missing

        self.cache = None
        self.cached_rows = {}  # {image: its row in the cache}
        try:
            self.cache = Cache(job.paths.images, job.paths.cache)
        except Exception:  # no images.csv, no cache, or a broken one: the files are there
            return

        for row in np.flatnonzero(self.cache.ok):
            name = self.cache.names[row]
            self.cached_rows[name] = row

    def jpeg(self, name: str) -> bytes | None:
        """An image's thumbnail; None where the image cannot be read."""
        image = self.load(name)
        return None if image is None else to_jpeg(image)

    def jpeg_of_pair(self, left: str, right: str) -> bytes | None:
        """Two thumbnails side by side; None where either image cannot be read."""
        from PIL import Image

        one = self.load(left)
        other = self.load(right)
        if one is None or other is None:
            return None

        height = max(one.height, other.height)
        start = one.width + GAP
        both = Image.new("RGB", (start + other.width, height), "white")
        both.paste(one, (0, 0))
        both.paste(other, (start, 0))

        return to_jpeg(both)

    def load(self, name: str):
        """A PIL image of at most SIDE pixels; None where it cannot be read."""
        try:
            row = self.cached_rows.get(name)
            image = self.load_file(name) if row is None else self.load_cached(row)
        except (UserError, ValueError, OSError):  # UserError: not where images.csv says
            return None

        if image is not None:
            image.thumbnail((SIDE, SIDE))

        return image

    def load_cached(self, row: int):
        """An image of the cache, in the shape that it had before it was made square."""
        from PIL import Image

        square = Image.fromarray(self.cache.read(row))
        sides = self.cache.table.loc[row, ["width", "height"]].astype(int)
        longer = sides.max()

        if self.job.config.images.fit == "pad" or not sides.min():
            return square

        size = [max(1, round(SIDE * side / longer)) for side in sides]
        return square.resize(size)

    def load_file(self, name: str):
        """An image from its file; None where the row names none or the data folder is missing."""
        if not name or not self.has_folder:
            return None

        try:
            self.files = self.files or open_image_files(self.job)
            data = self.files.read(name)
        except UserError:  # no data folder, or a broken archive in it: so it is for all
            self.has_folder = False
            return None

        return load_image(data, self.job.config.images, SIDE)[0]


def to_jpeg(image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()
