"""Which labels look wrong, by the predictions of models that never saw them: confident learning
(Northcutt, Jiang and Chuang 2021)."""

from importlib.util import find_spec

import numpy as np


def label_probability(prob: np.ndarray, label: np.ndarray) -> np.ndarray:
    """The probability (n,) that each row's own label (n,) has in prob (n, k)."""
    return prob[np.arange(len(label)), label]


def quality(prob: np.ndarray, label: np.ndarray) -> np.ndarray:
    """How well each label (n,) fits its out-of-fold probabilities (n, k), from 0 to 1.

    It is cleanlab's "self-confidence"; without cleanlab it is taken by its definition, the
    probability of the label.
    """
    if not find_spec("cleanlab"):
        return label_probability(prob, label)

    from cleanlab.rank import get_label_quality_scores

    return np.asarray(get_label_quality_scores(label, prob, method="self_confidence"))


def likely_wrong(prob: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Whether each label (n,) is off the diagonal of the confident joint (equations 1 and 2 there).

    The threshold of a class is its mean probability over the rows labelled with it. Of the classes
    that reach their threshold on a row, the likeliest is the row's confident class; the label is
    likely wrong where that is another class. A class without labels has no threshold and never is.
    """
    k = prob.shape[1]

    # the threshold of each class (k,)
    self_confidence = label_probability(prob, label)
    n_labelled = np.bincount(label, minlength=k)
    confidence_sum = np.bincount(label, self_confidence, k)
    threshold = confidence_sum / np.maximum(n_labelled, 1)

    # the classes that reach it on each row (n, k)
    has_threshold = n_labelled > 0
    reaches_threshold = prob >= threshold
    is_confident = has_threshold & reaches_threshold

    # the confident class of each row (n,)
    candidates = np.where(is_confident, prob, -1)
    confident_class = candidates.argmax(axis=1)
    has_class = is_confident.any(axis=1)
    return has_class & (confident_class != label)


def caption() -> str:
    """A sentence for a caption: which method tells the labels that look wrong."""
    method = "The probability of the label (self-confidence; cleanlab is not installed)"
    if find_spec("cleanlab"):
        method = "cleanlab's self-confidence"

    return (
        f"{method}, of labels that another class beats by its own threshold "
        "(confident learning, Northcutt et al. 2021)."
    )
