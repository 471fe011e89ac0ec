"""Archives of pictures, read where they lie: *.tar and *.zip at the top of a folder are indexed
once and never unpacked."""

import os
import shlex
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from common.errors import UserError

LARGEST = (
    256 << 20
)  # bytes of a picture's file; a larger one is no picture, and a thread each would fill the memory
STORED, DEFLATED, ENCRYPTED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, -1
TAR = "tar -xf {file} -C {to}"
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
}  # in these, one file is found by inflating all before it


class Member(NamedTuple):
    """A regular file in an archive: where its bytes begin (a zip's own header), how many there are,
    and how many they were."""

    offset: int
    packed: int
    size: int
    method: int = STORED
    crc: int | None = None


class Archive:
    """An archive's `members` {path: Member} and their bytes; any number of threads may read. UserError
    when it is broken."""

    def __init__(self, file: Path):
        self.name, self.zipped = file.name, file.suffix.lower() == ".zip"
        try:
            self.file = open(file, "rb", buffering=0)  # noqa: SIM115, closed later
            self.time = os.fstat(self.file.fileno()).st_mtime_ns
            self.members = (zip_members if self.zipped else tar_members)(self.file)
        except Exception as error:  # broken bytes make tarfile and zipfile raise anything
            what = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise UserError(
                f"cannot read the archive {file}: {what}; copy it there anew, or, if it "
                "holds no pictures, move it elsewhere"
            ) from None

    def read(self, path: str) -> bytes:
        """A member's bytes. ValueError with a one-line reason when they are not to be had."""
        member = self.members[path]
        if member.size > LARGEST:
            raise ValueError(f"{member.size >> 20} MB is over {LARGEST >> 20} MB")
        if member.method not in (STORED, DEFLATED):
            how = (
                "encrypted"
                if member.method == ENCRYPTED
                else f"compressed by method {member.method}"
            )
            raise ValueError(f"it is {how} in {self.name}; unpack it yourself")
        start = member.offset
        if (
            self.zipped
        ):  # the lengths in the file's own header may differ from those in the directory
            header = os.pread(self.file.fileno(), 30, start)
            if len(header) < 30 or header[:4] != b"PK\3\4":
                raise ValueError(f"{self.name} is broken there")
            start += (
                30
                + int.from_bytes(header[26:28], "little")
                + int.from_bytes(header[28:30], "little")
            )
        data = os.pread(self.file.fileno(), min(member.packed, LARGEST), start)
        if member.method == DEFLATED:
            try:
                data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(
                    data, member.size + 1
                )  # no more than it says it holds
            except zlib.error as error:
                raise ValueError(f"{self.name} is broken there: {error}") from None
        if len(data) != member.size or member.crc not in (None, zlib.crc32(data)):
            raise ValueError(f"{self.name} is broken there: it holds other bytes than it says")
        return data


def archive_files(folder: Path) -> list[Path]:
    """The archives at the top of a folder that are read in place, by name."""
    return [
        file
        for file in sorted(folder.glob("[!.]*"))
        if file.suffix.lower() in (".tar", ".zip") and file.is_file()
    ]


class Archives:
    """All archives at the top of a folder. Raises UserError when one is broken, of those that are read in
    place."""

    def __init__(self, folder: Path):
        self.all = list(map(Archive, archive_files(folder)))

    def find(self, name: str) -> tuple[Archive, str] | None:
        """The archive that holds a file, and its path there: its own, or without the archive's
        stem, as train_images.zip may hold 0.jpg for train_images/0.jpg. The first archive by name
        where several do."""
        path = plain_path(name)
        for archive in self.all:
            if path in archive.members:
                return archive, path
        stem, _, path = path.partition("/")
        return next(
            (
                (archive, path)
                for archive in self.all
                if archive.name[:-4] == stem and path in archive.members
            ),
            None,
        )


class Header(tarfile.TarInfo):
    """A tar's header, read in half of tarfile's own time where it is a plain file's: 0.7 s for
    100,000 of them."""

    @classmethod
    def frombuf(cls, buf, encoding, errors):
        size = buf[124:136].strip(b" \0")
        if (
            buf[156:157] != b"0"
            or buf[345:346] != b"\0"
            or not size.isdigit()
            or len(buf) != tarfile.BLOCKSIZE
        ):
            return super().frombuf(buf, encoding, errors)
        if sum(buf) - sum(buf[148:156]) + 8 * ord(" ") != tarfile.nti(buf[148:156]):
            raise tarfile.InvalidHeaderError("bad checksum")
        member = cls(buf[:100].partition(b"\0")[0].decode(encoding, errors))
        member.size = int(size, 8)
        return member


def tar_members(file) -> dict[str, Member]:
    """The members of an open tar; of two with one path the later, as when it is unpacked. Raises
    what tarfile raises."""
    found = {}
    with tarfile.open(fileobj=file, mode="r:", tarinfo=Header) as tar:
        while member := tar.next():
            tar.members.clear()  # else all headers are kept, 1 KB each
            if member.isreg() and not member.issparse() and is_inner(member.name):
                found[plain_path(member.name)] = Member(
                    member.offset_data, member.size, member.size
                )
        if any(
            os.pread(file.fileno(), tarfile.BLOCKSIZE, tar.offset)
        ):  # tarfile takes a damaged header for the end
            raise tarfile.ReadError(f"its header at byte {tar.offset} is damaged")
    return found


def zip_members(file) -> dict[str, Member]:
    """The members of an open zip, likewise. Raises what zipfile raises."""
    found = {}
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            kind = (
                info.external_attr >> 28
            )  # of a file made on Unix: 8 is regular, 10 a link; else 0
            name = info.filename.replace("\\", "/")  # of old Windows tools
            if not info.is_dir() and kind in (0, 8) and is_inner(name):
                method = ENCRYPTED if info.flag_bits & 1 else info.compress_type
                found[plain_path(name)] = Member(
                    info.header_offset, info.compress_size, info.file_size, method, info.CRC
                )
    return found


def is_inner(path: str) -> bool:
    return not path.startswith("/") and ".." not in path.split("/")


def plain_path(path: str) -> str:
    """Without ./ and doubled slashes."""
    return (
        path
        if path[:1] != "." and "/." not in path and "//" not in path
        else str(PurePosixPath(path))
    )


def hint(folder: Path) -> str:
    """ "images.tar.gz is compressed as a whole … run: …" where such an archive lies in the folder,
    else ""."""
    found = sorted(file for file in folder.glob("*") if file.name.lower().endswith(tuple(UNPACK)))
    if not found:
        return ""
    command = next(
        command for ending, command in UNPACK.items() if found[0].name.lower().endswith(ending)
    )
    file, to = shlex.quote(str(found[0])), shlex.quote(f"{folder}/")
    return (
        f"{found[0].name} is compressed as a whole and cannot be read in place; run: "
        f"{command.format(file=file, to=to)}"
    )


def archive_stamps(folder: Path) -> dict[str, list[int]]:
    """Size and time of each archive at the top of a folder: pictures may lie in them."""
    return {
        file.name: [file.stat().st_size, file.stat().st_mtime_ns] for file in archive_files(folder)
    }
