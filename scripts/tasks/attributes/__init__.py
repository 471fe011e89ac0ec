"""Many attributes per row, each one of several classes, most labels missing: visual taxonomy,
fashion, any such table.

    in:  the image of a saree
    out: {"Sarees/attr_1": "maroon", "Sarees/attr_2": "zari border", ...}

A prediction (n, k) holds the class probabilities of all attributes side by side; `outputs`
{attribute: [classes]} says which columns belong to which. A target or answer (n, a) is a class
number per attribute; a target of -1 is not labelled and counts nowhere.

Score: HM = 2 micro macro / (micro + macro) of the F1s of each attribute, its mean over the
attributes of a category, then over categories.
"""

from math import fsum

import numpy as np
import pandas as pd

from common.errors import UserError
from common.questions import CLASSES
from common.tables import FIXED
from metrics import f1
from metrics.label_quality import label_probability
from tasks.attributes import offsets
from tasks.attributes.prompts import (  # noqa: F401, verbs of this task
    pattern,
    prompt,
    refine_pattern,
    refine_prompt,
)
from tasks.attributes.read import read_rows  # noqa: F401, verb of this task
from tasks.attributes.replies import is_clear, read_replies  # noqa: F401, verbs of this task
from tasks.attributes.submission import (  # noqa: F401, verbs of this task
    Outputs,
    category_of,
    encode,
    encode_table,
    format_answers,
    problems,
    read_answers,
    sizes,
    slices,
    submission,
    truth_columns,
)

ASKS = CLASSES
MODE = "max"
SCORE = "hm"
RANGE = (0, 1)
BASELINE = "majority"
EM_STEPS = 200


def outputs(rows: pd.DataFrame) -> Outputs:
    """{attribute: its classes, sorted}, of the labels of the training rows.

    Raises UserError when an attribute has no label in any row.
    """
    names = label_names(rows)
    classes = {name: sorted(set(rows[name]) - {""}) for name in names}

    for name in names:
        if not classes[name]:
            raise UserError(
                f"attribute {name} has no label in any training row; leave it out of data.labels "
                "or its category out of data.categories"
            )

    return classes


def label_names(rows: pd.DataFrame) -> list[str]:
    """The columns of `rows` that hold labels. Where these are "<category>/<name>", `category` is
    the rows' category; else it may be a label itself."""
    names = [column for column in rows if column not in FIXED]
    if any(category_of(name) for name in names):
        return [name for name in names if name != "category"]

    return names


def strata(target: np.ndarray) -> np.ndarray:
    """A number (n,) for each row's rarest label, -1 where it has none.

    Rows of one number are spread evenly over the folds. That spreads the rare classes of every
    attribute; the frequent ones spread by themselves.
    """
    n, n_attributes = target.shape

    # of each label: how many rows have it, and its number among the classes of all attributes
    rarity = np.full(target.shape, np.iinfo(int).max)
    stratum = np.full(target.shape, -1)

    n_strata = 0
    for a in range(n_attributes):
        labelled = np.flatnonzero(target[:, a] >= 0)
        labels = target[labelled, a]
        counts = np.bincount(labels)

        rarity[labelled, a] = counts[labels]
        stratum[labelled, a] = n_strata + labels
        n_strata += len(counts)

    rows = np.arange(n)
    rarest = rarity.argmin(axis=1)
    return stratum[rows, rarest]


def baseline(target: np.ndarray, outputs: Outputs) -> np.ndarray:
    """Class frequencies (k,) of all attributes: what is predicted for a row without an image."""
    frequencies = [class_frequencies(target[:, a], size) for a, size in enumerate(sizes(outputs))]
    return np.concatenate(frequencies)


def class_frequencies(labels: np.ndarray, k: int) -> np.ndarray:
    """The share (k,) of each class among the labels (n,) >= 0; 1 / k where there is none."""
    known_labels = labels[labels >= 0]
    counts = np.bincount(known_labels, minlength=k)

    n = counts.sum()
    if n == 0:
        return np.full(k, 1 / k)

    return counts / n


