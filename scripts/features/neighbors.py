"""Spaces in which similar rows are near each other (n-grams and quantities, and the embeddings of
encoders), and the nearest training rows in each.

in: "Basmati rice 5 kg" → out: 64 row numbers, e.g. of "Basmati rice 1 kg", and their cosines
"""

from pathlib import Path

import numpy as np

from common.errors import UserError
from common.log import progress
from common.vectors import unit_rows
from features.ngrams import load_ngrams
from features.store import read_features, row_names, source_name
from networks.weights import IMAGE, TEXT, TIMM

# weight of scaled quantities beside a space of unit rows: two products alike in words and not in
# size are not alike in price
NUMBERS = 0.1
TOP = 64  # neighbours that are kept of a row
CHUNK = 1024  # rows whose cosines are computed at a time


def embedding_sources(config) -> list[str]:
    """Sources of the embeddings that config section lightgbm names."""
    settings = config.lightgbm
    names = {TEXT: settings.encoder, IMAGE: settings.image}
    return [source_name(side, name) for side, name in names.items() if name]


def spaces(job, rows, with_training: bool = False) -> dict[str, np.ndarray]:
    """{name: (n, d) float32}: "words", the singular directions of the n-grams; each source's
    embeddings as unit rows, 0 where a row has none; and "numbers", scaled quantities at the weight
    that they have beside one space. with_training: see features.ngrams.load_ngrams."""
    ngrams = load_ngrams(job, rows, with_training)
    by_name = {
        "words": ngrams["space"],
        "numbers": NUMBERS * ngrams["scaled"],
    }

    for source in embedding_sources(job.config):
        embeddings = read_embeddings(job.paths.features(source), source, rows)
        if job.paths.rows and with_training:
            training = job.paths.of("").features(source)
            of_training = read_embeddings(training, source, rows)
            embeddings = np.where(rows.asked[:, None], embeddings, of_training)

        by_name[source] = unit_rows(embeddings)

    return by_name


def read_embeddings(file: Path, source: str, rows) -> np.ndarray:
    """The embeddings (n, d) float32 of the rows, 0 where a row has none. Raises UserError when the
    source was kept token by token."""
    names = row_names(source, rows)
    (array,), position = read_features([file], names)

    is_of_timm = source.startswith(f"{TIMM}:")
    if array.ndim > 2 and not is_of_timm:
        n_tokens = array.shape[1]
        raise UserError(
            f"{source} was kept as {n_tokens} tokens a row, and neighbours need "
            "one vector: set encode.tokens=1"
        )

    # a timm encoder's views side by side
    x = np.asarray(array, np.float32)
    x = x.reshape(len(array), -1)

    has_embedding = position >= 0
    embeddings = x[position]  # the last one where a row has none
    return np.where(has_embedding[:, None], embeddings, 0)


def save_nearest(job, rows, file: Path) -> list[str]:
    """Write the nearest training rows of every row that is asked for in each space, with quantities
    beside it, as <space>.at and <space>.cosine (m, 64). Returns the spaces' names."""
    is_train = (rows.fold >= 0) & rows.is_labelled
    train_idx = np.flatnonzero(is_train)

    all_spaces = spaces(job, rows, with_training=True)
    numbers = all_spaces.pop("numbers")

    arrays = {}
    for name, space in all_spaces.items():
        x = np.concatenate([space, numbers], 1)
        x = unit_rows(x)
        idx, cosine = nearest(x, train_idx, np.flatnonzero(rows.asked))
        arrays[f"{name}.at"] = idx
        arrays[f"{name}.cosine"] = cosine

    np.savez(file, id=rows.id[rows.asked], **arrays)
    return spaces_in(arrays)


def spaces_in(arrays: dict) -> list[str]:
    """The names of the spaces that save_nearest wrote."""
    return [key.removesuffix(".at") for key in arrays if key.endswith(".at")]


def nearest(x: np.ndarray, train_idx: np.ndarray, idx=None) -> tuple[np.ndarray, np.ndarray]:
    """The TOP nearest training rows of the rows idx (m,) of x (n, d), unit rows; None: of all.
    Returns their row numbers and cosines (m, top), nearest first.

    They are found once for all folds. They hold no label: which of them may lend a row its target
    is decided in features.target_encoding.
    """
    train_x = x[train_idx].T.copy()
    top = min(TOP, len(train_idx))

    if idx is not None:
        x = x[idx]

    starts = range(0, len(x), CHUNK)
    all_idx = []
    all_cosines = []
    for start in progress(starts, "nearest"):
        chunk = x[start : start + CHUNK]
        cosine = chunk @ train_x  # (CHUNK, training rows)

        # the nearest, in any order
        columns = np.argpartition(-cosine, top - 1, axis=1)
        columns = columns[:, :top]
        cosine = np.take_along_axis(cosine, columns, 1)

        # and in their order
        order = np.argsort(-cosine, axis=1, kind="stable")
        columns = np.take_along_axis(columns, order, 1)
        cosine = np.take_along_axis(cosine, order, 1)

        all_idx.append(train_idx[columns])
        all_cosines.append(cosine)

    idx = np.concatenate(all_idx)
    cosines = np.concatenate(all_cosines)
    return idx.astype(np.int32), cosines.astype(np.float32)
