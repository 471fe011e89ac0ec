"""F1 of values as the organisers of the Amazon ML Challenge 2024 count it, its bootstrap
replicates, and the threshold that makes it best."""

import numpy as np

from texts.value_codes import has_value, is_given, is_same_value


def f1(answer: np.ndarray, target: np.ndarray) -> dict[str, float]:
    """{f1, precision, recall, answered, right} of answers (n, 2) over the labelled rows, the last
    two as shares of these.

    As the challenge has it: TP right; FP answered and wrong, or nothing to answer; FN not answered
    though there is a value.
    """
    labelled = is_given(target)
    answered = is_given(answer) & labelled
    n_labelled = labelled.sum()
    n_answered = answered.sum()

    # rows without a label are none of the three
    outcomes = confusion_counts(answer, target)
    tp, fp, fn = outcomes.sum(axis=0)

    def rate(part, whole):
        return float(part / max(whole, 1))

    return {
        "f1": rate(2 * tp, 2 * tp + fp + fn),
        "precision": rate(tp, tp + fp),
        "recall": rate(tp, tp + fn),
        "answered": rate(n_answered, n_labelled),
        "right": rate(tp, n_labelled),
    }


def f1_replicates(answer: np.ndarray, target: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """F1 (b,) where row i counts weights[:, i] times, weights (b, n) whole numbers."""
    outcomes = confusion_counts(answer, target)

    # TP, FP and FN of each replicate
    counts = np.zeros((len(weights), 3), np.int64)
    for i, weight in enumerate(weights):
        times_drawn = weight.astype(np.int64)
        counts[i] = times_drawn @ outcomes

    tp, fp, fn = counts.T
    twice = 2 * tp
    whole = twice + fp + fn
    return twice / np.maximum(whole, 1)


def confusion_counts(answer: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(n, 3) bool: which answers (n, 2) are true positives, false positives, false negatives; none
    of a row that is not labelled."""
    labelled = is_given(target)
    answered = is_given(answer)
    right = is_same_value(answer, target)
    wrong = answered & ~right
    missed = ~answered & has_value(target)

    outcomes = np.stack([right, wrong, missed], axis=1)
    outcomes[~labelled] = False
    return outcomes


def best_threshold(pred: np.ndarray, target: np.ndarray) -> tuple[float, float]:
    """(threshold, F1): answer where the likeliest value's weight is at least the threshold. Over
    the labelled rows; the threshold lies midway between two weights, 0 where all are answered."""
    has_label = has_value(target)
    answered = is_given(target) & is_given(pred)

    # the rows that have an answer, the heaviest first
    order = np.argsort(-pred[:, 2], kind="stable")
    order = order[answered[order]]
    n = len(order)
    if n == 0:
        return 0.0, 0.0

    value = pred[order, :2]
    weight = pred[order, 2]
    right = is_same_value(value, target[order])

    # F1 = 2 TP / (2 TP + FP + FN) where the first 1, 2, … rows are answered
    tp = np.cumsum(right)
    n_answered = np.arange(1, n + 1)  # TP + FP
    fn = has_label.sum() - np.cumsum(has_label[order])
    whole = n_answered + tp + fn
    scores = 2 * tp / np.maximum(whole, 1)

    # rows of equal weight are answered together: only the last of them can be the end
    is_last = np.append(weight[1:] < weight[:-1], True)
    ends = np.flatnonzero(is_last)
    scores_at_ends = scores[ends]
    end = ends[scores_at_ends.argmax()]
    best = float(scores[end])

    if end + 1 == n:
        return 0.0, best

    midway = (weight[end] + weight[end + 1]) / 2
    return float(midway), best
