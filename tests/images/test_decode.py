"""Images: what is bad is named, what is good is cached, the loader gives the same whatever the
number of threads."""

import hashlib
import io
import struct
import threading
import zlib

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import images.decode
from common.errors import UserError
from common.paths import Paths
from conftest import CATALOGUE, run_script
from images.augment import augmenter
from images.cache import Cache, batches
from images.decode import ORIENTATION, load_image
from images.settings import Images
from images.validate import perceptual_hash, to_square, validate

pytestmark = pytest.mark.filterwarnings(
    "ignore:::PIL"
)  # pytest takes back what images.decode says of them
SIZE = Images(size=32)
TURNS = {
    1: "abcd",
    2: "badc",
    3: "dcba",
    4: "cdab",
    5: "acbd",
    6: "cadb",
    7: "dbca",
    8: "bdac",
}  # corners, by rows, made upright


@pytest.fixture(params=["simplejpeg", "PIL"])
def decoder(request, monkeypatch):
    """Both decoders of JPEG."""
    if request.param == "simplejpeg":
        pytest.importorskip("simplejpeg")
    else:
        monkeypatch.setattr(images.decode, "fast_jpeg", lambda: None)


def noise(*shape):
    return np.random.default_rng(0).integers(0, 255, shape, np.uint8)


