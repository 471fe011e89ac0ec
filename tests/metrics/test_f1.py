"""F1 scores against scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from metrics import f1


@pytest.mark.parametrize("seed", range(20))
def test_scores_equal_scikit_learns(seed):
    rng = np.random.default_rng(seed)
    k = int(rng.integers(2, 9))
    target = rng.integers(-1, k, 60)
    answer = rng.integers(0, max(k - seed % 3, 1), 60)  # some classes are never answered
    labelled = target >= 0
    y = target[labelled]
    p = answer[labelled]
    micro = f1_score(y, p, average="micro")
    macro = f1_score(y, p, average="macro")
    expected = {
        "accuracy": accuracy_score(y, p),
        "weighted_f1": f1_score(y, p, average="weighted"),
        "micro_f1": micro,
        "macro_f1": macro,
        "hm": 2 * micro * macro / (micro + macro),
    }
    assert f1.scores(answer, target, k) == pytest.approx(expected, abs=1e-12)


def test_f1_of_each_class_equals_scikit_learns():
    rng = np.random.default_rng(0)
    target = rng.integers(0, 3, 60)
    answer = rng.integers(0, 3, 60)
    scores = f1.f1_per_class(f1.confusion(answer, target, 4))
    expected = f1_score(target, answer, average=None, labels=range(4), zero_division=0)
    assert scores == pytest.approx(expected)
    assert scores[3] == 0  # neither true nor answered


def test_without_a_label_there_is_no_score():
    scores = f1.scores(np.array([0, 1]), np.array([-1, -1]), 2)
    assert list(scores) == list(f1.METRICS) and np.isnan(list(scores.values())).all()


def test_a_replicate_is_the_score_of_rows_that_are_repeated():
    rng = np.random.default_rng(0)
    target = rng.integers(-1, 4, 50)
    answer = rng.integers(0, 4, 50)
    weights = rng.integers(0, 4, (10, 50))
    replicates = f1.hm_replicates(answer, target, 4, weights)
    for j in range(len(weights)):
        rows = np.repeat(np.arange(50), weights[j])
        expected = f1.scores(answer[rows], target[rows], 4)["hm"]
        assert replicates[j] == pytest.approx(expected, rel=1e-12)


def test_the_harmonic_mean():
    assert f1.hm(0.5, 1.0) == pytest.approx(2 / 3)
    assert f1.hm(0.0, 0.0) == 0
