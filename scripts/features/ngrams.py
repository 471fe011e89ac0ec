"""ngrams: the n-grams and quantities of every row's text, made once for all models that read them;
vocabulary: what the training rows' texts taught about n-grams and quantities.

in: "Basmati rice 5 kg" → out: TF-IDF of "basmati", "basmati rice", ..., and 5000 grams
"""

import numpy as np

from common.files import load_npz
from common.log import log
from common.sections import Count, Section
from features.source import Source
from features.store import require_text
from texts.ngrams import (
    BLOCKS,
    empty_ngrams,
    fit_ngrams,
    read_ngrams,
    save_ngrams,
    stack_ngrams,
    transform,
)


class Settings(Section):
    """The n-grams of texts that ridge, mlp and lightgbm read."""

    # an n-gram of names counts if so many rows have it; of whole texts and characters one more
    min_rows: Count = 2
    # the most frequent n-grams that are kept, each of names, whole texts and characters
    columns: Count = 100_000
    # singular directions of texts, and of characters, in which neighbours are sought
    space: Count = 128


def vocabulary_file(paths):
    return paths.features("vocabulary", ".npz")


def ngrams_file(paths):
    return paths.features("ngrams", ".npz")


def write_vocabulary(job, stem: str) -> None:
    """Write features/vocabulary.npz, which texts.ngrams.transform takes: what is learnt from the
    texts of the training rows alone. stem: the file's name, always "vocabulary"."""
    require_text(job)
    rows = job.rows
    train_texts = rows.text[rows.fold >= 0]

    with job.writing(vocabulary_file(job.paths)) as (tmp, record):
        fitted = fit_ngrams(train_texts, job.config.ngrams)
        np.savez(tmp, **fitted)

        n_ngrams = {block: len(fitted[f"{block}.idf"]) for block in BLOCKS}
        record["ngrams"] = n_ngrams

    log(source="vocabulary", rows=len(train_texts), **n_ngrams)


def vocabulary_needs(config, paths, stem: str) -> list:
    return [paths.folds]


def write(job, stem: str) -> None:
    """Write features/ngrams.npz: the n-grams of the rows' texts, their singular directions, and the
    quantities. stem: the file's name, always "ngrams"."""
    require_text(job)
    rows = job.rows

    with job.writing(ngrams_file(job.paths)) as (tmp, record):
        fitted = load_npz(vocabulary_file(job.paths.of("")))
        ngrams = transform(fitted, rows.text[rows.asked])
        save_ngrams(ngrams, rows.id[rows.asked], tmp)

        shapes = {block: matrix.shape for block, matrix in ngrams.items()}
        record["shape"] = shapes

    n_columns = {block: shape[1] for block, shape in shapes.items()}
    log(source="ngrams", rows=int(rows.asked.sum()), **n_columns)


def load_ngrams(job, rows, with_training: bool = False) -> dict:
    """The n-grams and quantities of all rows, as texts.ngrams.transform gives them.

    Beside rows to answer those of the training rows are empty, unless with_training.
    """
    own = read_ngrams(ngrams_file(job.paths), rows.id[rows.asked])
    if not job.paths.rows:
        return own

    training_ids = rows.id[~rows.asked]
    if with_training:
        training = read_ngrams(ngrams_file(job.paths.of("")), training_ids)
    else:
        training = empty_ngrams(own, len(training_ids))

    return stack_ngrams(training, own)


def needs(config, paths, stem: str) -> list:
    return [paths.table, vocabulary_file(paths.of(""))]


SOURCES = {
    "vocabulary": Source(write_vocabulary, vocabulary_needs, ("ngrams",)),
    "ngrams": Source(write, needs),
}
