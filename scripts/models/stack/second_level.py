"""The second level: prices predicted from the first level's predictions, side by side.

in: logs of three models' prices for a row, 1.10 1.25 1.05 → out: log of the price by each of
LEARNERS, e.g. 1.12 1.13 1.11 1.12 1.14 1.13

Everything is in logs. There a term of SMAPE is 200 tanh(|d| / 2), d = log p - log a: a robust,
bounded error. So every learner here is fitted to it rather than to squares.
"""

import numpy as np

# the columns of fit_predict; the last is the stack's answer
LEARNERS = ("nnls of all", "ridge of all", "linear of all", "boosted", "forest", "stack")
TREES = {
    "feature_fraction": 0.8,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "verbose": -1,
    "deterministic": True,
    "force_col_wise": True,
}
STEPS = 9  # of fit_linear
NO_CLOSER = 0.05  # a row that is this near weighs as much as one that is nearer
MOST_ROUNDS = 600  # of the boosted trees
FOREST_TREES = 100
LEAF_ROWS = 20  # of the forest's leaves, at least
PRICE_BINS = 100  # in which the forest counts prices, equally frequent
GRID = 0.01  # of log prices, among which the forest chooses
CHUNK = 4000  # rows at a time


def fit_predict(x: np.ndarray, y: np.ndarray, z: np.ndarray, seed: int) -> np.ndarray:
    """Log prices (m, 6) of the rows z (m, k), by each of LEARNERS fitted on out-of-fold log
    predictions x (n, k) and log prices y (n,).

    stack: the mean of the linear fit with boosted trees of its residual, the same with a forest,
    and a forest of the price.
    """
    coefficients = fit_linear(x, y)
    linear = apply_linear(z, coefficients)
    residual = y - apply_linear(x, coefficients)

    # two learners of what the linear fit leaves
    boosted = linear + boost(summaries(x), residual, summaries(z), seed)
    wide_x = differences(x)
    wide_z = differences(z)
    shifted = linear + forest(wide_x, residual, wide_z, seed)

    # and one of the price itself
    grown = forest(wide_x, y, wide_z, seed + 1)

    columns = [
        nnls(x, y, z),
        ridge(x, y, z),
        linear,
        boosted,
        shifted,
        (boosted + shifted + grown) / 3,
    ]
    return np.column_stack(columns)


