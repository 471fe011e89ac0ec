"""Out-of-fold target encoding by key and by nearest neighbours: columns made of other rows'
targets, never of a row's own or of its fold's.

in: brand "tata", whose 12 rows in other folds cost log1p 0.4 less than the mean → out: -0.28, 12
"""

from collections.abc import Callable, Iterator

import numpy as np

MIN_COSINE = 1e-3
# of a neighbour whose target may not be used; not 0, or a row without any would divide by it
NO_WEIGHT = 1e-12


def encode_out_of_fold(
    encode: Callable,
    fold: np.ndarray,
    known: np.ndarray,
    k: int,
    group: np.ndarray,
) -> np.ndarray:
    """Columns (n, c) float32 of all rows, as member k may know them; beside rows to answer (fold
    -1) those of training rows are 0.

    encode(source_idx, idx) gives the columns (m, c) of the rows idx (m,) from the targets of the
    rows source_idx. fold (n,): -1 for rows to answer. known (n,) bool: rows with a target. group
    (n,): rows that stay together when folds are halved.
    """
    out = None
    for source_idx, idx in inner_splits(fold, known, k, group):
        columns = encode(source_idx, idx)
        if out is None:
            n_columns = columns.shape[1]
            out = np.zeros((len(fold), n_columns), np.float32)

        out[idx] = columns

    return out


def inner_splits(
    fold: np.ndarray,
    known: np.ndarray,
    k: int,
    group: np.ndarray,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (source_idx, idx), row numbers, such that every row is in one idx; of rows to answer,
    where there are some, they alone.

    The sources of a training row are outside its own fold and outside fold k; those of the rows of
    fold k and of rows to answer are all rows outside fold k.
    """
    # the training rows of member k, and those of them with a target
    is_train = (fold >= 0) & (fold != k)
    train_idx = np.flatnonzero(is_train)
    source_idx = train_idx[known[train_idx]]

    to_answer = np.flatnonzero(fold < 0)
    if len(to_answer):
        yield source_idx, to_answer
        return

    train_fold = inner_folds(fold, group, train_idx)
    source_fold = train_fold[known[train_idx]]

    for f in np.unique(train_fold):
        in_fold = train_fold == f
        is_source = source_fold != f
        yield source_idx[is_source], train_idx[in_fold]

    yield source_idx, np.flatnonzero(fold == k)


def inner_folds(fold: np.ndarray, group: np.ndarray, train_idx: np.ndarray) -> np.ndarray:
    """The fold (t,) of each of a member's training rows train_idx (t,), for cross-fitting among
    them; fold and group (n,) are those of all rows.

    Where these rows have two folds or one, each fold is halved, or too few rows would be left to
    learn from. All rows of a group are in the same half, and every second group of a fold is.
    """
    train_fold = fold[train_idx]
    if len(np.unique(train_fold)) > 2:
        return train_fold

    train_group = group[train_idx]
    inner = 2 * train_fold

    for f in np.unique(train_fold):
        in_fold = train_fold == f
        _, group_number = np.unique(train_group[in_fold], return_inverse=True)
        inner[in_fold] += group_number % 2

    return inner


def key_encoder(key: np.ndarray, target: np.ndarray, smoothing: float = 5.0) -> Callable:
    """encode for encode_out_of_fold, by equal keys (n,), e.g. brands (Micci-Barreca 2001).

    Two columns: the mean target of the source rows with the same key, less the mean of all, drawn
    to 0 as by `smoothing` more rows at the mean; and the number of these rows.
    """
    _, code = np.unique(key, return_inverse=True)
    n_keys = code.max() + 1

    def encode(source_idx, idx):
        """The two columns (m, 2) of the rows idx (m,), from the targets of source_idx alone."""
        source_target = target[source_idx]
        difference = source_target - source_target.mean()

        # of each key (n_keys,)
        source_code = code[source_idx]
        count = np.bincount(source_code, minlength=n_keys)
        total = np.bincount(source_code, difference, n_keys)
        mean = total / (count + smoothing)

        row_code = code[idx]
        columns = [mean[row_code], count[row_code]]
        return np.column_stack(columns)

    return encode


def neighbor_encoder(
    neighbors: np.ndarray,
    cosine: np.ndarray,
    target: np.ndarray,
    ks=(1, 4, 12),
    power: int = 12,
) -> Callable:
    """encode for encode_out_of_fold, by what features.neighbors.nearest returns: row numbers and
    cosines (n, top).

    Columns, all of the nearest source rows: the mean target of the nearest 1, 4 and 12, weighted by
    cosine^power; the cosine of the nearest; the mean cosine of the nearest 4; the standard
    deviation of the targets of the nearest 12. Where a row has too few, the mean of all sources
    stands in.
    """

    def encode(source_idx, idx):
        """The columns (m, 6) of the rows idx (m,), from the targets of source_idx alone."""
        found = first_sources(neighbors[idx], cosine[idx], source_idx, len(target), max(ks))
        usable, nearest_idx, nearest_cosine = found

        similarity = np.where(usable, nearest_cosine, 0)
        similarity = similarity.clip(MIN_COSINE)
        weight = np.where(usable, similarity**power, NO_WEIGHT)

        # a row that is no source lends the mean of all sources
        mean = target[source_idx].mean()
        nearest_target = target[nearest_idx]
        targets = np.where(usable, nearest_target, mean)

        columns = []
        for k in ks:
            column = weighted_mean(targets[:, :k], weight[:, :k])
            columns.append(column)

        nearest_four = similarity[:, :4]
        columns.append(similarity[:, 0])
        columns.append(nearest_four.mean(1))
        columns.append(targets.std(1))
        return np.column_stack(columns)

    return encode


def first_sources(
    neighbors: np.ndarray, cosine: np.ndarray, source_idx: np.ndarray, n: int, k: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The k nearest rows among source_idx of each row's neighbors (m, top), of n rows, nearest
    first: which of them are sources, where there are fewer, their row numbers and cosines, (m, k)
    each."""
    is_source = np.zeros(n, bool)
    is_source[source_idx] = True
    usable = is_source[neighbors]

    # the first source rows among the neighbours, nearest first
    order = np.argsort(~usable, axis=1, kind="stable")
    order = order[:, :k]
    return (
        np.take_along_axis(usable, order, 1),
        np.take_along_axis(neighbors, order, 1),
        np.take_along_axis(cosine, order, 1),
    )


def weighted_mean(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Mean (m,) of each row of x (m, k)."""
    total = (x * weight).sum(1)
    return total / weight.sum(1)
