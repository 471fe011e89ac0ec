"""Per-class offsets to log probabilities that maximise the HM of micro and macro F1: coordinate ascent, each step exact."""
import numpy as np

from common.f1 import hm


def fit(pred: np.ndarray, target: np.ndarray, passes: int = 3) -> np.ndarray:
    """Offsets (k,) for pred (n, k) probabilities, target (n,), -1 where not labelled. Zeros where nothing is labelled.

    One class at a time: as its offset grows rows flip to it one by one, from their best other class, so one sort gives
    the HM after every flip and the best offset exactly. A class without a labelled row keeps 0.
    """
    known = target >= 0
    logp, y = np.log(np.maximum(pred[known], 1e-9)), target[known]
    offset = np.zeros(pred.shape[1])
    for _ in range(passes if known.any() else 0):
        before = offset.copy()
        for c in np.unique(y):
            offset[c] = best_offset(logp, y, offset, c)
        if np.array_equal(before, offset):
            break
    return offset - offset.mean()


def best_offset(logp: np.ndarray, y: np.ndarray, offset: np.ndarray, c: int) -> float:
    """The offset of class c that maximises HM with the others' held; the current one unless another is better."""
    n, k = logp.shape
    shifted = logp + offset
    shifted[:, c] = -np.inf
    other = shifted.argmax(1)                         # what each row answers when c is out of reach
    needs = shifted.max(1) - logp[:, c]               # the offset at which it flips to c
    order = np.argsort(needs, kind="stable")
    other, needs, truth = other[order], needs[order], y[order]
    true, predicted = np.bincount(y, minlength=k), np.bincount(other, minlength=k)
    hits = np.bincount(other[other == truth], minlength=k)
    there = (true > 0).sum()                          # classes predicted but never true would add zeros; their rows are few

    flips = np.arange(1, n + 1)
    won, lost = np.cumsum(truth == c), np.cumsum(truth == other)
    micro = (hits.sum() + np.concatenate([[0], won - lost])) / n
    gain = f1_changes(other, truth, hits, true, predicted)  # of the other classes' F1s, at each flip
    rest = (2 * hits / np.maximum(true + predicted, 1))[true > 0].sum()
    own = 2 * won / (true[c] + flips)
    macro = (rest + np.concatenate([[0], np.cumsum(gain) + own])) / there
    value = hm(micro, macro)

    edges = np.concatenate([[needs[0] - 1], (needs[:-1] + needs[1:]) / 2, [needs[-1] + 1]])
    value[1:-1][needs[1:] - needs[:-1] < 1e-12] = -1  # between equal rows there is no offset
    now = np.searchsorted(needs, offset[c], side="left")
    best = value.argmax()
    return float(edges[best]) if value[best] > value[now] + 1e-12 else float(offset[c])


def f1_changes(other, truth, hits, true, predicted) -> np.ndarray:
    """How much the F1 of other[i] changes when row i leaves it, in the order of the rows (n,)."""
    gain = np.zeros(len(other))
    for j in np.unique(other):
        rows = np.flatnonzero(other == j)
        left, lost = np.arange(len(rows) + 1), np.concatenate([[0], np.cumsum(truth[rows] == j)])
        f1 = 2 * (hits[j] - lost) / np.maximum(true[j] + predicted[j] - left, 1)
        gain[rows] = np.diff(f1) * (true[j] > 0)
    return gain
