"""One value with its unit per question about a picture, judged by F1: the Amazon ML Challenge 2024,
or any table of entities and values.

A prediction (n, 24) holds a row's likeliest values with their weights, a target or answer (n, 2)
one value: see texts.value_codes. `outputs` {entity: [units]} says what is asked for and in which
units it may be answered.
"""

import re

import numpy as np
import pandas as pd

from common.errors import UserError
from common.log import log
from common.questions import VALUE
from common.rows import row_id
from common.tables import and_more, group_column, id_problems, read_csv, require_distinct
from images.names import image_names
from metrics.value_f1 import best_threshold, f1, f1_replicates
from tasks.entity.prompts import pattern, prompt, refine_prompt  # noqa: F401, verbs of this task
from texts.units import ENTITIES, UNITS
from texts.value_codes import (
    ENTITY_NAMES,
    NONE,
    TOP_K,
    WIDTH,
    combine,
    encode_predictions,
    encode_values,
    has_value,
    same,
)
from texts.values import format_value, parse, read_values

ASKS, MODE, SCORE, RANGE, BASELINE = VALUE, "max", "f1", (0, 1), "nothing"
OFFICIAL, EMPTY = (
    re.compile(r"-?\d+(\.\d+)?\s+[a-zA-Z\s]+"),
    ("", "nan"),
)  # as the organisers' checker has it
Outputs = dict[str, list[str]]


def read_rows(data, folder) -> tuple[pd.DataFrame, list[str]]:
    """The rows, train then test, and the names of the files read. Columns: id "train:12", split,
    image, group, question, category, text where rows have one, value. A training file without ids
    has its row numbers.

    Raises UserError on a question that is no entity, and on a table without rows.
    """
    if len(data.labels) != 1 or not data.question:
        raise UserError(
            f"data.labels={', '.join(data.labels)}, data.question={data.question}: they "
            "name the column of the value and the column "
            "of what is asked, e.g. data.labels=entity_value data.question=entity_name"
        )
    parts, category, group = (
        [],
        [data.category_column] if data.category_column else [],
        group_column(data),
    )
    for split, name, images in (
        ("train", data.train, data.train_image),
        ("test", data.test, data.test_image),
    ):
        known = split == "train"
        table = read_csv(
            folder / name,
            [
                data.question,
                *category,
                *data.text,
                *([*data.labels, *group] if known else [data.id]),
            ],
        )
        if known and data.id not in table:
            table[data.id] = np.arange(len(table)).astype(str)
        require_distinct(table, data.id, folder / name)
        table = (
            table[table[data.category_column].isin(data.categories)] if data.categories else table
        )
        if table.empty:
            raise UserError(
                f"{folder / name} has no "
                f"row{' of category ' + ', '.join(data.categories) if data.categories else ''}"
            )
        if len(wrong := table[~table[data.question].isin(ENTITY_NAMES)]):
            raise UserError(
                f"{folder / name}: {data.question} is {wrong[data.question].iloc[0]!r} at "
                f"{data.id} {wrong[data.id].iloc[0]}{and_more(wrong)}; "
                f"there are: {', '.join(ENTITY_NAMES)}"
            )
        part = {
            "id": row_id(split, table[data.id]),
            "split": split,
            "image": image_names(table, images, folder) if images else "",
            "group": table[data.group] if group and known else "",
            "question": table[data.question],
            "category": table[data.category_column] if category else "",
        }
        text = {"text": table[list(data.text)].agg("\n".join, axis=1)} if data.text else {}
        parts.append(pd.DataFrame(part | text | {"value": table[data.labels[0]] if known else ""}))
    return pd.concat(parts, ignore_index=True), [data.train, data.test]


def outputs(rows: pd.DataFrame) -> Outputs:
    """{entity: its units} of the entities asked for. Raises UserError when no training row has a value."""
    values = rows.value[rows.value != ""]
    odd = values[~values.map({text: bool(parse(text)) for text in set(values)}).astype(bool)]
    if len(odd) == len(values):
        raise UserError(
            "no training row has a value like '12.5 "
            f"gram'{f', e.g. {odd.iloc[0]!r}' if len(odd) else ''}; look at data.labels"
        )
    log(values=len(values), no_one_value=len(odd), e_g=next(iter(odd), None))
    return {name: list(units) for name, units in ENTITIES.items() if name in set(rows.question)}


