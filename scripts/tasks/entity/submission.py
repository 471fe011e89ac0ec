"""A submission of the entity task: how it is written, read back and checked."""

import re

import numpy as np
import pandas as pd

from common.rows import row_id
from common.tables import id_problems
from tasks.raw import name_cell
from texts.units import ENTITIES, UNITS
from texts.value_codes import (
    ENTITY_NAMES,
    NO_ANSWER,
    encode_values,
    has_value,
    is_given,
    unit_index,
)
from texts.values import format_value

Outputs = dict[str, list[str]]
OFFICIAL = re.compile(r"-?\d+(\.\d+)?\s+[a-zA-Z\s]+")  # as the organisers' checker has it
EMPTY = ("", "nan")  # cells that answer nothing, for that checker


def truth_columns(data) -> list[str]:
    """The columns that a table of labels must have."""
    return [data.id, data.labels[0]]


def format_answers(answer: np.ndarray, outputs: Outputs) -> pd.DataFrame:
    """The answers (n, 2) as a submission writes them, "" where there is none."""
    number = answer[:, 0]
    unit = unit_index(answer)
    answered = np.flatnonzero(is_given(answer))

    cells = [""] * len(answer)

    for i in answered:
        unit_name = UNITS[unit[i]]
        cells[i] = format_value(number[i], unit_name)

    return pd.DataFrame({"prediction": cells})


def read_answers(table: pd.DataFrame, outputs: Outputs, data) -> np.ndarray:
    """Answers (n, 2) of a submission, code -1 where it answers nothing.

    A submission names no entity: the codes are those of the first.
    """
    prediction = official_spelling(table.prediction)
    entities = [ENTITY_NAMES[0]] * len(table)
    answer = encode_values(prediction, entities)

    is_empty = ~has_value(answer)
    answer[is_empty] = NO_ANSWER
    return answer


def official_spelling(predictions: pd.Series) -> pd.Series:
    """Predictions as the organisers' checker reads them: centimeter is centimetre, feet are foot,
    nan is nothing."""
    is_empty = predictions.isin(EMPTY)
    text = predictions.where(~is_empty, "")

    # "7  gram": one blank behind the number, the unit behind the blank
    text = text.str.replace(r"\s+", " ", n=1, regex=True)
    unit = text.str.replace(r"^\S* ?", "", regex=True)

    # only the spelling of units that are not known is corrected
    is_american = text.str.contains("ter")
    british = text.str.replace("ter", "tre")
    singular = text.str.replace("feet", "foot")
    corrected = british.where(is_american, singular)

    is_known = unit.isin(UNITS)
    return text.where(is_known, corrected)


def submission(test: pd.DataFrame, answers: pd.DataFrame, data, post) -> pd.DataFrame:
    """id and prediction in the order of test.csv. answers: `format_answers`'s table with the rows'
    ids as its index."""
    ids = row_id("test", test[data.id])
    prediction = answers.prediction.reindex(ids).to_numpy()
    return pd.DataFrame({data.id: test[data.id], "prediction": prediction})


def problems(table: pd.DataFrame, test: pd.DataFrame, outputs: Outputs, data, post) -> list[str]:
    """What is wrong with a submission read as text, a line each; [] when it is right.

    Wrong is what the organisers refuse, and a unit that its entity is not measured in.
    """
    columns = [data.id, "prediction"]
    if list(table) != columns:
        return [f"columns are {','.join(table)}; they must be {','.join(columns)}"]

    lines = id_problems(table[data.id], test[data.id], data.id)

    is_empty = table.prediction.isin(EMPTY)
    answered = table[~is_empty]
    is_official = answered.prediction.str.fullmatch(OFFICIAL)

    misspelt = answered[~is_official]
    if len(misspelt):
        cell = name_cell(misspelt, "prediction", data.id)
        lines.append(f"{cell}; it must be a number, a blank and a unit, e.g. 12.5 gram, or nothing")

    # the entity that each answered row is asked for
    questions = dict(zip(test[data.id], test[data.question], strict=True))
    entity = answered[data.id].map(questions)
    measures_entity = measures(answered.prediction, entity)

    other_unit = answered[is_official & ~measures_entity]
    if len(other_unit):
        cell = name_cell(other_unit, "prediction", data.id)
        asked = entity[other_unit.index[0]]
        units = ", ".join(ENTITIES[asked])
        lines.append(f"{cell}; it must be in a unit of {asked}: {units}")

    return lines


def measures(predictions: pd.Series, entities: pd.Series) -> pd.Series:
    """Whether each prediction is in a unit of its entity; True where the entity is not known."""
    spelling = official_spelling(predictions)
    units = spelling.str.split(n=1).str[-1]

    is_allowed = []
    for unit, entity in zip(units, entities, strict=True):
        is_known = isinstance(entity, str)
        allowed_units = ENTITIES.get(entity, ())
        allowed = unit in allowed_units or not is_known
        is_allowed.append(allowed)

    return pd.Series(is_allowed, predictions.index, dtype=bool)
