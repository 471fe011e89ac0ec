"""F1 of values as the organisers count it, its replicates, and the threshold that is best for
it."""

import numpy as np

from texts.value_codes import has_value, same


def f1(answer: np.ndarray, target: np.ndarray) -> dict[str, float]:
    """{f1, precision, recall, answered, right} of answers (n, 2) over the labelled rows, the last
    two as shares of these.

    As the challenge has it: TP right; FP answered and wrong, or nothing to answer; FN not answered
    though there is a value.
    """
    known, answered = target[:, 1] >= 0, (answer[:, 1] >= 0) & (target[:, 1] >= 0)
    tp, fp, fn = confusion_counts(answer, target).sum(0)
    rates = {
        "f1": 2 * tp / max(2 * tp + fp + fn, 1),
        "precision": tp / max(tp + fp, 1),
        "recall": tp / max(tp + fn, 1),
        "answered": answered.sum() / max(known.sum(), 1),
        "right": tp / max(known.sum(), 1),
    }
    return {name: float(value) for name, value in rates.items()}


def f1_replicates(answer: np.ndarray, target: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """F1 (b,) where row i counts weights[:, i] times, weights (b, n) whole numbers."""
    judged = confusion_counts(answer, target)
    tp, fp, fn = (
        np.array(
            [[weight[column].sum(dtype=np.int64) for column in judged.T] for weight in weights]
        )
        .reshape(-1, 3)
        .T
    )
    return 2 * tp / np.maximum(2 * tp + fp + fn, 1)


def confusion_counts(answer: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Which answers (n, 2) are true positives, false positives, false negatives (n, 3) bool; none
    of a row that is not labelled."""
    known, answered, right = target[:, 1] >= 0, answer[:, 1] >= 0, same(answer, target)
    return np.stack([right, answered & ~right, ~answered & has_value(target)], 1) & known[:, None]


def best_threshold(pred: np.ndarray, target: np.ndarray) -> tuple[float, float]:
    """The weight from which on to answer, and F1 with it, over the labelled rows."""
    order = np.argsort(-pred[:, 2], kind="stable")
    order = order[(target[order, 1] >= 0) & (pred[order, 1] >= 0)]
    right, weight = np.cumsum(same(pred[order, :2], target[order])), pred[order, 2]
    valued = np.cumsum(has_value(target[order]))
    every = has_value(target).sum()
    scores = (
        2 * right / np.maximum(np.arange(1, len(order) + 1) + right + every - valued, 1)
    )  # 2 TP / (2 TP + FP + FN)
    last = np.append(weight[1:] < weight[:-1], True)[
        : len(order)
    ]  # rows of equal weight are answered together
    if not last.any():
        return 0.0, 0.0
    at = np.flatnonzero(last)[scores[last].argmax()]
    return (float((weight[at] + weight[at + 1]) / 2) if at + 1 < len(order) else 0.0), float(
        scores[at]
    )
