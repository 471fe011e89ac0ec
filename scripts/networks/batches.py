"""The order in which the rows of an epoch are trained on: a function of (seed, epoch) alone."""

import numpy as np

POOL = 50  # batches whose rows are sorted by length together


def cut(rows: np.ndarray, size: int) -> list[np.ndarray]:
    """The rows (n,) in pieces of `size`; the last one may be shorter."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def epoch_batches(rows: np.ndarray, size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """The row numbers (n,) of an epoch, shuffled and cut into batches."""
    rng = np.random.default_rng([seed, epoch])
    return cut(rng.permutation(rows), size)


def length_batches(
    rows: np.ndarray, size: int, seed: int, epoch: int, length: np.ndarray
) -> list[np.ndarray]:
    """Batches of rows of about the same length, in random order: little padding.

    The rows are shuffled, sorted within every POOL batches, and cut. length: of each row number.
    """
    rng = np.random.default_rng([seed, epoch])
    shuffled = rng.permutation(rows)

    pools = []
    for pool in cut(shuffled, POOL * size):
        order = np.argsort(length[pool], kind="stable")
        pools.append(pool[order])

    batches = cut(np.concatenate(pools), size)
    order = rng.permutation(len(batches))
    return [batches[i] for i in order]
