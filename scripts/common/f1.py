"""F1 scores of class numbers, from confusion counts: equal to scikit-learn's, and fast enough to be searched over.

Micro F1 is the accuracy (one class per row); macro F1 is the mean over the classes that are true or predicted somewhere.
"""
import numpy as np

METRICS = ("val_loss", "accuracy", "weighted_f1", "micro_f1", "macro_f1", "hm")  # the seed's table, in its order


def confusion(answer: np.ndarray, target: np.ndarray, k: int) -> np.ndarray:
    """Counts (k, k) of [target, answer] over the labelled rows; answer and target (n,), target -1 where not labelled."""
    known = target >= 0
    return np.bincount(target[known] * k + answer[known], minlength=k * k).reshape(k, k)


def f1_per_class(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """F1 (k,), whether the class is there at all (k,), and its true rows (k,), of a confusion (k, k)."""
    true, predicted = counts.sum(1), counts.sum(0)
    return 2 * counts.diagonal() / np.maximum(true + predicted, 1), true + predicted > 0, true


def scores(answer: np.ndarray, target: np.ndarray, k: int) -> dict[str, float]:
    """accuracy, weighted, micro and macro F1 and HM of one attribute; nan for all when no row is labelled."""
    counts = confusion(answer, target, k)
    if not counts.sum():
        return dict.fromkeys(METRICS[1:], float("nan"))
    f1, there, true = f1_per_class(counts)
    micro, macro = counts.trace() / counts.sum(), f1[there].mean()
    return {"accuracy": micro, "weighted_f1": f1 @ true / true.sum(), "micro_f1": micro, "macro_f1": macro, "hm": hm(micro, macro)}


def hm(micro, macro):
    """Harmonic mean of micro and macro F1; 0 where both are."""
    return 2 * micro * macro / np.maximum(micro + macro, 1e-12)
