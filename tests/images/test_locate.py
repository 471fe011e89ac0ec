"""Where images lie: files before archives, downloads by their link, and names that are not
trusted."""

import os
import tarfile
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from common.errors import UserError
from common.paths import Paths
from common.sections import Data
from config import Config
from images import locate as module
from images.locate import ImageFiles, open_image_files
from images.names import link_name
from pipeline.job import Job

LINK = "https://x.test/I/81.jpg?a=1"


@pytest.fixture
def files(tmp_path):
    """A data folder with a file and an archive beside a folder of downloads."""
    (tmp_path / "data/images").mkdir(parents=True)
    (tmp_path / "data/images/0.jpg").write_bytes(b"file")
    with zipfile.ZipFile(tmp_path / "data/more.zip", "w") as archive:
        archive.writestr("images/0.jpg", b"not this")
        archive.writestr("images/1.jpg", b"member")
    return ImageFiles(tmp_path / "data", tmp_path / "working/downloads")


def download(folder, link: str, data: bytes):
    file = folder / link_name(link)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


def test_a_file_comes_before_a_member_and_each_says_where_it_is(files):
    assert (
        files.read("images/0.jpg"),
        files.size("images/0.jpg"),
        files.location("images/0.jpg"),
    ) == (b"file", 4, "images/0.jpg")
    assert files.indexed is None  # no archive is indexed before it is needed
    assert (
        files.read("images/1.jpg"),
        files.size("images/1.jpg"),
        files.location("images/1.jpg"),
    ) == (b"member", 6, "more.zip: images/1.jpg")
    assert (files.size("images/2.jpg"), files.location("images/2.jpg")) == (None, "")
    with pytest.raises(ValueError, match="^missing$"):
        files.read("images/2.jpg")


def test_a_link_is_looked_for_in_downloads_then_in_those_of_the_data_then_in_archives(
    files,
):
    with pytest.raises(ValueError, match="^not downloaded$"):
        files.read(LINK)
    with tarfile.open(files.folder / "downloads.tar", "w") as tar:
        file = download(files.folder.parent / "elsewhere", LINK, b"archived")
        tar.add(file, link_name(LINK))
    files = ImageFiles(files.folder, files.downloads)
    assert (
        files.read(LINK) == b"archived"
        and files.location(LINK) == f"downloads.tar: {link_name(LINK)}"
    )
    download(files.folder / "downloads", LINK, b"of a dataset")
    assert files.read(LINK) == b"of a dataset"
    download(files.downloads, LINK, b"own")
    assert (
        files.read(LINK) == b"own"
        and files.size(LINK) == 3
        and files.location(LINK) == f"downloads/{link_name(LINK)}"
    )
    assert files.size(LINK + "2") is None


@pytest.mark.parametrize(
    "name", ["../out.jpg", "/etc/passwd", "images/../../out.jpg", "a\0b", "\\\\host\\out.jpg"]
)
def test_names_that_lead_out_are_refused(files, name):
    (files.folder.parent / "out.jpg").write_bytes(b"secret")
    with pytest.raises(ValueError, match="leads out of"):
        files.read(name)
    assert files.size(name) is None and files.location(name) == ""


@pytest.mark.parametrize(
    "name", ["", ".", "images", "images/", "fifo", "x" * 300, "\ud800.jpg", "images/0.jpg/0.jpg"]
)
def test_what_is_no_regular_file_is_missing(files, name):
    os.mkfifo(files.folder / "fifo")
    with pytest.raises(ValueError, match="^missing$"):
        files.read(name)
    assert files.size(name) is None and files.location(name) == ""


def test_a_file_that_cannot_be_taken_has_a_reason_in_one_line(files, monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 3)
    with pytest.raises(ValueError, match="is over 0 MB"):
        files.read("images/0.jpg")

    def refuse(*_):
        raise PermissionError(13, "Permission denied", "/a/long/path")

    monkeypatch.setattr(module, "read_file", refuse)
    with pytest.raises(ValueError, match="^cannot be read: Permission denied$"):
        files.read("images/0.jpg")


def test_an_archive_is_indexed_once_however_many_threads_ask(files, monkeypatch):
    opened, own = [], module.Archives
    monkeypatch.setattr(
        module, "Archives", lambda folder: opened.append(folder) or time.sleep(0.05) or own(folder)
    )
    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(files.read, ["images/1.jpg"] * 200)) == {b"member"}
    assert opened == [files.folder]


def test_a_broken_archive_stops_and_no_picture_counts_as_missing_by_it(files):
    (files.folder / "more.zip").write_bytes(b"PK\3\4 cut off")
    assert files.read("images/0.jpg") == b"file"
    for look in (files.read, files.size, files.location):
        with pytest.raises(UserError, match="cannot read the archive .*more.zip"):
            look("images/1.jpg")


def test_a_jobs_pictures_lie_in_its_data_folder_and_among_all_categories_downloads(folders):
    (folders / "input/shop/images").mkdir(parents=True)
    (folders / "input/shop/train.csv").touch()
    (folders / "input/shop/images/0.jpg").write_bytes(b"0")
    config = Config(task="entity", models=("vlm",), data=Data(folder="shop"))
    job = Job(config, Paths("entity"), None)
    download(folders / "working/downloads", LINK, b"1")
    assert (
        open_image_files(job).read("images/0.jpg") == b"0"
        and open_image_files(job).read(LINK) == b"1"
        and open_image_files(job).hint() == ""
    )
    (folders / "input/shop/images.7z").touch()
    assert "images.7z is compressed as a whole" in open_image_files(job).hint()
