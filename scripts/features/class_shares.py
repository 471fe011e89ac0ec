"""What other rows' labels say of a row's classes, for features.target_encoding.encode_out_of_fold:
shares among rows of the same key and among the nearest rows, and naive Bayes on words.

in: brand "titan", whose 12 rows in other folds are 11 watches and a belt
out: watch .8, belt .1, shirt .02 ...
"""

import numpy as np

from features.target_encoding import MIN_COSINE, first_sources

UNLIKELY = 1e-3  # the share of none_impossible


def key_shares(key: np.ndarray, label: np.ndarray, classes: int, smoothing: float = 5.0):
    """encode for encode_out_of_fold: of each class its share (m, classes) among the labels of the
    source rows with the same key (n,), drawn to the shares of all as by `smoothing` more rows."""
    _, code = np.unique(key, return_inverse=True)
    n_keys = code.max() + 1

    def encode(source_idx, idx):
        """The shares of the rows idx (m,), from the labels of source_idx alone."""
        source_label = label[source_idx]
        share = class_shares(source_label, classes)

        cell = code[source_idx] * classes + source_label
        count = np.bincount(cell, minlength=n_keys * classes)
        count = count.reshape(n_keys, classes)
        total = count.sum(1, keepdims=True)
        shares = (count + smoothing * share) / (total + smoothing)
        return shares[code[idx]]

    return encode


def neighbor_shares(
    neighbors: np.ndarray,
    cosine: np.ndarray,
    label: np.ndarray,
    classes: int,
    k: int = 12,
    power: int = 12,
):
    """encode for encode_out_of_fold: of each class its share (m, classes) among the labels of the
    nearest k source rows, weighted by cosine^power, drawn to the shares of all as by one more row;
    neighbors and cosine (n, top) of features.neighbors.nearest."""

    def encode(source_idx, idx):
        """The shares of the rows idx (m,), from the labels of source_idx alone."""
        found = first_sources(neighbors[idx], cosine[idx], source_idx, len(label), k)
        usable, nearest_idx, nearest_cosine = found
        similarity = nearest_cosine.clip(MIN_COSINE)
        weight = np.where(usable, similarity**power, 0)

        share = class_shares(label[source_idx], classes)
        votes = np.tile(share, (len(idx), 1))
        rows = np.arange(len(idx))

        for j in range(weight.shape[1]):
            neighbor_label = label[nearest_idx[:, j]]
            votes[rows, neighbor_label] += weight[:, j]

        return votes / votes.sum(1, keepdims=True)

    return encode


def naive_bayes(x, label: np.ndarray, classes: int, smoothing: float = 0.03):
    """encode for encode_out_of_fold: probabilities (m, classes) of multinomial naive Bayes on
    sparse x (n, v) >= 0. It takes words as independent, and they are not: so the log likelihood
    counts half."""
    from scipy import sparse
    from scipy.special import softmax

    def encode(source_idx, idx):
        """The probabilities of the rows idx (m,), from the labels of source_idx alone."""
        n = len(source_idx)
        source_label = label[source_idx]
        one_hot = sparse.csr_matrix(
            (np.ones(n, np.float32), (source_label, np.arange(n))), (classes, n)
        )
        count = (one_hot @ x[source_idx]).toarray() + smoothing  # (classes, v)
        log_likelihood = np.log(count / count.sum(1, keepdims=True))
        log_prior = np.log(class_shares(source_label, classes))
        return softmax(x[idx] @ log_likelihood.T / 2 + log_prior, axis=1)

    return encode


def class_shares(label: np.ndarray, classes: int) -> np.ndarray:
    """The share (classes,) of each class among the labels (n,) and one more, which is of all
    classes evenly."""
    count = np.bincount(label, minlength=classes) + 1 / classes
    return count / count.sum()


def none_impossible(prob: np.ndarray) -> np.ndarray:
    """Probabilities (n, classes), a share UNLIKELY of which goes to all classes evenly."""
    return (1 - UNLIKELY) * prob + UNLIKELY / prob.shape[1]