def smooth(width, height):
    """An image that JPEG keeps."""
    return Image.fromarray(noise(max(2, height // 10), max(2, width // 10), 3)).resize(
        (width, height), Image.Resampling.BICUBIC
    )


def stored(picture, form="PNG", **options) -> bytes:
    picture.save(buffer := io.BytesIO(), form, **options)
    return buffer.getvalue()


def pixels(data: bytes, images=SIZE) -> np.ndarray:
    return np.asarray(load_image(data, images)[0], int)


def huge_png(side: int) -> bytes:
    """The header of a PNG of side x side pixels, and not one of them."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", b"")
    )


def bad_pictures() -> dict[str, tuple[bytes, str]]:
    """{name: bytes of a bad image, and what its reason says}."""
    rgb = smooth(40, 50)
    return {
        "truncated.jpg": (stored(rgb, "JPEG")[:400], "broken"),
        "html.jpg": (b"<html>404</html>", "broken: no image"),
        "empty.jpg": (b"", "broken: no image"),
        "cut.png": (stored(rgb)[:-1000], "broken"),
        "cut.gif": (stored(rgb, "GIF")[:500], "broken"),
        "program.eps": (stored(rgb, "EPS"), "broken: no image"),
        "dot.png": (stored(rgb.resize((1, 1))), "1x1 is under 8 pixels"),
        "large.png": (huge_png(10_000), "10000x10000 is over 64 megapixels"),
        "bomb.png": (huge_png(50_000), "over 64 megapixels"),
    }


@pytest.mark.parametrize("name", bad_pictures())
def test_every_kind_of_bad_picture_is_named(name, decoder):
    data, says = bad_pictures()[name]
    kept, row = validate(data, SIZE)
    assert (kept, row["status"], row["hash"], row["width"]) == (b"", "bad", "", 0) and says in row[
        "reason"
    ], row
    assert (
        row["sha256"] == hashlib.sha256(data).hexdigest()
        and "\n" not in row["reason"]
        and " at 0x" not in row["reason"]
    )


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_cut_anywhere_is_broken(progressive, decoder):
    whole = stored(smooth(300, 200), "JPEG", progressive=progressive)
    assert validate(whole, SIZE)[1]["status"] == "ok"
    for end in [*range(0, len(whole), 331), len(whole) - 1]:
        assert validate(whole[:end], SIZE)[1]["reason"].startswith("broken"), end


def test_no_pixel_is_decoded_of_a_picture_that_is_too_large(monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(ValueError, match="10000x10000 is over 64 megapixels"):
        load_image(huge_png(10_000), SIZE)


def test_unusual_pictures_are_taken(decoder):
    rgb = smooth(40, 50)
    whole = np.asarray(rgb, int)
    for data in (
        stored(rgb.convert("CMYK"), "JPEG"),
        stored(rgb, "GIF", save_all=True, append_images=[rgb.rotate(180)]),
        stored(rgb, "MPO", save_all=True, append_images=[Image.new("RGB", (16, 16))]),
    ):
        got = pixels(data)
        assert got.shape == whole.shape and abs(got - whole).mean() < 8
    deep = stored(Image.fromarray(noise(50, 40).astype(np.uint16) * 257))
    floats = stored(Image.fromarray(noise(50, 40).astype(np.float32)), "TIFF")
    for data in (deep, floats):
        assert (pixels(data)[..., 0] == noise(50, 40)).all()
    for form in ("PNG", "WEBP"):
        black = Image.new("RGB", (40, 50))
        first = stored(rgb, form, save_all=True, append_images=[black], lossless=True)
        assert (pixels(first) == whole).all()


@pytest.mark.parametrize(
    "values, levels",
    [
        (np.uint16([0, 257, 32896, 65535]), [0, 1, 128, 255]),
        (np.int32([0, 257, 32896, 65535]), [0, 1, 128, 255]),
        (np.int32([-100, 0, 0, 100]), [0, 128, 128, 255]),
        (np.float32([0, 0.5, np.nan, 1]), [0, 128, 0, 255]),
        (np.float32([0, 2, np.inf, 255]), [0, 2, 0, 255]),
        (np.float32([7e5, 7e5, 7e5, 7e5]), [0, 0, 0, 0]),
    ],
)
def test_grey_of_16_and_32_bits_keeps_its_range(values, levels):
    data = stored(Image.fromarray(np.repeat(values, 16).reshape(8, 8)), "TIFF")
    got = pixels(data)
    assert (got == np.repeat(levels, 16).reshape(8, 8)[..., None]).all(), got[..., 0]


def test_what_is_transparent_becomes_white():
    red = Image.new("RGBA", (20, 20), (255, 0, 0, 255))
    red.paste((0, 0, 0, 0), (0, 0, 10, 20))
    half = Image.new("RGBA", (20, 20), (0, 0, 0, 128))
    palette = Image.fromarray(np.repeat(np.uint8([0, 1]), 10)[None].repeat(20, 0), "P")
    palette.putpalette([0, 0, 0, 255, 0, 0])
    key = Image.new("RGB", (20, 20), (255, 0, 0))
    key.paste((1, 2, 3), (0, 0, 10, 20))
    grey = Image.new("LA", (20, 20), (76, 255))
    grey.paste((0, 0), (0, 0, 10, 20))
    expected = np.asarray([[255] * 3] * 10 + [[255, 0, 0]] * 10)
    for data in (
        stored(red),
        stored(red, "WEBP", lossless=True),
        stored(palette, transparency=0),
        stored(palette, "GIF", transparency=0),
        stored(palette, transparency=b"\x00\xff"),
        stored(key, transparency=(1, 2, 3)),
    ):
        assert (pixels(data) == expected).all()
    assert (pixels(stored(half)) == 127).all()
    assert (pixels(stored(grey))[:, :10] == 255).all() and (
        pixels(stored(grey))[:, 10:] == 76
    ).all()
    assert set(pixels(stored(Image.fromarray(noise(20, 20) > 128))).ravel().tolist()) == {0, 255}


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_applied(turn, form, decoder):
    corners = Image.fromarray(np.uint8([[0, 80], [160, 240]]).repeat(16, 0).repeat(24, 1)).convert(
        "RGB"
    )  # a b / c d, 48x32
    exif = Image.Exif()
    exif[ORIENTATION] = turn
    picture, size = load_image(stored(corners, form, exif=exif), SIZE)
    assert picture.size == ((32, 48) if turn > 4 else (48, 32)) and sorted(size) == [32, 48]
    width, height = picture.size
    seen = [picture.getpixel((x, y))[0] for y in (4, height - 5) for x in (4, width - 5)]
    assert "".join("abcd"[round(level / 80)] for level in seen) == TURNS[turn]


def test_mangled_exif_leaves_the_picture_as_it_is(decoder):
    data = stored(
        smooth(48, 32), "JPEG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff" + bytes(range(40))
    )
    assert load_image(data, SIZE)[0].size == (48, 32)


@pytest.mark.parametrize("size", [32, 224, 300])
def test_both_decoders_give_the_same_picture(size, monkeypatch):
    pytest.importorskip("simplejpeg")

    def square(picture):
        return to_square(picture, size, "squash").astype(int)

    for width, height in ((60, 80), (333, 517), (700, 700), (1300, 901), (300, 1000)):
        for options in ({}, {"progressive": True}, {"subsampling": 0}, {"quality": 30}):
            for mode in ("RGB", "L"):
                data = stored(smooth(width, height).convert(mode), "JPEG", **options)
                ours = load_image(data, SIZE, size)[0]
                assert (
                    images.decode.decode_jpeg(data, Image.open(io.BytesIO(data)), size) is not None
                )
                with monkeypatch.context() as patch:
                    patch.setattr(images.decode, "fast_jpeg", lambda: None)
                    theirs = load_image(data, SIZE, size)[0]
                assert ours.size == theirs.size and min(ours.size) >= min(size, width, height)
                apart = abs(square(ours) - square(theirs))
                assert apart.mean() <= 0.5 and np.percentile(apart, 99.9) <= 3


@pytest.mark.parametrize("fit", ["squash", "pad"])
@pytest.mark.parametrize(
    "width, height", [(40, 30), (300, 200), (20, 200), (64, 64), (1000, 9), (64, 500)]
)
def test_squares_are_near_those_of_bicubic(fit, width, height):
    picture = smooth(width, height)
    expected, bicubic = Image.new("RGB", (64, 64), (128, 128, 128)), Image.Resampling.BICUBIC
    wide, high = (
        (64, 64)
        if fit == "squash"
        else (max(1, round(side * 64 / max(width, height))) for side in (width, height))
    )
    expected.paste(picture.resize((wide, high), bicubic), ((64 - wide) // 2, (64 - high) // 2))
    square = to_square(picture, 64, fit)
    assert square.shape == (64, 64, 3) and square.dtype == np.uint8
    assert abs(square.astype(int) - np.asarray(expected)).mean() < 3


def test_the_hash_of_a_smaller_copy_is_near_and_that_of_another_picture_far():
    picture = (
        Image.fromarray(np.uint8(40 + 180 * (noise(4, 4) > 128)))
        .resize((300, 200), Image.Resampling.NEAREST)
        .convert("RGB")
    )
    other = picture.transpose(Image.Transpose.ROTATE_180)
    copy = load_image(stored(picture.resize((200, 133)), "JPEG", quality=60), Images())[0]
    (own, colours), (near, like), (far, _) = (
        perceptual_hash(picture),
        perceptual_hash(copy),
        perceptual_hash(other),
    )

    def bits(a, b):
        return (int(a, 16) ^ int(b, 16)).bit_count()

    assert len(own) == 16 and colours.shape == (192,) and colours.dtype == np.int16
    assert bits(own, near) <= 2 < 20 < bits(own, far) and abs(colours - like).max() <= 8
    assert validate(stored(picture), Images(size=256))[1]["hash"] == own
    assert perceptual_hash(Image.new("RGB", (9, 9)))[0] == "0" * 16


def cache_of(folder, pictures: list[bytes], images) -> Cache:
    rows, blob = [], b""
    for i, data in enumerate(pictures):
        kept, row = validate(data, images)
        rows.append(
            {
                "image": f"{i}.jpg",
                **row,
                "shard": 0 if kept else -1,
                "offset": len(blob),
                "length": len(kept),
            }
        )
        blob += kept
    (folder / "000.bin").write_bytes(blob)
    pd.DataFrame(rows).to_csv(folder / "images.csv", index=False)
    return Cache(folder / "images.csv", folder)


@pytest.mark.parametrize("quality", [80, 95])
def test_the_cache_gives_what_was_put_in(quality, tmp_path, decoder):
    images = Images(size=48, quality=quality)
    pictures = [stored(smooth(96, 64 + i)) for i in range(4)] + [b"no image"]
    cache = cache_of(tmp_path, pictures, images)
    assert cache.ok.tolist() == [True] * 4 + [False] and all(
        len(h) == 16 for h in cache.table.hash[:4]
    )
    for i in range(4):
        expected, got = (
            to_square(load_image(pictures[i], images)[0], 48, "squash").astype(int),
            cache.read(i),
        )
        assert got.shape == (48, 48, 3) and got.dtype == np.uint8 and got.flags.writeable
        assert abs(got - expected).mean() <= {80: 12, 95: 3}[quality]
    pd.DataFrame(cache.table).assign(length=[7, 7, 7, 7, 0]).to_csv(
        tmp_path / "images.csv", index=False
    )
    with pytest.raises(UserError, match="0.jpg is not where images.csv says"):
        Cache(tmp_path / "images.csv", tmp_path).read(0)


def test_without_a_cache_models_that_read_it_stop(tmp_path):
    picture = stored(smooth(96, 64))
    assert validate(picture, Images(cache=False)) == (b"", validate(picture, Images())[1])
    with pytest.raises(UserError, match="set images.cache=true"):
        cache_of(tmp_path, [picture], Images(cache=False))
    table = pd.read_csv(tmp_path / "images.csv").assign(shard="", offset="", length="")
    table.to_csv(tmp_path / "images.csv", index=False)
    with pytest.raises(UserError, match="set images.cache=true"):
        Cache(tmp_path / "images.csv", tmp_path)


def test_threads_judge_alike():
    pictures = [stored(smooth(300, 200 + i), "JPEG") for i in range(8)]
    alone, found = [validate(data, SIZE) for data in pictures], {}
    threads = [
        threading.Thread(target=lambda i=i: found.update({i: validate(pictures[i], SIZE)}))
        for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[i] for i in range(8)] == alone


def test_02_lists_the_bad_and_caches_the_good(catalogue, folders):
    images = folders / "input/fashion/images"
    for i, name in enumerate(("truncated.jpg", "dot.png", "html.jpg")):
        (images / f"{i}.jpg").write_bytes(bad_pictures()[name][0])
    (images / "3.jpg").unlink()
    (images / "59.jpg").unlink()
    done = run_script("download_images", "fashion", *CATALOGUE)
    assert "images 48 ok 44 bad 4" in done.stdout, done.stderr
    done = run_script("download_images", "fashion", "--rows", "test", *CATALOGUE)
    assert "images 12 ok 11 bad 1" in done.stdout, done.stderr
    test, paths = Paths("fashion", "test"), Paths("fashion")
    assert Cache(test.images, test.cache).ok.tolist() == [True] * 11 + [False]
    cache = Cache(paths.images, paths.cache)
    bad = cache.table[~cache.ok].set_index("image").reason
    assert bad.index.tolist() == [f"images/{i}.jpg" for i in range(4)] and bad.iloc[3] == "missing"
    good = np.flatnonzero(cache.ok)
    picture = cache.read(good[5])
    assert picture.shape == (32, 32, 3) and picture.dtype == np.uint8
    source = np.asarray(Image.open(folders / "input/fashion" / cache.names[good[5]]))
    assert abs(picture.mean() - source.mean()) < 3


def test_no_picture_at_all_stops_and_names_the_folder(catalogue, folders):
    (folders / "input/fashion/images").rename(folders / "elsewhere")
    done = run_script("download_images", "fashion", *CATALOGUE)
    assert done.returncode == 1
    assert "none of 48 train images can be read in" in done.stderr
    assert "Traceback" not in done.stderr

    (folders / "elsewhere").rename(folders / "input/fashion/images")
    assert run_script("download_images", "fashion", *CATALOGUE).returncode == 0
    for i in range(48, 60):
        (folders / f"input/fashion/images/{i}.jpg").unlink()
    done = run_script("download_images", "fashion", "--rows", "test", *CATALOGUE)
    assert done.returncode == 1
    assert "none of 12 test images can be read in" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("preset", ["light", "medium", "strong", "published"])
def test_augmented_batches_are_the_same_whatever_the_threads_and_after_a_resume(preset):
    class Fake:
        read = staticmethod(lambda i: np.full((32, 32, 3), i, np.uint8) + noise(32, 32, 3) // 2)

    groups = [np.arange(4) + 4 * g for g in range(5)]

    def draw(workers, first=0):
        return list(batches(Fake, groups[first:], workers, augmenter(preset, 32, (0, 1), first)))

    one, four, resumed = draw(1), draw(4), draw(3, first=2)
    assert all((a == b).all() for a, b in zip(one, four, strict=True)) and all(
        (a == b).all() for a, b in zip(one[2:], resumed, strict=True)
    )
    assert not (one[0] == np.stack([Fake.read(i) for i in groups[0]])).all()


def test_a_broken_picture_in_a_batch_is_an_error_not_another_picture():
    class Fake:
        @staticmethod
        def read(i):
            if i == 3:
                raise ValueError("bad shard")
            return np.zeros((2, 2, 3), np.uint8)

    with pytest.raises(ValueError, match="bad shard"):
        list(batches(Fake, [np.arange(2), np.arange(2, 6)], 2))
