"""F1 scores of class numbers, from confusion counts: equal to scikit-learn's, and fast enough to be
searched over.

Micro F1 is the accuracy (one class per row); macro F1 is the mean over the classes that are true or
predicted somewhere.
"""

import numpy as np

METRICS = (
    "val_loss",
    "accuracy",
    "weighted_f1",
    "micro_f1",
    "macro_f1",
    "hm",
)  # the published table, in its order


def confusion(answer: np.ndarray, target: np.ndarray, k: int) -> np.ndarray:
    """Counts (k, k) of [target, answer] over the labelled rows; answer and target (n,), target -1
    where not labelled."""
    known = target >= 0
    return np.bincount(target[known] * k + answer[known], minlength=k * k).reshape(k, k)


def f1_per_class(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """F1 (k,), whether the class is there at all (k,), and its true rows (k,), of a confusion (k,
    k)."""
    true, predicted = counts.sum(1), counts.sum(0)
    return 2 * counts.diagonal() / np.maximum(true + predicted, 1), true + predicted > 0, true


def scores(answer: np.ndarray, target: np.ndarray, k: int) -> dict[str, float]:
    """accuracy, weighted, micro and macro F1 and HM of one attribute; nan for all when no row is
    labelled."""
    counts = confusion(answer, target, k)
    if not counts.sum():
        return dict.fromkeys(METRICS[1:], float("nan"))
    f1, there, true = f1_per_class(counts)
    micro, macro = counts.trace() / counts.sum(), f1[there].mean()
    return {
        "accuracy": micro,
        "weighted_f1": f1 @ true / true.sum(),
        "micro_f1": micro,
        "macro_f1": macro,
        "hm": hm(micro, macro),
    }


def hm_replicates(
    answer: np.ndarray, target: np.ndarray, k: int, weights: np.ndarray
) -> np.ndarray:
    """HM (b,) of one attribute where row i counts weights[:, i] times, weights (b, n) whole
    numbers; nan where no labelled row counts."""
    from scipy.sparse import csr_array

    known = np.flatnonzero(target >= 0)
    answer, target, each = answer[known], target[known], np.arange(len(known))
    weights = np.ascontiguousarray(
        weights[:, known].T, np.float32
    )  # whole numbers and their sums are exact up to 16 million

    def sums(classes, rows):
        counted = csr_array(
            (np.ones(len(rows), np.float32), (classes[rows], rows)), shape=(k, len(known))
        )
        return (counted @ weights).T.astype(float)

    hits, true, predicted = (
        sums(target, each[answer == target]),
        sums(target, each),
        sums(answer, each),
    )
    f1, there = 2 * hits / np.maximum(true + predicted, 1), true + predicted > 0
    macro = np.array(
        [row[own].mean() if own.any() else np.nan for row, own in zip(f1, there, strict=True)]
    )
    every = true.sum(1)
    return hm(np.where(every > 0, hits.sum(1) / np.maximum(every, 1), np.nan), macro)


def hm(micro, macro):
    """Harmonic mean of micro and macro F1; 0 where both are."""
    return 2 * micro * macro / np.maximum(micro + macro, 1e-12)
