"""ridge: a linear model of log1p price on n-grams and binned quantities; one per fold."""

import numpy as np

from common.questions import NUMBER
from common.sections import Positive, Section
from features.ngrams import ngrams_file
from networks.weights import read_arrays, save_arrays
from texts.ngrams import binned, read_ngrams

ANSWERS = (NUMBER,)
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

    words = read_ngrams(ngrams_file(job.paths), rows.id)
    return sparse.hstack(
        [words["name"], words["text"], words["chars"], binned(words["numbers"], NUMBERS)]
    ).tocsr()


def solve(x, target: np.ndarray, alpha: float) -> tuple[np.ndarray, float]:
    """Weights (v,) and intercept of a ridge regression on sparse x (n, v)."""
    from sklearn.linear_model import Ridge

    mean = target.mean()
    return Ridge(alpha=alpha, solver="sparse_cg", tol=1e-3, fit_intercept=False).fit(
        x, target - mean
    ).coef_, float(mean)


def fit(job, k: int, rows, file) -> dict:
    """Fit ridge_<k> on all labelled rows outside fold k and write its weights."""
    train = rows.labelled(k)
    coefficients, mean = solve(
        columns(job, rows)[train], rows.target[train, 0], job.config.ridge.alpha
    )
    save_arrays({"weight": coefficients, "bias": np.array([mean])}, file)
    return {"rows": len(train)}


def predict(job, k: int, rows, idx) -> np.ndarray:
    """log1p prices (m, 1) of the rows `idx` (m,)."""
    state = read_arrays(job.paths.model(f"ridge_{k}"))
    return (columns(job, rows)[idx] @ state["weight"] + state["bias"])[:, None]
