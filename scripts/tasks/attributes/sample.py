"""A small visual-taxonomy catalogue in the official layout: two categories of drawn garments.

in:  draw(Path("input/demo_taxonomy"))
out: train.csv with rows like `12,Tees,6,red,v-neck,,short sleeves,,` (some labels missing),
     test.csv, solution.csv, category_attributes.parquet, train_images/000012.jpg, test_images/...
"""

from pathlib import Path

import numpy as np
import pandas as pd

from common.log import progress
from sample.folder import ERROR_PAGE, cut_off, draw_files, replacing_folder
from sample.garments import Garment, draw_file
from tasks.attributes.read import MAX_ATTRIBUTES, official_columns

FOLDER = "demo_taxonomy"  # in input_path
ROWS = {"train": 900, "test": 240}  # per category
CATEGORIES = {  # category -> attribute -> {class: share of the rows}
    "Tees": {
        "color": {
            "white": 0.27,
            "black": 0.22,
            "red": 0.16,
            "navy blue": 0.13,
            "yellow": 0.10,
            "green": 0.07,
            "pink": 0.05,
        },
        "neck": {"round": 0.60, "v-neck": 0.25, "polo": 0.15},
        "pattern": {
            "solid": 0.48,
            "striped": 0.22,
            "checked": 0.12,
            "printed": 0.10,
            "dotted": 0.08,
        },
        "sleeve_length": {"short sleeves": 0.64, "long sleeves": 0.26, "sleeveless": 0.10},
        "length": {"regular": 0.60, "crop": 0.27, "long": 0.13},
        "print_size": {"default": 0.58, "large": 0.24, "small": 0.18},
    },
    "Dresses": {
        "color": {
            "black": 0.23,
            "red": 0.19,
            "blue": 0.16,
            "pink": 0.13,
            "green": 0.10,
            "white": 0.08,
            "yellow": 0.06,
            "multicolor": 0.05,
        },
        "pattern": {
            "solid": 0.45,
            "printed": 0.25,
            "striped": 0.13,
            "dotted": 0.10,
            "checked": 0.07,
        },
        "length": {"knee length": 0.55, "maxi": 0.30, "mini": 0.15},
        "sleeve_length": {
            "sleeveless": 0.42,
            "short sleeves": 0.33,
            "long sleeves": 0.15,
            "three-quarter sleeves": 0.10,
        },
        "neck": {"round": 0.58, "v-neck": 0.27, "square": 0.15},
        "belt": {"no": 0.75, "yes": 0.25},
        "fit_shape": {"a-line": 0.58, "straight": 0.26, "mermaid": 0.16},
    },
}
MISSING = {  # category -> attribute -> share of its training labels that is missing
    "Tees": {
        "color": 0.05,
        "neck": 0.16,
        "pattern": 0.22,
        "sleeve_length": 0.02,
        "length": 0.53,
        "print_size": 0.85,
    },
    "Dresses": {
        "color": 0.03,
        "pattern": 0.15,
        "length": 0.30,
        "sleeve_length": 0.06,
        "neck": 0.27,
        "belt": 0.56,
        "fit_shape": 0.84,
    },
}
STRAY = 0.005  # share of the training labels with whitespace at their end, as such tables have


def draw(folder: Path, seed: int = 0, rows: dict = ROWS) -> dict:
    """Draw the catalogue into `folder`, which it replaces at the end; return counts.

    The same seed draws the same bytes.
    """
    with replacing_folder(folder) as half:
        rng = np.random.default_rng([seed, 0])
        files, garments = write_tables(half, rows, rng)
        n = len(files)
        sizes = draw_files(draw_file, files, garments, seed)
        megabytes = sum(progress(sizes, "sample", n, unit="img"))

        # Random numbers that no image has had.
        rng = np.random.default_rng([seed, n + 1])
        spoiled = spoil_files(half, rng)

    n_categories = len(CATEGORIES)
    return {
        "categories": n_categories,
        "train_rows": n_categories * rows["train"],
        "test_rows": n_categories * rows["test"],
        "megabytes": round(megabytes),
        **spoiled,
    }


