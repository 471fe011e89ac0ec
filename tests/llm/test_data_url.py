"""An image for a server: the file's own bytes, or upright and no larger than allowed."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from images.locate import ImageFiles
from images.settings import Images
from llm.data_url import load_data_url


@pytest.fixture
def load(tmp_path):
    """load(name, max_pixels): the image that a server gets of a file, and whether its bytes are the
    file's."""

    def of(name: str, max_pixels: int):
        url, reason = load_data_url(ImageFiles(tmp_path, tmp_path), name, Images(), max_pixels)
        assert reason == ""
        head, _, text = url.partition(",")
        assert head == "data:image/jpeg;base64"
        data = base64.b64decode(text, validate=True)
        return Image.open(io.BytesIO(data)), data == (tmp_path / name).read_bytes()

    return of


def test_a_jpeg_that_is_small_enough_is_sent_as_it_is(tmp_path, write_photo, load):
    write_photo(tmp_path / "a.jpg", (2400, 1600))
    _, is_own = load("a.jpg", 2400 * 1600)
    assert is_own


def test_a_larger_image_is_decoded_whole_then_made_smaller(tmp_path, write_photo, load):
    write_photo(tmp_path / "a.jpg", (2400, 1600))
    large, is_own = load("a.jpg", 3 * 10**6)  # though images.size is 512
    assert not is_own
    assert large.size == (2121, 1414)

    small, is_own = load("a.jpg", 2000)
    assert not is_own
    assert small.size == (54, 36)
    with Image.open(tmp_path / "a.jpg") as whole:
        expected = whole.resize(small.size, Image.Resampling.LANCZOS)
    difference = np.asarray(small, int) - np.asarray(expected)
    assert np.abs(difference).mean() < 3


def test_an_image_is_turned_upright(tmp_path, write_photo, load):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    write_photo(tmp_path / "turned.jpg", (60, 40), exif=exif)
    turned, is_own = load("turned.jpg", 10**6)
    assert not is_own
    assert turned.size == (40, 60)
    assert not turned.getexif()


def test_another_format_becomes_a_jpeg(tmp_path, write_photo, load):
    write_photo(tmp_path / "a.png")
    assert load("a.png", 10**6)[0].format == "JPEG"


def test_a_file_that_is_no_image_has_a_reason(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff\xe0 no image")
    files = ImageFiles(tmp_path, tmp_path)
    url, reason = load_data_url(files, "a.jpg", Images(), 10**6)
    assert url == ""
    assert reason.startswith("image: broken")
    assert load_data_url(files, "b.jpg", Images(), 10**6) == ("", "image: missing")
