"""Values as numbers: targets and answers (n, 2), predictions (n, 3 SLOTS) that are several values with weights, their F1.

A value is its number and a code, WIDTH * entity + unit, as ENTITIES and UNITS number them; code -1: not labelled, or not answered;
unit NONE: labelled as without a value; OTHER: a label that is no one value. A prediction is a row's likeliest values, best first, each as
number, code, weight; weights are probabilities, and what they lack to 1 says "no value".
"""
import numpy as np
import pandas as pd

from common.values import ENTITIES, UNITS, parse

SLOTS, WIDTH, NONE, OTHER = 8, 64, 62, 63
NAMES, UNIT = list(ENTITIES), {unit: i for i, unit in enumerate(UNITS)}
ALLOWED = np.zeros(len(NAMES) * WIDTH, bool)  # by code: an entity in one of its units; some labels have another's
ALLOWED[[WIDTH * NAMES.index(name) + UNIT[unit] for name, units in ENTITIES.items() for unit in units]] = True


def encode_values(values: pd.Series, questions) -> np.ndarray:
    """Numbers and codes (n, 2) of labels or answers, "" where there is no value. questions (n,): entities."""
    spelt = values.drop_duplicates()
    found = {text: (0.0, NONE) if text == "" else (value[0], UNIT[value[1]]) if (value := parse(text)) else (0.0, OTHER) for text in spelt}
    number, unit = np.array([found[text] for text in values], float).reshape(-1, 2).T
    return np.stack([number, WIDTH * pd.Index(NAMES).get_indexer(questions) + unit], axis=1)


def pack(values: list[list[tuple]], questions) -> np.ndarray:
    """Predictions (n, 3 SLOTS) of each row's (number, unit, weight) for the row's entity: the SLOTS of most weight, best first."""
    out = np.tile([0.0, -1.0, 0.0], (len(values), SLOTS, 1))
    for i, (row, question) in enumerate(zip(values, questions)):
        for slot, (number, unit, weight) in enumerate(sorted(row, key=lambda value: -value[2])[:SLOTS]):
            out[i, slot] = number, WIDTH * NAMES.index(question) + UNIT[unit], weight
    return out.reshape(len(values), 3 * SLOTS)


def combine(preds: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Predictions (m, n, 3 SLOTS) as one (n, 3 SLOTS): of each value the weighted sum of its weights, the SLOTS of most weight first."""
    m, n, _ = preds.shape
    if not n or m == 1 and weights[0] == 1:
        return preds[0]
    number, code, weight = preds.reshape(m, n, SLOTS, 3).transpose(3, 1, 0, 2).reshape(3, n, m * SLOTS)
    weight = weight * np.repeat(weights, SLOTS)
    order = np.lexsort((number, code), axis=1)
    number, code, weight = (np.take_along_axis(x, order, 1) for x in (number, code, weight))
    first = np.ones((n, m * SLOTS), bool)  # of a run of equal values
    first[:, 1:] = (number[:, 1:] != number[:, :-1]) | (code[:, 1:] != code[:, :-1])
    total = np.zeros_like(weight)
    total[first] = np.add.reduceat(weight.ravel(), np.flatnonzero(first))
    best = np.argsort(-total, axis=1, kind="stable")[:, :SLOTS]
    number, code, total = (np.take_along_axis(x, best, 1) for x in (number, code, total))
    return np.stack([np.where(total > 0, number, 0), np.where(total > 0, code, -1), total], axis=2).reshape(n, -1)


def f1(answer: np.ndarray, target: np.ndarray) -> dict[str, float]:
    """{f1, precision, recall, answered, right} of answers (n, 2) over the labelled rows, the last two as shares of these.

    As the challenge has it: TP right; FP answered and wrong, or nothing to answer; FN not answered though there is a value.
    """
    known, answered = target[:, 1] >= 0, (answer[:, 1] >= 0) & (target[:, 1] >= 0)
    tp, fp, fn = judge(answer, target).sum(0)
    rates = {"f1": 2 * tp / max(2 * tp + fp + fn, 1), "precision": tp / max(tp + fp, 1), "recall": tp / max(tp + fn, 1),
             "answered": answered.sum() / max(known.sum(), 1), "right": tp / max(known.sum(), 1)}
    return {name: float(value) for name, value in rates.items()}


def f1_draws(answer: np.ndarray, target: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """F1 (b,) where row i counts weights[:, i] times, weights (b, n) whole numbers."""
    judged = judge(answer, target)
    tp, fp, fn = np.array([[weight[column].sum(dtype=np.int64) for column in judged.T] for weight in weights]).reshape(-1, 3).T
    return 2 * tp / np.maximum(2 * tp + fp + fn, 1)


def judge(answer: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Which answers (n, 2) are true positives, false positives, false negatives (n, 3) bool; none of a row that is not labelled."""
    known, answered, right = target[:, 1] >= 0, answer[:, 1] >= 0, same(answer, target)
    return np.stack([right, answered & ~right, ~answered & has_value(target)], 1) & known[:, None]


def best_threshold(pred: np.ndarray, target: np.ndarray) -> tuple[float, float]:
    """The weight from which on to answer, and F1 with it, over the labelled rows."""
    order = np.argsort(-pred[:, 2], kind="stable")
    order = order[(target[order, 1] >= 0) & (pred[order, 1] >= 0)]
    right, weight = np.cumsum(same(pred[order, :2], target[order])), pred[order, 2]
    valued = np.cumsum(has_value(target[order]))
    every = has_value(target).sum()
    scores = 2 * right / np.maximum(np.arange(1, len(order) + 1) + right + every - valued, 1)  # 2 TP / (2 TP + FP + FN)
    last = np.append(weight[1:] < weight[:-1], True)[:len(order)]  # rows of equal weight are answered together
    if not last.any():
        return 0.0, 0.0
    at = np.flatnonzero(last)[scores[last].argmax()]
    return (float((weight[at] + weight[at + 1]) / 2) if at + 1 < len(order) else 0.0), float(scores[at])


def same(answer: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Which answers (n, 2) are the targets' number and unit (n,) bool."""
    return (answer[:, 1] >= 0) & (answer[:, 0] == target[:, 0]) & (answer[:, 1] % WIDTH == target[:, 1] % WIDTH)


def has_value(target: np.ndarray) -> np.ndarray:
    """Which rows (n,) are labelled with a value."""
    return (target[:, 1] >= 0) & (target[:, 1] % WIDTH != NONE)
