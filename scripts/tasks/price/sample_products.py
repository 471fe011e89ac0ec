"""The products of the price sample: invented groceries, and what they cost.

in:  deal_products(500, rng)
out: a table with rows like k=1, kind="Honey", brand="Moreau Frères", size=12, pack=6, premium=False

A price depends on kind, brand, trait, quantity and pack, and on a premium label that only the image
shows.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd


class Kind(NamedTuple):
    """A kind of grocery."""

    shape: str  # of sample.packs.SHAPES
    colour: str
    unit: str  # of sample_listings.SPELLINGS
    sizes: tuple[float, float, float]  # small, medium, large, in the unit
    cost: float  # price of the smallest in $
    flavours: tuple[str, str, str]


KINDS = {
    "Candy Drops": Kind(
        shape="pouch",
        colour="pink",
        unit="Ounce",
        sizes=(1, 2.5, 7),
        cost=1.1,
        flavours=("Cherry", "Sour Lemon", "Mixed Fruit"),
    ),
    "Sparkling Water": Kind(
        shape="can",
        colour="blue",
        unit="Fl Oz",
        sizes=(8, 12, 16.9),
        cost=1.4,
        flavours=("Lime", "Grapefruit", "Unflavored"),
    ),
    "Tomato Soup": Kind(
        shape="can",
        colour="red",
        unit="Ounce",
        sizes=(10.5, 14.5, 28),
        cost=1.9,
        flavours=("Basil", "Roasted Garlic", "Creamy"),
    ),
    "Crackers": Kind(
        shape="box",
        colour="orange",
        unit="Ounce",
        sizes=(4.25, 8, 16),
        cost=2.4,
        flavours=("Sea Salt", "Rosemary", "Multigrain"),
    ),
    "Hot Sauce": Kind(
        shape="bottle",
        colour="red",
        unit="Fl Oz",
        sizes=(5, 10, 12.5),
        cost=3.6,
        flavours=("Jalapeño", "Chipotle", "Habanero"),
    ),
    "Green Tea": Kind(
        shape="box",
        colour="green",
        unit="Count",
        sizes=(16, 20, 40),
        cost=3.4,
        flavours=("Jasmine", "Sencha", "Mint"),
    ),
    "Raisins": Kind(
        shape="pouch",
        colour="navy blue",
        unit="Ounce",
        sizes=(6, 15, 32),
        cost=3,
        flavours=("Golden", "Seedless", "Jumbo"),
    ),
    "Honey": Kind(
        shape="jar",
        colour="orange",
        unit="Ounce",
        sizes=(8, 12, 32),
        cost=5.5,
        flavours=("Wildflower", "Clover", "Acacia"),
    ),
    "Coffee Beans": Kind(
        shape="pouch",
        colour="black",
        unit="Ounce",
        sizes=(8, 12, 32),
        cost=7,
        flavours=("Dark Roast", "Medium Roast", "Decaf"),
    ),
    "Olive Oil": Kind(
        shape="bottle",
        colour="green",
        unit="Fl Oz",
        sizes=(8.5, 16.9, 33.8),
        cost=7.5,
        flavours=("Extra Virgin", "Light", "Lemon"),
    ),
    "Vanilla Extract": Kind(
        shape="bottle",
        colour="black",
        unit="Fl Oz",
        sizes=(1, 2, 4),
        cost=8,
        flavours=("Madagascar", "Bourbon", "Alcohol-Free"),
    ),
    "Matcha Powder": Kind(
        shape="jar",
        colour="green",
        unit="Ounce",
        sizes=(1.05, 3.5, 8.8),
        cost=10,
        flavours=("Uji", "Culinary", "Ceremonial"),
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
    brand = products["brand"].map(BRANDS)
    trait = products["trait"].map(TRAITS)
    premium = np.where(products["premium"], PREMIUM, 1)
    factors = brand * trait * premium

    # The quantity as a multiple of the smallest item's, which `cost` is the price of.
    pack = products["pack"]
    quantity = products["size"] * pack
    quantity = quantity / products["smallest"]
    price = products["cost"] * factors
    price = price * quantity**0.5
    return price * pack**0.1
