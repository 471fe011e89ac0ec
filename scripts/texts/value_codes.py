"""Values as numbers: targets and answers (n, 2), and predictions (n, 3 TOP_K).

A target or an answer is a number and a code. The code is WIDTH * entity + unit, which are places in
ENTITY_NAMES and UNITS; -1 means not labelled, or not answered. Two units are special: NONE is a
label that says that there is no value, OTHER a label that is no single value.

A prediction is a row's TOP_K likeliest values, best first, each as number, code, weight. Weights
are probabilities; what they lack to 1 is the probability of "no value".

    in:  "12.5 gram", asked for item_weight  → out: [12.5, 64 * 3 + 9]
    in:  ""                                  → out: [0.0, 64 * 3 + NONE]
"""

from operator import itemgetter

import numpy as np
import pandas as pd

from texts.units import ENTITIES, UNITS
from texts.values import parse

TOP_K = 8
WIDTH, NONE, OTHER = 64, 62, 63
NO_ANSWER = (0.0, -1.0)
ENTITY_NAMES = list(ENTITIES)
UNIT_INDEX = {unit: i for i, unit in enumerate(UNITS)}


def allowed_codes() -> np.ndarray:
    """(codes,) bool: True where the unit is one of the entity's; some labels have another's."""
    shape = (len(ENTITY_NAMES), WIDTH)
    allowed = np.zeros(shape, bool)
    for entity, units in enumerate(ENTITIES.values()):
        places = [UNIT_INDEX[unit] for unit in units]
        allowed[entity, places] = True

    return allowed.ravel()


ALLOWED = allowed_codes()


def encode_values(values: pd.Series, questions) -> np.ndarray:
    """Targets (n, 2) of labels as text, "" where there is no value; questions (n,): entities."""
    # labels repeat: each is read once
    pair_of = {text: encode_value(text) for text in values.drop_duplicates()}
    pairs = [pair_of[text] for text in values]
    pairs = np.array(pairs, float)
    pairs = pairs.reshape(-1, 2)  # of no labels too
    number, unit = pairs.T

    entity = entity_of(questions)
    code = WIDTH * entity + unit
    return np.stack([number, code], axis=1)


def entity_of(questions) -> np.ndarray:
    """Place (n,) in ENTITY_NAMES of each question; -1 where it is none of them."""
    names = pd.Index(ENTITY_NAMES)
    return names.get_indexer(questions)


def encode_value(text: str) -> tuple[float, int]:
    """Number and place of the unit of one label: (12.5, 9) of "12.5 gram"."""
    if text == "":
        return 0.0, NONE

    value = parse(text)
    if value is None:
        return 0.0, OTHER

    number, unit = value
    return number, UNIT_INDEX[unit]


def encode_predictions(values: list[list[tuple]], questions) -> np.ndarray:
    """Predictions (n, 3 TOP_K) of each row's candidates (number, unit, weight).

    questions (n,): entities. Of more than TOP_K candidates those with the largest weights stay.
    """
    n = len(values)
    empty = (*NO_ANSWER, 0.0)
    out = np.tile(empty, (n, TOP_K, 1))

    for row, candidates, question in zip(out, values, questions, strict=True):
        entity = ENTITY_NAMES.index(question)
        best_first = sorted(candidates, key=itemgetter(2), reverse=True)
        best = best_first[:TOP_K]

        for k, (number, unit, weight) in enumerate(best):
            code = WIDTH * entity + UNIT_INDEX[unit]
            row[k] = number, code, weight

    return out.reshape(n, 3 * TOP_K)


def decode_predictions(pred: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers, codes and weights (..., s) of predictions (..., 3 s)."""
    triples = pred.reshape(*pred.shape[:-1], -1, 3)
    return triples[..., 0], triples[..., 1], triples[..., 2]


def combine(preds: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The vote (n, 3 TOP_K) of m models' predictions (m, n, 3 TOP_K) with weights (m,).

    A value's weight is its weighted sum over the models; the TOP_K largest stay.
    """
    m, n, _ = preds.shape
    is_one_model = m == 1 and weights[0] == 1
    if not n or is_one_model:
        return preds[0]

    # the values of all models side by side, sorted, so that equal ones are neighbours
    side_by_side = np.concatenate(preds, axis=1)
    number, code, weight = decode_predictions(side_by_side)  # (n, m TOP_K)
    weight = weight * np.repeat(weights, TOP_K)
    order = np.lexsort((number, code), axis=1)
    number, code, weight = take_columns(order, number, code, weight)

    total = sum_equal(number, code, weight)
    order = np.argsort(-total, axis=1, kind="stable")
    best = order[:, :TOP_K]
    number, code, total = take_columns(best, number, code, total)

    is_empty = total <= 0
    number[is_empty], code[is_empty] = NO_ANSWER
    triples = np.stack([number, code, total], axis=2)
    return triples.reshape(n, -1)


def sum_equal(number: np.ndarray, code: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The weight (n, s) of each value: the first of equal neighbours has the sum of theirs, the
    others have 0."""
    same_number = number[:, 1:] == number[:, :-1]
    same_code = code[:, 1:] == code[:, :-1]
    is_first = np.ones(weight.shape, bool)
    is_first[:, 1:] = ~(same_number & same_code)

    starts = np.flatnonzero(is_first)
    sums = np.add.reduceat(weight.ravel(), starts)

    total = np.zeros_like(weight)
    total[is_first] = sums
    return total


def take_columns(order: np.ndarray, *arrays) -> list[np.ndarray]:
    """Each of the arrays (n, s) with the columns order (n, t) of each row."""
    return [np.take_along_axis(array, order, axis=1) for array in arrays]


def is_given(values: np.ndarray) -> np.ndarray:
    """(n,) bool: True where a target (n, 2) is labelled, or an answer (n, 2) is not empty."""
    return values[:, 1] >= 0


def has_value(target: np.ndarray) -> np.ndarray:
    """(n,) bool: True where a target (n, 2) is labelled with a value."""
    return is_given(target) & (target[:, 1] % WIDTH != NONE)


def is_same_value(answer: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(n,) bool: True where answers (n, 2) have the targets' number and unit."""
    same_number = answer[:, 0] == target[:, 0]
    same_unit = answer[:, 1] % WIDTH == target[:, 1] % WIDTH
    return is_given(answer) & same_number & same_unit


def entity_index(values: np.ndarray) -> np.ndarray:
    """Place (n,) in ENTITY_NAMES of the entity that is asked for; -1 where a row is not given."""
    return np.where(is_given(values), values[:, 1] // WIDTH, -1).astype(int)


def unit_index(values: np.ndarray) -> np.ndarray:
    """Place (n,) in UNITS of each value's unit, NONE or OTHER; OTHER too where a row is not
    given."""
    return values[:, 1].astype(int) % WIDTH
