"""ridge: a linear model of log1p prices on n-grams and binned quantities; one a fold.

in: "Basmati rice 5 kg" as n-grams and binned quantities → out: log1p price 3.1
"""

import numpy as np

from common.questions import NUMBER
from common.sections import Positive, Section
from features.ngrams import ngrams_file
from networks.weights import read_arrays, save_arrays
from texts.ngrams import read_ngrams

ANSWERS = (NUMBER,)
EVIDENCE = ("text",)
NEEDS_TEXT = True
NUMBERS = 0.09  # weight of binned quantities beside n-grams; .3 is .46 SMAPE worse, .6 a whole one


class Settings(Section):
    """A linear model on n-grams and binned quantities."""

    alpha: Positive = 2.0


def inputs(config, paths, k):
    return [ngrams_file(paths)]


def columns(job, rows):
    """The sparse columns (n, v) of all rows: n-grams of name, text and characters, then binned
    quantities."""
    from scipy import sparse

    ngrams = read_ngrams(ngrams_file(job.paths), rows.id)
    blocks = [
        ngrams["name"],
        ngrams["text"],
        ngrams["chars"],
        ngrams["binned"] * NUMBERS,
    ]
    return sparse.hstack(blocks).tocsr()


def solve(x, target: np.ndarray, alpha: float) -> tuple[np.ndarray, float]:
    """Weights (v,) and intercept of a ridge regression on sparse x (n, v)."""
    from sklearn.linear_model import Ridge

    # x stays as it is: the target's mean is the intercept
    ridge = Ridge(
        alpha=alpha,
        solver="sparse_cg",
        tol=1e-3,
        fit_intercept=False,
    )
    mean = target.mean()
    centred = target - mean
    ridge.fit(x, centred)
    return ridge.coef_, float(mean)


def fit(job, k: int, rows, file) -> dict:
    """Fit ridge_<k> on all labelled rows outside fold k and write its weights."""
    train_idx = rows.labelled(k)
    x = columns(job, rows)[train_idx]
    log1p_price = rows.target[train_idx, 0]
    weight, mean = solve(x, log1p_price, job.config.ridge.alpha)

    state = {
        "weight": weight,
        "bias": np.array([mean]),
    }
    save_arrays(state, file)
    return {"rows": len(train_idx)}


def predict(job, k: int, rows, idx) -> np.ndarray:
    """log1p prices (m, 1) of the rows idx (m,)."""
    state = read_arrays(job.paths.model(f"ridge_{k}"))
    x = columns(job, rows)[idx]
    log1p_price = x @ state["weight"] + state["bias"]
    return log1p_price[:, None]
