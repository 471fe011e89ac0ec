"""ridge: linear models with an L2 penalty on the n-grams of a text; one a fold.

number    in: "Basmati rice 5 kg" as n-grams and binned quantities → out: log1p price 3.1
          ridge regression
classes   in: "Nike Men Blue Shirt" as n-grams of words
          out: probabilities of its classes, e.g. gender: men .9, women .1; colour: blue .8, ...
          multinomial logistic regression, an attribute at a time on the rows that have its label;
          a row without a text gets the baseline

Logistic regression needs 160 bytes of memory for each n-gram and class; ngrams.columns bounds them.
"""

import warnings

import numpy as np

from common.log import progress
from common.questions import CLASSES, NUMBER
from common.sections import Positive
from features.ngrams import ngrams_file
from networks.settings import Loss
from networks.weights import read_arrays, save_arrays
from texts.ngrams import read_ngrams

ANSWERS = (CLASSES, NUMBER)
EVIDENCE = ("text",)
NEEDS_TEXT = True
NUMBERS = 0.09  # weight of binned quantities beside n-grams; .3 is .46 SMAPE worse, .6 a whole one
# of logistic regression: on fashion's product names 1e-3 is .04 HM worse where classes are rare
TOLERANCE = 3e-4
MOST_STEPS = 150
UNLIKELY = 1e-3  # what all classes share evenly, so that none is impossible


class Settings(Loss):
    """A linear model on n-grams and binned quantities."""

    alpha: Positive = 2.0  # penalty of a number's weights
    c: Positive = 10.0  # of classes: the less, the smaller their weights


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


def word_columns(job, rows):
    """The sparse columns (n, v) of all rows: n-grams of name and text."""
    from scipy import sparse

    ngrams = read_ngrams(ngrams_file(job.paths), rows.id)
    return sparse.hstack([ngrams["name"], ngrams["text"]]).tocsr()


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


def solve_classes(
    x, label: np.ndarray, classes: int, settings, tolerance: float = TOLERANCE
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (v, classes) and biases (classes,) float32 of a logistic regression of the labels
    (n,) on sparse x (n, v). The bias of a class without rows is -inf; all are 0 where there is no
    label. settings: config section ridge; tolerance: of the largest slope at the end."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    weight = np.zeros((x.shape[1], classes), np.float32)
    if not len(label):
        return weight, np.zeros(classes, np.float32)

    present = np.unique(label)
    bias = np.full(classes, -np.inf, np.float32)
    bias[present] = 0
    if len(present) < 2:
        return weight, bias

    model = LogisticRegression(C=settings.c, tol=tolerance, max_iter=MOST_STEPS)
    row_weight = row_weights(label, settings.class_weight)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(x, label, sample_weight=row_weight)

    fitted = present if len(present) > 2 else present[1:]  # of two classes, the second's weights
    weight[:, fitted] = model.coef_.T
    bias[fitted] = model.intercept_

    return weight, bias


def row_weights(label: np.ndarray, exponent: float) -> np.ndarray:
    """Weights (n,) = frequency^-exponent of each row's class, of mean 1; label (n,) >= 0."""
    frequency = np.bincount(label)[label] / len(label)
    weight = frequency**-exponent
    return weight / weight.mean()


def fit(job, k: int, rows, file) -> dict:
    """Fit ridge_<k> on all labelled rows outside fold k and write its weights."""
    train_idx = rows.labelled(k)
    if rows.task.ASKS == CLASSES:
        state = fit_classes(job, rows, train_idx)
    else:
        state = fit_number(job, rows, train_idx)

    save_arrays(state, file)
    return {"rows": len(train_idx)}


def fit_number(job, rows, train_idx: np.ndarray) -> dict[str, np.ndarray]:
    """weight (v,) and bias (1,) of log1p numbers."""
    x = columns(job, rows)[train_idx]
    log1p_price = rows.target[train_idx, 0]
    weight, mean = solve(x, log1p_price, job.config.ridge.alpha)
    return {"weight": weight, "bias": np.array([mean])}


def fit_classes(job, rows, train_idx: np.ndarray) -> dict[str, np.ndarray]:
    """weight (v, K) and bias (K,) of all attributes' classes, by the rows with a text."""
    has_text = rows.text[train_idx] != ""
    text_idx = train_idx[has_text]
    x = word_columns(job, rows)[text_idx]

    weights = []
    biases = []
    for a, classes in enumerate(progress(rows.sizes, "attributes")):
        label = rows.target[text_idx, a]
        labelled = label >= 0
        weight, bias = solve_classes(x[labelled], label[labelled], classes, job.config.ridge)
        weights.append(weight)
        biases.append(bias)

    return {"weight": np.concatenate(weights, 1), "bias": np.concatenate(biases)}


def predict(job, k: int, rows, idx) -> np.ndarray:
    """log1p prices (m, 1) or probabilities (m, K) of the rows idx (m,)."""
    state = read_arrays(job.paths.model(f"ridge_{k}"))
    if rows.task.ASKS == CLASSES:
        return predict_classes(job, k, rows, idx, state)

    x = columns(job, rows)[idx]
    log1p_price = x @ state["weight"] + state["bias"]
    return log1p_price[:, None]


def predict_classes(job, k: int, rows, idx: np.ndarray, state: dict) -> np.ndarray:
    """Probabilities (m, K) of the rows idx (m,); the baseline where a row has no text."""
    x = word_columns(job, rows)[idx]
    logits = x @ state["weight"] + state["bias"]
    pred = softmax_by_attribute(logits, rows.sizes)

    has_text = rows.text[idx] != ""
    return np.where(has_text[:, None], pred, rows.baseline(k))


def softmax_by_attribute(logits: np.ndarray, sizes: list[int]) -> np.ndarray:
    """Probabilities (m, K) of logits (m, K), attribute by attribute, all at least UNLIKELY / number
    of classes."""
    from scipy.special import softmax

    ends = np.cumsum(sizes)
    per_attribute = np.split(logits, ends[:-1], 1)

    preds = []
    for its_logits in per_attribute:
        classes = its_logits.shape[1]
        prob = softmax(its_logits, axis=1)
        preds.append((1 - UNLIKELY) * prob + UNLIKELY / classes)

    return np.concatenate(preds, 1)
