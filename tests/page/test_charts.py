"""Charts as SVG: the page's colours, small, the same each time."""

import re

import numpy as np
import pytest

from page import charts
from page.canvas import short_label
from pages import hostile_figures


@pytest.mark.parametrize("figure", hostile_figures(), ids=lambda figure: figure.caption)
def test_a_figure_follows_the_page_and_stays_small(figure):
    assert "#01" not in figure.svg  # no placeholder colour is left
    assert "currentColor" in figure.svg
    assert "<text" in figure.svg
    assert len(figure.svg) < 120_000
    width, shown = re.search(r'viewBox="0 0 ([\d.]+).*?min-width: (\d+)px', figure.svg).groups()
    assert float(shown) == pytest.approx(float(width), abs=1)


def test_a_scatter_plot_of_many_points_stays_small():
    x, y = np.random.default_rng(0).normal(size=(2, 75_000))
    assert len(charts.scatter(x, y)) < 150_000


def test_the_same_data_give_the_same_bytes():
    assert charts.bars(["a"], [1]) == charts.bars(["a"], [1])
    assert charts.bars(["a"], [1]) != charts.bars(["b"], [1])


def test_a_label_that_looks_like_a_colour_or_a_number_stays_as_it_is():
    svg = charts.bars(["#010101 of 2.34567"], [1])
    assert "#010101 of 2.34567" in svg


def test_labels_are_short_and_printable():
    assert short_label("a" * 50, 10) == "aaaaaaaaa…"
    assert short_label(" a\n\x00b ") == "a b"


def test_bars_have_their_numbers_as_alt_text():
    figure = charts.bar_figure("caption", {"net": 0.81234, "knn": 0.7}, "{:.3f}")
    assert figure.alt == "net 0.812; knn 0.700"
    assert "0.812" in figure.svg
