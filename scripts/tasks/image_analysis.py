"""What the images of a data set are: how many exist, what is wrong with them, their kinds and
sizes, which are the same.

    in:  train.csv and test.csv that name images, and the images
    out: {"names": a row per split, "read": ..., "duplicates": ..., ...}

Every name is looked up. No more images are read than asked for; they are drawn by data.seed.
"""

import hashlib
import io
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pandas as pd

from common.log import progress
from images.decode import load_image
from images.duplicates import find_twins
from images.locate import ImageFiles
from images.names import is_link
from images.validate import perceptual_hash
from tasks.raw import Raw
from tasks.tables import Tables, count_values, list_facts, quantiles

OFTEN = 10  # of the most frequent sizes
SIDE = 64  # pixels: a JPEG is decoded at no larger scale than these need
NUMBERS = r"^\d+x\d+ | ?\(\d[^)]*\)"  # of one file, in the reason why it is not usable


def analyse_images(raw: Raw, files: ImageFiles, most: int) -> Tables:
    """The tables on train's and test's images by title; {} where the config names no images.

    At most `most` of the images are read, or all where it is 0.
    """
    names = {}
    for split, column in raw.image_names().items():
        names[split] = set(column)

    if not names:
        return {}

    all_names = set().union(*names.values()) - {""}
    existing = [name for name in sorted(all_names) if files.size(name) is not None]
    tables = {"names": names_per_split(raw, names, set(existing))}

    if not existing:
        return tables

    drawn = draw_names(existing, most, raw.config.data.seed)
    table = read_images(raw, files, drawn)

    shown = {}
    for split, split_names in names.items():
        in_split = [name in split_names for name in drawn]
        shown[split] = np.array(in_split)

    tables["read"] = usable_counts(table, len(existing))
    tables["not usable"] = bad_reasons(table)
    return tables | sizes(table, shown) | duplicates(table, shown)


def draw_names(names: list[str], most: int, seed: int) -> list[str]:
    """`most` of the names, sorted; all where most is 0 or there are no more."""
    n = len(names)
    if most <= 0 or most >= n:
        return names

    rng = np.random.default_rng(seed)
    drawn = rng.choice(names, most, replace=False)
    return sorted(drawn.tolist())


def read_images(raw: Raw, files: ImageFiles, names: list[str]) -> pd.DataFrame:
    """A row of `image_facts` per name."""
    config = raw.config
    workers = config.run.workers or os.cpu_count()
    read = partial(image_facts, files, images=config.images)

    with ThreadPoolExecutor(workers) as pool:
        facts = pool.map(read, names)
        facts = progress(facts, "images", len(names))
        lines = list(facts)

    return pd.DataFrame(lines)


def usable_counts(table: pd.DataFrame, n_existing: int) -> pd.DataFrame:
    """How many images exist, and how many of those that were read are usable."""
    n_bad = int((table.reason != "").sum())
    return list_facts(
        {
            "images that are there": n_existing,
            "read": len(table),
            "usable": len(table) - n_bad,
            "not usable": n_bad,
        }
    )


def names_per_split(raw: Raw, names: dict[str, set], existing: set) -> pd.DataFrame:
    """A row per split: how many images its rows name, how many of these do not exist or are not
    downloaded, and how many are named by the other split too."""
    n_shared = 0
    if len(names) > 1:
        n_shared = len(set.intersection(*names.values()) - {""})

    lines = []
    for split, split_names in names.items():
        absent = split_names - {""} - existing
        n_links = sum(map(is_link, absent))
        lines.append(
            {
                "split": split,
                "rows": len(raw.splits[split]),
                "images": len(split_names - {""}),
                "missing": len(absent) - n_links,
                "not downloaded": n_links,
                "in the other split": n_shared,
                "empty or leads out of the folder": "" in split_names,
            }
        )

    return pd.DataFrame(lines)


def image_facts(files: ImageFiles, name: str, images) -> dict:
    """One file: bytes, sha256; kind ("JPEG RGB"), width and height by its header; the reason why it
    is not usable, "" where it is.

    hash and means are images.validate.perceptual_hash's; "" and None where it is not usable.
    images: the config's section.
    """
    facts = {
        "image": name,
        "bytes": 0,
        "sha256": "",
        "kind": "",
        "width": 0,
        "height": 0,
        "reason": "",
        "hash": "",
        "means": None,
    }
    try:
        data = files.read(name)
        facts |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        facts |= header_facts(data)
        image, _ = load_image(data, images, SIDE)
        facts["hash"], facts["means"] = perceptual_hash(image)
    except ValueError as error:
        facts["reason"] = str(error)

    return facts


def header_facts(data: bytes) -> dict:
    """kind, width and height of an image file. Raises ValueError when it is none."""
    from PIL import Image

    try:
        header = Image.open(io.BytesIO(data))
    except Exception:  # broken bytes make PIL raise anything
        raise ValueError("broken: no image") from None

    return {
        "kind": f"{header.format} {header.mode}",
        "width": header.width,
        "height": header.height,
    }


def bad_reasons(table: pd.DataFrame) -> pd.DataFrame:
    """Why images are not usable: reason, without the numbers of one file, images, an example."""
    bad = table[table.reason != ""]
    reason = bad.reason.str.replace(NUMBERS, "", regex=True)

    lines = []
    for name, group in bad.groupby(reason):
        example = group.image.iloc[0]
        lines.append(
            {
                "reason": name,
                "images": len(group),
                "example": example,
            }
        )

    reasons = pd.DataFrame(lines, columns=["reason", "images", "example"])
    return reasons.sort_values(
        ["images", "reason"],
        ascending=[False, True],
    )


def sizes(table: pd.DataFrame, shown: dict[str, np.ndarray]) -> Tables:
    """Kinds, most frequent sizes, and quantiles of width, height and bytes per split, by headers.

    shown: {split: (n,) bool, whether its rows name the image}.
    """
    has_header = (table.kind != "").to_numpy()
    with_header = table[has_header]

    lines = []
    for split, in_split in shown.items():
        rows = table[has_header & in_split]
        for what in ("width", "height", "bytes"):
            line = {"split": split, "what": what}
            numbers = quantiles(rows[what])
            lines.append(line | numbers)

    pairs = zip(with_header.width, with_header.height, strict=True)
    sizes_as_text = [f"{width}x{height}" for width, height in pairs]
    frequent_sizes = count_values(sizes_as_text, "size")

    return {
        "formats and modes": count_values(with_header.kind, "kind"),
        "most frequent sizes": frequent_sizes.head(OFTEN),
        "quantiles of pixels and bytes": pd.DataFrame(lines),
    }


def duplicates(table: pd.DataFrame, shown: dict[str, np.ndarray]) -> Tables:
    """Images that are the same as another one, or nearly: see images.duplicates.

    Where a share f of all images is read, a share f² of the pairs is found.
    """

    def means_of(positions: np.ndarray) -> np.ndarray:
        means = table.means.iloc[positions]
        return np.stack(means.tolist())

    counts, pairs, _ = find_twins(table, shown, means_of)
    return {
        "duplicates": counts,
        "pairs": pairs,
    }
