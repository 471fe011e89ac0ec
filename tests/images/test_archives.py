"""Archives read in place: every member its own bytes from any thread, and whatever is wrong with
one is told in a line."""

import io
import subprocess
import tarfile
import tracemalloc
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from common.errors import UserError
from images import archives
from images.archives import Archive, Archives, hint

FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]
LONG = "images/" + "deep/" * 30 + "ä.jpg"  # longer than a header's field, and not ASCII


def some_bytes(i: int) -> bytes:
    """Distinct, of odd lengths, half of them well compressed."""
    return bytes([i % 251]) * (300 * i) + np.random.default_rng(i).bytes(i)


def write_tar(file, members: dict, format=tarfile.GNU_FORMAT):
    with tarfile.open(file, "w", format=format) as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def write_zip(file, members: dict, how=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(file, "w", how) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


MEMBERS = {f"images/{i}.jpg": some_bytes(i) for i in range(60)} | {
    LONG: b"long",
    "images/empty.jpg": b"",
    "./images/dot.jpg": b"dot",
}


@pytest.fixture(params=["ustar", "gnu", "pax", "stored", "deflated", "GNU tar"])
def archive(request, tmp_path):
    """The members in an archive of each kind."""
    if request.param in ("stored", "deflated"):
        write_zip(
            tmp_path / "a.zip",
            MEMBERS,
            zipfile.ZIP_STORED if request.param == "stored" else zipfile.ZIP_DEFLATED,
        )
        return Archive(tmp_path / "a.zip")
    if request.param != "GNU tar":
        write_tar(
            tmp_path / "a.tar", MEMBERS, FORMATS[["ustar", "gnu", "pax"].index(request.param)]
        )
        return Archive(tmp_path / "a.tar")
    for name, data in MEMBERS.items():
        file = tmp_path / "from" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    subprocess.run(["tar", "-cf", tmp_path / "a.TAR", "-C", tmp_path / "from", "."], check=True)
    return Archive(tmp_path / "a.TAR")


def test_every_member_is_read_by_many_threads_as_it_was_written(archive):
    names = [name.removeprefix("./") for name in MEMBERS]
    assert sorted(archive.members) == sorted(names)
    assert [archive.size(name) for name in names] == [len(data) for data in MEMBERS.values()]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(archive.read, names * 20)) == list(MEMBERS.values()) * 20


def test_a_member_is_found_by_its_path_or_below_the_archives_own_name(tmp_path):
    write_zip(tmp_path / "train_images.zip", {"0.jpg": b"zip"})
    write_tar(tmp_path / "b.tar", {"images/0.jpg": b"first", "./images/1.jpg": b"dot"})
    write_tar(
        tmp_path / "c.tar", {"images/0.jpg": b"second", "train_images/0.jpg": b"its own path"}
    )
    found = Archives(tmp_path)

    def read(name):
        archive, path = found.find(name)
        return archive.read(path)

    assert (
        read("images/0.jpg") == b"first"
        and read("images/1.jpg") == read("./images//1.jpg") == read("b/images/1.jpg") == b"dot"
    )
    assert read("train_images/0.jpg") == b"its own path"
    (tmp_path / "c.tar").unlink()
    found = Archives(tmp_path)
    assert (
        read("train_images/0.jpg") == b"zip"
        and found.find("images/2.jpg") is None
        and found.find("train_images") is None
    )


def test_of_a_path_that_is_there_twice_the_later_counts_as_when_unpacked(tmp_path):
    write_tar(tmp_path / "a.tar", {"a.jpg": b"old"})
    with tarfile.open(tmp_path / "a.tar", "a") as tar:
        info = tarfile.TarInfo("a.jpg")
        info.size = 3
        tar.addfile(info, io.BytesIO(b"new"))
    assert Archive(tmp_path / "a.tar").read("a.jpg") == b"new"


