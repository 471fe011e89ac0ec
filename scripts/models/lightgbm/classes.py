"""What lightgbm reads of a row to answer classes: for each attribute a line for each of a few
candidate classes, with what other rows' labels say of the class.

in: "Nike Men Blue Shirt" → out: of articleType's candidate shirt, by ridge .8, by naive Bayes on
words .7, its share in the brand .1, with the last word .9, among the nearest rows .8, quantities
...; of its candidate tshirt ...

A booster of an attribute answers "is it this class?", whatever the class: 143 classes cost no more
than 8, as CANDIDATES bounds the lines. The answers of a row's candidates sum to 1.
"""

from collections.abc import Callable

import numpy as np

from common.log import progress
from features.class_shares import (
    class_shares,
    key_shares,
    naive_bayes,
    neighbor_shares,
    none_impossible,
)
from features.side_tables import is_category
from features.target_encoding import encode_out_of_fold
from models import ridge
from models.lightgbm.keys import last_words, read_neighbors
from models.lightgbm.own import own_columns
from texts.quantities import brands

CANDIDATES = 8  # classes of an attribute that a row may have, by the mean of what is said of them
CLASS = "class (category)"


def columns(job, k: int, rows) -> tuple[np.ndarray, list[str]]:
    """The columns (n, c) float32 of every row as member k may know them, and their names: those of
    the row itself, then those of each candidate of each attribute, see `lines`."""
    own, own_names = own_columns(job, rows)
    blocks = [own]
    names = list(own_names)
    encoders_of = encoders(job, rows, own, own_names)

    for a, attribute in enumerate(progress(rows.outputs, "attributes")):
        label = rows.target[:, a]
        is_known = (label >= 0) & (rows.fold >= 0)
        classes = rows.sizes[a]

        shares = []
        for create in encoders_of.values():
            encode = create(label, classes)
            share = encode_out_of_fold(encode, rows.fold, is_known, k, rows.group)
            shares.append(share)

        source_label = label[is_known & (rows.fold != k)]
        frequency = class_shares(source_label, classes)
        block = candidate_columns(np.stack(shares), frequency)
        blocks.append(block.reshape(len(rows.id), -1))

        for j in range(block.shape[1]):
            for name in pair_names(encoders_of):
                names.append(f"{attribute} {j} {name}")

    values = np.concatenate(blocks, 1)
    return values.astype(np.float32), names


def encoders(job, rows, own: np.ndarray, own_names: list[str]) -> dict[str, Callable]:
    """{name: create(label, classes) → encode for features.target_encoding} of what is said of a
    class; own (n, r): the rows' own columns, of which categories are keys."""
    words = ridge.word_columns(job, rows, with_training=True)
    create_of = {
        "ridge": create_ridge(words, job.config.ridge),
        "words": create_naive_bayes(words),
    }

    for n_words in (1, 2):
        create_of[f"brand {n_words}"] = create_key_shares(brands(rows.text, n_words))

    create_of["last word"] = create_key_shares(last_words(rows.text))
    for j in np.flatnonzero(is_category(own_names)):
        category = np.nan_to_num(own[:, j], nan=-1)
        create_of[own_names[j]] = create_key_shares(category)

    for space, (row, cosine) in read_neighbors(job, rows).items():
        create_of[f"near {space}"] = create_neighbor_shares(row, cosine)

    return create_of


def create_ridge(x, settings) -> Callable:
    def create(label, classes):
        def encode(source_idx, idx):
            """The probabilities of the rows idx by a fit on the rows source_idx."""
            fitted = ridge.solve_classes(x[source_idx], label[source_idx], classes, settings)
            weight, bias = fitted
            scores = x[idx] @ weight + bias
            return ridge.probabilities(scores * ridge.SHARPNESS)

        return encode

    return create


def create_naive_bayes(x) -> Callable:
    def create(label, classes):
        return naive_bayes(x, label, classes)

    return create


def create_key_shares(key: np.ndarray) -> Callable:
    def create(label, classes):
        return key_shares(key, label, classes)

    return create


def create_neighbor_shares(row: np.ndarray, cosine: np.ndarray) -> Callable:
    def create(label, classes):
        return neighbor_shares(row, cosine, label, classes)

    return create


def pair_names(evidence) -> list[str]:
    """The names of the columns of a candidate; evidence: the names of what is said of it."""
    names = [CLASS, "frequency"]
    for name in evidence:
        names += [name, f"{name} against the best"]

    return names


def candidate_columns(shares: np.ndarray, frequency: np.ndarray) -> np.ndarray:
    """The columns (n, candidates, p) of pair_names of each row's likeliest classes, the likeliest
    first; shares (e, n, classes), frequency (classes,)."""
    mean = shares.mean(0)
    order = np.argsort(-mean, axis=1, kind="stable")
    candidates = order[:, :CANDIDATES]

    columns = [candidates, frequency[candidates]]

    for share in shares:
        own = np.take_along_axis(share, candidates, 1)
        best = share.max(1, keepdims=True)
        columns += [own, own / np.maximum(best, 1e-9)]

    return np.stack(columns, 2)


def split_columns(x: np.ndarray, names: list[str], rows) -> tuple[np.ndarray, list, list[str]]:
    """The row's own columns (n, r), each attribute's columns (n, candidates, p), and the names of
    both as `lines` joins them, from what `columns` returns."""
    n_own = names.index(f"{next(iter(rows.outputs))} 0 {CLASS}")
    own_names = names[:n_own]
    first = f"{next(iter(rows.outputs))} 0 "
    candidate_names = [name.removeprefix(first) for name in names[n_own:] if name.startswith(first)]

    blocks = []
    start = n_own

    for classes in rows.sizes:
        candidates = min(classes, CANDIDATES)
        stop = start + candidates * len(candidate_names)
        block = x[:, start:stop]
        blocks.append(block.reshape(len(x), candidates, len(candidate_names)))
        start = stop

    return x[:, :n_own], blocks, [*candidate_names, *own_names]


def lines(own: np.ndarray, block: np.ndarray) -> np.ndarray:
    """A line (n · candidates, p + r) for each candidate of each row: its columns, then those of the
    row."""
    n, candidates, p = block.shape
    return np.concatenate([block.reshape(n * candidates, p), np.repeat(own, candidates, 0)], 1)


def probabilities(is_it: np.ndarray, candidates: np.ndarray, classes: int) -> np.ndarray:
    """Probabilities (n, classes), where is_it (n, candidates) says how likely each row's candidate
    classes (n, candidates) are."""
    share = is_it / np.maximum(is_it.sum(1, keepdims=True), 1e-9)
    prob = np.zeros((len(share), classes))
    np.put_along_axis(prob, candidates, share, 1)
    return none_impossible(prob)
