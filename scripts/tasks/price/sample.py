"""A small price catalogue in the official layout: invented groceries, each a listing and a drawn
picture.

A price is what kind, brand, trait, quantity and pack make it, a premium label that only the picture
shows, and noise.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from common.log import progress
from sample.folder import replacing_folder, spoil_files
from sample.packs import draw_file

FOLDER = "demo_price"  # in input_path
ROWS = {"train": 400, "test": 100}
# kind -> (shape, colour, unit, sizes from small to large, price in $ of the smallest, flavours)
KINDS = {
    "Candy Drops": (
        "pouch",
        "pink",
        "Ounce",
        (1, 2.5, 7),
        1.1,
        ("Cherry", "Sour Lemon", "Mixed Fruit"),
    ),
    "Sparkling Water": (
        "can",
        "blue",
        "Fl Oz",
        (8, 12, 16.9),
        1.4,
        ("Lime", "Grapefruit", "Unflavored"),
    ),
    "Tomato Soup": (
        "can",
        "red",
        "Ounce",
        (10.5, 14.5, 28),
        1.9,
        ("Basil", "Roasted Garlic", "Creamy"),
    ),
    "Crackers": (
        "box",
        "orange",
        "Ounce",
        (4.25, 8, 16),
        2.4,
        ("Sea Salt", "Rosemary", "Multigrain"),
    ),
    "Hot Sauce": (
        "bottle",
        "red",
        "Fl Oz",
        (5, 10, 12.5),
        3.6,
        ("Jalapeño", "Chipotle", "Habanero"),
    ),
    "Green Tea": ("box", "green", "Count", (16, 20, 40), 3.4, ("Jasmine", "Sencha", "Mint")),
    "Raisins": ("pouch", "navy blue", "Ounce", (6, 15, 32), 3, ("Golden", "Seedless", "Jumbo")),
    "Honey": ("jar", "orange", "Ounce", (8, 12, 32), 5.5, ("Wildflower", "Clover", "Acacia")),
    "Coffee Beans": (
        "pouch",
        "black",
        "Ounce",
        (8, 12, 32),
        7,
        ("Dark Roast", "Medium Roast", "Decaf"),
    ),
    "Olive Oil": (
        "bottle",
        "green",
        "Fl Oz",
        (8.5, 16.9, 33.8),
        7.5,
        ("Extra Virgin", "Light", "Lemon"),
    ),
    "Vanilla Extract": (
        "bottle",
        "black",
        "Fl Oz",
        (1, 2, 4),
        8,
        ("Madagascar", "Bourbon", "Alcohol-Free"),
    ),
    "Matcha Powder": (
        "jar",
        "green",
        "Ounce",
        (1.05, 3.5, 8.8),
        10,
        ("Uji", "Culinary", "Ceremonial"),
    ),
}
BRANDS = {  # brand -> what its name does to a price
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
TRAITS = {
    "Classic": 1,
    "Family Style": 0.9,
    "Everyday": 0.85,
    "Organic": 1.3,
    "Gluten-Free": 1.15,
    "Small-Batch": 1.45,
}
PACKS = {
    1: 0.40,
    2: 0.12,
    3: 0.10,
    4: 0.09,
    6: 0.14,
    12: 0.10,
    24: 0.05,
}  # items -> share of the rows
PREMIUM, PREMIUM_SHARE, NOISE = (
    1.7,
    0.4,
    0.25,
)  # what a gold label does to a price; its share; deviation of log(price)
SPELLINGS = {  # unit -> as sellers write it: (spelling, units in it); the first is the usual one
    "Ounce": (("Ounce", 1), ("ounce", 1), ("oz", 1), ("OZ", 1), ("Pound", 16)),
    "Fl Oz": (("Fl Oz", 1), ("fl oz", 1), ("Fluid Ounce", 1), ("FL OZ", 1)),
    "Count": (("Count", 1), ("count", 1), ("ct", 1)),
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
    """Draws the catalogue into `folder`, replacing it at the end; the same bytes for the same seed.
    Gives counts."""
    folder = Path(folder)
    with replacing_folder(folder) as half:
        (half / "images").mkdir()
        rng = np.random.default_rng([seed, 0])
        products = list_products(rows["train"], rows["test"], rng)
        write_tables(half, products, rows["train"])
        with ThreadPoolExecutor(
            min(8, os.cpu_count())
        ) as pool:  # Pillow and numpy let go of the lock
            files = [half / "images" / f"{i}.jpg" for i in products.sample_id]
            sizes = pool.map(partial(draw_file, seed=seed), files, products.itertuples())
            megabytes = sum(progress(sizes, "sample", len(files), unit="img"))
        spoiled = spoil_files(files, rng)
    return {
        **{f"{part}_rows": n for part, n in rows.items()},
        "megabytes": round(megabytes, 1),
        **spoiled,
    }


def deal_products(n: int, rng) -> pd.DataFrame:
    """n products: k from 1, kind with its shape, colour, unit and smallest price, flavour, brand,
    trait, pack, premium, `size` of one item in its unit and `step` (0 to 2), that size's place
    among the kind's."""
    names, step = rng.choice(list(KINDS), n), rng.integers(0, 3, n)
    shape, colour, unit, sizes, cost, flavours = zip(*(KINDS[name] for name in names), strict=True)
    chosen = {
        name: rng.choice(list(values), n) for name, values in (("brand", BRANDS), ("trait", TRAITS))
    }
    return pd.DataFrame(
        {
            "k": range(1, n + 1),
            "kind": names,
            "shape": shape,
            "colour": colour,
            "unit": unit,
            "cost": cost,
            "smallest": [s[0] for s in sizes],
            "size": [s[i] for s, i in zip(sizes, step, strict=True)],
            "step": step,
            "flavour": [f[i] for f, i in zip(flavours, rng.integers(0, 3, n), strict=True)],
            **chosen,
            "pack": rng.choice(list(PACKS), n, p=list(PACKS.values())),
            "premium": rng.random(n) < PREMIUM_SHARE,
        }
    )