def sizes(outputs: Outputs) -> list[int]:
    """Columns of a prediction."""
    return [3 * TOP_K]


def encode(rows: pd.DataFrame, outputs: Outputs) -> np.ndarray:
    """Numbers and codes (n, 2) float64 of the rows' values, code -1 for test rows."""
    return np.where(
        (rows.split == "test").to_numpy()[:, None], -1.0, encode_values(rows.value, rows.question)
    )


def encode_table(table: pd.DataFrame, outputs: Outputs, data) -> np.ndarray:
    """Numbers and codes (n, 2) of a table of labels in the organisers' columns."""
    return encode_values(
        table[data.labels[0]], table.get(data.question, pd.Series(ENTITY_NAMES[0], table.index))
    )


def truth_columns(data) -> list[str]:
    """What a table of labels must have."""
    return [data.id, data.labels[0]]


def read_answers(table: pd.DataFrame, outputs: Outputs, data) -> np.ndarray:
    """Numbers and codes (n, 2) of a submission, code -1 where it answers nothing; a submission
    names no entity, so none counts."""
    found = encode_values(official_spelling(table.prediction), [ENTITY_NAMES[0]] * len(table))
    return np.where(found[:, 1:] % WIDTH == NONE, [0, -1], found)


def official_spelling(predictions: pd.Series) -> pd.Series:
    """Predictions as the organisers' checker reads them: centimeter is centimetre, feet are foot,
    nan is nothing."""
    text = predictions.where(~predictions.isin(EMPTY), "").str.replace(r"\s+", " ", n=1, regex=True)
    known = text.str.replace(r"^\S* ?", "", regex=True).isin(UNITS)
    return text.where(
        known,
        text.str.replace("ter", "tre").where(
            text.str.contains("ter"), text.str.replace("feet", "foot")
        ),
    )


def strata(target: np.ndarray) -> np.ndarray:
    """The code of each row's entity and unit (n,), which folds spread evenly."""
    return target[:, 1].astype(int)


def baseline(target: np.ndarray, outputs: Outputs) -> np.ndarray:
    """The answer without looking (3 TOP_K,): none."""
    return encode_predictions([[]], ENTITY_NAMES[:1])[0]


def read_replies(replies, questions) -> np.ndarray:
    """Predictions (n, 3 TOP_K) of a language model's replies (n,): the value that the normaliser
    reads, with weight 1."""
    values = read_values(replies, questions)
    return encode_predictions([[(*value, 1.0)] if value else [] for value in values], questions)


def is_clear(replies, questions) -> np.ndarray:
    """Which replies (n,) leave nothing to be refined: a value can be read off them, or they have no
    digit."""
    return np.array(
        [
            bool(value) or not re.search(r"\d", reply)
            for value, reply in zip(read_values(replies, questions), replies, strict=True)
        ],
        bool,
    )


def average(preds: np.ndarray) -> np.ndarray:
    """The mean (n, 3 TOP_K) of predictions (m, n, 3 TOP_K)."""
    return combine(preds, np.full(len(preds), 1 / len(preds)))


def fit_blend(pred: np.ndarray, target: np.ndarray, outputs: Outputs) -> np.ndarray:
    """Weights (m, 1) of m models' votes, pred (m, n, 3 TOP_K), that sum to 1 and make F1 best; one
    model's is 1.

    Coordinate by coordinate in tenths, twice: F1 is a step function of few hundred rows, a finer
    search would fit their noise.
    """
    weights = np.full(len(pred), 1 / len(pred))
    for i in list(range(len(pred))) * 2 if len(pred) > 1 else ():
        others = np.delete(weights, i)
        others = others / others.sum() if others.sum() else np.full(len(others), 1 / len(others))
        tried = [np.insert(others * (1 - share), i, share) for share in np.arange(11) / 10]
        weights = max([weights, *tried], key=lambda w: best_threshold(combine(pred, w), target)[1])
    return weights[:, None]


def apply_blend(pred: np.ndarray, weights: np.ndarray, outputs: Outputs) -> np.ndarray:
    """The vote (n, 3 TOP_K) of models' predictions (m, n, 3 TOP_K)."""
    return combine(pred, weights[:, 0])