def average(preds: np.ndarray) -> np.ndarray:
    """The mean (n, k) of predictions (m, n, k)."""
    return preds.mean(0)


def fit_blend(pred: np.ndarray, target: np.ndarray, outputs: Outputs) -> np.ndarray:
    """Weights (m, a) of m models, pred (m, n, k), that make the labels of each attribute likeliest.

    Each column sums to 1; the weights of an attribute without labels are equal.
    """
    m = len(pred)
    weights = np.full((m, len(outputs)), 1 / m)

    for a, columns in enumerate(slices(outputs)):
        labelled = target[:, a] >= 0
        if not labelled.any():
            continue

        labels = target[labelled, a]
        prob = pred[:, labelled, columns]  # (m, labelled rows, classes)

        # the probability that each model gives to the label of each row
        rows = np.arange(len(labels))
        likelihood = prob[:, rows, labels]
        likelihood = likelihood.astype(float)
        weights[:, a] = mixture_weights(likelihood + 1e-9)

    return weights


def mixture_weights(likelihood: np.ndarray) -> np.ndarray:
    """Weights (m,) of m components with likelihoods (m, n), by EM (Dempster et al. 1977).

    There is no step size and one optimum, and a useless component falls to 0.
    """
    m = len(likelihood)
    weights = np.full(m, 1 / m)

    for _ in range(EM_STEPS):
        # how much of each row's likelihood is each component's
        share = weights[:, None] * likelihood
        responsibility = share / share.sum(axis=0)
        weights = responsibility.mean(axis=1)

    return weights


def apply_blend(pred: np.ndarray, weights: np.ndarray, outputs: Outputs) -> np.ndarray:
    """Weighted mean (n, k) of models' predictions (m, n, k), weights (m, a)."""
    column_weights = np.repeat(weights, sizes(outputs), axis=1)
    return np.einsum("mnk,mk->nk", pred, column_weights)


def answer(pred: np.ndarray, outputs: Outputs) -> np.ndarray:
    """The likeliest class of each attribute (n, a)."""
    likeliest = [pred[:, columns].argmax(1) for columns in slices(outputs)]
    return np.stack(likeliest, axis=1)


def fit_decode(pred: np.ndarray, target: np.ndarray, outputs: Outputs) -> np.ndarray:
    """Offsets (k,) to log probabilities that maximise each attribute's HM on the labelled rows."""
    fitted = []
    for a, columns in enumerate(slices(outputs)):
        prob = pred[:, columns]
        labels = target[:, a]
        offset = offsets.fit_if_worth(prob, labels)
        fitted.append(offset)

    return np.concatenate(fitted)


def apply_decode(pred: np.ndarray, fitted: np.ndarray, outputs: Outputs) -> np.ndarray:
    """The answer (n, a) with the offsets (k,) of fit_decode."""
    return answer(offsets.log_prob(pred) + fitted, outputs)


def draw_targets(pred: np.ndarray, spread: float, outputs: Outputs, rng) -> np.ndarray:
    """Targets (n, a) drawn from probabilities (n, k): sharpened, to the power of 1 / spread, where
    spread is less than 1; mixed with the classes' mean probabilities, which then have the share
    1 - 1 / spread, where it is more."""
    target = np.zeros((len(pred), len(outputs)), int)
    for a, columns in enumerate(slices(outputs)):
        prob = pred[:, columns]
        logits = offsets.log_prob(prob) / min(spread, 1.0)

        if spread > 1:
            share = 1 / spread
            logits = offsets.log_prob(share * prob + (1 - share) * prob.mean(axis=0))

        noise = rng.gumbel(size=logits.shape)  # the arg max of logits with it is such a draw
        target[:, a] = (logits + noise).argmax(axis=1)

    return target


