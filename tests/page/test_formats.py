"""Texts and numbers as pages write them."""

import numpy as np
import pandas as pd
import pytest

from page.formats import (
    clean,
    describe,
    format_cell,
    format_interval,
    format_score,
    list_names,
    shorten,
)


def test_lists_are_cut():
    assert list_names(list("abcdef"), 2) == "a, b and 4 more"
    assert list_names(list("abcd")) == "a, b, c, d"
    assert list_names(["a"]) == "a"


def test_texts_are_cut_and_cleaned():
    assert shorten("a\n b" * 9, 5) == "a ba…"
    assert shorten("short", 5) == "short"
    assert clean("a\x00b\ud800") == "a\ufffdb\ufffd"


@pytest.mark.parametrize(
    "value, text",
    [
        (None, "–"),
        (np.nan, "–"),
        (pd.NaT, "–"),
        (True, "yes"),
        (np.int64(1234), "1,234"),
        (0.12345, "0.12"),
        ("text", "text"),
    ],
)
def test_cells(value, text):
    assert format_cell(value, decimals=2) == text


def test_scores_have_four_digits():
    assert format_score(0.804) == "0.8040"
    assert format_score(38.3835) == "38.38"
    assert format_score(np.nan) == "none"
    assert format_interval((0.5, 0.75)) == "0.5000 to 0.7500"
    assert format_interval((np.nan, np.nan)) == ""


def test_numbers_in_words():
    assert describe({"a": 0.5, "b": 2}, "{:.1f}") == "a 0.5; b 2.0"
