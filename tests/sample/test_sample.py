"""The sample: the official layout, the same bytes for a seed, faults as real downloads have them,
nothing half drawn."""

import hashlib

import pandas as pd
import pytest

from conftest import reason_of
from tasks.attributes import sample as attributes


def digest(folder) -> str:
    return hashlib.sha256(
        b"".join(p.name.encode() + p.read_bytes() for p in sorted(folder.rglob("*.*")))
    ).hexdigest()


def test_the_same_seed_draws_the_same_bytes_and_another_others(drawn, tmp_path):
    for seed, same in ((0, True), (1, False)):
        attributes.draw(tmp_path / str(seed), seed, rows={"train": 48, "test": 12})
        assert (digest(tmp_path / str(seed)) == digest(drawn)) is same


def test_it_is_in_the_official_layout_with_its_faults(drawn):
    train, test = (pd.read_csv(drawn / f"{name}.csv") for name in ("train", "test"))
    assert list(train) == ["id", "Category", "len"] + [f"attr_{i}" for i in range(1, 11)] and list(
        test
    ) == ["id", "Category"]
    names = pd.read_parquet(drawn / "category_attributes.parquet")
    assert dict(train.groupby("Category").len.first()) == dict(
        zip(names.Category, names.No_of_attribute, strict=True)
    )
    assert train.attr_2.isna().any() and pd.read_csv(drawn / "solution.csv").attr_2.notna().all()
    bad = {
        split: [
            reason for i in table.id if (reason := reason_of(drawn / f"{split}_images/{i:06d}.jpg"))
        ]
        for split, table in (("train", train), ("test", test))
    }
    assert len(bad["train"]) == 3 and "missing" in bad["train"] and len(bad["test"]) == 1


def test_a_draw_that_dies_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(attributes, "spoil_files", lambda *a: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        attributes.draw(tmp_path / "x", 0, rows={"train": 8, "test": 2})
    assert not (tmp_path / "x").exists()


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """The price sample, 80 training rows: drawn once, read by many."""
    from tasks.price import sample as price

    folder = tmp_path_factory.mktemp("shop") / price.FOLDER
    price.draw(folder, rows={"train": 80, "test": 20})
    return folder


def product(**other):
    """One product as price.draw_file and price.write_listing take it: two 12 ounce jars of
    honey."""
    from types import SimpleNamespace

    jar = {
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
    return SimpleNamespace(**{**jar, **other})


def test_the_same_seed_prices_the_same_bytes_and_another_others(shop, tmp_path):
    from tasks.price import sample as price

    for seed, same in ((0, True), (1, False)):
        price.draw(tmp_path / str(seed), seed, rows={"train": 80, "test": 20})
        assert (digest(tmp_path / str(seed)) == digest(shop)) is same


def test_the_price_tables_are_in_the_official_layout(shop):
    train, test, solution = (
        pd.read_csv(shop / f"{name}.csv") for name in ("train", "test", "solution")
    )
    listing = ["sample_id", "catalog_content", "image_link"]
    assert (list(train), list(test), list(solution)) == (
        [*listing, "price"],
        listing,
        ["sample_id", "price"],
    )
    assert (len(train), len(test)) == (80, 20) and list(test.sample_id) == list(solution.sample_id)
    every = pd.concat([train, test])
    assert every.sample_id.is_unique and not train.sample_id.is_monotonic_increasing
    assert every.image_link.str.fullmatch(r"https://example\.com/images/[0-9a-f]{12}\.jpg").all()
    assert train.catalog_content.isna().sum() == 1 and test.catalog_content.notna().all()
    texts = every.catalog_content.dropna()
    assert texts.str.fullmatch(r"(?s)Item Name: .*\n").all() and all(
        texts.str.contains(c).any() for c in (",", '"', "é|ō|ø|–")
    )
    assert {"Ounce", "Fl Oz", "Count", "None"} < set(
        texts.str.extract(r"\nUnit: (.*)\n")[0].dropna()
    )
    priced = pd.concat([train, solution]).price
    assert priced.gt(0.13).all() and 5 < priced.median() < 40 and priced.max() > 5 * priced.median()


def test_one_product_is_listed_twice_at_two_prices(shop):
    train = pd.read_csv(shop / "train.csv")
    twice = train[train.duplicated("image_link", keep=False)]
    assert len(twice) == 2 and twice.price.nunique() == 2 and twice.catalog_content.nunique() == 1


def test_some_pictures_of_the_price_sample_are_gone_or_broken(shop):
    ids = pd.concat([pd.read_csv(shop / f"{name}.csv") for name in ("train", "test")]).sample_id
    reasons = [reason_of(shop / f"images/{i}.jpg") for i in ids]
    assert sorted(reason.split(":")[0] for reason in reasons if reason) == [
        "broken",
        "broken",
        "missing",
    ]


def test_a_price_is_what_its_parts_make_it():
    from tasks.price import sample as price

    looks = [{}, {"premium": True}, {"pack": 8}, {"brand": "Harrow & Finch", "size": 8, "pack": 1}]
    plain, gold, eight, least = price.worth(pd.DataFrame([vars(product(**look)) for look in looks]))
    assert plain == pytest.approx(5 * 1.5 * 3**0.5 * 2**0.1) and least == pytest.approx(
        5
    )  # 24 ounces are 3 of the smallest jars
    assert gold / plain == pytest.approx(1.7) and eight / plain == pytest.approx(4**0.6)


def test_only_the_picture_tells_what_is_premium(tmp_path):
    import numpy as np
    from PIL import Image

    from tasks.price import sample as price

    texts, golden = [], []
    for premium in (False, True):
        texts.append(
            [
                price.write_listing(product(premium=premium), np.random.default_rng(seed))
                for seed in range(20)
            ]
        )
        price.draw_file(tmp_path / "jar.jpg", product(premium=premium), seed=0)
        red, green, blue = np.moveaxis(
            np.asarray(Image.open(tmp_path / "jar.jpg")).astype(int), 2, 0
        )
        golden.append(((red - blue > 60) & (green - blue > 30)).mean())
    assert texts[0] == texts[1] and golden[0] < 0.001 and golden[1] > 0.05


def test_the_value_of_a_listing_is_its_total_quantity():
    import numpy as np

    from tasks.price import sample as price

    texts = "".join(
        price.write_listing(product(), np.random.default_rng(seed)) for seed in range(300)
    )
    found = pd.Series(texts).str.extractall(r"\nValue: (.*)\nUnit: (.*)\n").drop_duplicates()
    said = {
        ("24.0", "Ounce"),
        ("24.0", "ounce"),
        ("24.0", "oz"),
        ("24.0", "OZ"),
        ("1.5", "Pound"),
        ("nan", "None"),
    }
    assert set(found.itertuples(index=False, name=None)) == said


def test_a_price_draw_that_dies_leaves_no_folder(tmp_path, monkeypatch):
    from tasks.price import sample as price

    monkeypatch.setattr(price, "spoil_files", lambda *a: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        price.draw(tmp_path / "x", 0, rows={"train": 8, "test": 2})
    assert not (tmp_path / "x").exists()
