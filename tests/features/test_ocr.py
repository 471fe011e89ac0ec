"""Text on images: places in the image's own pixels, passes at several scales, resumed, and a
bad image has its reason."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from common.ledger import Ledger
from common.sections import Data
from config import Config
from conftest import PREPARATION
from features import ocr
from features.ocr import Settings as Ocr
from images.locate import ImageFiles


class Engine:
    """Reads a word where the image is black; only in an image enlarged twice also a small
    one."""

    def __call__(self, array):
        self.shapes = getattr(self, "shapes", []) + [array.shape]
        dark = np.argwhere(array.max(2) < 50)
        (y0, x0), (y1, x1) = dark.min(0), dark.max(0) + 1
        box = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]
        words = [("12.5 kg", 0.9, box)] + ([("Net Wt", 0.8, box)] if len(array) > 100 else [])
        return SimpleNamespace(
            txts=[w[0] for w in words],
            scores=[w[1] for w in words],
            boxes=np.array([w[2] for w in words], float),
        )


def picture(size=(90, 60)):
    from PIL import Image

    image = Image.new("RGB", size, "white")
    image.paste((0, 0, 0), (30, 20, 60, 40))
    return image


def test_lines_have_their_places_in_the_pictures_own_pixels_whatever_the_scale():
    for scales, texts in (
        ((1,), ["12.5 kg"]),
        ((2,), ["12.5 kg", "Net Wt"]),
        ((1, 2), ["12.5 kg", "Net Wt"]),
    ):
        lines = ocr.read_lines(Engine(), picture(), Ocr(scales=scales))
        assert [line[0] for line in lines] == texts
        assert all(
            np.abs(np.array(line[2:10]) - [30, 20, 60, 20, 60, 40, 30, 40]).max() <= 1.5
            and list(line[10:]) == [90, 60]
            for line in lines
        )


def test_no_scale_makes_a_picture_larger_than_is_allowed():
    engine = Engine()
    ocr.read_lines(engine, picture(), Ocr(scales=(1, 4), longest=120))
    assert engine.shapes == [(60, 90, 3), (80, 120, 3)]


def test_a_narrow_strip_is_not_blown_up_and_keeps_its_places():
    engine, strip = Engine(), picture((90, 60)).crop((20, 25, 80, 33))
    lines = ocr.read_lines(engine, strip, Ocr(scales=(1, 1.0)))
    assert (
        engine.shapes == [(15, 60, 3)]
        and np.abs(np.array(lines[0][2:10]) - [10, 0, 40, 0, 40, 8, 10, 8]).max() <= 1
        and lines[0][10:] == (60, 8)
    )


def test_an_engine_that_fails_costs_its_picture_and_no_other(tmp_path, monkeypatch):
    for i in range(4):
        picture().save(tmp_path / f"{i}.png")
    picture((70, 70)).save(tmp_path / "2.png")

    def read(engine, image, settings):
        if image.size == (70, 70):
            raise RuntimeError("std::bad_alloc")
        return [["1 kg", 0.9, *[0.0] * 8, 90, 60]]

    monkeypatch.setattr(ocr, "open_engine", lambda settings: Engine())
    monkeypatch.setattr(ocr, "read_lines", read)
    config, names = (
        Config(task="entity", models=("ranker",), run={"workers": 2}),
        [f"{i}.png" for i in range(4)],
    )
    with Ledger(tmp_path / "ocr.growing", ("image", "lines", "reason"), "key") as ledger:
        ocr.read_all(names, ImageFiles(tmp_path, tmp_path / "downloads"), config, ledger)
        assert ocr.write_table(ledger, names, tmp_path, tmp_path / "ocr.csv")["reasons"] == {
            "2.png": "std::bad_alloc"
        }


def test_pictures_are_read_once_and_a_bad_one_is_a_row_with_its_reason(tmp_path, monkeypatch):
    folder = tmp_path / "images"
    folder.mkdir()
    names = [f"{i}.png" for i in range(5)]
    for name in names:
        picture().save(folder / name)
    (folder / "3.png").write_bytes(b"<html>")
    read, opened = [], []
    monkeypatch.setattr(ocr, "open_engine", lambda settings: opened.append(1) or Engine())
    monkeypatch.setattr(
        ocr,
        "read_lines",
        lambda engine, image, settings: (
            read.append(image.size) or [["1 kg", 0.9, *[0.0] * 8, 90, 60]]
        ),
    )
    config = Config(task="entity", models=("ranker",), data=Data(), run={"workers": 2})
    for some in (names[:2], names):
        with Ledger(tmp_path / "ocr.growing", ("image", "lines", "reason"), "key") as ledger:
            ocr.read_all(some, ImageFiles(folder, tmp_path / "downloads"), config, ledger)
            record = ocr.write_table(ledger, some, folder, tmp_path / "ocr.csv")
    assert (
        len(read) == 4
        and record["lines"] == 4
        and record["bad"] == {"3.png": 6}
        and record["reasons"]["3.png"].startswith("broken")
    )
    table = pd.read_csv(tmp_path / "ocr.csv", keep_default_na=False)
    assert (
        list(table) == ocr.COLUMNS
        and table.line[table.image == "3.png"].tolist() == [-1]
        and len(table) == 5
    )


def test_pictures_of_archives_and_links_are_read_and_a_link_that_is_not_here_is_no_file_to_watch(
    tmp_path, monkeypatch
):
    import tarfile

    from images.names import link_name

    links = ["https://x.test/a.png", "https://x.test/b.png"]
    download = tmp_path / "downloads" / link_name(links[0])
    download.parent.mkdir(parents=True)
    picture().save(download, "PNG")
    (tmp_path / "data").mkdir()
    with tarfile.open(tmp_path / "data/images.tar", "w") as tar:
        tar.add(download, "images/0.png")
    monkeypatch.setattr(ocr, "open_engine", lambda settings: Engine())
    names = ["images/0.png", *links, "images/1.png"]
    with Ledger(tmp_path / "ocr.growing", ("image", "lines", "reason"), "key") as ledger:
        ocr.read_all(
            names,
            ImageFiles(tmp_path / "data", tmp_path / "downloads"),
            Config(task="entity", models=("ranker",)),
            ledger,
        )
        record = ocr.write_table(ledger, names, tmp_path / "data", tmp_path / "ocr.csv")
    assert record["reasons"] == {links[1]: "not downloaded", "images/1.png": "missing"} and record[
        "bad"
    ] == {"images/1.png": None}
    table = pd.read_csv(tmp_path / "ocr.csv")
    assert table.image[table.line >= 0].unique().tolist() == names[:2]


def test_no_picture_is_read_twice_though_parts_change_or_one_is_mended(
    folders, script, monkeypatch
):
    data_dir = folders / "input/demo_entity"
    (data_dir / "images").mkdir(parents=True)
    for i in range(12):
        picture().save(data_dir / f"images/{i}.png")
    (data_dir / "images/4.png").write_bytes(b"<html>")
    table = pd.DataFrame(
        {
            "index": range(12),
            "image_link": [f"https://x.test/{i}.png" for i in range(12)],
            "group_id": 1,
            "entity_name": "item_weight",
            "entity_value": [f"{i}.0 gram" for i in range(12)],
        }
    )
    table[:8].to_csv(data_dir / "train.csv", index=False)
    table[8:].drop(columns="entity_value").to_csv(data_dir / "test.csv", index=False)
    read = []
    monkeypatch.setattr(ocr, "open_engine", lambda settings: Engine())
    monkeypatch.setattr(
        ocr,
        "read_lines",
        lambda engine, image, settings: read.append(1) or [["1 kg", 0.9, *[0.0] * 8, 90, 60]],
    )

    def run(*settings):
        read.clear()
        shared = ["demo_entity", "data.n_folds=2", "data.validation=0", *settings]
        for name, *rows in PREPARATION:
            script(name).main([*shared, *rows])

        script("split_files").main([*shared, "--rows", "test"])
        for rows in ([], ["--rows", "test"]):
            script("extract_features").main([*shared, "--source", "ocr", *rows])

        return len(read)

    assert (run(), run(), run("data.parts=7"), run("data.n_folds=3")) == (11, 0, 0, 0)
    picture().save(data_dir / "images/4.png")
    assert run("data.n_folds=3") == 1
    assert run("data.n_folds=3", "ocr.min_score=0.1") == 12


def test_print_is_read_by_the_real_thing():
    from PIL import Image, ImageDraw, ImageFont

    page = Image.new("RGB", (420, 120), "white")
    ImageDraw.Draw(page).text((20, 30), "NET WT 340 g", "black", ImageFont.load_default(size=48))
    lines = ocr.read_lines(ocr.open_engine(Ocr()), page, Ocr())
    assert any("340" in line[0] for line in lines) and all(
        0 <= x <= 420 for line in lines for x in line[2:10:2]
    )


def test_without_the_package_the_line_says_what_to_install(monkeypatch):
    import sys

    from common.errors import UserError

    monkeypatch.setitem(sys.modules, "rapidocr", None)
    with pytest.raises(
        UserError, match="-m pip install rapidocr onnxruntime, or give the text in a column"
    ):
        ocr.open_engine(Ocr())
