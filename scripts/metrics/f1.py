"""F1 scores of class numbers, computed from confusion counts.

They equal scikit-learn's, and are fast enough to be searched over. Micro F1 is the accuracy, as a
row has one class. Macro F1 is the mean of F1 over the classes that are true or predicted in at
least one row.
"""

import numpy as np

# columns of the published notebook's table, in its order; its first one is val_loss
METRICS = ("accuracy", "weighted_f1", "micro_f1", "macro_f1", "hm")


def confusion(answer: np.ndarray, target: np.ndarray, k: int) -> np.ndarray:
    """Counts (k, k) of [target, answer] over the labelled rows.

    answer (n,) and target (n,) are class numbers; target is -1 where a row is not labelled.
    """
    labelled = target >= 0
    cell = target[labelled] * k + answer[labelled]
    return np.bincount(cell, minlength=k * k).reshape(k, k)


def f1_per_class(counts: np.ndarray) -> np.ndarray:
    """F1 (k,) of each class of a confusion (k, k): 2 TP / (2 TP + FP + FN).

    0 for a class that is neither true nor predicted.
    """
    true = counts.sum(axis=1)  # TP + FN
    predicted = counts.sum(axis=0)  # TP + FP
    return 2 * counts.diagonal() / np.maximum(true + predicted, 1)


def scores(answer: np.ndarray, target: np.ndarray, k: int) -> dict[str, float]:
    """The METRICS of one attribute by name; nan for all where no row is labelled."""
    counts = confusion(answer, target, k)
    n = counts.sum()
    if n == 0:
        return dict.fromkeys(METRICS, float("nan"))

    true = counts.sum(axis=1)
    predicted = counts.sum(axis=0)
    is_present = true + predicted > 0

    f1 = f1_per_class(counts)
    micro = counts.trace() / n
    macro = f1[is_present].mean()
    return {
        "accuracy": micro,
        "weighted_f1": f1 @ true / n,
        "micro_f1": micro,
        "macro_f1": macro,
        "hm": hm(micro, macro),
    }


def hm(micro, macro):
    """Harmonic mean of micro and macro F1, numbers or arrays; 0 where both are 0."""
    return 2 * micro * macro / np.maximum(micro + macro, 1e-12)


def hm_replicates(
    answer: np.ndarray,
    target: np.ndarray,
    k: int,
    weights: np.ndarray,
) -> np.ndarray:
    """HM (b,) of one attribute in b bootstrap replicates; nan where no labelled row counts.

    Row i counts weights[j, i] times in replicate j; weights (b, n) are whole numbers.
    """
    labelled = np.flatnonzero(target >= 0)
    answer = answer[labelled]
    target = target[labelled]

    # in float32, whole numbers and their sums are exact up to 16 million
    weights = weights[:, labelled].T  # (n, b)
    weights = np.ascontiguousarray(weights, np.float32)

    rows = np.arange(len(labelled))
    right = rows[answer == target]
    hits = weigh_classes(target, right, k, weights)  # TP (b, k)
    true = weigh_classes(target, rows, k, weights)  # TP + FN
    predicted = weigh_classes(answer, rows, k, weights)  # TP + FP

    total = true + predicted
    is_present = total > 0
    f1 = 2 * hits / np.maximum(total, 1)

    # macro F1: the mean over the classes that occur in the replicate
    macro = np.full(len(f1), np.nan)

    for j in range(len(f1)):
        f1_of_present = f1[j, is_present[j]]
        if len(f1_of_present):
            macro[j] = f1_of_present.mean()

    # micro F1: the accuracy
    n = true.sum(axis=1)
    n_hits = hits.sum(axis=1)
    accuracy = n_hits / np.maximum(n, 1)
    micro = np.where(n > 0, accuracy, np.nan)
    return hm(micro, macro)


def weigh_classes(classes: np.ndarray, rows: np.ndarray, k: int, weights: np.ndarray) -> np.ndarray:
    """Sums (b, k) of the weights (n, b) of `rows` (m,) by their class in `classes` (n,)."""
    from scipy.sparse import csr_array

    # one_hot[c, i] is 1 where row i is one of `rows` and has class c
    ones = np.ones(len(rows), np.float32)
    cells = (classes[rows], rows)
    shape = (k, len(classes))
    one_hot = csr_array((ones, cells), shape=shape)

    sums = one_hot @ weights  # (k, b)
    return sums.T.astype(float)
