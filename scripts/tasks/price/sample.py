"""A small price catalogue in the official layout: invented groceries with a listing and an image.

in:  draw(Path("input/demo_price"))
out: train.csv with rows like `4711,"Item Name: Moreau Frères Classic Honey ...",https://...,21.7`,
     test.csv, solution.csv, images/4711.jpg

A price depends on kind, brand, trait, quantity and pack, on a premium label that only the image
shows, and on noise.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from common.log import progress
from sample.folder import draw_files, make_link, replacing_folder, spoil_files
from sample.packs import draw_file

FOLDER = "demo_price"  # in input_path
ROWS = {"train": 400, "test": 100}


class Kind(NamedTuple):
    """A kind of grocery."""

    shape: str  # of sample.packs.SHAPES
    colour: str
    unit: str  # of SPELLINGS
    sizes: tuple[float, float, float]  # small, medium, large, in the unit
    cost: float  # price of the smallest in $
    flavours: tuple[str, str, str]


KINDS = {
    "Candy Drops": Kind(
        "pouch", "pink", "Ounce", (1, 2.5, 7), 1.1, ("Cherry", "Sour Lemon", "Mixed Fruit")
    ),
    "Sparkling Water": Kind(
        "can", "blue", "Fl Oz", (8, 12, 16.9), 1.4, ("Lime", "Grapefruit", "Unflavored")
    ),
    "Tomato Soup": Kind(
        "can", "red", "Ounce", (10.5, 14.5, 28), 1.9, ("Basil", "Roasted Garlic", "Creamy")
    ),
    "Crackers": Kind(
        "box", "orange", "Ounce", (4.25, 8, 16), 2.4, ("Sea Salt", "Rosemary", "Multigrain")
    ),
    "Hot Sauce": Kind(
        "bottle", "red", "Fl Oz", (5, 10, 12.5), 3.6, ("Jalapeño", "Chipotle", "Habanero")
    ),
    "Green Tea": Kind("box", "green", "Count", (16, 20, 40), 3.4, ("Jasmine", "Sencha", "Mint")),
    "Raisins": Kind("pouch", "navy blue", "Ounce", (6, 15, 32), 3, ("Golden", "Seedless", "Jumbo")),
    "Honey": Kind("jar", "orange", "Ounce", (8, 12, 32), 5.5, ("Wildflower", "Clover", "Acacia")),
    "Coffee Beans": Kind(
        "pouch", "black", "Ounce", (8, 12, 32), 7, ("Dark Roast", "Medium Roast", "Decaf")
    ),
    "Olive Oil": Kind(
        "bottle", "green", "Fl Oz", (8.5, 16.9, 33.8), 7.5, ("Extra Virgin", "Light", "Lemon")
    ),
    "Vanilla Extract": Kind(
        "bottle", "black", "Fl Oz", (1, 2, 4), 8, ("Madagascar", "Bourbon", "Alcohol-Free")
    ),
    "Matcha Powder": Kind(
        "jar", "green", "Ounce", (1.05, 3.5, 8.8), 10, ("Uji", "Culinary", "Ceremonial")
    ),
}
BRANDS = {  # brand -> factor of the price
    "Penny Pantry": 0.6,
    "Wick's": 0.75,
    "Bluebarrow": 0.85,
    "Harrow & Finch": 1,
    'Old "Mill" House': 1,
    "Tía Rosalba": 1.1,
    "Køkken": 1.25,
    "Moreau Frères": 1.5,
    "Ōmori, Est. 1911": 1.8,
}
TRAITS = {  # trait -> factor of the price
    "Classic": 1,
    "Family Style": 0.9,
    "Everyday": 0.85,
    "Organic": 1.3,
    "Gluten-Free": 1.15,
    "Small-Batch": 1.45,
}
PACKS = {  # items in the pack -> share of the rows
    1: 0.40,
    2: 0.12,
    3: 0.10,
    4: 0.09,
    6: 0.14,
    12: 0.10,
    24: 0.05,
}
PREMIUM = 1.7  # factor of the price of a product with a gold label
PREMIUM_SHARE = 0.4
NOISE = 0.25  # standard deviation of log(price)


class Spelling(NamedTuple):
    """How a seller writes a unit."""

    text: str
    size: int  # in the kind's unit


SPELLINGS = {  # unit of a kind -> its spellings, the usual one first
    "Ounce": [
        Spelling("Ounce", 1),
        Spelling("ounce", 1),
        Spelling("oz", 1),
        Spelling("OZ", 1),
        Spelling("Pound", 16),
    ],
    "Fl Oz": [
        Spelling("Fl Oz", 1),
        Spelling("fl oz", 1),
        Spelling("Fluid Ounce", 1),
        Spelling("FL OZ", 1),
    ],
    "Count": [Spelling("Count", 1), Spelling("count", 1), Spelling("ct", 1)],
}
BULLETS = (
    "{flavour} {kind}: the {trait} recipe of {brand}, made in small steps, never in a hurry",
    '"Tastes like home" – {brand} has heard it often, and means to keep it so',
    "No artificial colors, flavors or preservatives; ½ the sugar of the {kind} you know",
    "Perfect for lunch boxes, picnics, road trips & late nights",
    "PACKED FRESH ✓ Each piece is sealed by hand, then checked, then checked again",
    "Store in a cool, dry place (below 25 °C); best within 3 months of opening",
    'Great gift for those who say they "don\'t really like" {kind}',
)
DESCRIPTIONS = (
    "{brand} began with one kitchen, one table and {flavour} {kind}. The kitchen has "
    "grown; the recipe has not.",
    'Looking for {trait} {kind}? You’ve found it.\nServe it plain, or share it: "more, '
    "please\" is what you'll hear.",
    "{kind}, {flavour}. Crème de la crème for cooks, bakers, and everybody else — "
    "<b>no</b> compromises.",
)


def draw(folder: Path, seed: int = 0, rows: dict = ROWS) -> dict:
    """Draw the catalogue into `folder`, which it replaces at the end; return counts.

    The same seed draws the same bytes.
    """
    with replacing_folder(folder) as half:
        rng = np.random.default_rng([seed, 0])
        products = list_products(rows["train"], rows["test"], rng)
        write_tables(half, products, rows["train"])
        images = half / "images"
        images.mkdir()
        files = [images / f"{i}.jpg" for i in products.sample_id]
        sizes = draw_files(draw_file, files, products.itertuples(), seed)
        megabytes = sum(progress(sizes, "sample", len(files), unit="img"))
        spoiled = spoil_files(files, rng)

    return {
        "train_rows": rows["train"],
        "test_rows": rows["test"],
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
    products["catalog_content"] = listings
    products["image_link"] = [make_link(rng) for _ in range(n)]

    original, copy, silent = rng.choice(train, 3, replace=False)
    rows = np.arange(n)
    rows[copy] = original
    products = products.iloc[rows].reset_index(drop=True)
    products.loc[silent, "catalog_content"] = ""

    products["sample_id"] = rng.choice(300_000, n, replace=False)
    noise = NOISE * rng.standard_normal(n)
    products["price"] = expected_price(products) * np.exp(noise)
    return products


def deal_products(n: int, rng) -> pd.DataFrame:
    """n random products, k from 1: what packs.draw_file, expected_price and write_listing need.

    `size` is that of one item in the kind's unit; `step`, 0 to 2, is its position in `sizes`.
    """
    names = rng.choice(list(KINDS), n)
    steps = rng.integers(0, 3, n)
    brands = rng.choice(list(BRANDS), n)
    traits = rng.choice(list(TRAITS), n)
    flavours = rng.integers(0, 3, n)
    packs = rng.choice(list(PACKS), n, p=list(PACKS.values()))
    is_premium = rng.random(n) < PREMIUM_SHARE

    rows = []
    for i, name in enumerate(names):
        kind = KINDS[name]
        row = {
            "k": i + 1,
            "kind": name,
            "shape": kind.shape,
            "colour": kind.colour,
            "unit": kind.unit,
            "cost": kind.cost,
            "smallest": kind.sizes[0],
            "size": kind.sizes[steps[i]],
            "flavour": kind.flavours[flavours[i]],
        }
        rows.append(row)
    products = pd.DataFrame(rows)
    products["step"] = steps
    products["brand"] = brands
    products["trait"] = traits
    products["pack"] = packs
    products["premium"] = is_premium
    return products


def expected_price(products: pd.DataFrame) -> pd.Series:
    """Prices (n,) in $ before noise.

    Four times the quantity costs twice as much; of the same quantity, many items cost a little
    more than few.
    """
    pack = products["pack"]
    quantity = products["size"] * pack / products["smallest"]
    brand = products["brand"].map(BRANDS)
    trait = products["trait"].map(TRAITS)
    premium = np.where(products["premium"], PREMIUM, 1)
    factors = brand * trait * premium
    return products["cost"] * factors * quantity**0.5 * pack**0.1


def write_listing(product, rng) -> str:
    """What the seller wrote; nothing in it tells whether the label is a premium one.

    It is a name, up to five bullet points, perhaps a description, mostly the total quantity and
    its unit.
    """
    words = {
        "brand": product.brand,
        "trait": product.trait,
        "kind": product.kind,
        "flavour": product.flavour,
    }
    spelling, *others = SPELLINGS[product.unit]
    if rng.random() < 0.15:
        spelling = others[rng.integers(len(others))]

    lines = [f"Item Name: {' '.join(words.values())}, {name_quantity(product, rng)}"]
    bullets = rng.permutation(BULLETS)[: max(0, rng.integers(-1, 6))]
    for i, text in enumerate(bullets, 1):
        number = f" {i}" if len(bullets) > 1 else ""
        lines.append(f"Bullet Point{number}: {text.format(**words)}")
    if rng.random() < 0.45:
        lines.append(f"Product Description: {rng.choice(DESCRIPTIONS).format(**words)}")

    quantity = rng.choice(["yes", "nan", "no"], p=[0.88, 0.07, 0.05])
    if quantity == "yes":
        lines.append(f"Value: {product.size * product.pack / spelling.size}")
        lines.append(f"Unit: {spelling.text}")
    if quantity == "nan":
        lines += ["Value: nan", "Unit: None"]
    return "\n".join(lines) + "\n"


def name_quantity(product, rng) -> str:
    """The quantity as it stands in an item's name; one name in ten forgets the pack."""
    size, unit, pack = f"{product.size:g}", product.unit, product.pack
    if pack == 1 or rng.random() < 0.1:
        return rng.choice([f"{size} {unit}", f"{size} {unit.lower()}"])
    return rng.choice(
        [
            f"{size} {unit} (Pack of {pack})",
            f"{size} {unit.lower()}, {pack} pack",
            f"{size}-{unit} - {pack}/Case",
        ]
    )


def write_tables(folder: Path, products: pd.DataFrame, train: int) -> None:
    """Write train.csv, test.csv and solution.csv; the first `train` rows are training rows."""
    listing = ["sample_id", "catalog_content", "image_link"]
    products[:train].to_csv(folder / "train.csv", columns=[*listing, "price"], index=False)
    products[train:].to_csv(folder / "test.csv", columns=listing, index=False)
    products[train:].to_csv(folder / "solution.csv", columns=["sample_id", "price"], index=False)
