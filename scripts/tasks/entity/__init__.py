"""One value with its unit per question about an image: the Amazon ML Challenge 2024, or any table
of entities and values.

    in:  an image of a pack (or its text), asked for "item_weight", group 731432
    out: "500.0 gram", from weights like 500 gram .82, 17.6 ounce .11

A prediction (n, 24) holds a row's likeliest values with their weights; a target or answer (n, 2) is
one value: see texts.value_codes. `outputs` {entity: [units]} says what is asked for and in which
units it may be answered.

Score: F1 as the organisers count it, see metrics.value_f1.
"""

import re

import numpy as np
import pandas as pd

from common.errors import UserError
from common.log import log
from common.questions import VALUE
from metrics.value_f1 import best_threshold, f1, f1_replicates
from tasks.entity.prompts import (  # noqa: F401, verbs of this task
    pattern,
    prompt,
    refine_pattern,
    refine_prompt,
)
from tasks.entity.read import read_rows  # noqa: F401, a verb
from tasks.entity.submission import (  # noqa: F401, verbs
    Outputs,
    format_answers,
    problems,
    read_answers,
    submission,
    truth_columns,
)
from texts.units import ENTITIES
from texts.value_codes import (
    ENTITY_NAMES,
    NO_ANSWER,
    TOP_K,
    combine,
    encode_predictions,
    encode_values,
    entity_index,
    has_value,
    is_given,
    is_same_value,
)
from texts.values import parse_distinct, read_values

ASKS = VALUE
MODE = "max"
SCORE = "f1"
RANGE = (0, 1)
BASELINE = "nothing"
SHARES = np.arange(11) / 10  # of one model in a vote, that fit_blend tries


def outputs(rows: pd.DataFrame) -> Outputs:
    """{entity: its units} of the entities asked for. Raises UserError when no training row has a
    value."""
    values = rows.value[rows.value != ""]
    value_of = parse_distinct(values)
    odd = [text for text in values if value_of[text] is None]
    first_odd = odd[0] if odd else None

    if len(odd) == len(values):
        example = f", e.g. {first_odd!r}" if odd else ""
        raise UserError(
            f"no training row has a value like '12.5 gram'{example}; look at data.labels"
        )

    log(
        values=len(values),
        no_one_value=len(odd),
        e_g=first_odd,
    )

    asked = set(rows.question)
    return {name: list(units) for name, units in ENTITIES.items() if name in asked}


def sizes(outputs: Outputs) -> list[int]:
    """Columns of a prediction."""
    return [3 * TOP_K]


def encode(rows: pd.DataFrame, outputs: Outputs) -> np.ndarray:
    """Targets (n, 2) float64 of the rows' values, code -1 for test rows."""
    target = encode_values(rows.value, rows.question)
    target[rows.split == "test"] = -1.0
    return target


def encode_table(table: pd.DataFrame, outputs: Outputs, data) -> np.ndarray:
    """Targets (n, 2) of a table of labels in the organisers' columns; one without questions is
    compared by numbers and units alone."""
    no_question = pd.Series(ENTITY_NAMES[0], table.index)
    questions = table.get(data.question, no_question)
    return encode_values(table[data.labels[0]], questions)


def strata(target: np.ndarray) -> np.ndarray:
    """The code of each row's entity and unit (n,), which folds spread evenly."""
    return target[:, 1].astype(int)


def baseline(target: np.ndarray, outputs: Outputs) -> np.ndarray:
    """The baseline's prediction (3 TOP_K,): no value."""
    return encode_predictions([[]], ENTITY_NAMES[:1])[0]


def read_replies(replies, rows, idx) -> np.ndarray:
    """Predictions (m, 3 TOP_K) of a language model's replies (m,) to the row numbers idx (m,): the
    value that is read in each, with weight 1."""
    questions = rows.question[idx]
    predictions = []
    for value in read_values(replies, questions):
        candidates = []
        if value:
            candidates.append((*value, 1.0))

        predictions.append(candidates)

    return encode_predictions(predictions, questions)


def is_clear(replies, rows, idx) -> np.ndarray:
    """(m,) bool: True where nothing is left to be refined, because a reply has a value that can be
    read, or no digit."""
    values = read_values(replies, rows.question[idx])
    is_read = np.array([value is not None for value in values], bool)

    matches = [re.search(r"\d", reply) for reply in replies]
    has_digit = np.array([match is not None for match in matches], bool)
    return is_read | ~has_digit


def average(preds: np.ndarray) -> np.ndarray:
    """The mean (n, 3 TOP_K) of predictions (m, n, 3 TOP_K)."""
    m = len(preds)
    weights = np.full(m, 1 / m)
    return combine(preds, weights)


