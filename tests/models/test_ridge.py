"""ridge on classes: what it makes of labels that are few, missing or of one class."""

import numpy as np
import pytest
from scipy import sparse

from models.ridge import (
    SHARPNESS,
    Settings,
    fit_sharpness,
    probabilities,
    row_weights,
    softmax_by_attribute,
    solve_classes,
)

SETTINGS = Settings()


def words(label: np.ndarray):
    """A word of each row's class, and one that all rows have."""
    one_hot = np.eye(5, dtype=np.float32)[label]
    return sparse.csr_matrix(np.c_[one_hot, np.ones(len(label), np.float32)])


@pytest.mark.parametrize("present", [[0, 1, 3], [1, 3], [3]])
def test_classes_are_told_by_their_words_and_one_without_rows_is_unlikely(present):
    label = np.repeat(present, 20)
    weight, bias = solve_classes(words(label), label, 5, SETTINGS)
    assert weight.shape == (6, 5)

    prob = probabilities(words(label) @ weight + bias)
    assert prob.sum(1) == pytest.approx(1)
    assert prob.argmax(1).tolist() == label.tolist()
    absent = np.setdiff1d(range(5), present)
    assert (prob[:, absent] > 0).all()
    assert prob[:, absent].max() < 0.001


def test_without_a_label_all_classes_are_alike():
    none = np.zeros(0, int)
    weight, bias = solve_classes(words(none), none, 5, SETTINGS)
    assert probabilities(words(np.array([0])) @ weight + bias) == pytest.approx(0.2)


def test_every_attribute_has_probabilities_of_its_own():
    prob = softmax_by_attribute(np.array([[0.0, 0, 5, 0, 0]]), [2, 3])
    assert prob[0, :2] == pytest.approx(0.5)
    assert prob[0, 2:].sum() == pytest.approx(1)


def test_weights_of_rows_even_classes_out_and_have_mean_1():
    label = np.array([0] * 9 + [1])
    assert row_weights(label, 0).tolist() == [1] * 10
    weight = row_weights(label, 1)
    assert weight.mean() == pytest.approx(1)
    assert weight[:9].sum() == pytest.approx(weight[9])


def test_the_sharpness_is_what_makes_unseen_labels_likeliest():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(4000, 3))
    prob = probabilities(4 * scores)
    label = (prob.cumsum(1) < rng.random((4000, 1))).sum(1)
    assert fit_sharpness(scores, label) == pytest.approx(4, rel=0.1)
    assert fit_sharpness(scores[:0], label[:0]) == SHARPNESS


@pytest.mark.parametrize("present", [[], [3]])
def test_a_fit_of_fewer_than_two_classes_says_nothing_of_the_sharpness(present):
    fitted = np.repeat(present, 20).astype(int)
    weight, bias = solve_classes(words(fitted), fitted, 5, SETTINGS)
    label = np.repeat([1, 3], 5)
    assert fit_sharpness(words(label) @ weight + bias, label) == SHARPNESS
