"""stack: the second level, over the other models' out-of-fold predictions; of a number also over
tables of predictions from elsewhere.

number    in: prices of a row by ridge, lightgbm and mlp, 21.0 24.5 20.1 → out: log1p price 3.12
classes   in: probabilities of a row's classes by ridge and heads, blue .7 and .4 ...
          out: those of the stack, e.g. colour: blue .6, black .3, ...
"""

import numpy as np

from common.questions import CLASSES, NUMBER
from common.sections import Names, Section
from models import count_members, pred_file
from models.stack import classes, numbers

ANSWERS = (CLASSES, NUMBER)
PER = "all"
PREDICT_SETTINGS = ("models", "stack")
SECOND_LEVELS = {CLASSES: classes.second_level, NUMBER: numbers.second_level}


class Settings(Section):
    """A second level over the other models' out-of-fold predictions and those of tables from
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
    files = inputs(config, paths.of(""), k) if paths.rows else []
    for model in config.models:
        if model == "stack":
            continue

        for member in range(count_members(model, config.data)):
            files.append(pred_file(paths, f"{model}_{member}"))

    return files


def second_level(job, rows, preds: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict]:
    """{name: predictions (n, K) of all rows} of every model and of what is made of them, "stack"
    the one to use; and the weights of the models, for the record.

    preds: {model: (n, K)}; a training row's is out-of-fold, a test row's the mean over the folds. A
    training row's stack is fitted on the other folds, a test row's on all. Raises UserError when a
    column knows too much.
    """
    return SECOND_LEVELS[rows.task.ASKS](job, rows, preds)
