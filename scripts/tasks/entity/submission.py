"""A submission of the entity task: how it is written, read back and checked."""

import re

import numpy as np
import pandas as pd

from common.rows import row_id
from common.tables import id_problems, name_cell
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
        cells[i] = format_value(number[i], UNITS[unit[i]])

    return pd.DataFrame({"prediction": cells})


def read_answers(table: pd.DataFrame, outputs: Outputs, data) -> np.ndarray:
    """Answers (n, 2) of a submission, code -1 where it answers nothing.

    A submission names no entity: the codes are those of the first.
    """
    prediction = official_spelling(table.prediction)
    answer = encode_values(prediction, [ENTITY_NAMES[0]] * len(table))
    answer[~has_value(answer)] = NO_ANSWER
    return answer


def official_spelling(predictions: pd.Series) -> pd.Series:
    """Predictions as the organisers' checker reads them: centimeter is centimetre, feet are foot,
    nan is nothing."""
    text = predictions.where(~predictions.isin(EMPTY), "")
    text = text.str.replace(r"\s+", " ", n=1, regex=True)
    unit = text.str.replace(r"^\S* ?", "", regex=True)

    american = text.str.contains("ter")
    british = text.str.replace("ter", "tre")
    singular = text.str.replace("feet", "foot")
    corrected = british.where(american, singular)
    return text.where(unit.isin(UNITS), corrected)


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

    found = id_problems(table[data.id], test[data.id], data.id)
    answered = table[~table.prediction.isin(EMPTY)]
    is_official = answered.prediction.str.fullmatch(OFFICIAL)
    misspelt = answered[~is_official]
    if len(misspelt):
        cell = name_cell(misspelt, "prediction", data.id)
        found.append(f"{cell}; it must be a number, a blank and a unit, e.g. 12.5 gram, or nothing")

    questions = dict(zip(test[data.id], test[data.question], strict=True))
    entity = answered[data.id].map(questions)
    measures_entity = measures(answered.prediction, entity)
    other_unit = answered[is_official & ~measures_entity]
    if len(other_unit):
        cell = name_cell(other_unit, "prediction", data.id)
        asked = entity[other_unit.index[0]]
        units = ", ".join(ENTITIES[asked])
        found.append(f"{cell}; it must be in a unit of {asked}: {units}")

    return found


def measures(predictions: pd.Series, entities: pd.Series) -> pd.Series:
    """Whether each prediction is in a unit of its entity; True where the entity is not known."""
    spelling = official_spelling(predictions)
    units = spelling.str.split(n=1).str[-1]
    is_one = []
    for unit, entity in zip(units, entities, strict=True):
        is_known = isinstance(entity, str)
        allowed = ENTITIES.get(entity, ())
        is_one.append(unit in allowed or not is_known)

    return pd.Series(is_one, predictions.index, dtype=bool)
