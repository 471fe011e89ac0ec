"""What the report shows of attributes and prices, by hand."""

import numpy as np
import pytest

from tasks.attributes.confusions import frequent_confusion, weakest
from tasks.price.figures import tenths


@pytest.mark.parametrize(
    "most, classes, rows",
    [
        (2, ["a", "b", "other"], [4, 2, 2]),
        (3, ["a", "b", "c", "d"], [4, 2, 1, 1]),  # one left over is shown as itself
    ],
)
def test_a_confusion_keeps_the_frequent_classes_and_joins_the_others(most, classes, rows):
    target = np.array([0, 0, 0, 0, 1, 1, 2, 3, -1])
    answer = np.array([0, 0, 1, 3, 1, 0, 3, 2, 0])
    table = frequent_confusion(answer, target, list("abcd"), most)
    assert table.classes == classes
    assert table.rows.tolist() == rows
    if most == 2:
        assert table.share.tolist() == [[0.5, 0.25, 0.25], [0.5, 0.5, 0], [0, 0, 1]]
    else:
        assert table.share[2].tolist() == [0, 0, 0, 1]


def test_the_weakest_classes_say_what_they_are_taken_for():
    answer = np.array([[0]] * 12 + [[1]] * 9 + [[0]])
    target = np.array([[1]] * 12 + [[1]] * 8 + [[0]] * 2)
    table = weakest(answer, target, {"tone": ["dark", "mid"]}).frame
    f1 = pytest.approx(16 / 29)
    precision = pytest.approx(8 / 9)
    assert table.values.tolist() == [["tone", "mid", 20, f1, 0.4, precision, "dark", 12]]


def test_tenths_of_prices_by_hand():
    truth = np.arange(1.0, 21)
    price = truth.copy()
    price[:2] *= 3
    table = tenths(truth, price, truth)
    assert table.rows.tolist() == [2] * 10
    assert table.loc[0, ["from", "to"]].tolist() == [1, 2]
    assert table.SMAPE.tolist() == pytest.approx([100] + [0] * 9)
    assert table.share.tolist() == pytest.approx([1] + [0] * 9)
    assert table["predicted / true"].tolist() == pytest.approx([3] + [1] * 9)


def test_equal_prices_are_in_one_tenth():
    price = np.full(30, 2.0)
    assert tenths(price, price, price).rows.tolist() == [30]
