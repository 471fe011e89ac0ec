"""A small visual-taxonomy catalogue in the official layout: two categories of drawn garments, some
labels missing."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from common.log import progress
from sample.folder import replacing_folder
from sample.garments import draw_file

FOLDER = "demo_taxonomy"  # in input_path
ROWS = {"train": 900, "test": 240}  # per category
# category -> attribute -> (share of the training labels that is missing, {class: share of the
# rows})
CATEGORIES = {
    "Tees": {
        "color": (
            0.05,
            {
                "white": 0.27,
                "black": 0.22,
                "red": 0.16,
                "navy blue": 0.13,
                "yellow": 0.10,
                "green": 0.07,
                "pink": 0.05,
            },
        ),
        "neck": (0.16, {"round": 0.60, "v-neck": 0.25, "polo": 0.15}),
        "pattern": (
            0.22,
            {"solid": 0.48, "striped": 0.22, "checked": 0.12, "printed": 0.10, "dotted": 0.08},
        ),
        "sleeve_length": (0.02, {"short sleeves": 0.64, "long sleeves": 0.26, "sleeveless": 0.10}),
        "length": (0.53, {"regular": 0.60, "crop": 0.27, "long": 0.13}),
        "print_size": (0.85, {"default": 0.58, "large": 0.24, "small": 0.18}),
    },
    "Dresses": {
        "color": (
            0.03,
            {
                "black": 0.23,
                "red": 0.19,
                "blue": 0.16,
                "pink": 0.13,
                "green": 0.10,
                "white": 0.08,
                "yellow": 0.06,
                "multicolor": 0.05,
            },
        ),
        "pattern": (
            0.15,
            {"solid": 0.45, "printed": 0.25, "striped": 0.13, "dotted": 0.10, "checked": 0.07},
        ),
        "length": (0.30, {"knee length": 0.55, "maxi": 0.30, "mini": 0.15}),
        "sleeve_length": (
            0.06,
            {
                "sleeveless": 0.42,
                "short sleeves": 0.33,
                "long sleeves": 0.15,
                "three-quarter sleeves": 0.10,
            },
        ),
        "neck": (0.27, {"round": 0.58, "v-neck": 0.27, "square": 0.15}),
        "belt": (0.56, {"no": 0.75, "yes": 0.25}),
        "fit_shape": (0.84, {"a-line": 0.58, "straight": 0.26, "mermaid": 0.16}),
    },
}


def draw(folder: Path, seed: int = 0, rows: dict = ROWS) -> dict:
    """Draws the catalogue into `folder`, replacing it at the end; the same bytes for the same seed.
    Gives counts."""
    folder = Path(folder)
    with replacing_folder(folder) as half:
        jobs = write_tables(half, rows, np.random.default_rng([seed, 0]))
        with ThreadPoolExecutor(
            min(8, os.cpu_count())
        ) as pool:  # Pillow and numpy let go of the lock
            files = pool.map(partial(draw_file, seed=seed), *zip(*jobs, strict=True))
            megabytes = sum(progress(files, "sample", len(jobs), unit="img"))
        spoiled = spoil_files(half, np.random.default_rng([seed, len(jobs) + 1]))
    counts = {f"{part}_rows": n * len(CATEGORIES) for part, n in rows.items()}
    return {"categories": len(CATEGORIES), **counts, "megabytes": round(megabytes), **spoiled}


def write_tables(folder: Path, rows: dict, rng) -> list[tuple]:
    """Writes the csv and parquet files; gives a job (k from 1, file, category, {attribute: class})
    per image."""
    tables, jobs = {"train": [], "test": []}, []
    for part in tables:
        (folder / f"{part}_images").mkdir(parents=True)
        n = rows[part] * len(CATEGORIES)
        ids = np.sort(rng.choice(n + n // 100, n, replace=False)).reshape(
            len(CATEGORIES), -1
        )  # a few are not used
        for own, (category, attributes) in zip(ids, CATEGORIES.items(), strict=True):
            looks, labels = deal_labels(attributes, len(own), part == "train", rng)
            tables[part].append(labels.assign(id=own, Category=category, len=len(attributes)))
            files = [folder / f"{part}_images" / f"{i:06d}.jpg" for i in own]
            for file, look in zip(files, looks.to_dict("records"), strict=True):
                jobs.append((len(jobs) + 1, file, category, look))
    columns = ["id", "Category", "len"] + [f"attr_{i}" for i in range(1, 11)]
    train, test = (pd.concat(tables[part]).reindex(columns=columns) for part in ("train", "test"))
    train.to_csv(folder / "train.csv", index=False)
    test.to_csv(folder / "solution.csv", index=False)
    test[["id", "Category"]].to_csv(folder / "test.csv", index=False)
    names = {
        "No_of_attribute": map(len, CATEGORIES.values()),
        "Attribute_list": map(list, CATEGORIES.values()),
    }
    pd.DataFrame({"Category": list(CATEGORIES), **names}).to_parquet(
        folder / "category_attributes.parquet"
    )
    return jobs


def deal_labels(attributes: dict, n: int, hide: bool, rng) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What n products look like, in exactly the shares asked for, and their labels: attr_1 ..
    attr_a.

    To `hide` takes the same share of every class away and adds stray whitespace to 0.5 %, as such
    tables have."""
    looks, labels = pd.DataFrame(index=range(n)), pd.DataFrame(index=range(n))
    for i, (name, (missing, shares)) in enumerate(attributes.items(), 1):
        edges = np.round(np.cumsum(list(shares.values())) * n).astype(int)
        looks[name] = rng.permutation(np.repeat(list(shares), np.diff(edges, prepend=0)))
        stray = looks[name].mask(
            rng.random(n) < 0.005 * hide, looks[name] + rng.choice([" ", "\n"])
        )
        rank = pd.Series(rng.random(n)).groupby(looks[name]).rank(pct=True)
        labels[f"attr_{i}"] = stray.mask(rank <= missing * hide)
    return looks, labels


def spoil_files(folder: Path, rng) -> dict:
    """What goes wrong with real downloads: a page instead of a picture, a picture cut off, one that
    never came."""
    cut, page, gone = rng.choice(sorted((folder / "train_images").iterdir()), 3, replace=False)
    for file in (cut, rng.choice(sorted((folder / "test_images").iterdir()))):
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    page.write_text(
        "<!DOCTYPE html><html><head><title>503</title></head><body>Service "
        "Unavailable</body></html>\n"
    )
    gone.unlink()
    return {"train_corrupt": 2, "train_missing": 1, "test_corrupt": 1}