def test_only_regular_files_inside_are_members(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name, kind in (
            ("dir", tarfile.DIRTYPE),
            ("link", tarfile.SYMTYPE),
            ("hard", tarfile.LNKTYPE),
            ("fifo", tarfile.FIFOTYPE),
            ("device", tarfile.CHRTYPE),
            ("/absolute.jpg", tarfile.REGTYPE),
            ("a/../../out.jpg", tarfile.REGTYPE),
            ("ok.jpg", tarfile.REGTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    assert list(Archive(tmp_path / "a.tar").members) == ["ok.jpg"]
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        link = zipfile.ZipInfo("link.jpg")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        for name in ("/absolute.jpg", "../out.jpg", "dir/", "ok.jpg"):
            archive.writestr(name, b"")
    assert list(Archive(tmp_path / "a.zip").members) == ["ok.jpg"]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "change, says",
    [
        (
            lambda data: data[: len(data.rstrip(b"\0")) - 300],
            "unexpected end of data",
        ),  # in the middle of the last member
        (lambda data: data[:2000] + b"\1" * 200 + data[2200:], "header at byte 1536 is damaged"),
        (lambda data: b"\x1f\x8b" + data[2:], "bad checksum|invalid header|truncated"),
        (lambda data: b"", "empty file"),
    ],
)
def test_a_broken_tar_is_told_in_a_line(tmp_path, format, change, says):
    write_tar(tmp_path / "a.tar", {f"{i}.jpg": b"x" * 700 for i in range(40)}, format)
    (tmp_path / "a.tar").write_bytes(change((tmp_path / "a.tar").read_bytes()))
    with pytest.raises(UserError, match=f"cannot read the archive .*a.tar: .*({says})") as stop:
        Archives(tmp_path)
    assert "\n" not in str(stop.value)


def test_a_broken_zip_is_told_in_a_line_and_a_broken_member_harms_no_other(tmp_path):
    write_zip(tmp_path / "a.zip", {"a.jpg": b"a" * 5000, "b.jpg": b"b" * 5000}, zipfile.ZIP_STORED)
    data = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(data[:-30])
    with pytest.raises(UserError, match="cannot read the archive .*a.zip: File is not a zip file"):
        Archives(tmp_path)
    (tmp_path / "a.zip").write_bytes(data.replace(b"b" * 100, b"c" * 100, 1))
    archive = Archive(tmp_path / "a.zip")
    assert archive.read("a.jpg") == b"a" * 5000
    with pytest.raises(
        ValueError, match="a.zip is broken there: it holds other bytes than it says"
    ):
        archive.read("b.jpg")


def test_a_member_that_inflates_to_more_than_it_says_is_not_inflated(tmp_path, monkeypatch):
    write_zip(tmp_path / "a.zip", {"bomb.jpg": bytes(50_000_000)})
    data = bytearray((tmp_path / "a.zip").read_bytes())
    for signature, at in ((b"PK\3\4", 22), (b"PK\1\2", 24)):  # both say 1,000 bytes
        start = data.index(signature) + at
        data[start : start + 4] = (1000).to_bytes(4, "little")
    (tmp_path / "a.zip").write_bytes(data)
    tracemalloc.start()
    with pytest.raises(ValueError, match="other bytes than it says"):
        Archive(tmp_path / "a.zip").read("bomb.jpg")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2_000_000
    write_zip(tmp_path / "a.zip", {"large.jpg": bytes(3 << 20)})
    monkeypatch.setattr(archives, "LARGEST", 2 << 20)
    with pytest.raises(ValueError, match="3 MB is over 2 MB"):
        Archive(tmp_path / "a.zip").read("large.jpg")


def test_what_cannot_be_read_in_place_has_its_reason(tmp_path):
    write_zip(tmp_path / "a.zip", {"lzma.jpg": b"x" * 1000}, zipfile.ZIP_LZMA)
    write_zip(tmp_path / "b.zip", {"secret.jpg": b"x" * 1000})
    data = bytearray((tmp_path / "b.zip").read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1
    (tmp_path / "b.zip").write_bytes(data)
    write_zip(tmp_path / "c.zip", {"renamed.jpg": b"x" * 1000})
    write_zip(tmp_path / "d.zip", {"é.jpg": b"x" * 1000})
    for name, old, new in (("c.zip", b"renamed", b"another"), ("d.zip", b"\xc3\xa9", b"\xe9\xe9")):
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data.replace(old, new, 1))  # in the member's own header
    for name, inner, says in (
        ("a.zip", "lzma.jpg", "compressed by method 14 in a.zip"),
        ("b.zip", "secret.jpg", "encrypted in b.zip"),
        ("c.zip", "renamed.jpg", "it has two different names in c.zip; unpack it yourself"),
        ("d.zip", "é.jpg", "it has two different names in d.zip; unpack it yourself"),
    ):
        with pytest.raises(ValueError, match=says):
            Archive(tmp_path / name).read(inner)


def test_an_archive_that_is_compressed_as_a_whole_is_named_with_the_command_that_works(tmp_path):
    assert hint(tmp_path) == ""
    folder = tmp_path / "with space"
    folder.mkdir()
    with tarfile.open(folder / "images.tar.gz", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("images/0.jpg"))
    assert Archives(folder).all == []
    said = hint(folder)
    assert said.startswith(
        "images.tar.gz is compressed as a whole and cannot be read in place; run: tar -xf "
    )
    subprocess.run(said.partition("run: ")[2], shell=True, check=True)
    assert (folder / "images/0.jpg").is_file()


def test_the_index_is_as_tarfile_has_it(tmp_path):
    """Numbers and long names included."""
    write_tar(
        tmp_path / "a.tar",
        {f"{'d' * (1 + i % 130)}/{i}": b"x" * (i * 7 % 1500) for i in range(400)},
        tarfile.PAX_FORMAT,
    )
    with tarfile.open(tmp_path / "a.tar") as tar:
        assert {
            name: member[:2] for name, member in Archive(tmp_path / "a.tar").members.items()
        } == {archives.plain_path(member.name): (member.offset_data, member.size) for member in tar}
