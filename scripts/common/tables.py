"""csv tables as text: nothing is guessed, so 007 stays 007 and a class called NA or None stays a
class."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from common.errors import UserError

HINTS = {
    "No columns to parse": "; it is empty: get it again",
    "No such file": "; put it there",
    "Length of header": "; a row has more cells than the header: "
    "cells that hold commas need quotes",
    "EOF inside string": "; it ends within a quoted cell: get the file again",
    "codec can't decode": "; it must be UTF-8: save it as that, or get it again",
    "saw": "; it must have commas between cells",
}
# columns of folds.csv; the others are the task's targets
FIXED = ("id", "split", "fold", "validation", "part", "image", "group", "text")


def read_csv(file: Path, columns=()) -> pd.DataFrame:
    """The table as stripped strings, "" where a cell is empty. Raises UserError when one of `columns` is not
    there."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "error", pd.errors.ParserWarning
            )  # a row with more cells than there are columns
            table = pd.read_csv(file, dtype=str, keep_default_na=False, index_col=False)
    except (ValueError, OSError, pd.errors.ParserWarning) as error:
        why = " ".join(str(error).split())
        hint = next((hint for sign, hint in HINTS.items() if sign in why), "")
        raise UserError(f"cannot read {file}: {why}{hint}") from None
    if missing := [c for c in columns if c not in table]:
        raise UserError(f"{file} has no column {', '.join(missing)}; it has: {', '.join(table)}")
    return table.apply(
        lambda column: column.str.replace("\r\n?", "\n", regex=True).str.strip()
    )  # a bare \r that is written again ends a row


def group_column(data) -> list[str]:
    """[the column of the training file whose equal values stay in one fold]; [] where none does, or
    rows of one picture do, which is no column (data.group=image)."""
    return [data.group] if data.group not in ("", "image") else []


def require_distinct(table: pd.DataFrame, column: str, file: Path) -> None:
    """Raises UserError when a value of the column stands in two rows, or is empty."""
    twice = table[column][table[column].duplicated()]
    if len(twice) or (table[column] == "").any():
        what = (
            f"{twice.iloc[0]!r} {(table[column] == twice.iloc[0]).sum()} times"
            if len(twice)
            else "an empty cell"
        )
        raise UserError(f"{file}, column {column}: ids must be distinct, there is {what}")


def and_more(rows) -> str:
    """ " and 3 more rows" where there are more rows than the one that a message names."""
    return f" and {len(rows) - 1} more rows" if len(rows) > 1 else ""


def id_problems(ids: pd.Series, wanted: pd.Series, column: str) -> list[str]:
    """What is doubled, foreign or missing among a submission's ids, a line each; each of `wanted`
    must be there once."""
    twice, foreign, missing = (
        ids[ids.duplicated()],
        ids[~ids.isin(wanted)],
        wanted[~wanted.isin(ids)],
    )
    return [
        f"{what}: {len(rows)} {'row' if len(rows) == 1 else 'rows'}, e.g. {column} {rows.iloc[0]}"
        for what, rows in (("doubled", twice), ("not asked for", foreign), ("missing", missing))
        if len(rows)
    ]


def align(ids: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Position in ids (n,) of each of wanted (m,); -1 where it is not there. ids are distinct."""
    return pd.Index(ids).get_indexer(wanted)