def nnls(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Predictions (m,) of least squares with weights that are not negative."""
    from scipy import optimize

    # without an intercept, around the mean price
    mean = y.mean()
    centred_x = x - mean
    centred_y = y - mean
    weights, _ = optimize.nnls(centred_x, centred_y)

    centred = (z - mean) @ weights
    return centred + mean


def ridge(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Predictions (m,) of a ridge regression."""
    from sklearn.linear_model import Ridge

    return Ridge(1.0).fit(x, y).predict(z)


def fit_linear(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """k weights and an intercept (k + 1,) that minimise Σ tanh(|d| / 2), by iteratively reweighted
    ridge regression towards the mean of the columns."""
    n, k = x.shape
    a = np.c_[x, np.ones(n)]  # (n, k + 1)

    # the penalty draws the weights to 1 / k each, and leaves the intercept free
    mean = np.r_[np.full(k, 1 / k), 0]
    is_penalised = np.r_[np.ones(k), 0]
    penalty = np.diag(is_penalised)
    pull = penalty @ mean

    weight = np.ones(n)
    for _ in range(STEPS):
        weighted = (a * weight[:, None]).T  # (k + 1, n)
        left = weighted @ a + penalty
        right = weighted @ y + pull
        coefficients = np.linalg.solve(left, right)

        fitted = a @ coefficients
        d = np.abs(y - fitted)
        slope = 0.5 / np.cosh(d / 2) ** 2  # of the error at d
        distance = np.maximum(d, NO_CLOSER)
        weight = slope / distance

    return coefficients


def apply_linear(x: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """The linear fit (n,) of the rows x (n, k)."""
    return x @ coefficients[:-1] + coefficients[-1]


def summaries(x: np.ndarray) -> np.ndarray:
    """The columns (n, k), then mean, deviation, minimum, maximum and median of each row: (n, k +
    5)."""
    return np.c_[x, x.mean(1), x.std(1), x.min(1), x.max(1), np.median(x, 1)]


def differences(x: np.ndarray) -> np.ndarray:
    """summaries, then the differences of all pairs of columns: (n, k + 5 + k (k - 1) / 2)."""
    i, j = np.triu_indices(x.shape[1], 1)
    return np.c_[summaries(x), x[:, i] - x[:, j]]


def boost(x: np.ndarray, residual: np.ndarray, z: np.ndarray, seed: int) -> np.ndarray:
    """Predictions (m,) of L1 trees of the residual (n,), a round for every 40 rows; a row weighs as
    the error's slope at its residual."""
    import lightgbm

    n = len(x)
    settings = TREES | {
        "objective": "l1",
        "learning_rate": 0.03,
        "num_leaves": 8 if n < 12_000 else 15,
        "min_data_in_leaf": min(50, n // 20 + 1),
        "seed": seed,
    }
    rounds = min(MOST_ROUNDS, n // 40)
    rounds = max(10, rounds)

    slope = 1 / np.cosh(residual / 2) ** 2
    data = lightgbm.Dataset(x, residual, weight=slope)
    model = lightgbm.train(settings, data, rounds)
    return model.predict(z)


def forest(x: np.ndarray, y: np.ndarray, z: np.ndarray, seed: int) -> np.ndarray:
    """Predictions (m,) of a quantile regression forest (Meinshausen 2006): for each row of z the
    value of least expected tanh(|d| / 2), where y may be what it was in the row's leaves."""
    import lightgbm

    n = len(x)
    leaf_rows = min(LEAF_ROWS, n // 20 + 1)
    settings = TREES | {
        "objective": "l2",
        "boosting_type": "rf",
        "feature_fraction": 0.5,
        "bagging_fraction": 0.6,
        "seed": seed,
        "num_leaves": max(2, n // leaf_rows // 2),
        "min_data_in_leaf": leaf_rows,
    }
    data = lightgbm.Dataset(x, y)
    model = lightgbm.train(settings, data, FOREST_TREES)
    leaf_x = model.predict(x, pred_leaf=True)  # (n, trees)
    leaf_z = model.predict(z, pred_leaf=True)  # (m, trees)

    bin_of, centre = equal_bins(y)
    share = bin_shares(leaf_x, bin_of, leaf_z)
    return least_expected_error(share, centre)


def equal_bins(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The bin (n,) of each value, of equally frequent ones, and the bins' medians (bins,)."""
    quantiles = np.arange(1, PRICE_BINS) / PRICE_BINS
    edges = np.unique(np.quantile(y, quantiles))
    number = np.searchsorted(edges, y, side="right")

    # numbered anew, without empty bins
    used, bin_of = np.unique(number, return_inverse=True)
    n_bins = len(used)

    centre = np.empty(n_bins)
    for b in range(n_bins):
        in_bin = y[bin_of == b]
        centre[b] = np.median(in_bin)

    return bin_of, centre


def bin_shares(leaf_x: np.ndarray, bin_of: np.ndarray, leaf_z: np.ndarray) -> np.ndarray:
    """For each row of z the shares (m, bins) of the bins among the rows of x in its leaves, summed
    over the trees. leaf_x (n, trees), bin_of (n,), leaf_z (m, trees)."""
    n_bins = bin_of.max() + 1
    share = np.zeros((len(leaf_z), n_bins), np.float32)

    for leaf, new_leaf in zip(leaf_x.T, leaf_z.T, strict=True):
        n_leaves = max(leaf.max(), new_leaf.max()) + 1

        # the rows of x in each leaf and bin
        cell = leaf * n_bins + bin_of
        counts = np.bincount(cell, minlength=n_leaves * n_bins)
        counts = counts.reshape(n_leaves, n_bins)
        counts = counts.astype(np.float32)

        rows = counts.sum(1, keepdims=True)
        rows = np.maximum(rows, 1)  # a leaf may have rows of z alone
        leaf_share = counts / rows
        share += leaf_share[new_leaf]

    return share


def least_expected_error(share: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """For each row the value (m,) of least expected error, where share (m, bins) says how likely
    each of the values centre (bins,) is."""
    lowest = centre.min()
    highest = centre.max()
    value = np.arange(lowest, highest + GRID, GRID)

    # of each value where the price is that of a bin
    d = np.abs(centre[:, None] - value)
    error = np.tanh(d / 2)
    error = error.astype(np.float32)  # (bins, values)

    best = []
    n_chunks = len(share) // CHUNK + 1
    for chunk in np.array_split(share, n_chunks):
        expected = chunk @ error  # (rows, values)
        least = expected.argmin(1)
        best.append(value[least])

    return np.concatenate(best)
