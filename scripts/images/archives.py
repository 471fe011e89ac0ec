"""Archives of images: .tar and .zip files are indexed once, read in place and never unpacked.

in: "images/0.jpg" → out: its bytes, read in place from images.tar
"""

import os
import shlex
import tarfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from common.errors import UserError

# Bytes of an image file. A larger one is no image, and one in each thread would fill the memory.
LARGEST = 256 << 20
# Of a zip; the other methods have no limit on what a member inflates to in memory.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
REGULAR = 8  # kinds of file in a zip that was made on Unix
UNKNOWN = 0  # in one made on Windows
TAR = "tar -xf {file} -C {to}"
# Archives in which one file is found by inflating all before it, and what unpacks them.
UNPACK = {
    ".tar.gz": TAR,
    ".tgz": TAR,
    ".tar.xz": TAR,
    ".txz": TAR,
    ".tar.bz2": TAR,
    ".tbz2": TAR,
    ".tar.zst": TAR,
    ".7z": "7z x {file} -o{to}",
    ".rar": "unrar x {file} {to}",
}


class TarMember(NamedTuple):
    """Where the bytes of a file begin in a tar, and how many there are."""

    offset: int
    size: int


class Archive:
    """A .tar or .zip file; `members` {path: TarMember or ZipInfo} are the regular files in it.

    Any number of threads may read. Raises UserError when the archive is broken.
    """

    def __init__(self, file: Path):
        self.name = file.name
        try:
            self.file = open(file, "rb", buffering=0)  # noqa: SIM115, open as long as the process
            self.time = os.fstat(self.file.fileno()).st_mtime_ns

            if file.suffix.lower() == ".zip":
                self.zip = zipfile.ZipFile(self.file)
                self.members = zip_members(self.zip)
            else:
                self.zip = None
                self.members = tar_members(self.file)
        except Exception as error:  # broken bytes make tarfile and zipfile raise anything
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise UserError(
                f"cannot read the archive {file}: {why}; copy it there anew, or, if it "
                "holds no images, move it elsewhere"
            ) from None

    def size(self, path: str) -> int:
        """How many bytes a member has."""
        member = self.members[path]
        return member.file_size if self.zip else member.size

    def read(self, path: str) -> bytes:
        """Bytes of a member. Raises ValueError with a one-line reason when it cannot be read."""
        size = self.size(path)
        if size > LARGEST:
            raise ValueError(f"{size >> 20} MB is over {LARGEST >> 20} MB")

        member = self.members[path]
        if self.zip:
            data = self.inflate(member)
        else:
            data = os.pread(self.file.fileno(), size, member.offset)

        if len(data) != size:
            raise self.broken()

        return data

    def inflate(self, member: zipfile.ZipInfo) -> bytes:
        """The bytes of a zip's member, at most one more than it says it holds."""
        if member.flag_bits & 1:
            raise ValueError(f"it is encrypted in {self.name}; unpack it yourself")

        if member.compress_type not in METHODS:
            raise ValueError(
                f"it is compressed by method {member.compress_type} in {self.name}; "
                "unpack it yourself"
            )

        try:
            with self.zip.open(member) as opened:
                return opened.read(member.file_size + 1)  # checks its CRC
        except (OSError, MemoryError):  # the machine's fault, not the archive's
            raise
        except Exception as error:  # broken bytes make zipfile raise anything
            # zipfile compares a member's two names, and cannot read it where they differ
            is_undecodable = isinstance(error, UnicodeDecodeError)
            if is_undecodable or "File name in directory" in str(error):
                reason = f"it has two different names in {self.name}; unpack it yourself"
                raise ValueError(reason) from None

            raise self.broken() from None

    def broken(self) -> ValueError:
        return ValueError(f"{self.name} is broken there: it holds other bytes than it says")


class Archives:
    """All archives at the top of a folder that are read in place. Raises UserError when one of them
    is broken."""

    def __init__(self, folder: Path):
        self.all = [Archive(file) for file in archive_files(folder)]

    def find(self, name: str) -> tuple[Archive, str] | None:
        """(the archive that holds a file, the file's path in it), or None.

        The path is the file's own, or lacks the archive's stem: train_images.zip may hold 0.jpg for
        train_images/0.jpg. Where several archives have it, the first by name.
        """
        path = plain_path(name)
        for archive in self.all:
            if path in archive.members:
                return archive, path

        top, _, below = path.partition("/")
        for archive in self.all:
            is_named_so = archive.name[:-4] == top
            if is_named_so and below in archive.members:
                return archive, below

        return None


def archive_files(folder: Path) -> list[Path]:
    """The archives at the top of a folder that are read in place, by name."""
    files = sorted(folder.glob("[!.]*"))
    return [file for file in files if file.suffix.lower() in (".tar", ".zip") and file.is_file()]


def archive_stamps(folder: Path) -> dict[str, list[int]]:
    """{name: [size, time]} of the archives at the top of a folder: images may lie in them."""
    stamps = {}
    for file in archive_files(folder):
        status = file.stat()
        size = status.st_size
        time = status.st_mtime_ns
        stamps[file.name] = [size, time]

    return stamps


def tar_members(file) -> dict[str, TarMember]:
    """The regular files in an open tar; of two with one path the later, as when it is unpacked.
    Raises what tarfile raises."""
    members = {}
    with tarfile.open(fileobj=file, mode="r:") as tar:
        while info := tar.next():
            tar.members.clear()  # else it keeps all headers, 1 KB each
            is_whole = info.isreg() and not info.issparse()
            if is_whole and is_inner(info.name):
                path = plain_path(info.name)
                members[path] = TarMember(info.offset_data, info.size)

        # tarfile takes a damaged header for the end: there are zeros.
        end = os.pread(file.fileno(), tarfile.BLOCKSIZE, tar.offset)
        if any(end):
            raise tarfile.ReadError(f"its header at byte {tar.offset} is damaged")

    return members


def zip_members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The regular files in an open zip; of two with one path the later."""
    members = {}
    for info in archive.infolist():
        # What kind of file it is on Unix, where it was made there.
        kind = info.external_attr >> 28
        is_regular = kind in (REGULAR, UNKNOWN) and not info.is_dir()
        name = info.filename.replace("\\", "/")  # old Windows tools write backslashes
        if is_regular and is_inner(name):
            path = plain_path(name)
            members[path] = info

    return members


def is_inner(path: str) -> bool:
    """Whether a member's path stays below the folder that the archive is unpacked into."""
    return not path.startswith("/") and ".." not in path.split("/")


def plain_path(path: str) -> str:
    """The path without ./ and doubled slashes."""
    is_plain = path[:1] != "." and "/." not in path and "//" not in path
    return path if is_plain else str(PurePosixPath(path))


def hint(folder: Path) -> str:
    """ "images.tar.gz is compressed as a whole … run: …" when such an archive lies in the folder,
    else ""."""
    for file in sorted(folder.glob("*")):
        for ending, command in UNPACK.items():
            if file.name.lower().endswith(ending):
                name = file.name
                quoted = shlex.quote(str(file))
                to = shlex.quote(f"{folder}/")
                run = command.format(file=quoted, to=to)
                return f"{name} is compressed as a whole and cannot be read in place; run: {run}"

    return ""
