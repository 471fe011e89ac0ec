"""By what rows are like each other: the last word of their names, and their nearest rows."""

import numpy as np

from common.errors import UserError
from common.files import load_npz
from features.neighbors import spaces_in
from texts.quantities import item_names


def neighbors_file(paths):
    return paths.features("neighbors", ".npz")


def read_neighbors(job, rows) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """{space: the nearest training rows of every row, row numbers and cosines (n, top)}; beside
    rows to answer those of the training rows are 0. Raises UserError when they are of other
    rows."""
    file = neighbors_file(job.paths)
    nearest = load_npz(file)
    if not np.array_equal(nearest["id"], rows.id[rows.asked]):
        raise UserError(f"{file} is of other rows than folds.csv; remove it and run make again")

    by_space = {}
    for space in spaces_in(nearest):
        row = of_all_rows(nearest[f"{space}.at"], rows)
        cosine = of_all_rows(nearest[f"{space}.cosine"], rows)
        by_space[space] = (row, cosine)

    return by_space


def of_all_rows(values: np.ndarray, rows) -> np.ndarray:
    """Values (n, c) of all rows, of those (m, c) of the rows that are asked for; 0 of the
    others."""
    out = np.zeros((len(rows.id), values.shape[1]), values.dtype)
    out[rows.asked] = values
    return out


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
