"""Values as numbers: targets and answers (n, 2); predictions (n, 3 SLOTS), several values each
with weights.

A value is its number and a code, WIDTH * entity + unit, as ENTITIES and UNITS number them; code -1:
not labelled, or not answered; unit NONE: labelled as without a value; OTHER: a label that is no one
value. A prediction is a row's likeliest values, best first, each as number, code, weight; weights
are probabilities, and what they lack to 1 says "no value".
"""

import numpy as np
import pandas as pd

from texts.units import ENTITIES, UNITS
from texts.values import parse

SLOTS, WIDTH, NONE, OTHER = 8, 64, 62, 63
NAMES, UNIT = list(ENTITIES), {unit: i for i, unit in enumerate(UNITS)}
ALLOWED = np.zeros(
    len(NAMES) * WIDTH, bool
)  # by code: an entity in one of its units; some labels have another's
ALLOWED[
    [WIDTH * NAMES.index(name) + UNIT[unit] for name, units in ENTITIES.items() for unit in units]
] = True


def encode_values(values: pd.Series, questions) -> np.ndarray:
    """Numbers and codes (n, 2) of labels or answers, "" where there is no value. questions (n,):
    entities."""
    spelt = values.drop_duplicates()
    found = {
        text: (0.0, NONE)
        if text == ""
        else (value[0], UNIT[value[1]])
        if (value := parse(text))
        else (0.0, OTHER)
        for text in spelt
    }
    number, unit = np.array([found[text] for text in values], float).reshape(-1, 2).T
    return np.stack([number, WIDTH * pd.Index(NAMES).get_indexer(questions) + unit], axis=1)


def pack(values: list[list[tuple]], questions) -> np.ndarray:
    """Predictions (n, 3 SLOTS) of each row's (number, unit, weight) for the row's entity: the SLOTS
    of most weight, best first."""
    out = np.tile([0.0, -1.0, 0.0], (len(values), SLOTS, 1))
    for i, (row, question) in enumerate(zip(values, questions, strict=True)):
        for slot, (number, unit, weight) in enumerate(
            sorted(row, key=lambda value: -value[2])[:SLOTS]
        ):
            out[i, slot] = number, WIDTH * NAMES.index(question) + UNIT[unit], weight
    return out.reshape(len(values), 3 * SLOTS)


def combine(preds: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Predictions (m, n, 3 SLOTS) as one (n, 3 SLOTS): of each value the weighted sum of its
    weights, the SLOTS of most weight first."""
    m, n, _ = preds.shape
    if not n or m == 1 and weights[0] == 1:
        return preds[0]
    number, code, weight = (
        preds.reshape(m, n, SLOTS, 3).transpose(3, 1, 0, 2).reshape(3, n, m * SLOTS)
    )
    weight = weight * np.repeat(weights, SLOTS)
    order = np.lexsort((number, code), axis=1)
    number, code, weight = (np.take_along_axis(x, order, 1) for x in (number, code, weight))
    first = np.ones((n, m * SLOTS), bool)  # of a run of equal values
    first[:, 1:] = (number[:, 1:] != number[:, :-1]) | (code[:, 1:] != code[:, :-1])
    total = np.zeros_like(weight)
    total[first] = np.add.reduceat(weight.ravel(), np.flatnonzero(first))
    best = np.argsort(-total, axis=1, kind="stable")[:, :SLOTS]
    number, code, total = (np.take_along_axis(x, best, 1) for x in (number, code, total))
    return np.stack(
        [np.where(total > 0, number, 0), np.where(total > 0, code, -1), total], axis=2
    ).reshape(n, -1)


def same(answer: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Which answers (n, 2) are the targets' number and unit (n,) bool."""
    return (
        (answer[:, 1] >= 0)
        & (answer[:, 0] == target[:, 0])
        & (answer[:, 1] % WIDTH == target[:, 1] % WIDTH)
    )


def has_value(target: np.ndarray) -> np.ndarray:
    """Which rows (n,) are labelled with a value."""
    return (target[:, 1] >= 0) & (target[:, 1] % WIDTH != NONE)
