"""Where pictures lie: in the data folder, among downloads, or in archives there; read by their
names, whichever it is."""

import os
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from common.paths import input_folder, inside
from images.archives import LARGEST, Archives, hint
from images.names import is_link, link_name


class Found(NamedTuple):
    place: str  # for people, e.g. "images/0.jpg", "images.tar: images/0.jpg", "downloads/3f/3fa9…"
    size: int  # bytes
    stamp: str  # changes with the file, as far as its size and time tell
    read: Callable[[], bytes]  # raises ValueError with a one-line reason, or OSError


class Pictures:
    """The pictures of a data folder and of a folder of downloads, by the names that rows have for
    them: names in the data folder, or links. Any number of threads may read. Archives are indexed
    when a name is first found nowhere else; Raises UserError when one is broken."""

    def __init__(self, folder: Path, downloads: Path):
        self.folder, self.downloads, self.lock, self.opened = folder, downloads, Lock(), None

    def read(self, name: str) -> bytes:
        """The bytes of a picture's file. ValueError with a one-line reason when they are not to be
        had."""
        found = self.find(name)
        if not found:
            raise ValueError("not downloaded" if is_link(name) else "missing")
        try:
            return found.read()
        except OSError as error:
            raise ValueError(f"cannot be read: {error.strerror}") from None

    def size(self, name: str) -> int | None:
        """Bytes of a picture's file; None where there is none."""
        found = self.look(name)
        return found and found.size

    def stamp(self, name: str) -> str:
        """What tells a picture's file from another of its name: size and time; of a download, whose
        link names it, the size. "" nowhere."""
        found = self.look(name)
        return found.stamp if found else ""

    def place(self, name: str) -> str:
        """Where a picture lies, for people; "" where there is none."""
        found = self.look(name)
        return found.place if found else ""

    def hint(self) -> str:
        """Where pictures are missing: the command to unpack an archive that cannot be read in
        place; "" where none lies there."""
        return hint(self.folder)

    def look(self, name: str) -> Found | None:
        """`find`, with names that lead out of the folder found nowhere."""
        try:
            return self.find(name)
        except ValueError:
            return None

    def find(self, name: str) -> Found | None:
        """A picture's file. ValueError when its name leads out of the folder."""
        link = link_name(name) if is_link(name) else ""
        path = f"downloads/{link}" if link else name
        inside(self.folder, path)
        for file in (
            [f"{self.downloads}/{link}", f"{self.folder}/{path}"]
            if link
            else [f"{self.folder}/{path}"]
        ):
            try:
                status = os.stat(file)
            except (
                OSError,
                ValueError,
            ):  # not there, or no name of a file: too long, half a surrogate pair
                continue
            if stat.S_ISREG(status.st_mode):
                return Found(
                    path,
                    status.st_size,
                    str(status.st_size) if link else f"{status.st_size} {status.st_mtime_ns}",
                    partial(read_file, file),
                )
        if not path or not (there := self.archives().find(path)):
            return None
        archive, inner = there
        size = archive.members[inner].size
        return Found(
            f"{archive.name}: {inner}",
            size,
            str(size) if link else f"{size} {archive.time}",
            partial(archive.read, inner),
        )

    def archives(self) -> Archives:
        with self.lock:
            self.opened = self.opened or Archives(self.folder)
            return self.opened


def read_file(file: str) -> bytes:
    with open(file, "rb") as opened:
        if os.fstat(opened.fileno()).st_size > LARGEST:
            raise ValueError(f"it is over {LARGEST >> 20} MB")
        return opened.read()


def open_pictures(job) -> Pictures:
    """The pictures of a job's category. Raises UserError when its data folder is not there."""
    return Pictures(
        input_folder(job.config.data.folder, job.config.data.train), job.paths.downloads
    )