def score(answer: np.ndarray, target: np.ndarray, outputs: Outputs) -> float:
    """The competition's score, 0 to 1, higher is better; nan where no row is labelled."""
    hm = {}
    for a, (name, classes) in enumerate(outputs.items()):
        answered = answer[:, a]
        labels = target[:, a]
        scores = f1.scores(answered, labels, len(classes))
        hm[name] = scores["hm"]

    return official_mean(hm)


def official_mean(values: dict[str, float]) -> float:
    """Mean over the attributes "<category>/<name>" of each category, then over categories.

    An attribute that is nan, as no row is labelled, is left out, and so is a category of such ones.
    """
    by_category: dict[str, list[float]] = {}
    for name, value in values.items():
        if np.isnan(value):
            continue

        category = category_of(name)
        of_category = by_category.setdefault(category, [])
        of_category.append(value)

    means = [exact_mean(of_category) for of_category in by_category.values()]
    return exact_mean(means)


def exact_mean(values: list[float]) -> float:
    """Their mean, whose sum is rounded once, so that their order does not matter; nan of none."""
    if not values:
        return float("nan")

    return fsum(values) / len(values)


def score_at_size(
    answer: np.ndarray,
    target: np.ndarray,
    outputs: Outputs,
    n: int,
    draws: int = 20,
) -> float:
    """The score to expect on n rows: the mean score of random draws of n of these rows.

    Macro F1 counts every class that occurs as one, and in fewer rows fewer of the rarest classes
    occur, which are the hardest.
    """
    if n >= len(target):
        return score(answer, target, outputs)

    rng = np.random.default_rng(0)
    scores = []
    for _ in range(draws):
        idx = rng.choice(len(target), n, replace=False)
        scores.append(score(answer[idx], target[idx], outputs))

    return float(np.mean(scores))


def score_replicates(
    answer: np.ndarray,
    target: np.ndarray,
    outputs: Outputs,
    weights: np.ndarray,
) -> np.ndarray:
    """The score (b,) of bootstrap replicates: row i counts weights[:, i] times, weights (b, n)."""
    hm = {}
    for a, (name, classes) in enumerate(outputs.items()):
        answered = answer[:, a]
        labels = target[:, a]
        hm[name] = f1.hm_replicates(answered, labels, len(classes), weights)

    # the mean over attributes, replicate by replicate
    scores = []
    for j in range(len(weights)):
        hm_of_replicate = {name: values[j] for name, values in hm.items()}
        score_of_replicate = official_mean(hm_of_replicate)
        scores.append(score_of_replicate)

    return np.array(scores)


def table(
    answer: np.ndarray,
    target: np.ndarray,
    outputs: Outputs,
    pred: np.ndarray | None = None,
) -> dict[str, dict]:
    """The published notebook's table: {attribute: {val_loss, accuracy, weighted_f1, ..., hm}}.

    val_loss, the mean of -log p of the labels, needs pred (n, k) and is nan without it.
    """
    lines = {}
    for a, (name, columns) in enumerate(zip(outputs, slices(outputs), strict=True)):
        labels = target[:, a]
        line = {"val_loss": float("nan")}

        if pred is not None:
            line["val_loss"] = log_loss(pred[:, columns], labels)

        k = len(outputs[name])
        scores = f1.scores(answer[:, a], labels, k)
        for metric, value in scores.items():
            line[metric] = float(value)

        lines[name] = line

    return lines


def log_loss(prob: np.ndarray, labels: np.ndarray) -> float:
    """Mean -log p of the labels (n,) >= 0, of probabilities (n, k); nan where there is none."""
    labelled = labels >= 0
    if not labelled.any():
        return float("nan")

    prob = prob[labelled]
    labels = labels[labelled]
    likelihood = label_probability(prob, labels)
    log_likelihood = offsets.log_prob(likelihood)
    mean = log_likelihood.mean()
    return float(-mean)