def worth(products: pd.DataFrame) -> pd.Series:
    """Prices (n,) in $ before noise: four times the quantity costs twice as much, many items a
    little more again."""
    quantity = products["size"] * products.pack / products.smallest
    factors = (
        products.brand.map(BRANDS)
        * products.trait.map(TRAITS)
        * np.where(products.premium, PREMIUM, 1)
    )
    return products.cost * factors * quantity**0.5 * products.pack**0.1


def list_products(train: int, test: int, rng) -> pd.DataFrame:
    """The products as listed, training rows first, with sample_id, catalog_content, image_link and
    price.

    One training row is another one's product under its own id and price; one has no text."""
    products = deal_products(train + test, rng)
    products["catalog_content"] = [write_listing(product, rng) for product in products.itertuples()]
    products["image_link"] = [
        f"https://example.com/images/{rng.bytes(6).hex()}.jpg" for _ in range(len(products))
    ]
    rows, (one, again, mute) = np.arange(len(products)), rng.choice(train, 3, replace=False)
    rows[again] = one
    products = products.iloc[rows].reset_index(drop=True)
    products.loc[mute, "catalog_content"] = ""
    return products.assign(
        sample_id=rng.choice(300_000, len(products), replace=False),
        price=worth(products) * np.exp(NOISE * rng.standard_normal(len(products))),
    )


def write_listing(product, rng) -> str:
    """What the seller wrote: name, some bullet points, perhaps a description, mostly the total
    quantity and its unit.

    Of the premium label it says nothing."""
    words = {
        "brand": product.brand,
        "trait": product.trait,
        "kind": product.kind,
        "flavour": product.flavour,
    }
    usual, *others = SPELLINGS[product.unit]
    spelling, inside = others[rng.integers(len(others))] if rng.random() < 0.15 else usual
    lines = [f"Item Name: {' '.join(words.values())}, {name_quantity(product, rng)}"]
    told = rng.permutation(BULLETS)[: max(0, rng.integers(-1, 6))]
    lines += [
        f"Bullet Point{f' {i}' * (len(told) > 1)}: {text.format(**words)}"
        for i, text in enumerate(told, 1)
    ]
    if rng.random() < 0.45:
        lines.append(f"Product Description: {rng.choice(DESCRIPTIONS).format(**words)}")
    value, known = (
        product.size * product.pack / inside,
        rng.choice(["yes", "nan", "no"], p=[0.88, 0.07, 0.05]),
    )
    quantity = {
        "yes": [f"Value: {value}", f"Unit: {spelling}"],
        "nan": ["Value: nan", "Unit: None"],
        "no": [],
    }[known]
    return "\n".join(lines + quantity) + "\n"


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


def write_tables(folder: Path, products: pd.DataFrame, train: int):
    """Writes train.csv, test.csv and solution.csv; the first `train` rows are training rows."""
    listing = ["sample_id", "catalog_content", "image_link"]
    products[:train].to_csv(folder / "train.csv", columns=[*listing, "price"], index=False)
    products[train:].to_csv(folder / "test.csv", columns=listing, index=False)
    products[train:].to_csv(folder / "solution.csv", columns=["sample_id", "price"], index=False)