def fit_blend(pred: np.ndarray, target: np.ndarray, outputs: Outputs) -> np.ndarray:
    """Weights (m, 1) of m models' votes, pred (m, n, 3 TOP_K), that sum to 1 and make F1 best; one
    model's is 1.

    Coordinate by coordinate in tenths, twice: F1 is a step function of few hundred rows, a finer
    search would fit their noise.
    """
    m = len(pred)
    best = np.full(m, 1 / m)

    if m == 1:
        return best[:, None]

    best_score = blend_score(pred, best, target)
    twice = [*range(m), *range(m)]
    for i in twice:
        others = shares_without(best, i)

        for share in SHARES:
            shares_of_others = others * (1 - share)
            weights = np.insert(shares_of_others, i, share)

            score = blend_score(pred, weights, target)
            if score > best_score:
                best = weights
                best_score = score

    return best[:, None]


def shares_without(weights: np.ndarray, i: int) -> np.ndarray:
    """The weights (m - 1,) of the models but the i-th, scaled to sum 1; equal where all are 0."""
    others = np.delete(weights, i)
    total = others.sum()
    if total == 0:
        n = len(others)
        return np.full(n, 1 / n)

    return others / total


def blend_score(pred: np.ndarray, weights: np.ndarray, target: np.ndarray) -> float:
    """F1 of the models' vote with the threshold that is best for it."""
    vote = combine(pred, weights)
    _, score = best_threshold(vote, target)
    return score


def apply_blend(pred: np.ndarray, weights: np.ndarray, outputs: Outputs) -> np.ndarray:
    """The vote (n, 3 TOP_K) of models' predictions (m, n, 3 TOP_K)."""
    return combine(pred, weights[:, 0])


def answer(pred: np.ndarray, outputs: Outputs) -> np.ndarray:
    """The likeliest value (n, 2) of each row, code -1 where there is none."""
    return pred[:, :2]


def fit_decode(pred: np.ndarray, target: np.ndarray, outputs: Outputs) -> np.ndarray:
    """The weight (1,) below which not answering makes F1 best."""
    threshold, _ = best_threshold(pred, target)
    return np.array([threshold])


def apply_decode(pred: np.ndarray, fitted: np.ndarray, outputs: Outputs) -> np.ndarray:
    """Answers (n, 2), code -1 where the likeliest value has less weight than fit_decode's."""
    value = pred[:, :2]
    weight = pred[:, 2:3]
    return np.where(weight >= fitted, value, NO_ANSWER)


def score(answer: np.ndarray, target: np.ndarray, outputs: Outputs) -> float:
    """F1 of answers (n, 2) over the labelled rows, 0 to 1, higher is better."""
    return f1(answer, target)["f1"]


def score_at_size(answer: np.ndarray, target: np.ndarray, outputs: Outputs, n: int) -> float:
    """The score to expect on a test set of n rows: F1 is a ratio of means over rows, so the
    same."""
    return score(answer, target, outputs)


def score_replicates(
    answer: np.ndarray, target: np.ndarray, outputs: Outputs, weights: np.ndarray
) -> np.ndarray:
    """F1 (b,) where row i counts weights[:, i] times, weights (b, n) whole numbers."""
    return f1_replicates(answer, target, weights)


def table(
    answer: np.ndarray, target: np.ndarray, outputs: Outputs, pred: np.ndarray | None = None
) -> dict[str, dict]:
    """{entity: {f1, precision, recall, answered, right}} over the labelled rows that ask for it."""
    asked = entity_index(target)
    scores = {}
    for name in outputs:
        of_entity = asked == ENTITY_NAMES.index(name)
        scores[name] = f1(answer[of_entity], target[of_entity])

    return scores


def mistakes(
    answer: np.ndarray, target: np.ndarray, outputs: Outputs, rows: pd.DataFrame
) -> pd.DataFrame:
    """Of the rows (n,) of folds.csv those that are labelled and whose answer is not the label: id,
    question, image, label, answer."""
    nothing_to_say = ~has_value(target) & ~is_given(answer)  # and nothing was said
    is_right = is_same_value(answer, target) | nothing_to_say
    is_wrong = is_given(target) & ~is_right
    wrong = np.flatnonzero(is_wrong)

    columns = rows[["id", "question", "image", "value"]]
    table = columns.iloc[wrong]
    table = table.rename(columns={"value": "label"})

    formatted = format_answers(answer[wrong], outputs)
    table["answer"] = formatted.prediction.to_numpy()
    return table
