"""csv tables as text: nothing is guessed, so 007 stays 007 and a class called NA or None stays a
class."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from common.errors import UserError

# what to do, by a piece of pandas' message
HINTS = {
    "No columns to parse": "; it is empty: get it again",
    "No such file": "; put it there",
    "Length of header": "; a row has more cells than the header: "
    "cells that hold commas need quotes",
    "EOF inside string": "; it ends within a quoted cell: get the file again",
    "codec can't decode": "; it must be UTF-8: save it as that, or get it again",
    "saw": "; it must have commas between cells",
}
NO_COLUMN = ("", "auto", "twins", "image")  # what data.group may be, other than a column's name
# columns of folds.csv; its other columns are the task's targets
FIXED = ("id", "split", "fold", "validation", "part", "image", "group", "text")


def read_csv(file: Path, columns=()) -> pd.DataFrame:
    """The table as stripped strings, "" where a cell is empty.

    Raises UserError when the file is no such table, or lacks one of `columns`.
    """
    try:
        with warnings.catch_warnings():
            # pandas only warns of a row with more cells than there are columns
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(file, dtype=str, keep_default_na=False, index_col=False)
    except (ValueError, OSError, pd.errors.ParserWarning) as error:
        reason = " ".join(str(error).split())
        hints = [hint for sign, hint in HINTS.items() if sign in reason]
        raise UserError(f"cannot read {file}: {reason}{hints[0] if hints else ''}") from None

    missing = [column for column in columns if column not in table]
    if missing:
        raise UserError(f"{file} has no column {', '.join(missing)}; it has: {', '.join(table)}")

    return table.apply(clean_column)


def clean_column(column: pd.Series) -> pd.Series:
    """Cells without blanks around them, and with \\n alone as line ending: a bare \\r would end the
    row when it is written again."""
    return column.str.replace("\r\n?", "\n", regex=True).str.strip()


def group_column(data) -> list[str]:
    """[the column of the training file whose equal values stay in one fold], or [] where data.group
    is one of NO_COLUMN."""
    return [] if data.group in NO_COLUMN else [data.group]


def and_more(rows) -> str:
    """ " and 3 more rows" where there are more rows than the one that a message names."""
    return f" and {len(rows) - 1} more rows" if len(rows) > 1 else ""


def id_problems(ids: pd.Series, expected: pd.Series, column: str) -> list[str]:
    """What is wrong with a submission's ids, a line each: each expected id must be there once."""
    problems = {
        "doubled": ids[ids.duplicated()],
        "not asked for": ids[~ids.isin(expected)],
        "missing": expected[~expected.isin(ids)],
    }
    lines = []
    for problem, rows in problems.items():
        if len(rows):
            noun = "row" if len(rows) == 1 else "rows"
            lines.append(f"{problem}: {len(rows)} {noun}, e.g. {column} {rows.iloc[0]}")

    return lines


def align(ids: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Position in ids (n,) of each of wanted (m,); -1 where it is not there. ids are distinct."""
    return pd.Index(ids).get_indexer(wanted)
