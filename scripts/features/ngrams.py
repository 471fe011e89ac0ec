"""ngrams: the n-grams and quantities of every row's text, made once for all models that read them.

in: "Basmati rice 5 kg" → out: TF-IDF of "basmati", "basmati rice", ..., and 5000 grams
"""

from common.log import log
from common.sections import Count, Section
from features.source import Source
from features.store import require_text
from texts.ngrams import count_ngrams, save_ngrams


class Settings(Section):
    """The n-grams of texts that ridge, mlp and lightgbm read."""

    # an n-gram of names counts if so many rows have it; of whole texts and characters one more
    min_rows: Count = 2
    # the most frequent n-grams that are kept, each of names, whole texts and characters
    columns: Count = 100_000
    # singular directions of each of the three, in which neighbours are sought
    space: Count = 128


def ngrams_file(paths):
    return paths.features("ngrams", ".npz")


def write(job, stem: str) -> None:
    """Write features/ngrams.npz: the n-grams of the texts, their singular directions, and the
    quantities. stem: the file's name, always "ngrams"."""
    require_text(job)
    rows = job.rows

    file = ngrams_file(job.paths)
    with job.writing(file) as (tmp, record):
        ngrams = count_ngrams(rows.text, job.config.ngrams)
        save_ngrams(ngrams, rows.id, tmp)

        shapes = {block: matrix.shape for block, matrix in ngrams.items()}
        record["shape"] = shapes

    n_columns = {block: shape[1] for block, shape in shapes.items()}
    log(source="ngrams", rows=len(rows.id), **n_columns)


def needs(config, paths, stem: str) -> list:
    return [paths.folds]


SOURCES = {"ngrams": Source(write, needs, ("ngrams",))}
