"""What the report says of images, by 02's tables."""

from argparse import Namespace
from io import BytesIO

import pandas as pd
import pytest
from PIL import Image

from common.paths import Paths
from config import load
from conftest import write_catalogue
from page.blocks import Table
from pipeline.job import Job
from report import data
from report.view import load_view

IMAGES = [
    ("train:0", "images/0.jpg", "ok", ""),
    ("train:1", "images/1.jpg", "ok", ""),
    ("train:2", "images/2.jpg", "bad", "9x9 is under 10 pixels"),
]
PAIRS = [("exact", "images/1.jpg", "images/0.jpg")]
TEST_IMAGES = [("test:8", "images/8.jpg", "ok", "")]
TEST_PAIRS = [("near", "images/8.jpg", "images/0.jpg")]


def write_looks(paths, images: list, pairs: list) -> None:
    """What 02 leaves of the rows of `paths`."""
    paths.own.mkdir(parents=True)
    images = pd.DataFrame(images, columns=["id", "image", "status", "reason"])
    images.assign(width=40, height=40).to_csv(paths.images, index=False)
    pairs = pd.DataFrame(pairs, columns=["kind", "image", "same as"])
    pairs.to_csv(paths.own / "duplicates.csv", index=False)


@pytest.fixture
def blocks(folders) -> list:
    """The section's blocks of a catalogue with one bad image and two pairs of look-alikes."""
    write_catalogue(folders / "input/fashion", 10)
    paths = Paths("fashion")
    write_looks(paths, IMAGES, PAIRS)
    write_looks(paths.of("test"), TEST_IMAGES, TEST_PAIRS)
    job = Job(load("fashion", ["data.labels=tone,coin"]), paths, Namespace())
    return data.section(load_view(job)).blocks


def frame_of(blocks: list, caption: str) -> pd.DataFrame:
    """The table whose caption begins so."""
    tables = [block for block in blocks if isinstance(block, Table)]
    (table,) = [table for table in tables if table.caption.startswith(caption)]
    return table.frame


def test_why_images_are_bad(blocks):
    assert frame_of(blocks, "Why 1 images").reason.tolist() == ["is under 10 pixels"]


def test_look_alikes_are_counted_by_kind_and_split(blocks):
    assert frame_of(blocks, "Images that are the same").values.tolist() == [
        ["exact", "train", 1],
        ["near", "train and test", 1],
    ]


def test_look_alikes_that_straddle_the_splits_are_shown(blocks):
    (card,) = blocks[-1].cards
    assert Image.open(BytesIO(card.image)).size == (84, 40)
    assert card.facts["shown in"] == "test; train"
