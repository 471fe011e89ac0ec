"""stack: the second level, over the other models' out-of-fold predictions and over tables of
predictions from elsewhere."""

import numpy as np

from common.files import load_npz
from common.sections import Names, Section
from common.tables import more, read_numbers

FIT, SETTINGS, PREDICT, INFER = "", (), "07_stack", ("models", "stack")
PER, ANSWERS, PICTURES, TEXTS = "all", ("number",), False, False


def inputs(config, paths, k):
    return [
        paths.pred(f"{model}_{fold}")
        for model in config.models
        if model != "stack"
        for fold in range(config.data.n_folds)
    ]


def weights(config):
    return []


def columns(job, rows, merge) -> tuple[np.ndarray, list[str]]:
    """Predicted prices (n, m) of all rows and whose they are: every other model's, then those of
    stack.train and stack.test.

    A model's for a training row is its out-of-fold one, for a test row the mean of its folds'. Stop
    on a price that is none.
    """
    from common.errors import Stop

    found, names = [], [model for model in job.config.models if model != "stack"]
    for model in names:
        members = {
            f"{model}_{k}": load_npz(job.paths.pred(f"{model}_{k}"))
            for k in range(job.config.data.n_folds)
        }
        found.append(np.expm1(merge(members, rows)))
    found_more, columns_of = read_numbers(job.config.data, job.config.stack, rows.id)
    wrong = np.argwhere(~(found_more > 0))
    if len(wrong):
        row, column = wrong[0]
        raise Stop(
            f"{columns_of[column]} is {found_more[row, column]} at "
            f"{rows.id[row]}{more(wrong)} of the stack's tables; "
            "a predicted price is a positive number"
        )
    prices, names = np.concatenate([*found, found_more], 1), [*names, *columns_of]
    if twice := {name for name in names if names.count(name) > 1}:
        raise Stop(
            f"{', '.join(sorted(twice))} is a model and a column of "
            f"{job.config.stack.train}; rename the column"
        )
    if prices.shape[1] < 2:
        raise Stop(
            "a stack needs two columns of predictions or more, and there are "
            f"{prices.shape[1]}: name other models before it, "
            "or tables in stack.train and stack.test"
        )
    return prices, names


class Stack(Section):
    """LightGBM over the other models' out-of-fold predictions and those of tables from
    elsewhere."""

    # table in data.folder of out-of-fold predictions of training rows (id, columns); "" = none
    train: str = ""
    test: str = ""  # the same columns for the test rows
    trust: Names = ()  # columns that the leak check takes for too good, and you know why
