"""csv tables as text: nothing is guessed, so 007 stays 007 and a class called NA or None stays a
class."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from common.errors import Stop
from common.files import digest
from common.log import log
from common.paths import input_folder

HINTS = {
    "No columns to parse": "; it is empty: get it again",
    "No such file": "; put it there",
    "Length of header": "; a row has more cells than the header: "
    "cells that hold commas need quotes",
    "EOF inside string": "; it ends within a quoted cell: get the file again",
    "codec can't decode": "; it must be UTF-8: save it as that, or get it again",
    "saw": "; it must have commas between cells",
}
FIXED = (
    "id",
    "split",
    "fold",
    "dev",
    "part",
    "image",
    "group",
    "text",
)  # columns of folds.csv; the others are the task's targets


def read_csv(file: Path, columns=()) -> pd.DataFrame:
    """The table as stripped strings, "" where a cell is empty. Stop when one of `columns` is not
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
        raise Stop(f"cannot read {file}: {why}{hint}") from None
    if missing := [c for c in columns if c not in table]:
        raise Stop(f"{file} has no column {', '.join(missing)}; it has: {', '.join(table)}")
    return table.apply(
        lambda column: column.str.replace("\r\n?", "\n", regex=True).str.strip()
    )  # a bare \r that is written again ends a row


def read_folds(file: Path) -> pd.DataFrame:
    """folds.csv: id, split, fold (-1 for test rows), dev (0 or 1), part, image, group, text where
    rows have one, the targets as text."""
    return read_csv(file).astype({"fold": int, "dev": int, "part": int})


def group_column(data) -> list[str]:
    """[the column of the training file whose equal values stay in one fold]; [] where none does, or
    rows of one picture do, which is no column (data.group=image)."""
    return [data.group] if data.group not in ("", "image") else []


def distinct(table: pd.DataFrame, column: str, file: Path) -> None:
    """Stop when a value of the column stands in two rows, or is empty."""
    twice = table[column][table[column].duplicated()]
    if len(twice) or (table[column] == "").any():
        what = (
            f"{twice.iloc[0]!r} {(table[column] == twice.iloc[0]).sum()} times"
            if len(twice)
            else "an empty cell"
        )
        raise Stop(f"{file}, column {column}: ids must be distinct, there is {what}")


def read_numbers(data, files, ids: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Numbers (n, c) that tables in the data folder hold for the rows `ids` (n,) "train:12", nan
    where a cell is empty, and the columns' names: those that files.train and files.test (config)
    share, but the ids, labels and texts. (n, 0) without.

    Stop when a row is missing, doubled or foreign, or a cell is no number.
    """
    if not files.train and not files.test:
        return np.zeros((len(ids), 0)), []
    parts, folder = [], input_folder(data.folder, data.train)
    for split, name in (("train", files.train), ("test", files.test)):
        if not name:
            raise Stop(f"tables come in pairs: the one of the {split} rows is not named")
        table, wanted = (
            read_csv(folder / name, [data.id]),
            pd.Series(ids[np.char.startswith(ids, split + ":")]).str.partition(":")[2],
        )
        if wrong := id_problems(table[data.id], wanted, data.id):
            raise Stop(f"{folder / name} has other rows than folds.csv: {'; '.join(wrong)}")
        parts.append(table.set_index(split + ":" + table[data.id]))
    names = [c for c in parts[0] if c in parts[1] and c not in (data.id, *data.labels, *data.text)]
    if not names:
        raise Stop(
            f"{files.train} and {files.test} have no column in common beside {data.id}; "
            f"they have: {', '.join(parts[0])}; {', '.join(parts[1])}"
        )
    if alone := [c for c in parts[0] if c not in parts[1] and c not in (*data.labels, *data.text)]:
        log(left_out=", ".join(alone), because=f"not in {files.test}")
    table = pd.concat([part[names] for part in parts]).loc[ids]
    numbers = table.apply(pd.to_numeric, errors="coerce")
    if (wrong := numbers.isna() & (table != "")).any(axis=None):
        row, column = np.argwhere(wrong.to_numpy())[0]
        raise Stop(
            f"{files.train}, {files.test}: {names[column]} is {table.iat[row, column]!r} "
            f"at {ids[row]}; it must be a number"
        )
    return numbers.to_numpy(float), names


def digests(data, files) -> dict:
    """{name: digest} of the tables that files.train and files.test name, for the record of what is
    made of them."""
    names = [name for name in (files.train, files.test) if name]
    return {name: digest(input_folder(data.folder, data.train) / name) for name in names}


def more(rows) -> str:
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
