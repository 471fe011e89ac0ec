"""The images of a category: which could be had, why not, how large they are, which look alike."""

import numpy as np
import pandas as pd

from common.errors import UserError
from common.paths import TEST
from common.rows import split_of
from common.tables import read_csv
from page.blocks import Card, Cards, Note, Table
from page.thumbnails import Thumbnails
from report.view import View

COLUMNS = ["id", "image", "status", "reason", "width", "height"]
MOST_PAIRS = 8  # of look-alikes that are shown
MOST_REASONS = 12  # for which images are bad


def image_blocks(view: View) -> list:
    """What became of the images, as 02 left it in images.csv and duplicates.csv."""
    if not view.config.data.train_image:
        return [Note("The config names no images.")]

    tables = []
    pairs = []
    try:
        for paths in (view.paths, view.paths.of(TEST)):
            if paths.images.exists():
                tables.append(read_csv(paths.images, COLUMNS))
                pairs.append(read_csv(paths.own / "duplicates.csv", ["kind", "image", "same as"]))
    except UserError as error:
        return [Note(str(error), "warning")]

    if not tables:
        return [Note("No images.csv: images have not been looked at (make images).")]

    images = pd.concat(tables, ignore_index=True)
    images["split"] = images["id"].map(split_of)

    return [
        status_table(images),
        *reason_table(images),
        *look_alikes(view, images, pd.concat(pairs, ignore_index=True)),
    ]


def status_table(images: pd.DataFrame) -> Table:
    """Distinct images by split and status, and the sizes of the good ones."""
    counts = images.groupby("split")["status"].value_counts().unstack(fill_value=0).reset_index()
    counts.columns.name = None
    caption = (
        "Distinct images of each split by what became of them."
        f"{size_sentence(images[images['status'] == 'ok'])}"
    )

    return Table(caption, counts)


def size_sentence(images: pd.DataFrame) -> str:
    """The middle half of the images' shorter sides; "" of no images."""
    if images.empty:
        return ""

    sides = images[["width", "height"]].apply(pd.to_numeric, errors="coerce")
    shorter = sides.min(axis=1)

    return (
        f" Half of them are between {shorter.quantile(0.25):.0f} and "
        f"{shorter.quantile(0.75):.0f} pixels on their shorter side."
    )


def reason_table(images: pd.DataFrame) -> list[Table]:
    """Why images are not used, with an example each; [] where all are."""
    bad = images[images["status"] != "ok"]
    if bad.empty:
        return []

    # "9x9 is under 10 pixels" and "8x9 is under 10 pixels" are one reason
    reason = bad["reason"].str.replace(r"^\d+x\d+ ", "", regex=True)
    reasons = bad.groupby(reason)["image"].agg(["size", "first"]).reset_index()
    reasons.columns = ["reason", "images", "example"]
    caption = (
        f"Why {len(bad):,} images are not used; failed.csv lists them. Their rows are answered "
        "without an image."
    )
    most = reasons.sort_values("images", ascending=False).head(MOST_REASONS)

    return [Table(caption, most)]


def look_alikes(view: View, images: pd.DataFrame, pairs: pd.DataFrame) -> list:
    """How many images are the same as another, within splits and across, and pairs across to look
    at."""
    if pairs.empty:
        return [Note("No image is the same as another, or nearly.")]

    splits = splits_of_images(images)
    pairs["in"] = [
        name_splits(splits, one, other)
        for one, other in zip(pairs["image"], pairs["same as"], strict=True)
    ]
    across = pairs[pairs["in"] == "train and test"]
    is_grouped = view.config.data.group != ""
    table = pair_table(pairs, not across.empty, is_grouped)

    if across.empty:
        return [table]

    return [table, pair_cards(view, across, splits)]


def splits_of_images(images: pd.DataFrame) -> dict[str, set[str]]:
    """{image: the splits whose rows show it}."""
    splits: dict[str, set[str]] = {}
    for name, split in zip(images["image"], images["split"], strict=True):
        splits.setdefault(name, set()).add(split)

    return splits


def name_splits(splits: dict[str, set[str]], *images: str) -> str:
    """ "train", "test" or "train and test": the splits that show any of the images."""
    shown_in = set()
    for image in images:
        shown_in |= splits.get(image, set())

    names = sorted(shown_in, reverse=True)  # train first
    return " and ".join(names)


def pair_table(pairs: pd.DataFrame, is_across: bool, is_grouped: bool) -> Table:
    """Pairs by kind and splits, and what they do to a score."""
    caption = (
        "Images that are the same as an earlier one: exact, the same bytes; near, the same to "
        "the eye at 8x8. "
    )
    if is_across:
        caption += "Test images with a twin in train may have its labels. "

    if not is_grouped:
        caption += (
            "Twins in different folds make out-of-fold scores too good: data.group=image keeps "
            "them together. "
        )

    counts = pairs.groupby(["kind", "in"]).size().rename("pairs").reset_index()

    return Table(caption, counts)


def pair_cards(view: View, across: pd.DataFrame, splits: dict[str, set[str]]) -> Cards:
    """Pairs of which train has one image and test the other, evenly drawn."""
    thumbnails = Thumbnails(view.job)
    n_pairs = len(across)
    even = np.linspace(0, n_pairs - 1, min(MOST_PAIRS, n_pairs))

    shown = across.iloc[np.unique(even.astype(int))]
    cards = []
    for kind, one, other in shown[["kind", "image", "same as"]].to_numpy():
        card = Card(
            f"{one} · {other}",
            {
                "twins": kind,
                "shown in": f"{name_splits(splits, one)}; {name_splits(splits, other)}",
            },
            thumbnails.jpeg_of_pair(one, other),
        )
        cards.append(card)

    caption = (
        f"{len(cards)} of {n_pairs:,} pairs of look-alikes of which train has one and test "
        "the other."
    )
    return Cards(caption, cards)
