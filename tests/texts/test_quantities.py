"""Quantities are read as a person reads them, in SI units, and NaN where nothing is said."""

import numpy as np
import pytest

from texts.quantities import DIMENSIONS, brands, item_names, quantities


def read(text):
    """One text's columns that are there."""
    table, names = quantities([text])
    return {
        name: float(value)
        for name, value in zip(names, table[0], strict=True)
        if not np.isnan(value)
    }


def entry(name, value, unit):
    return f"Item Name: {name}\nBullet Point 1: good\nValue: {value}\nUnit: {unit}\n"


@pytest.mark.parametrize(
    "name, expected",
    [
        (
            "Taco Sauce Mild, 12 Ounce (Pack of 6)",
            {"size_g": 340.194, "pack": 6, "stated": 2041.164},
        ),
        ("Soda, 12 x 16 fl oz", {"size_ml": 473.176, "pack": 12}),
        ("Drops 16 oz, 12 ct", {"size_g": 453.592, "size_n": 12}),
        ("Jasmine Rice 5-Pound Bag", {"size_g": 2267.96}),
        ("Cereal, 32 OZ, PK- 6", {"size_g": 907.184, "pack": 6}),
        ("Cooking Wine, 12.7 Fl. Oz - 12 per case", {"size_ml": 375.583, "pack": 12}),
        ("Almonds, 5 oz, 6/Carton", {"size_g": 141.748, "pack": 6}),
        ("Tea, 20 Teabags, 2-Pack", {"size_n": 20, "pack": 2}),
        ("Flour, 1,000 g", {"size_g": 1000}),
        ("Oil .5 L", {"size_ml": 500}),
        ("Pepper 1.5kg case of 4", {"size_g": 1500, "pack": 4}),
        ("Curtain 213 cm, Pack of 2", {"size_cm": 213, "pack": 2}),
    ],
)
def test_sizes_and_packs_in_a_name(name, expected):
    found = read(name)
    assert {key: found.get(key) for key in expected} == pytest.approx(expected, rel=1e-5)
    others = {f"size_{d}" for d in DIMENSIONS} - expected.keys()
    assert not others & found.keys()
    assert ("pack" in found) == ("pack" in expected)


@pytest.mark.parametrize(
    "unit, column, expected",
    [
        ("Ounce", "value_g", 56.699),
        ("oz", "value_g", 56.699),
        ("Fl Oz", "value_ml", 59.147),
        ("fl oz", "value_ml", 59.147),
        ("Fluid Ounce", "value_ml", 59.147),
        ("COUNT", "value_n", 2),
        ("ct", "value_n", 2),
        ("pound", "value_g", 907.184),
        ("Gram", "value_g", 2),
        ("millilitre", "value_ml", 2),
        ("Liters", "value_ml", 2000),
        ("20 oz.", "value_g", 56.699),
    ],
)
def test_the_unit_line_in_any_spelling(unit, column, expected):
    found = read(entry("Tea", "2.0", unit))
    assert found["value"] == 2
    assert {name: found[name] for name in found if name.startswith("value_")} == pytest.approx(
        {column: expected}
    )


def test_a_unit_that_is_none_gives_the_bare_value():
    found = read(entry("Tea", "3.0", "None"))
    assert found["value"] == 3
    assert not any(name.startswith(("value_", "total_", "each_")) for name in found)


def test_totals_believe_the_value_and_share_it_among_the_pack():
    found = read(entry("Sauce, 12 Ounce (Pack of 6)", "72.0", "Fl Oz"))
    assert found["total_ml"] == pytest.approx(72 * 29.5735)
    assert found["each_ml"] == pytest.approx(12 * 29.5735)
    assert found["total_g"] == found["amount"] == found["stated"] == pytest.approx(72 * 28.3495)
    bottles = read(entry("Sauce, 64 Ounces", "1.0", "Count"))
    assert (bottles["total_n"], bottles["amount"]) == pytest.approx((1, 64 * 28.3495))


def test_the_name_is_believed_before_the_rest():
    found = read("Towel, Pack of 3\nDescription: pack of 9, 500 g, 30 inch by 60 inch")
    assert (found["pack"], found["size_g"], found["size_cm"]) == pytest.approx((3, 500, 76.2))
    assert read("Rice 2 lb and 3 lb")["size_g"] == pytest.approx(2 * 453.592)


def test_what_only_looks_like_a_size():
    for name in ("Shampoo 3 in 1", "Vitamin B12 great", "Size 5 green", "7 garlands"):
        assert not any(column.startswith(("size_", "pack")) for column in read(name)), name


def test_a_measured_rectangle_is_no_pack_and_a_long_code_is_finite():
    found = read("Rug 8 x 10 inch")
    assert found["size_cm"] == pytest.approx(25.4)
    assert "pack" not in found
    assert np.isfinite(read("Tea " + "9" * 500 + " kg")["amount"])


def test_statistics_of_the_text():
    found = read(
        "Item Name: Big Tea, 20 ct\nBullet Point 1: nice\nBullet Point 2: 5 "
        "herbs\nProduct Description: dear\n"
    )
    assert (
        found["name_length"],
        found["name_words"],
        found["name_digits"],
        found["name_commas"],
    ) == (14, 4, 2, 1)
    assert (found["bullets"], found["described"], found["text_lines"], found["text_digits"]) == (
        2,
        1,
        4,
        5,
    )


def test_the_shape_holds_for_no_texts_empty_texts_and_any_sequence():
    import pandas as pd

    table, names = quantities(pd.Series(["", "Tea 5 oz"], index=[7, 3]))
    assert table.shape == (2, len(names))
    assert table.dtype == np.float32
    assert len(set(names)) == len(names)
    assert np.isnan(table[0, names.index("amount")])
    assert table[1, names.index("amount")] == pytest.approx(141.7475)
    assert quantities([])[0].shape == (0, len(names))


def test_names_and_brands():
    texts = [
        "Item Name: La Victoria Green Taco, 12 oz\nValue: 1",
        "Dr. Pepper | Soda",
        "NatureBest, 5 oz",
        "5 Hour",
        "Ben & Jerry's Ice",
        "",
    ]
    assert item_names(texts) == [
        "La Victoria Green Taco, 12 oz",
        "Dr. Pepper | Soda",
        "NatureBest, 5 oz",
        "5 Hour",
        "Ben & Jerry's Ice",
        "",
    ]
    assert brands(texts).tolist() == ["la victoria", "dr. pepper", "naturebest", "", "ben &", ""]
    assert brands(texts, words=3).tolist()[4] == "ben & jerry's"


@pytest.mark.parametrize(
    "text, expected",
    [
        ("Towel\nBuy it online for Rs.1,499 only", 1499),
        ("Mug, ₹ 250", 250),
        ("Tea $4.99 a box", 4.99),
        ("Hours 24, first 100", None),
        ("Mrs. 5", None),
    ],
)
def test_an_amount_of_money_is_read(text, expected):
    values, names = quantities([text])
    found = values[0, names.index("money")]
    assert np.isnan(found) if expected is None else found == pytest.approx(expected)
