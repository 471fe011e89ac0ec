"""Numeric tables beside train.csv and test.csv: columns made elsewhere, predictions of others.

in: more.csv with the row "17,0.5,8" under "id,rating,sales" → out: [0.5, 8] for the row "train:17"
"""

from pathlib import Path

import numpy as np
import pandas as pd

from common.errors import UserError
from common.files import digest
from common.log import log
from common.paths import input_folder
from common.rows import row_id
from common.tables import id_problems, read_csv


def read_numbers(data, files, ids: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Numbers (n, c) float64 of the rows `ids` (n,) "train:12" from the tables files.train and
    files.test in the data folder, nan where a cell is empty, and the columns' names.

    Columns are those that both tables have, without the ids, labels and texts of section `data`.
    (n, 0) where no table is named. Raises UserError when a row is missing, doubled or foreign, or a
    cell is no number.
    """
    if not files.train and not files.test:
        return np.zeros((len(ids), 0)), []

    if not files.train or not files.test:
        split = "test" if files.train else "train"
        raise UserError(f"tables come in pairs: the one of the {split} rows is not named")

    folder = input_folder(data.folder, data.train)
    train = read_split(folder / files.train, "train", data, ids)
    test = read_split(folder / files.test, "test", data, ids)
    columns = shared_columns(train, test, data, files)

    tables = [train[columns], test[columns]]
    table = pd.concat(tables)
    table = table.loc[ids]  # in the order of the rows

    names = f"{files.train}, {files.test}"
    numbers = to_numbers(table, names)
    return numbers, columns


def read_split(file: Path, split: str, data, ids: np.ndarray) -> pd.DataFrame:
    """The table of one split, with "train:12" as its index. Raises UserError when its rows are not
    those of `ids`."""
    table = read_csv(file, [data.id])
    table_ids = table[data.id]

    # the ids of this split as the table has them, without "train:"
    prefix = row_id(split, "")
    in_split = np.char.startswith(ids, prefix)
    split_ids = pd.Series(ids[in_split])
    expected = split_ids.str.removeprefix(prefix)

    problems = id_problems(table_ids, expected, data.id)
    if problems:
        text = "; ".join(problems)
        raise UserError(f"{file} has other rows than folds.csv: {text}")

    index = row_id(split, table_ids)
    return table.set_index(index)


def shared_columns(train: pd.DataFrame, test: pd.DataFrame, data, files) -> list[str]:
    """The columns that both tables have, in the order of the training rows' table, without ids,
    labels and texts. Logs which are left out."""
    not_numbers = (data.id, *data.labels, *data.text)
    candidates = [column for column in train if column not in not_numbers]
    columns = [column for column in candidates if column in test]
    left_out = [column for column in candidates if column not in test]

    if not columns:
        raise UserError(
            f"{files.train} and {files.test} have no column in common beside {data.id}; "
            f"they have: {', '.join(train)}; {', '.join(test)}"
        )

    if left_out:
        names = ", ".join(left_out)
        log(left_out=names, because=f"not in {files.test}")

    return columns


def to_numbers(table: pd.DataFrame, source: str) -> np.ndarray:
    """Numbers (n, c) float64 of a table of texts, nan where a cell is empty. Raises UserError
    naming `source` and the first cell that is no number."""
    numbers = table.apply(pd.to_numeric, errors="coerce")
    is_missing = numbers.isna()
    is_wrong = is_missing & (table != "")
    wrong = np.argwhere(is_wrong.to_numpy())

    if len(wrong):
        row, column = wrong[0]
        name = table.columns[column]
        id_ = table.index[row]
        cell = table.iat[row, column]
        raise UserError(f"{source}: {name} is {cell!r} at {id_}; it must be a number")

    return numbers.to_numpy(float)


def digests(data, files) -> dict:
    """{name: digest} of the tables files.train and files.test, for the record of what is made of
    them."""
    by_name = {}
    for name in (files.train, files.test):
        if name:
            folder = input_folder(data.folder, data.train)
            by_name[name] = digest(folder / name)

    return by_name
