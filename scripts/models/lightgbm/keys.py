"""By what rows are like each other: the last word of their names, and their nearest rows."""

import numpy as np

from common.errors import UserError
from common.files import load_npz
from features.neighbors import spaces_in
from texts.quantities import item_names


def neighbors_file(paths):
    return paths.features("neighbors", ".npz")


def read_neighbors(job, rows) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """{space: the nearest training rows of every row, row numbers and cosines (n, top)}. Raises
    UserError when they are of other rows."""
    file = neighbors_file(job.paths)
    nearest = load_npz(file)

    if not np.array_equal(nearest["id"], rows.id):
        raise UserError(f"{file} is of other rows than folds.csv; remove it and run make again")

    by_space = {}
    for space in spaces_in(nearest):
        by_space[space] = (nearest[f"{space}.at"], nearest[f"{space}.cosine"])

    return by_space


def last_words(texts) -> np.ndarray:
    """The last word (n,) of each name that has no digit, often what kind of thing it is; "" without
    one."""
    last = []
    for name in item_names(texts):
        words = name.lower().replace(",", " ").split()
        without_digits = [word for word in words if word.isalpha()]
        if without_digits:
            last.append(without_digits[-1])
        else:
            last.append("")

    return np.array(last, dtype=str)
