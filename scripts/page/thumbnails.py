"""Small pictures for the page: from the cache where there is one, else from the files."""

import io

import numpy as np

from common.errors import UserError
from images.cache import Cache
from images.decode import load_picture
from images.locate import open_pictures

SIDE, QUALITY = 160, 70  # pixels at most, about 6 kB


class Thumbnails:
    """of(name) → JPEG bytes of a picture that rows name; None where it is not to be had. Nothing is
    read before it is asked for."""

    def __init__(self, job):
        self.job, self.pictures, self.missing = job, None, False
        try:
            self.cache = Cache(job.paths.images, job.paths.cache)
            self.at = dict(
                zip(self.cache.names[self.cache.ok], np.flatnonzero(self.cache.ok), strict=True)
            )
        except Exception:  # no images.csv, no cache, or a broken one: the files are there
            self.cache, self.at = None, {}

    def of(self, name: str) -> bytes | None:
        picture = self.picture(name)
        return None if picture is None else jpeg(picture)

    def pair(self, left: str, right: str) -> bytes | None:
        """Two pictures side by side; None where either is missing."""
        from PIL import Image

        both = [self.picture(name) for name in (left, right)]
        if None in both:
            return None
        height = max(picture.height for picture in both)
        together = Image.new("RGB", (sum(picture.width for picture in both) + 4, height), "white")
        together.paste(both[0], (0, 0))
        together.paste(both[1], (both[0].width + 4, 0))
        return jpeg(together)

    def picture(self, name: str):
        """PIL image of SIDE pixels at most; None where there is none that can be read."""
        try:
            picture = self.cached(self.at[name]) if name in self.at else self.read(name)
        except (UserError, ValueError, OSError):  # UserError: not where images.csv says
            return None
        if picture:
            picture.thumbnail((SIDE, SIDE))
        return picture

    def cached(self, i: int):
        """A picture of the cache, with the shape that it had before it was made square."""
        from PIL import Image

        square, (width, height) = (
            Image.fromarray(self.cache.read(i)),
            self.cache.table.loc[i, ["width", "height"]].astype(int),
        )
        if self.job.config.images.fit == "pad" or not width * height:
            return square
        return square.resize(
            [max(1, round(SIDE * side / max(width, height))) for side in (width, height)]
        )

    def read(self, name: str):
        """A picture from its file; None once the data folder is known not to be there."""
        if not name or self.missing:
            return None
        try:
            self.pictures = self.pictures or open_pictures(self.job)
            data = self.pictures.read(name)
        except UserError:  # no data folder, or a broken archive in it: so it is for all
            self.missing = True
            return None
        return load_picture(
            data, self.job.config.images.model_copy(update={"size": SIDE, "convert": True})
        )[0]


def jpeg(picture) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()
