"""Blocks as HTML: text is text, nothing is read from elsewhere, screen readers are served."""

import re

import numpy as np
import pandas as pd
import pytest

from page.blocks import Table
from page.render import grid
from pages import Tags, hostile_figures, hostile_page

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
TEXTS = [  # (colour of text, of what it stands on)
    ("ink", "page"),
    ("muted", "page"),
    ("link", "page"),
    ("ink", "panel"),
    ("muted", "panel"),
    ("warned", "warn"),
]


@pytest.fixture(scope="module")
def page() -> str:
    return hostile_page()


def test_what_is_not_ours_is_text_and_nothing_else(page):
    parsed = Tags(page)
    assert not parsed.crossed
    assert not parsed.open
    names = {tag for tag, _ in parsed.tags}
    assert not names & {"script", "iframe", "object", "form", "base"}
    attributes = {name for _, attrs in parsed.tags for name in attrs}
    assert not [name for name in attributes if name.startswith("on")]


def test_hostile_text_stands_there_as_it_is_in_figures_too(page):
    text = "".join(Tags(page).texts)
    assert "alert('x')" in text
    assert "$x^$ $\\frac{1}{0}$" in text
    assert "a" * 4000 in page
    assert "emoji 🙂🏽" in page


def test_what_html_cannot_hold_is_replaced(page):
    page.encode("utf-8")
    assert not re.search("[\x00-\x08\x0e-\x1f]", page)


def test_the_page_reads_nothing_from_elsewhere_and_says_so(page):
    parsed = Tags(page)
    for address in parsed.values("src", "href", "xlink:href", "srcset", "data"):
        assert address.startswith(("#", "data:", "../")), address
    assert set(re.findall(r"url\((.)", page)) <= {"#"}
    assert "@import" not in page
    policies = [attrs["content"] for attrs in parsed.attributes("meta") if "http-equiv" in attrs]
    assert policies == [POLICY]


def test_the_page_has_what_a_screen_reader_needs(page):
    parsed = Tags(page)
    assert parsed.tags[0] == ("html", {"lang": "en"})
    for name in ("h1", "main", "nav"):
        assert parsed.count(name) == 1
    for svg in parsed.attributes("svg"):
        assert svg["role"] == "img"
        assert svg["aria-label"]
    assert all(attrs["alt"] for attrs in parsed.attributes("img"))
    assert all(attrs["scope"] for attrs in parsed.attributes("th"))
    assert parsed.count("caption") == parsed.count("table")
    assert parsed.count("figcaption") == parsed.count("figure") == len(hostile_figures())


def test_ids_are_unique_and_every_reference_has_one(page):
    parsed = Tags(page)
    ids = parsed.values("id")
    assert len(ids) == len(set(ids))
    references = [ref[1:] for ref in parsed.values("href") if ref.startswith("#")]
    references += re.findall(r"url\(#([^)]*)\)", page)
    assert references
    assert set(references) <= set(ids)


def test_sections_without_blocks_are_left_out_and_long_tables_folded(page):
    assert "Empty" not in page
    assert page.count("<details>") == 2  # the long table and the closed subsection


def test_numbers_of_a_table():
    frame = pd.DataFrame(
        {
            "score": [0.5, 0.80404, np.nan],
            "n": [1, 2000, 3],
            "text": ["a", None, "b"],
            "much": [1234.5, 20.0, 1.0],
            "yes": [True, False, True],
        },
        index=["x", "y", "z"],
    )
    shown = grid(Table("t", frame, {"score": "max", "n": "min"}))
    assert shown.heads == [
        ("score", True),
        ("n", True),
        ("text", False),
        ("much", True),
        ("yes", False),
    ]
    assert [head for head, _ in shown.rows] == ["x", "y", "z"]
    assert [[cell.text for cell in cells] for _, cells in shown.rows] == [
        ["0.5000", "1", "a", "1,234", "yes"],
        ["0.8040", "2,000", "–", "20", "no"],
        ["–", "3", "b", "1", "yes"],
    ]
    assert [[cell.is_best for cell in cells[:2]] for _, cells in shown.rows] == [
        [False, True],
        [True, False],
        [False, False],
    ]


def test_a_table_without_rows():
    assert grid(Table("t", pd.DataFrame({"a": []}))).rows == []


def channels(colour: str) -> np.ndarray:
    """(3,) in 0..1 of "#rrggbb"."""
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def luminance(colour: np.ndarray) -> float:
    """WCAG's relative luminance of an sRGB colour (3,)."""
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    """WCAG's contrast ratio of two sRGB colours (3,)."""
    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_colours_are_legible(page, dark):
    blocks = re.findall(r":root \{(.*?)\}", page, re.S)
    assert len(blocks) == 2
    colours = dict(re.findall(r"--(\w+): (#\w{6})", blocks[dark]))
    theme = {name: channels(colour) for name, colour in colours.items()}
    for text, ground in TEXTS:
        assert contrast(theme[text], theme[ground]) >= 4.5, (text, ground)
    for i in range(8):
        assert contrast(theme[f"c{i}"], theme["page"]) >= 3, i
    darkest_of_heat = 0.5 * theme["c0"] + 0.5 * theme["page"]
    assert contrast(theme["ink"], darkest_of_heat) >= 4.5


def test_light_and_dark_have_the_same_colours(page):
    light, dark = re.findall(r":root \{(.*?)\}", page, re.S)
    assert re.findall(r"--(\w+): #", light) == re.findall(r"--(\w+): #", dark)