def answer(pred: np.ndarray, outputs: Outputs) -> np.ndarray:
    """The likeliest value (n, 2) of each row, code -1 where there is none."""
    return pred[:, :2]


def fit_decode(pred: np.ndarray, target: np.ndarray, outputs: Outputs) -> np.ndarray:
    """The weight (1,) below which not answering makes F1 best."""
    return np.array([best_threshold(pred, target)[0]])


def apply_decode(pred: np.ndarray, fitted: np.ndarray, outputs: Outputs) -> np.ndarray:
    """Values (n, 2), code -1 where the likeliest has less weight than that of fit_decode."""
    return np.where(pred[:, 2:3] >= fitted, pred[:, :2], [0, -1])


def score(answer: np.ndarray, target: np.ndarray, outputs: Outputs) -> float:
    """F1 of answers (n, 2) over the labelled rows, 0 to 1, higher is better."""
    return f1(answer, target)["f1"]


def score_at_size(answer: np.ndarray, target: np.ndarray, outputs: Outputs, n: int) -> float:
    """What to expect of a test set of n rows: F1 is a ratio of means over rows, so the same."""
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
    entity = np.where(target[:, 1] >= 0, target[:, 1] // WIDTH, -1)
    return {
        name: f1(
            answer[entity == ENTITY_NAMES.index(name)], target[entity == ENTITY_NAMES.index(name)]
        )
        for name in outputs
    }


def format_answers(answer: np.ndarray, outputs: Outputs) -> pd.DataFrame:
    """The values (n, 2) as a submission writes them, "" where there is none."""
    return pd.DataFrame(
        {
            "prediction": [
                format_value(number, UNITS[int(code) % WIDTH]) if code >= 0 else ""
                for number, code in answer
            ]
        }
    )


def mistakes(
    answer: np.ndarray, target: np.ndarray, outputs: Outputs, rows: pd.DataFrame
) -> pd.DataFrame:
    """Of the rows (n,) of folds.csv those that are labelled and whose answer is not the label: id,
    question, image, label, answer."""
    wrong = np.flatnonzero(
        (target[:, 1] >= 0) & ~same(answer, target) & (has_value(target) | (answer[:, 1] >= 0))
    )
    spelt = format_answers(answer[wrong], outputs).prediction.to_numpy()
    return (
        rows[["id", "question", "image", "value"]]
        .iloc[wrong]
        .rename(columns={"value": "label"})
        .assign(answer=spelt)
    )


def submission(test: pd.DataFrame, answers: pd.DataFrame, data, post) -> pd.DataFrame:
    """id and prediction in the order of test.csv. answers: `format_answers`'s table with the rows' ids as
    its index."""
    return pd.DataFrame(
        {
            data.id: test[data.id],
            "prediction": answers.prediction.reindex(row_id("test", test[data.id])).to_numpy(),
        }
    )


def problems(table: pd.DataFrame, test: pd.DataFrame, outputs: Outputs, data, post) -> list[str]:
    """What the organisers would refuse in a submission read as text, a line each, and units that an
    entity is not measured in; [] when it is right."""
    columns = [data.id, "prediction"]
    if list(table) != columns:
        return [f"columns are {','.join(table)}; they must be {','.join(columns)}"]
    found, given = (
        id_problems(table[data.id], test[data.id], data.id),
        table[~table.prediction.isin(EMPTY)],
    )
    official = given.prediction.str.fullmatch(OFFICIAL)
    unit = official_spelling(given.prediction).str.split(n=1).str[-1]
    asked = given[data.id].map(dict(zip(test[data.id], test[data.question], strict=True)))
    odd = (
        official
        & asked.notna()
        & np.array([u not in ENTITIES.get(e, ()) for u, e in zip(unit, asked, strict=True)], bool)
    )
    for wrong, why in (
        (given[~official], "a number, a blank and a unit, e.g. 12.5 gram, or nothing"),
        (given[odd], "in a unit of "),
    ):
        if len(wrong):
            row = wrong.iloc[0]
            entity = asked[wrong.index[0]]
            units = f"{entity}: {', '.join(ENTITIES[entity])}" if why.startswith("in") else ""
            found.append(
                f"prediction is {row.prediction!r} at {data.id} "
                f"{row[data.id]}{and_more(wrong)}; it must be {why}{units}"
            )
    return found
