"""What a row's neighbours and namesakes cost: columns made of other rows' targets, never of its own
or of its fold's."""

from collections.abc import Callable

import numpy as np


def nested(
    encode: Callable, fold: np.ndarray, known: np.ndarray, k: int, group: np.ndarray
) -> np.ndarray:
    """Columns (n, c) of encode(from rows, for rows) for all rows, as member k may know them.

    A training row's are made of the rows outside its own fold and outside fold k; those of fold k
    and of test rows, fold -1, of all rows outside fold k. known (n,) bool: rows with a target.
    group (n,): rows that stay together when, of three folds or fewer, each is halved for this.
    """
    train = np.flatnonzero((fold >= 0) & (fold != k))
    use, out = train[known[train]], None
    part = (
        fold
        if len(np.unique(fold[train])) > 2
        else 2 * fold + np.unique(group, return_inverse=True)[1] % 2
    )
    for f in [*np.unique(part[train]), None]:
        source = use[part[use] != f] if f is not None else use
        rows = (
            train[part[train] == f] if f is not None else np.flatnonzero((fold < 0) | (fold == k))
        )
        found = encode(source, rows)
        out = np.zeros((len(fold), found.shape[1]), np.float32) if out is None else out
        out[rows] = found
    return out


def namesakes(key: np.ndarray, target: np.ndarray, smooth: float = 5.0) -> Callable:
    """encode for `nested`: the mean target of the rows with the same key (n,), less the mean of
    all, drawn to 0 by `smooth` rows, and their number. (Micci-Barreca 2001)"""
    _, code = np.unique(key, return_inverse=True)
    size = code.max() + 1

    def encode(source, rows):
        mean = target[source].mean()
        count = np.bincount(code[source], minlength=size)
        total = np.bincount(code[source], target[source] - mean, size)
        return np.column_stack(
            [total[code[rows]] / (count[code[rows]] + smooth), count[code[rows]]]
        )

    return encode


def neighbours(
    at: np.ndarray, cosine: np.ndarray, target: np.ndarray, ks=(1, 4, 12), power: int = 12
) -> Callable:
    """encode for `nested`, of what `nearest` found: mean target of the nearest 1, 4, 12 rows that
    may be looked at, weighted by cosine^power; the cosine of the nearest and the mean of the
    nearest 4; the deviation of the targets of the nearest 12."""

    def encode(source, rows):
        allowed = np.zeros(len(target), bool)
        allowed[source] = True
        may = allowed[at[rows]]
        order = np.argsort(~may, axis=1, kind="stable")[
            :, : max(ks)
        ]  # those that may, nearest first
        may = np.take_along_axis(may, order, 1)
        near = np.where(may, np.take_along_axis(cosine[rows], order, 1), 0).clip(1e-3)
        found = np.where(may, target[np.take_along_axis(at[rows], order, 1)], target[source].mean())
        weight = np.where(may, near**power, 1e-12)
        means = [(found[:, :k] * weight[:, :k]).sum(1) / weight[:, :k].sum(1) for k in ks]
        return np.column_stack([*means, near[:, 0], near[:, :4].mean(1), found.std(1)])

    return encode
