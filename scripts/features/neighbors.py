"""Spaces in which rows lie beside what they resemble: words and quantities, and the embeddings of
encoders."""

import numpy as np

from common.errors import UserError
from common.log import progress
from features.ngrams import ngrams_file
from features.store import full_name, keys, read_features
from texts.ngrams import read_ngrams
from texts.quantities import scaled

# weight of scaled quantities beside a space of length 1: two alike in words and not in size are not
# alike in price
NUMBERS = 0.1


def encoders(config) -> list[str]:
    """Sources of the embeddings that config section table names."""
    return [
        full_name(side, name)
        for side, name in (("text", config.lightgbm.encoder), ("image", config.lightgbm.image))
        if name
    ]


def spaces(job, rows) -> dict[str, np.ndarray]:
    """{name: (n, d) float32}: the words' singular directions, each encoder's embeddings, 0 where a
    row has none; and "numbers", scaled quantities at the weight that they have beside a space."""
    words = read_ngrams(ngrams_file(job.paths), rows.id)
    found = {"words": words["space"], "numbers": NUMBERS * scaled(words["numbers"])}
    for source in encoders(job.config):
        (array,), row = read_features([job.paths.features(source)], keys(source, rows))
        if array.ndim > 2 and not source.startswith("timm:"):
            raise UserError(
                f"{source} was kept as {array.shape[1]} tokens a row, and neighbours need "
                "one vector: set encode.tokens=1"
            )
        x = np.asarray(array, np.float32).reshape(len(array), -1)
        found[source] = unit(np.where(row[:, None] >= 0, x[row], 0))
    return found


def save_nearest(job, rows, file) -> list[str]:
    """The nearest training rows of every row in each space, with quantities beside it: <space>.at
    and <space>.cosine (n, 64). Gives the spaces' names."""
    train, found, every = (
        np.flatnonzero((rows.fold >= 0) & (rows.target[:, 0] >= 0)),
        {},
        spaces(job, rows),
    )
    beside = every.pop("numbers")
    for name, space in every.items():
        found[f"{name}.at"], found[f"{name}.cosine"] = nearest(
            unit(np.concatenate([space, beside], 1)), train
        )
    np.savez(file, id=rows.id, **found)
    return list(spaces_in(found))


def spaces_in(arrays: dict) -> list[str]:
    """The names of the spaces that save_nearest wrote."""
    return [key.removesuffix(".at") for key in arrays if key.endswith(".at")]


def nearest(
    space: np.ndarray, train: np.ndarray, top: int = 64, chunk: int = 1024
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest training rows of every row in a space (n, d) of unit rows, once for all folds:
    row numbers and cosines (n, top), nearest first. No label is in them; whose target may be looked
    at is for `neighbours` to say."""
    base, top, at, near = space[train].T.copy(), min(top, len(train)), [], []
    for i in progress(range(0, len(space), chunk), "nearest"):
        cosine = space[i : i + chunk] @ base
        found = np.argpartition(-cosine, top - 1, axis=1)[:, :top]
        found = np.take_along_axis(
            found, np.argsort(-np.take_along_axis(cosine, found, 1), axis=1, kind="stable"), 1
        )
        at.append(train[found])
        near.append(np.take_along_axis(cosine, found, 1))
    return np.concatenate(at).astype(np.int32), np.concatenate(near).astype(np.float32)


def unit(x: np.ndarray) -> np.ndarray:
    """Rows (n, d) of length 1; a row of zeros stays."""
    return x / np.linalg.norm(x, axis=1, keepdims=True).clip(1e-9)
