"""Where images lie: in the data folder, among the downloads, or in archives of the data folder.

in: "images/0.jpg" → out: its bytes, wherever the file lies
"""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock

from common.paths import inside
from images.archives import LARGEST, Archives, hint
from images.names import is_link, link_name


@dataclass(frozen=True)
class ImageFile:
    """One file: where it lies, and how to read it."""

    location: str  # to show: "images/0.jpg", "images.tar: images/0.jpg", "downloads/3f/3fa9…"
    size: int  # bytes
    stamp: str  # changes when the file changes, as far as its size and time tell
    read: Callable[[], bytes]  # raises ValueError with a one-line reason, or OSError


class ImageFiles:
    """The image files of a data folder and of a folder of downloads, by the names that rows have
    for them: paths in the data folder, or links.

    Any number of threads may read. Archives are indexed when a name is first found nowhere else;
    that raises UserError when one of them is broken.
    """

    def __init__(self, folder: Path, downloads: Path):
        self.folder = folder
        self.downloads = downloads
        self.lock = Lock()
        self.indexed: Archives | None = None

    def read(self, name: str) -> bytes:
        """The bytes of an image file. Raises ValueError with a one-line reason when it is missing
        or cannot be read."""
        file = self.find(name)
        if file is None:
            raise ValueError("not downloaded" if is_link(name) else "missing")

        try:
            return file.read()
        except OSError as error:
            raise ValueError(f"cannot be read: {error.strerror}") from None

    def size(self, name: str) -> int | None:
        """Bytes of an image file; None when it is missing."""
        file = self.find_or_none(name)
        return file.size if file else None

    def stamp(self, name: str) -> str:
        """Size and time of an image file, which tell it from another file of the same name; of a
        download its size alone, because its link names it. "" when it is missing."""
        file = self.find_or_none(name)
        return file.stamp if file else ""

    def location(self, name: str) -> str:
        """Where an image lies, to show; "" when it is missing."""
        file = self.find_or_none(name)
        return file.location if file else ""

    def hint(self) -> str:
        """The command that unpacks an archive of the data folder which cannot be read in place; ""
        when there is no such archive."""
        return hint(self.folder)

    def find_or_none(self, name: str) -> ImageFile | None:
        """`find`, but None for a name that leads out of the folder."""
        try:
            return self.find(name)
        except ValueError:
            return None

    def find(self, name: str) -> ImageFile | None:
        """The file of a name: a file of its own before a member of an archive. None when it is
        missing. Raises ValueError when the name leads out of the folder."""
        path = name
        paths = []
        if is_link(name):
            download = link_name(name)
            path = f"downloads/{download}"
            paths.append(f"{self.downloads}/{download}")

        paths.append(f"{self.folder}/{path}")
        inside(self.folder, path)

        for file in paths:
            status = status_of(file)
            if status is not None:
                size = status.st_size
                stamp = stamp_of(name, size, status.st_mtime_ns)
                return ImageFile(path, size, stamp, partial(read_file, file))

        return self.find_in_archives(name, path) if path else None

    def find_in_archives(self, name: str, path: str) -> ImageFile | None:
        hit = self.archives().find(path)
        if hit is None:
            return None

        archive, member = hit
        location = f"{archive.name}: {member}"
        size = archive.size(member)
        stamp = stamp_of(name, size, archive.time)
        return ImageFile(location, size, stamp, partial(archive.read, member))

    def archives(self) -> Archives:
        """The archives of the data folder, indexed once."""
        with self.lock:
            if self.indexed is None:
                self.indexed = Archives(self.folder)

            return self.indexed


def stamp_of(name: str, size: int, time: int) -> str:
    """What ImageFiles.stamp says of a file of this size and time."""
    return str(size) if is_link(name) else f"{size} {time}"


def status_of(file: str) -> os.stat_result | None:
    """The status of a regular file; None where there is none."""
    try:
        status = os.stat(file)
    except (OSError, ValueError):  # not there, or no file's name: too long, half a surrogate pair
        return None

    return status if stat.S_ISREG(status.st_mode) else None


def read_file(file: str) -> bytes:
    """The bytes of a file. Raises ValueError when it is too large to be an image."""
    with open(file, "rb") as opened:
        if os.fstat(opened.fileno()).st_size > LARGEST:
            raise ValueError(f"it is over {LARGEST >> 20} MB")

        return opened.read()


def open_image_files(job) -> ImageFiles:
    """The image files of a job's category. Raises UserError when its data folder is missing."""
    folder = job.input_folder
    return ImageFiles(folder, job.paths.downloads)
