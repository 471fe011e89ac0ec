"""The price sample: the official layout, prices that follow from the product, faults."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from conftest import reason_of
from tasks.price import sample as price

LISTING = ["sample_id", "catalog_content", "image_link"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """The sample, 80 training rows: drawn once, read by many."""
    folder = tmp_path_factory.mktemp("shop") / price.FOLDER
    price.draw(folder, rows={"train": 80, "test": 20})
    return folder


def make_product(**changes):
    """One product as draw_file and write_listing take it: two 12 ounce jars of honey."""
    jars = {
        "k": 1,
        "kind": "Honey",
        "shape": "jar",
        "colour": "navy blue",
        "unit": "Ounce",
        "cost": 5.0,
        "smallest": 8,
        "size": 12,
        "step": 1,
        "flavour": "Clover",
        "brand": "Moreau Frères",
        "trait": "Classic",
        "pack": 2,
        "premium": False,
    }
    return SimpleNamespace(**{**jars, **changes})


def write_listings(n: int, **changes) -> list[str]:
    """n listings of the product, each with random numbers of its own."""
    product = make_product(**changes)
    return [price.write_listing(product, np.random.default_rng(seed)) for seed in range(n)]


def test_the_price_tables_are_in_the_official_layout(shop):
    train = pd.read_csv(shop / "train.csv")
    test = pd.read_csv(shop / "test.csv")
    solution = pd.read_csv(shop / "solution.csv")
    assert list(train) == [*LISTING, "price"]
    assert list(test) == LISTING
    assert list(solution) == ["sample_id", "price"]
    assert (len(train), len(test)) == (80, 20)
    assert list(test.sample_id) == list(solution.sample_id)
    assert not train.sample_id.is_monotonic_increasing

    rows = pd.concat([train, test])
    assert rows.sample_id.is_unique
    assert rows.image_link.str.fullmatch(r"https://example\.com/images/[0-9a-f]{12}\.jpg").all()


def test_listings_have_the_signs_and_units_of_real_ones(shop):
    train = pd.read_csv(shop / "train.csv").catalog_content
    test = pd.read_csv(shop / "test.csv").catalog_content
    assert train.isna().sum() == 1
    assert test.notna().all()

    listings = pd.concat([train, test]).dropna()
    assert listings.str.fullmatch(r"(?s)Item Name: .*\n").all()
    for pattern in (",", '"', "é|ō|ø|–"):
        assert listings.str.contains(pattern).any()
    units = listings.str.extract(r"\nUnit: (.*)\n")[0].dropna()
    assert {"Ounce", "Fl Oz", "Count", "None"} < set(units)


def test_prices_are_spread_as_in_a_shop(shop):
    tables = [pd.read_csv(shop / f"{name}.csv") for name in ("train", "solution")]
    prices = pd.concat(tables).price
    assert prices.gt(0.13).all()
    assert 5 < prices.median() < 40
    assert prices.max() > 5 * prices.median()


def test_one_product_is_listed_twice_at_two_prices(shop):
    train = pd.read_csv(shop / "train.csv")
    twice = train[train.duplicated("image_link", keep=False)]
    assert len(twice) == 2
    assert twice.price.nunique() == 2
    assert twice.catalog_content.nunique() == 1


def test_some_images_of_the_price_sample_are_missing_or_broken(shop):
    tables = [pd.read_csv(shop / f"{name}.csv") for name in ("train", "test")]
    reasons = [reason_of(shop / f"images/{i}.jpg") for i in pd.concat(tables).sample_id]
    kinds = [reason.split(":")[0] for reason in reasons if reason]
    assert sorted(kinds) == ["broken", "broken", "missing"]


def test_a_price_is_what_its_parts_make_it():
    changes = [
        {},
        {"premium": True},
        {"pack": 8},
        {"brand": "Harrow & Finch", "size": 8, "pack": 1},
    ]
    products = pd.DataFrame([vars(make_product(**change)) for change in changes])
    plain, gold, eight, least = price.expected_price(products)
    assert plain == pytest.approx(5 * 1.5 * 3**0.5 * 2**0.1)  # 24 ounces: 3 of the smallest jars
    assert gold / plain == pytest.approx(1.7)
    assert eight / plain == pytest.approx(4**0.6)
    assert least == pytest.approx(5)


def golden_share(file) -> float:
    """The share of an image's pixels that are golden."""
    pixels = np.asarray(Image.open(file)).astype(int)
    red, green, blue = np.moveaxis(pixels, 2, 0)
    is_golden = (red - blue > 60) & (green - blue > 30)
    return is_golden.mean()


def test_only_the_image_tells_what_is_premium(tmp_path):
    assert write_listings(20, premium=False) == write_listings(20, premium=True)
    for premium in (False, True):
        product = make_product(premium=premium)
        price.draw_file(tmp_path / f"{premium}.jpg", product, seed=0)
    assert golden_share(tmp_path / "False.jpg") < 0.001
    assert golden_share(tmp_path / "True.jpg") > 0.05


def test_the_value_of_a_listing_is_its_total_quantity():
    text = "".join(write_listings(300))
    quantities = pd.Series(text).str.extractall(r"\nValue: (.*)\nUnit: (.*)\n")
    assert set(quantities.itertuples(index=False, name=None)) == {
        ("24.0", "Ounce"),
        ("24.0", "ounce"),
        ("24.0", "oz"),
        ("24.0", "OZ"),
        ("1.5", "Pound"),
        ("nan", "None"),
    }
