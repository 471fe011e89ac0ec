"""Which labels look wrong, by what models that never saw them say: confident learning (Northcutt,
Jiang and Chuang 2021)."""

from importlib.util import find_spec

import numpy as np


def quality(prob: np.ndarray, label: np.ndarray) -> np.ndarray:
    """How well each label (n,) fits its out-of-fold probabilities (n, k), 0 to 1: by cleanlab where
    it is installed, else by its definition, the probability of the label ("self-confidence")."""
    if find_spec("cleanlab"):
        from cleanlab.rank import get_label_quality_scores

        return np.asarray(get_label_quality_scores(label, prob, method="self_confidence"))
    return prob[np.arange(len(label)), label]


def likely_wrong(prob: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Which labels (n,) are off the diagonal of the confident joint: another class is as likely as
    it is on the mean row labelled with it, or more, and likelier than any other such class
    (equations 1 and 2 there). A class without labels has no such threshold and is none."""
    k = prob.shape[1]
    own, n = prob[np.arange(len(label)), label], np.bincount(label, minlength=k)
    threshold = np.where(n > 0, np.bincount(label, own, k) / np.maximum(n, 1), np.inf)
    above = np.where(prob >= threshold, prob, -1)
    likeliest = above.argmax(1)
    return (above.max(1) >= 0) & (likeliest != label)


def source() -> str:
    """Who says so, for a caption."""
    who = (
        "cleanlab's self-confidence"
        if find_spec("cleanlab")
        else "The probability of the label (self-confidence; cleanlab is not installed)"
    )
    return (
        f"{who}, of labels that another class beats by its own threshold (confident learning, "
        "Northcutt et al. 2021)."
    )
