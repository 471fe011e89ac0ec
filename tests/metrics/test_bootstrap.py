"""Bootstrap replicates and intervals."""

import numpy as np
import pytest

from metrics.bootstrap import draw_replicates, interval
from metrics.smape import smape, terms


def test_groups_are_drawn_whole_and_the_same_each_time():
    group = np.array(["x", "y", "x", "z"])
    weights = draw_replicates(group, 50)
    assert weights.shape == (50, 4)
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (weights[:, [0, 1, 3]].sum(1) == 3).all()
    assert (weights == draw_replicates(group, 50)).all()
    assert (weights != draw_replicates(group, 50, seed=1)).any()


def test_the_interval_is_about_the_score_by_the_spread_of_the_replicates():
    replicates = np.arange(101) / 100 + 3  # all above the score, as macro F1's are
    low, high = interval(0.5, replicates)
    assert (low, high) == pytest.approx((0.5 - 0.475, 0.5 + 0.475))


def test_the_interval_ends_where_the_score_does():
    assert interval(0.5, np.arange(101) / 10, (0, 1)) == (0, 1)


def test_without_a_replicate_there_is_no_interval():
    assert np.isnan(interval(0.5, np.full(3, np.nan))).all()


def test_the_interval_of_a_mean_is_that_of_the_textbook():
    truth = np.expm1(np.random.default_rng(0).normal(3, 0.5, 2000))
    price = np.full(2000, 20.0)
    term = 100 * terms(price, truth)
    weights = draw_replicates(np.arange(2000), 1000)
    replicates = (weights * term).sum(1) / weights.sum(1)
    low, high = interval(smape(price, truth), replicates)
    expected = 1.96 * term.std() / np.sqrt(2000)
    assert (high - low) / 2 == pytest.approx(expected, rel=0.1)
