"""Columns made of other rows' targets: by hand, and that no row's own target, nor any of its
fold's, ever gets in."""

import numpy as np
import pytest

from common.vectors import unit_rows
from features.neighbors import nearest
from features.target_encoding import encode_out_of_fold, inner_folds, key_encoder, neighbor_encoder


@pytest.fixture
def shop():
    """80 rows: 60 in folds 0 to 3, 20 of test; some targets not known."""
    rng = np.random.default_rng(0)
    fold, target = np.where(np.arange(80) < 60, np.arange(80) % 4, -1), rng.normal(3, 1, 80)
    target[[4, 11, 70]] = -1
    return (
        fold,
        target,
        (target >= 0) & (fold >= 0),
        rng.choice(["a", "b", "c"], 80),
        unit_rows(rng.normal(size=(80, 5))),
    )


def test_encoding_by_key_by_hand():
    encode = key_encoder(
        np.array(["x", "x", "y", "x", "z"]), np.array([1.0, 3, 5, 9, 9]), smoothing=2
    )
    assert encode(np.array([0, 1, 2]), np.array([3, 4, 2])).tolist() == [
        [(1 - 3 + 3 - 3) / 4, 2],
        [0, 0],
        [2 / 3, 1],
    ]


def test_encoding_by_neighbors_by_hand():
    space = unit_rows(np.array([[1, 0], [1, 0.1], [0, 1], [1, 0.02]]))
    neighbors, cosine = nearest(space, np.array([0, 1, 2]))
    assert neighbors[3].tolist() == [0, 1, 2] and cosine[3, 0] == pytest.approx(
        1 / np.hypot(1, 0.02)
    )
    columns_of_row = neighbor_encoder(
        neighbors, cosine, np.array([1.0, 2, 7, -1]), ks=(1, 2), power=1
    )(np.array([1, 2]), np.array([3]))
    near, far = space[3] @ space[1], space[3] @ space[2]
    assert columns_of_row[0, :2] == pytest.approx(
        [2, (2 * near + 7 * far) / (near + far)], rel=1e-5
    )  # row 0 may not be looked at
    assert columns_of_row[0, 2] == pytest.approx(near)


def test_no_encoding_knows_the_target_of_its_own_row_or_fold(shop):
    """Changing any one target changes no column of its row, of its fold, and, for the predicted
    fold, of no row at all."""
    fold, target, known, key, space = shop
    neighbors, cosine = nearest(space, np.flatnonzero(known))

    def columns(target, k):
        encoders = key_encoder(key, target), neighbor_encoder(neighbors, cosine, target)
        return np.concatenate(
            [encode_out_of_fold(encode, fold, known, k, np.arange(80)) for encode in encoders], 1
        )

    for k in (0, 1, 3):
        before = columns(target, k)
        for row in (0, 1, 2, 17, 33):
            changed = target.copy()
            changed[row] += 5
            moved = set(np.flatnonzero((columns(changed, k) != before).any(1)))
            assert (
                not moved
                if fold[row] == k
                else moved and not moved & set(np.flatnonzero(fold == fold[row]))
            )
        assert np.isfinite(before).all()
        changed = target.copy()
        changed[~known] = 99  # a target that is not known is never looked at
        np.testing.assert_array_equal(columns(changed, k), before)


def test_too_few_that_may_be_looked_at_fall_back_to_the_mean():
    neighbors, cosine = np.zeros((2, 3), int), np.ones((2, 3))
    columns_of_row = neighbor_encoder(neighbors, cosine, np.array([4.0, 6]))(
        np.array([1]), np.array([0])
    )
    assert columns_of_row[0, :3] == pytest.approx([6, 6, 6])


@pytest.mark.parametrize("n_folds", [1, 2])
def test_few_inner_folds_are_halved_and_no_group_is_in_two_of_them(n_folds):
    group = np.array([f"group {i // 3}" for i in range(60)])
    fold_of_group = np.random.default_rng(0).integers(0, n_folds + 1, 20)
    fold = np.repeat(fold_of_group, 3)
    train_idx = np.flatnonzero(fold != n_folds)

    inner = inner_folds(fold, group, train_idx)
    assert len(np.unique(inner)) == 2 * n_folds
    # an inner fold lies in one fold, a group in one inner fold
    assert np.array_equal(inner // 2, fold[train_idx])
    assert all(len(set(inner[group[train_idx] == name])) == 1 for name in set(group[train_idx]))


def test_no_half_of_a_fold_is_empty_whatever_its_groups_are_called():
    fold = np.array([0, 1] * 10 + [2] * 20)
    group = np.array([f"{i:02d}" for i in range(40)])  # every second of all is of one fold
    train_idx = np.flatnonzero(fold != 2)
    inner = inner_folds(fold, group, train_idx)
    assert np.bincount(inner).tolist() == [5, 5, 5, 5]


def test_three_folds_are_the_inner_folds():
    fold = np.arange(40) % 4
    train_idx = np.flatnonzero(fold != 3)
    assert np.array_equal(inner_folds(fold, fold.astype(str), train_idx), fold[train_idx])
