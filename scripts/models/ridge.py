"""ridge: linear models with an L2 penalty on the n-grams of a text; one a fold.

number    in: "Basmati rice 5 kg" as n-grams and binned quantities → out: log1p price 3.1
          ridge regression
classes   in: "Nike Men Blue Shirt" as n-grams of words
          out: probabilities of its classes, e.g. gender: men .9, women .1; colour: blue .8, ...
          support vectors, an attribute at a time on rows that have its label, made probabilities
          by rows that they did not see; a row without a text gets the baseline

Logistic regression instead of support vectors has .01 less HM on fashion's product names.
"""

import numpy as np

from common.log import progress
from common.questions import CLASSES, NUMBER
from common.sections import Positive
from features.class_shares import none_impossible
from features.ngrams import load_ngrams, ngrams_file
from features.target_encoding import inner_folds
from networks.settings import Loss
from networks.weights import read_arrays, save_arrays

ANSWERS = (CLASSES, NUMBER)
EVIDENCE = ("text",)
NEEDS_TEXT = True
NUMBERS = 0.09  # weight of binned quantities beside n-grams; .3 is .46 SMAPE worse, .6 a whole one
TOLERANCE = 1e-2  # of support vectors
# of support vectors' scores as logits; 2 to 10 is usual
SHARPNESS = 5.0
SHARPNESS_BOUNDS = (0.1, 100)


class Settings(Loss):
    """A linear model on n-grams and binned quantities."""

    alpha: Positive = 2.0  # penalty of a number's weights
    c: Positive = 1.0  # of classes: the less, the smaller their weights


def inputs(config, paths, k):
    return [ngrams_file(paths)]


def columns(job, rows, with_training: bool = False):
    """The sparse columns (n, v) of all rows: n-grams of name, text and characters, then binned
    quantities. with_training: see features.ngrams.load_ngrams."""
    from scipy import sparse

    ngrams = load_ngrams(job, rows, with_training)
    blocks = [
        ngrams["name"],
        ngrams["text"],
        ngrams["chars"],
        ngrams["binned"] * NUMBERS,
    ]
    return sparse.hstack(blocks).tocsr()


def word_columns(job, rows, with_training: bool = False):
    """The sparse columns (n, v) of all rows: n-grams of name and text. with_training: see
    features.ngrams.load_ngrams."""
    from scipy import sparse

    ngrams = load_ngrams(job, rows, with_training)
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


def solve_classes(x, label: np.ndarray, classes: int, settings) -> tuple[np.ndarray, np.ndarray]:
    """Weights (v, classes) and biases (classes,) float32 of linear support vectors, each class
    against the others, of the labels (n,) on sparse x (n, v).

    The bias of a class without rows is -inf; all are 0 where there is no label. settings: config
    section ridge.
    """
    from sklearn.svm import LinearSVC
    from threadpoolctl import threadpool_limits

    weight = np.zeros((x.shape[1], classes), np.float32)

    if not len(label):
        return weight, np.zeros(classes, np.float32)

    present = np.unique(label)
    bias = np.full(classes, -np.inf, np.float32)

    bias[present] = 0
    if len(present) < 2:
        return weight, bias

    row_weight = row_weights(label, settings.class_weight)
    model = LinearSVC(C=settings.c, tol=TOLERANCE, random_state=0)

    with threadpool_limits(1):  # its steps are so small that threads make it ten times slower
        model.fit(x, label, sample_weight=row_weight)

    fitted = present if len(present) > 2 else present[1:]  # of two classes, the second's weights
    weight[:, fitted] = model.coef_.T
    bias[fitted] = model.intercept_
    return weight, bias


def fit_sharpness(scores: np.ndarray, label: np.ndarray) -> float:
    """The factor that makes the labels (n,) likeliest when scores (n, classes), of a fit that did
    not see them, are multiplied by it and made probabilities: an inverse temperature.

    SHARPNESS where there is no row, or the fit had fewer than two classes: its scores are all 0.
    """
    from scipy import optimize

    is_of_class = np.isfinite(scores)  # -inf: of a class without rows
    if not scores[is_of_class].any():
        return SHARPNESS

    rows = np.arange(len(label))

    def loss(log_sharpness):
        prob = probabilities(scores * np.exp(log_sharpness))
        return -np.log(prob[rows, label]).mean()

    bounds = np.log(SHARPNESS_BOUNDS)
    best = optimize.minimize_scalar(loss, bounds=bounds, method="bounded")
    return float(np.exp(best.x))


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

    inner_fold = inner_folds(rows.fold, rows.group, text_idx)
    is_held_out = inner_fold == inner_fold.max(initial=0)

    weights = []
    biases = []
    for a, classes in enumerate(progress(rows.sizes, "attributes")):
        label = rows.target[text_idx, a]
        fitted = solve_sharp(x, label, is_held_out, classes, job.config.ridge)
        weights.append(fitted[0])
        biases.append(fitted[1])

    return {"weight": np.concatenate(weights, 1), "bias": np.concatenate(biases)}


def solve_sharp(
    x, label: np.ndarray, is_held_out: np.ndarray, classes: int, settings
) -> tuple[np.ndarray, np.ndarray]:
    """solve_classes by the rows with a label (n,) >= 0, times the sharpness that the held out rows
    (n,) ask for after a fit on the others."""
    labelled = label >= 0
    others = labelled & ~is_held_out
    held_out = labelled & is_held_out

    weight, bias = solve_classes(x[others], label[others], classes, settings)
    scores = x[held_out] @ weight + bias
    sharpness = fit_sharpness(scores, label[held_out])

    weight, bias = solve_classes(x[labelled], label[labelled], classes, settings)
    return weight * np.float32(sharpness), bias * np.float32(sharpness)


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
    """Probabilities (m, K) of logits (m, K), attribute by attribute."""
    ends = np.cumsum(sizes)
    per_attribute = np.split(logits, ends[:-1], 1)
    preds = [probabilities(its_logits) for its_logits in per_attribute]
    return np.concatenate(preds, 1)


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Probabilities (m, classes) of one attribute's logits (m, classes), none of them 0."""
    from scipy.special import softmax

    prob = softmax(logits, axis=1)
    return none_impossible(prob)
