"""Validation rows in groups: near their share, of several groups, for the member of every fold,
whatever the groups' sizes; else an error that names the group."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from common.errors import UserError
from pipeline.folds import assign_folds, validation_rows
from pipeline.validation_rows import FARTHEST, SEVERAL, group_members


def layout(sizes, n_folds: int, seed: int = 0):
    """(groups (n,), folds (n,)) of groups of these sizes."""
    groups = np.repeat(np.arange(len(sizes)).astype(str), sizes)
    return groups, assign_folds(np.zeros(len(groups), int), groups, n_folds, seed)


def draw(groups, fold, share: float, is_labelled=None) -> np.ndarray:
    data = SimpleNamespace(n_folds=fold.max() + 1, validation=share, seed=0)
    if is_labelled is None:
        is_labelled = np.ones(len(groups), bool)
    return validation_rows(np.zeros(len(groups), int), groups, fold, is_labelled, data)


def assert_right(chosen, groups, fold, share: float, is_labelled=True, factor=FARTHEST) -> None:
    """What each fold's member sees."""
    for k in range(fold.max() + 1):
        outside = (fold != k) & is_labelled
        is_validation = outside & chosen
        shares = is_validation.sum() / outside.sum()
        assert share / factor <= shares <= share * factor
        assert len(set(groups[is_validation])) >= SEVERAL
        assert not set(groups[is_validation]) & set(groups[outside & ~chosen])
        assert (outside & ~chosen).any()


def can_be_had(groups, fold, share: float) -> bool:
    """By trying all choices of groups."""
    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    n = len(first)
    members = group_members(np.bincount(group), fold[first], fold.max() + 1, share)
    choices = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    shares, several = choices @ members.share.T, choices @ members.is_outside.T >= SEVERAL
    is_near = (shares >= 1 / FARTHEST) & (shares <= min(FARTHEST, members.most))
    return bool((is_near & several).all(1).any())


SIZES = st.lists(st.sampled_from([1, 1, 2, 3, 5, 8, 20, 60, 200]), min_size=3, max_size=11)


@settings(max_examples=150)
@given(SIZES, st.integers(2, 3), st.sampled_from([0.1, 0.2, 0.3]), st.integers(0, 99))
def test_validation_rows_are_right_wherever_they_can_be(sizes, n_folds, share, seed):
    if len(set(sizes)) == 1 == sizes[0] or len(sizes) < n_folds:
        return
    groups, fold = layout(sizes, n_folds, seed)
    try:
        chosen = draw(groups, fold, share)
    except UserError as error:
        assert not can_be_had(groups, fold, share)
        assert f"group {np.argmax(sizes)} has {max(sizes)} of {sum(sizes)}" in str(error)
        assert "set data.validation=0" in str(error)
    else:
        assert_right(chosen, groups, fold, share)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(2, 6), st.sampled_from([0.05, 0.1, 0.25]))
def test_many_groups_of_any_size_beside_a_giant(seed, n_folds, share):
    rng = np.random.default_rng(seed)
    sizes = np.append((rng.pareto(1.5, 400) * 3 + 1).astype(int).clip(1, 60), 800)
    groups, fold = layout(sizes, n_folds, seed % 7)
    is_labelled = rng.random(len(groups)) < 0.6
    chosen = draw(groups, fold, share, is_labelled)
    assert_right(chosen, groups, fold, share, is_labelled)


def test_even_groups_are_drawn_as_ever():
    groups, fold = layout([2] * 200, 5)
    strata = np.zeros(400, int)
    data = SimpleNamespace(n_folds=5, validation=0.1, seed=3)
    chosen = validation_rows(strata, groups, fold, np.ones(400, bool), data)
    assert (chosen == (assign_folds(strata, groups, 10, 4) == 0)).all()


def test_rows_on_their_own_are_drawn_as_ever():
    fold = assign_folds(np.zeros(60, int), np.arange(60), 3, 0)
    chosen = draw(np.arange(60).astype(str), fold, 0.1)
    assert (chosen == (assign_folds(np.zeros(60, int), np.arange(60), 10, 1) == 0)).all()


def test_the_group_that_makes_it_impossible_is_named():
    groups, fold = layout([90, 4, 3, 3], 2)
    with pytest.raises(UserError, match="group 0 has 90 of 100 labelled rows in 4 groups; set"):
        draw(groups, fold, 0.1)
