"""Pictures: what is bad is named, what is good is cached, the loader gives the same whatever the number of threads."""
import numpy as np
import pytest
from PIL import Image

from common.augment import augmenter
from common.config import Images
from common.images import Cache, batches, cached_bytes, load_picture
from conftest import CATALOGUE, run_script

SIZE = Images(size=32)


def noise(*shape):
    return np.random.default_rng(0).integers(0, 255, shape, np.uint8)


def bad_files(folder):
    """{name of a bad file: what its reason says}, all written to the folder."""
    rgb = Image.fromarray(noise(50, 40, 3)).resize((5, 4)).resize((40, 50), Image.Resampling.BICUBIC)  # smooth: JPEG keeps it
    rgb.save(folder / "whole.jpg")
    (folder / "truncated.jpg").write_bytes((folder / "whole.jpg").read_bytes()[:400])
    (folder / "html.jpg").write_text("<html>404</html>")
    (folder / "empty.jpg").touch()
    rgb.convert("CMYK").save(folder / "cmyk.jpg")
    Image.fromarray(noise(50, 40).astype(np.uint16) * 257).save(folder / "deep.png")
    rgb.save(folder / "animated.gif", save_all=True, append_images=[rgb.rotate(180)])
    rgb.resize((1, 1)).save(folder / "dot.png")
    Image.new("L", (10000, 10000)).save(folder / "huge.png")
    return {"missing.jpg": "missing", "truncated.jpg": "broken", "html.jpg": "broken", "empty.jpg": "broken", "cmyk.jpg": "CMYK",
            "deep.png": "16-bit", "animated.gif": "animated", "dot.png": "1x1 is under 8 pixels", "huge.png": "over 64 megapixels"}


def test_every_kind_of_bad_picture_is_named(tmp_path):
    for name, says in bad_files(tmp_path).items():
        data, row = cached_bytes(tmp_path / name, SIZE)
        assert (data, row["status"]) == (b"", "bad") and says in row["reason"], (name, row)


def test_unusual_pictures_are_taken_when_asked(tmp_path):
    bad_files(tmp_path)
    whole = np.asarray(load_picture(tmp_path / "whole.jpg", SIZE)[0], int)
    for name in ("cmyk.jpg", "animated.gif"):
        got = np.asarray(load_picture(tmp_path / name, Images(convert=True))[0], int)
        assert got.shape == whole.shape and abs(got - whole).mean() < 8
    deep = np.asarray(load_picture(tmp_path / "deep.png", Images(convert=True))[0])
    assert (deep[..., 0] == noise(50, 40)).all()


def test_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(noise(20, 60, 3)).save(tmp_path / "turned.jpg", exif=exif)
    assert load_picture(tmp_path / "turned.jpg", SIZE)[0].size == (20, 60)


def test_02_lists_the_bad_and_caches_the_good(catalogue, folders):
    images = folders / "input/fashion/images"
    bad_files(images)
    for i, name in enumerate(("truncated.jpg", "dot.png", "cmyk.jpg")):
        (images / f"{i}.jpg").write_bytes((images / name).read_bytes())
    (images / "3.jpg").unlink()
    assert run_script("split_files", "fashion", *CATALOGUE).returncode == 0
    done = run_script("download_images", "fashion", *CATALOGUE)
    assert "pictures 60 bad 4" in done.stdout, done.stderr
    cache = Cache(folders / "working/fashion/images.csv", folders / "working/fashion/images")
    bad = cache.table[~cache.ok].set_index("image").reason
    assert bad.index.tolist() == [f"images/{i}.jpg" for i in range(4)] and bad.iloc[3] == "missing"
    good = np.flatnonzero(cache.ok)
    picture = cache.read(good[5])
    assert picture.shape == (32, 32, 3) and picture.dtype == np.uint8
    source = np.asarray(Image.open(folders / "input/fashion" / cache.names[good[5]]))
    assert abs(picture.mean() - source.mean()) < 3


def test_no_picture_at_all_stops_and_names_the_folder(catalogue, folders):
    (folders / "input/fashion/images").rename(folders / "elsewhere")
    run_script("split_files", "fashion", *CATALOGUE)
    done = run_script("download_images", "fashion", *CATALOGUE)
    assert done.returncode == 1 and "none of 12 test pictures can be read in" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("preset", ["light", "medium", "strong", "seed"])
def test_augmented_batches_are_the_same_whatever_the_threads_and_after_a_resume(preset):
    class Fake:
        read = staticmethod(lambda i: np.full((32, 32, 3), i, np.uint8) + noise(32, 32, 3) // 2)

    groups = [np.arange(4) + 4 * g for g in range(5)]
    draw = lambda workers, first=0: list(batches(Fake, groups[first:], workers, augmenter(preset, 32, (0, 1), first)))
    one, four, resumed = draw(1), draw(4), draw(3, first=2)
    assert all((a == b).all() for a, b in zip(one, four)) and all((a == b).all() for a, b in zip(one[2:], resumed))
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
