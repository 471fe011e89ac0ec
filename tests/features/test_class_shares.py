"""What other rows' labels say of a row's classes: by hand."""

import numpy as np
import pytest
from scipy import sparse

from features.class_shares import class_shares, key_shares, naive_bayes, neighbor_shares

LABEL = np.array([0, 0, 1, 2, -1])
KNOWN = np.array([0, 1, 2])  # no row of class 2 is looked at


def test_every_class_has_a_share():
    assert class_shares(np.array([0, 0, 1]), 4) == pytest.approx(
        [2.25 / 4, 1.25 / 4, 0.25 / 4, 0.25 / 4]
    )


def test_shares_by_key_are_drawn_to_those_of_all():
    share = class_shares(LABEL[KNOWN], 3)
    encode = key_shares(np.array(["x", "x", "y", "y", "z"]), LABEL, 3, smoothing=2)
    made = encode(KNOWN, np.array([0, 3, 4]))
    assert made[0] == pytest.approx((np.array([2, 0, 0]) + 2 * share) / 4)
    assert made[1] == pytest.approx((np.array([0, 1, 0]) + 2 * share) / 3)
    assert made[2] == pytest.approx(share)


def test_shares_of_neighbours_are_of_the_rows_that_may_be_looked_at():
    neighbors = np.tile([3, 2, 0, 1], (5, 1))
    cosine = np.tile([0.9, 0.8, 0.5, 0.4], (5, 1))
    encode = neighbor_shares(neighbors, cosine, LABEL, 3, k=2, power=1)
    votes = class_shares(LABEL[KNOWN], 3) + [0.5, 0.8, 0]
    assert encode(KNOWN, np.array([4]))[0] == pytest.approx(votes / votes.sum())


def test_naive_bayes_goes_by_words_and_without_them_by_shares():
    x = sparse.csr_matrix(np.array([[1, 0], [1, 0], [0, 1], [0, 1], [0, 0]], float))
    made = naive_bayes(x, LABEL, 3)(KNOWN, np.array([3, 0, 4]))
    assert made.argmax(1).tolist() == [1, 0, 0]
    assert made[2] == pytest.approx(class_shares(LABEL[KNOWN], 3))
