"""The second level: what predicted prices, side by side, say together. Everything is in logs, where
a term of SMAPE is 200 tanh(|d| / 2), d = log p - log a: a robust, bounded error, so every part here
is fitted to it rather than to squares."""

import numpy as np

PARTS = (
    "nnls of all",
    "ridge of all",
    "linear of all",
    "boosted",
    "forest",
    "stack",
)  # what second_level gives; the last is to be taken
TREES = {
    "feature_fraction": 0.8,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "verbose": -1,
    "deterministic": True,
    "force_col_wise": True,
}


def second_level(x: np.ndarray, y: np.ndarray, z: np.ndarray, seed: int) -> np.ndarray:
    """Log prices (m, 6) of rows z (m, k), by each of PARTS, learnt from logs of out-of-fold
    predictions x (n, k) and of prices y (n,).

    stack: the mean of the linear fit with boosted trees of its residual, the same with a forest,
    and a forest of the price.
    """
    coefficients = fit_linear(x, y)
    base, linear = (
        x @ coefficients[:-1] + coefficients[-1],
        z @ coefficients[:-1] + coefficients[-1],
    )
    boosted = linear + boost(summaries(x), y - base, summaries(z), seed)
    shifted = linear + forest(differences(x), y - base, differences(z), seed)
    grown = forest(differences(x), y, differences(z), seed + 1)
    return np.column_stack(
        [*plain(x, y, z), linear, boosted, shifted, (boosted + shifted + grown) / 3]
    )


def plain(x, y, z) -> tuple[np.ndarray, np.ndarray]:
    """Least squares (m,) with weights that are not negative, and with small ones (ridge): what
    people stack with."""
    from scipy.optimize import nnls
    from sklearn.linear_model import Ridge

    mean = y.mean()
    return (z - mean) @ nnls(x - mean, y - mean)[0] + mean, Ridge(1.0).fit(x, y).predict(z)


def fit_linear(x: np.ndarray, y: np.ndarray, steps: int = 9) -> np.ndarray:
    """k weights and an intercept that make Σ tanh(|d| / 2) least, by reweighted ridge towards the
    plain mean of the columns."""
    a, k = np.c_[x, np.ones(len(x))], x.shape[1]
    mean, ridge, weight = (
        np.r_[np.full(k, 1 / k), 0],
        np.diag(np.r_[np.ones(k), 0]),
        np.ones(len(x)),
    )
    for _ in range(steps):
        coefficients = np.linalg.solve(
            (a * weight[:, None]).T @ a + ridge, (a * weight[:, None]).T @ y + ridge @ mean
        )
        d = np.abs(y - a @ coefficients)
        weight = 0.5 / np.cosh(d / 2) ** 2 / np.maximum(d, 0.05)  # the slope of the error over d
    return coefficients


def summaries(x: np.ndarray) -> np.ndarray:
    """The columns (n, k), and mean, deviation, least, greatest and median of each row: (n, k +
    5)."""
    return np.c_[x, x.mean(1), x.std(1), x.min(1), x.max(1), np.median(x, 1)]


def differences(x: np.ndarray) -> np.ndarray:
    """summaries and the differences of all pairs of columns: (n, k + 5 + k (k - 1) / 2)."""
    i, j = np.triu_indices(x.shape[1], 1)
    return np.c_[summaries(x), x[:, i] - x[:, j]]


def boost(x, residual, z, seed: int) -> np.ndarray:
    """L1 trees (m,) of the residual (n,), a round per 40 rows up to 600; a row weighs as the
    error's slope at its residual."""
    import lightgbm

    leaves = 8 if len(x) < 12_000 else 15
    settings = TREES | {
        "objective": "l1",
        "learning_rate": 0.03,
        "num_leaves": leaves,
        "min_data_in_leaf": min(50, len(x) // 20 + 1),
        "seed": seed,
    }
    data = lightgbm.Dataset(x, residual, weight=1 / np.cosh(residual / 2) ** 2)
    return lightgbm.train(settings, data, max(10, min(600, len(x) // 40))).predict(z)


def forest(x, y, z, seed: int, trees: int = 100, leaf: int = 20, bins: int = 100) -> np.ndarray:
    """For each row of z the value (m,) of least expected tanh(|d| / 2), where y may be what it was
    in the leaves of a random forest that the row falls into (quantile regression forests,
    Meinshausen 2006, with this error)."""
    import lightgbm

    leaf = min(leaf, len(x) // 20 + 1)
    settings = TREES | {
        "objective": "l2",
        "boosting_type": "rf",
        "feature_fraction": 0.5,
        "bagging_fraction": 0.6,
        "seed": seed,
        "num_leaves": max(2, len(x) // leaf // 2),
        "min_data_in_leaf": leaf,
    }
    model = lightgbm.train(settings, lightgbm.Dataset(x, y), trees)
    own, new = model.predict(x, pred_leaf=True), model.predict(z, pred_leaf=True)
    edges = np.unique(np.quantile(y, np.arange(1, bins) / bins))
    bin_of = np.unique(np.searchsorted(edges, y, side="right"), return_inverse=True)[1]
    k = bin_of.max() + 1
    centre = np.array([np.median(y[bin_of == b]) for b in range(k)])
    share = np.zeros((len(z), k), np.float32)  # of each bin in a row's leaves
    for t in range(trees):
        leaves = max(own[:, t].max(), new[:, t].max()) + 1
        counts = (
            np.bincount(own[:, t] * k + bin_of, minlength=leaves * k)
            .reshape(leaves, k)
            .astype(np.float32)
        )
        share += (counts / np.maximum(counts.sum(1, keepdims=True), 1))[new[:, t]]
    value = np.arange(centre.min(), centre.max() + 0.01, 0.01)
    error = np.tanh(np.abs(centre[:, None] - value) / 2).astype(np.float32)
    return np.concatenate(
        [value[(part @ error).argmin(1)] for part in np.array_split(share, len(z) // 4000 + 1)]
    )
