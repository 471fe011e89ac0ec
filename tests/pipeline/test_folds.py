"""Folds: even, and whole groups."""

import numpy as np
import pytest

from common.errors import UserError
from pipeline.folds import assign_folds

STRATA = np.repeat([0, 1, 2], [88, 8, 4])


def test_folds_spread_rare_classes():
    fold = assign_folds(STRATA, np.arange(100), 4, 0)
    assert np.bincount(fold).tolist() == [25] * 4
    assert np.bincount(fold[STRATA == 1]).tolist() == [2] * 4


def test_folds_keep_groups_together_and_are_the_same_each_time():
    groups = np.repeat(np.arange(50), 2)
    fold = assign_folds(STRATA, groups, 4, 0)
    assert (fold[::2] == fold[1::2]).all()
    assert (assign_folds(STRATA, groups, 4, 0) == fold).all()


def test_fewer_rows_than_folds_are_refused():
    with pytest.raises(UserError, match="3 rows or groups are too few to be cut in 4"):
        assign_folds(STRATA[:3], np.arange(3), 4, 0)
