"""stack: the second level, over the other models' out-of-fold predictions and over tables of
predictions from elsewhere."""

import numpy as np

from common.errors import UserError
from common.questions import NUMBER
from common.sections import Names, Section
from common.tables import and_more
from features.side_tables import read_numbers
from models.stack.leaks import leak_check
from models.stack.second_level import PARTS, fit_linear, second_level

__all__ = ["PARTS", "fit_linear"]

ANSWERS = (NUMBER,)
PER = "all"
PREDICT_SETTINGS = ("models", "stack")


class Settings(Section):
    """LightGBM over the other models' out-of-fold predictions and those of tables from
    elsewhere."""

    # table in data.folder of out-of-fold predictions of training rows (id, columns); "" = none
    train: str = ""
    test: str = ""  # the same columns for the test rows
    trust: Names = ()  # columns that the leak check takes for too good, and you know why


def check(config):
    if len(config.models) < 3 and not config.stack.train:
        raise ValueError(
            "a stack needs two other models or more before it, or tables of predictions: "
            "set models, or stack.train and stack.test"
        )


def inputs(config, paths, k):
    return [
        paths.pred(f"{model}_{fold}")
        for model in config.models
        if model != "stack"
        for fold in range(config.data.n_folds)
    ]


def first_level(job, rows, merged: dict[str, np.ndarray]) -> tuple[np.ndarray, list[str]]:
    """Predicted numbers (n, m) of all rows and whose they are: every other model's, then those of
    stack.train and stack.test.

    merged {model: (n, 1)}: the models' predictions, log1p; a training row's is out-of-fold, a test
    row's the mean of its folds'. Raises UserError on a number that is not positive.
    """
    table, columns = read_numbers(job.config.data, job.config.stack, rows.id)
    wrong = np.argwhere(~(table > 0))
    if len(wrong):
        row, column = wrong[0]
        raise UserError(
            f"{columns[column]} is {table[row, column]} at {rows.id[row]}{and_more(wrong)} of the "
            "stack's tables; a predicted price is a positive number"
        )
    names = [*merged, *columns]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise UserError(
            f"{', '.join(sorted(twice))} is a model and a column of "
            f"{job.config.stack.train}; rename the column"
        )
    if len(names) < 2:
        raise UserError(
            "a stack needs two columns of predictions or more, and there are "
            f"{len(names)}: name other models before it, or tables in stack.train and stack.test"
        )
    return np.concatenate([*map(np.expm1, merged.values()), table], 1), names


def in_logs(numbers: np.ndarray, rows) -> np.ndarray:
    """The logs of positive numbers (n, m); below half of the least training label they say nothing
    more."""
    (lowest, _), *_ = rows.outputs.values()
    return np.log(np.maximum(numbers, lowest / 2))


def check_columns(job, rows, x: np.ndarray, names: list[str], y: np.ndarray) -> None:
    """Raises UserError when a column of logs x (n, m) knows too much of y (n,), or is none of its numbers; all
    of labelled rows, of which `rows` has the folds."""
    known = is_labelled(rows)
    foreign = set(names) - set(job.config.models)
    leak_check(x, names, y, rows.fold[known], foreign, job.config.stack.trust)
    factors = np.exp(np.median(x, 0) - np.median(y))
    for name, factor in zip(names, factors, strict=True):
        if not 1 / 3 < factor < 3:
            raise UserError(
                f"{name} is {factor:.2g} times the price in the middle: a logarithm, "
                "a rank, another currency? Predictions are to be prices"
            )


def is_labelled(rows) -> np.ndarray:
    """Which rows (n,) are training rows with a label."""
    return (rows.fold >= 0) & (rows.target[:, 0] >= 0)


def labelled_logs(x: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the second level is fitted on: the rows of logs x (n, m) with a label, and their labels'
    logs. target (n, 1), NaN where not labelled."""
    known = np.isfinite(target[:, 0])
    return x[known], target[known, 0]


def apply_second_level(
    z: np.ndarray, learnt: tuple[np.ndarray, np.ndarray], seed: int
) -> np.ndarray:
    """Logs (m, len(PARTS)) of the rows z (m, k), by the second level fitted on `learnt`."""
    return second_level(*learnt, z, seed)