def write_tables(folder: Path, rows: dict, rng) -> tuple[list[Path], list[Garment]]:
    """Write the csv and parquet files; return the images' files and the garments they show."""
    train, train_looks = deal_rows(rows["train"], True, rng)
    test, test_looks = deal_rows(rows["test"], False, rng)
    train.to_csv(folder / "train.csv", index=False)
    test.to_csv(folder / "solution.csv", index=False)
    questions = test[["id", "Category"]]
    questions.to_csv(folder / "test.csv", index=False)
    categories = category_table()
    categories.to_parquet(folder / "category_attributes.parquet")

    files = name_images(folder / "train_images", train.id)
    files += name_images(folder / "test_images", test.id)

    looks = train_looks + test_looks
    garments = []
    for k, (category, classes) in enumerate(looks, 1):
        garment = Garment(k, category, classes)
        garments.append(garment)
    return files, garments


def category_table() -> pd.DataFrame:
    """A row per category: how many attributes it has, and which."""
    rows = []
    for category, attributes in CATEGORIES.items():
        row = {
            "Category": category,
            "No_of_attribute": len(attributes),
            "Attribute_list": list(attributes),
        }
        rows.append(row)
    return pd.DataFrame(rows)


def name_images(folder: Path, ids: pd.Series) -> list[Path]:
    """Make the folder, and name an image in it for each id."""
    folder.mkdir()
    return [folder / f"{i:06d}.jpg" for i in ids]


def deal_rows(n: int, is_train: bool, rng) -> tuple[pd.DataFrame, list[tuple[str, dict]]]:
    """n rows per category as a table, and of each row (category, {attribute: class})."""
    total = n * len(CATEGORIES)
    unused = total // 100
    ids = rng.choice(total + unused, total, replace=False)

    tables = []
    looks = []
    for category, attributes in CATEGORIES.items():
        classes, labels = deal_labels(category, n, is_train, rng)
        labels["Category"] = category
        labels["len"] = len(attributes)
        tables.append(labels)
        for row in classes.to_dict("records"):
            looks.append((category, row))

    table = pd.concat(tables)
    table["id"] = np.sort(ids)
    columns = ["id", "Category", "len", *official_columns(MAX_ATTRIBUTES)]
    return table.reindex(columns=columns), looks


def deal_labels(category: str, n: int, is_train: bool, rng) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The classes of n products, exactly in their shares, and their labels: attr_1, attr_2, ...

    Of training labels the same share of every class is missing, and a few have stray whitespace.
    """
    classes = pd.DataFrame(index=range(n))
    labels = pd.DataFrame(index=range(n))
    attributes = CATEGORIES[category]
    for i, (attribute, shares) in enumerate(attributes.items(), 1):
        values = deal_classes(shares, n, rng)
        is_stray = rng.random(n) < STRAY
        whitespace = rng.choice([" ", "\n"])
        order = pd.Series(rng.random(n))
        classes[attribute] = values

        if is_train:
            by_class = order.groupby(values)
            rank = by_class.rank(pct=True)
            is_missing = rank <= MISSING[category][attribute]
            values = values.mask(is_stray, values + whitespace)
            values = values.mask(is_missing)

        labels[f"attr_{i}"] = values
    return classes, labels


def deal_classes(shares: dict[str, float], n: int, rng) -> pd.Series:
    """n classes, shuffled, each as often as its share says."""
    names = list(shares)
    values = list(shares.values())

    # Their ends are rounded, not their counts: so they are n in all.
    ends = np.cumsum(values) * n
    ends = np.round(ends).astype(int)
    counts = np.diff(ends, prepend=0)

    classes = np.repeat(names, counts)
    shuffled = rng.permutation(classes)
    return pd.Series(shuffled)


def spoil_files(folder: Path, rng) -> dict[str, int]:
    """Spoil four images, as real downloads go wrong; return counts.

    Of the training images one is cut off, one becomes an error page and one is removed; of the
    test images one is cut off.
    """
    train_images = folder / "train_images"
    train_files = sorted(train_images.iterdir())
    chosen = rng.choice(train_files, 3, replace=False)
    half, page, removed = chosen
    cut_off(half)
    page.write_text(ERROR_PAGE)
    removed.unlink()

    test_images = folder / "test_images"
    test_files = sorted(test_images.iterdir())
    half = rng.choice(test_files)
    cut_off(half)
    return {"train_corrupt": 2, "train_missing": 1, "test_corrupt": 1}
