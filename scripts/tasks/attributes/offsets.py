"""Per-class offsets to log probabilities that maximise the HM of micro and macro F1.

First one number for all classes, the exponent of the class prior; then an exact line search class
by class, of whose steps a part is taken.
"""

import numpy as np

from metrics.f1 import hm, scores

EXPONENTS = np.linspace(0, 1.2, 25)
SUPPORT = 10  # labelled rows that a class must have to get an offset of its own
SHRINK = 0.5  # the part of the line search's steps that is taken
EPS = 1e-12
MIN_PROB = 1e-9  # a probability below it counts as this one


def fit(pred: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Offsets (k,) for probabilities (n, k) and labels (n,), -1 where not labelled.

    Zeros where nothing is labelled. Cross-fitted HM on the fashion catalogue: arg max .663, the
    exponent of the prior alone .680, three full passes over all classes .677, this .682.
    """
    k = pred.shape[1]
    labelled = target >= 0
    if k == 1 or not labelled.any():
        return np.zeros(k)

    logp = log_prob(pred[labelled])
    labels = target[labelled]
    counts = np.bincount(labels, minlength=k)

    start = fit_prior_exponent(logp, labels, counts)
    offset = start.copy()

    # each class in turn, with the offsets that the ones before it have got
    most_frequent_first = np.argsort(-counts)
    for c in most_frequent_first:
        if counts[c] >= SUPPORT:
            offset[c] = best_offset(logp, labels, offset, c)

    step = offset - start
    return start + SHRINK * step


def fit_prior_exponent(logp: np.ndarray, labels: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """-tau log prior (k,) with the tau of EXPONENTS that has the best HM; the least of equals."""
    smoothed = counts + 0.5  # no class has probability 0
    prior = smoothed / smoothed.sum()
    log_prior = np.log(prior)

    candidates = []
    values = []
    for tau in EXPONENTS:
        offset = -tau * log_prior
        value = hm_of(logp + offset, labels)
        candidates.append(offset)
        values.append(value)

    best = np.argmax(values)
    return candidates[best]


def fit_if_worth(pred: np.ndarray, target: np.ndarray) -> np.ndarray:
    """`fit`, or zeros (plain arg max) where offsets fitted on half of the rows do not pay.

    The rows are split in two random halves; what the offsets fitted on each half gain in HM on the
    other one must be above 0 in sum.
    """
    labelled = np.flatnonzero(target >= 0)
    rng = np.random.default_rng(0)
    shuffled = rng.permutation(labelled)
    first = shuffled[::2]
    second = shuffled[1::2]

    gain = held_out_gain(pred, target, first, second)
    gain += held_out_gain(pred, target, second, first)

    if gain > 0:
        return fit(pred, target)

    k = pred.shape[1]
    return np.zeros(k)


def held_out_gain(
    pred: np.ndarray,
    target: np.ndarray,
    fit_idx: np.ndarray,
    check_idx: np.ndarray,
) -> float:
    """HM on the rows check_idx with the offsets of the rows fit_idx, less HM without."""
    if not len(check_idx):
        return 0.0

    labels = target[check_idx]
    logp = log_prob(pred[check_idx])
    offset = fit(pred[fit_idx], target[fit_idx])
    fitted = hm_of(logp + offset, labels)
    plain = hm_of(logp, labels)
    return fitted - plain


def log_prob(prob: np.ndarray) -> np.ndarray:
    """Logarithms of probabilities, of MIN_PROB at least."""
    return np.log(np.maximum(prob, MIN_PROB))


def hm_of(logits: np.ndarray, labels: np.ndarray) -> float:
    """The HM of the arg max of logits (n, k) against labels (n,)."""
    return scores(logits.argmax(1), labels, logits.shape[1])["hm"]


def best_offset(logp: np.ndarray, labels: np.ndarray, offset: np.ndarray, c: int) -> float:
    """The offset of class c that maximises HM while the others' (k,) are held, exactly.

    As the offset of c grows, rows flip to c one by one, each from its best other class (its rival).
    So one sort of the offsets at which they flip gives HM after every flip. The current offset is
    kept unless another one is better.
    """
    k = logp.shape[1]

    # the rival of each row, and the offset of c that is needed to beat it
    logits = logp + offset
    logits[:, c] = -np.inf
    rival = logits.argmax(axis=1)
    logit_of_rival = logits.max(axis=1)
    flip_at = logit_of_rival - logp[:, c]

    # HM after 0, 1, ... n rows have flipped
    order = np.argsort(flip_at, kind="stable")
    flip_at = flip_at[order]
    rival = rival[order]
    labels = labels[order]
    value = hm_after_flips(rival, labels, c, k)

    # between two rows that flip at the same offset there is no offset to choose
    is_tie = np.diff(flip_at) < EPS
    between_two = value[1:-1]
    between_two[is_tie] = -1

    current_offset = float(offset[c])
    best = value.argmax()
    current = np.searchsorted(flip_at, current_offset, side="left")
    if value[best] <= value[current] + EPS:
        return current_offset

    candidates = between_flips(flip_at)
    return float(candidates[best])


def between_flips(flip_at: np.ndarray) -> np.ndarray:
    """An offset (n + 1,) before, between and after the sorted offsets (n,) at which rows flip."""
    before = flip_at[0] - 1
    middles = (flip_at[:-1] + flip_at[1:]) / 2
    after = flip_at[-1] + 1
    return np.concatenate([[before], middles, [after]])


def hm_after_flips(rival: np.ndarray, labels: np.ndarray, c: int, k: int) -> np.ndarray:
    """HM (n + 1,) after 0, 1, ... n rows have flipped from their rival (n,) to class c, in order.

    Macro F1 is taken over the classes with a label. Classes that are answered and have none would
    add zeros to it; their rows are few.
    """
    n = len(labels)
    n_flips = np.arange(1, n + 1)
    is_hit = rival == labels

    # before the first flip, of each class (k,)
    true = np.bincount(labels, minlength=k)
    predicted = np.bincount(rival, minlength=k)
    hits = np.bincount(rival[is_hit], minlength=k)

    # micro F1: rows of class c are won, hits of the rivals are lost
    won = np.cumsum(labels == c)
    lost = np.cumsum(is_hit)
    gained = with_zero(won - lost)
    micro = (hits.sum() + gained) / n

    # macro F1: c is nobody's rival, so its F1 is 0 before the first flip
    has_label = true > 0
    f1_before = 2 * hits / np.maximum(true + predicted, 1)
    sum_before = f1_before[has_label].sum()

    # what the flips add to the sum of F1s
    f1_of_c = 2 * won / (true[c] + n_flips)
    changes = rival_f1_changes(rival, labels, true)
    change_of_rivals = np.cumsum(changes)
    change = with_zero(change_of_rivals + f1_of_c)

    macro = (sum_before + change) / has_label.sum()
    return hm(micro, macro)


def rival_f1_changes(rival: np.ndarray, labels: np.ndarray, true: np.ndarray) -> np.ndarray:
    """How much the F1 of rival[i] changes when row i leaves it, (n,); rows leave in their order.

    true (k,): how many rows each class is the label of.
    """
    change = np.zeros(len(rival))
    for j in np.unique(rival):
        rows = np.flatnonzero(rival == j)
        is_hit = labels[rows] == j
        hits_gone = np.cumsum(is_hit)

        # after 0, 1, ... all of them have left
        hits = is_hit.sum() - with_zero(hits_gone)
        predicted = np.arange(len(rows), -1, -1)
        total = true[j] + predicted
        f1 = 2 * hits / np.maximum(total, 1)
        change[rows] = np.diff(f1)

    return change


def with_zero(values: np.ndarray) -> np.ndarray:
    """0 and then the values (n,): (n + 1,)."""
    return np.concatenate([[0], values])
