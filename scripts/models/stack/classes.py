"""Classes' second level: for each attribute a multinomial logistic regression on the models' log
probabilities, with a weight per model and a bias per class.

in: probabilities of blue and black by ridge .7 .3 and by heads .4 .6, weights .8 and .5
out: softmax(.8 log(.7, .3) + .5 log(.4, .6) + biases), e.g. .64 .36

These few parameters are shrunk: the weights towards 1 / models, which is the geometric mean, and
the biases towards 0.
"""

import numpy as np

from common.errors import UserError
from models.stack.leaks import require_unseen

LEAST = 1e-6  # probability, before its logarithm is taken
# a weight and a bias are drawn to their means as if by so many rows
WEIGHT_PENALTY = 10.0
BIAS_PENALTY = 3.0


def second_level(job, rows, preds: dict[str, np.ndarray]) -> tuple[dict, dict]:
    """{name: probabilities (n, K)} of each model, of their geometric mean and of the stack; and the
    weights {model: their mean over attributes} that test rows get. preds {model: (n, K)}.

    Raises UserError when a model was trained on rows that it predicts, and where tables are named.
    """
    if job.config.stack.train:
        raise UserError("stack.train holds numbers, and the task asks for classes: leave it out")

    names = list(preds)
    probs = np.stack(list(preds.values()))  # (m, n, K)
    require_unseen(errors(probs, rows), names, rows.fold[is_labelled(rows)])

    means = []
    stacked = []
    weights = []
    for log_prob, label in attributes(probs, rows):
        geometric = softmax(log_prob.mean(0))
        means.append(geometric)

        prob, weight = cross_fitted(log_prob, label, rows.fold)
        stacked.append(prob)
        weights.append(weight)

    mean_weights = np.mean(weights, 0)
    preds = preds | {
        "geometric mean": np.concatenate(means, 1),
        "stack": np.concatenate(stacked, 1),
    }
    return preds, dict(zip(names, mean_weights.tolist(), strict=True))


def is_labelled(rows) -> np.ndarray:
    """(n,) bool: training rows with a label."""
    return (rows.fold >= 0) & rows.is_labelled


def attributes(probs: np.ndarray, rows):
    """Yield each attribute's log probabilities (m, n, classes) and labels (n,), -1 where a row has
    none; probs (m, n, K)."""
    ends = np.cumsum(rows.sizes)
    columns = np.split(probs, ends[:-1], 2)
    for a, prob in enumerate(columns):
        yield np.log(np.maximum(prob, LEAST)), rows.target[:, a]


def errors(probs: np.ndarray, rows) -> np.ndarray:
    """The error (r, m) of each model on each labelled training row: the mean over the row's labels
    of 1 - the label's probability."""
    m, n, _ = probs.shape
    total = np.zeros((n, m))
    count = np.zeros(n)

    for log_prob, label in attributes(probs, rows):
        idx = np.flatnonzero(label >= 0)
        likelihood = np.exp(log_prob[:, idx, label[idx]])  # (m, labelled rows)
        total[idx] += 1 - likelihood.T
        count[idx] += 1

    labelled = is_labelled(rows)
    return total[labelled] / count[labelled, None]


def cross_fitted(
    log_prob: np.ndarray, label: np.ndarray, fold: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (n, classes) of every row by a fit that did not see its fold, and the weights
    (m,) of a fit on all folds, which test rows, of fold -1, get. log_prob (m, n, classes)."""
    known = (label >= 0) & (fold >= 0)
    _, n, classes = log_prob.shape
    prob = np.empty((n, classes))

    weight, bias = fit(log_prob[:, known], label[known])

    for k in np.unique(fold):
        fold_weight = weight
        fold_bias = bias

        if k >= 0:
            others = known & (fold != k)
            fold_weight, fold_bias = fit(log_prob[:, others], label[others])

        in_fold = fold == k
        prob[in_fold] = softmax(mix(log_prob[:, in_fold], fold_weight) + fold_bias)

    return prob, weight


def fit(log_prob: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights (m,) and biases (classes,) that make the labels (n,) likeliest; log_prob (m, n,
    classes). Without labels 1 / m and 0."""
    from scipy import optimize

    m, n, classes = log_prob.shape
    mean = np.full(m, 1 / m)
    rows = np.arange(n)

    def loss(parameters):
        """Minus the log likelihood with the penalties, and its gradient (m + classes,)."""
        weight, bias = parameters[:m], parameters[m:]
        prob = softmax(mix(log_prob, weight) + bias)
        likelihood = np.maximum(prob[rows, label], LEAST)

        away = weight - mean
        penalty = WEIGHT_PENALTY * away @ away + BIAS_PENALTY * bias @ bias
        value = penalty / 2 - np.log(likelihood).sum()

        slope = prob
        slope[rows, label] -= 1  # of the loss, by the logits
        by_weight = np.tensordot(log_prob, slope, 2) + WEIGHT_PENALTY * away
        by_bias = slope.sum(0) + BIAS_PENALTY * bias
        return value, np.concatenate([by_weight, by_bias])

    start = np.concatenate([mean, np.zeros(classes)])
    fitted = optimize.minimize(loss, start, jac=True, method="L-BFGS-B").x
    return fitted[:m], fitted[m:]


def mix(log_prob: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The weighted sum (n, classes) of log probabilities (m, n, classes)."""
    return np.tensordot(weight, log_prob, 1)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities (n, classes) of logits (n, classes)."""
    from scipy.special import softmax

    return softmax(logits, axis=1)
