"""A small price catalogue in the official layout: invented groceries with a listing and an image.

in:  draw(Path("input/demo_price"))
out: train.csv with rows like `4711,"Item Name: Moreau Frères Classic Honey ...",https://...,21.7`,
     test.csv, solution.csv, images/4711.jpg

A price depends on kind, brand, trait, quantity and pack, on a premium label that only the image
shows, and on noise.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from common.log import progress
from sample.folder import draw_files, make_link, replacing_folder, spoil_files
from sample.packs import draw_file
from tasks.price.sample_listings import write_listing
from tasks.price.sample_products import deal_products, expected_price

FOLDER = "demo_price"  # in input_path
ROWS = {"train": 400, "test": 100}
NOISE = 0.25  # standard deviation of log(price)


def draw(folder: Path, seed: int = 0, rows: dict = ROWS) -> dict:
    """Draw the catalogue into `folder`, which it replaces at the end; return counts.

    The same seed draws the same bytes.
    """
    train = rows["train"]
    test = rows["test"]
    with replacing_folder(folder) as half:
        rng = np.random.default_rng([seed, 0])
        products = list_products(train, test, rng)
        write_tables(half, products, train)

        images = half / "images"
        images.mkdir()
        files = [images / f"{i}.jpg" for i in products.sample_id]
        sizes = draw_files(draw_file, files, products.itertuples(), seed)
        megabytes = sum(progress(sizes, "sample", len(files), unit="img"))
        spoiled = spoil_files(files, rng)

    return {
        "train_rows": train,
        "test_rows": test,
        "megabytes": round(megabytes, 1),
        **spoiled,
    }


def list_products(train: int, test: int, rng) -> pd.DataFrame:
    """The products as listed, training rows first, with the columns of the official tables.

    These are sample_id, catalog_content, image_link and price. One training row repeats another
    one's product under its own id and price, and one has no text.
    """
    n = train + test
    products = deal_products(n, rng)
    listings = [write_listing(product, rng) for product in products.itertuples()]
    links = [make_link(rng) for _ in range(n)]
    products["catalog_content"] = listings
    products["image_link"] = links

    original, copy, silent = rng.choice(train, 3, replace=False)
    rows = np.arange(n)
    rows[copy] = original
    products = products.iloc[rows]
    products = products.reset_index(drop=True)
    products.loc[silent, "catalog_content"] = ""

    products["sample_id"] = rng.choice(300_000, n, replace=False)
    noise = NOISE * rng.standard_normal(n)
    price = expected_price(products)
    products["price"] = price * np.exp(noise)
    return products


def write_tables(folder: Path, products: pd.DataFrame, n_train: int) -> None:
    """Write train.csv, test.csv and solution.csv; the first `n_train` rows are training rows."""
    listing = ["sample_id", "catalog_content", "image_link"]
    labelled = [*listing, "price"]
    train = products[:n_train]
    train.to_csv(folder / "train.csv", columns=labelled, index=False)

    test = products[n_train:]
    test.to_csv(folder / "test.csv", columns=listing, index=False)

    answers = ["sample_id", "price"]
    test.to_csv(folder / "solution.csv", columns=answers, index=False)
