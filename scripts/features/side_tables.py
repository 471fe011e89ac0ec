"""Tables beside train.csv and test.csv, or these themselves: columns made elsewhere, predictions of
others.

in: more.csv with the row "17,0.5,red" under "id,rating,colour"
out: [0.5, 2] for the row "train:17", where red is the third of the training rows' colours
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

CATEGORY = " (category)"  # after the name of a column of categories


def read_numbers(data, files, ids: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Numbers (n, c) float64 of the rows `ids` (n,), nan where a cell is empty, and the columns'
    names, as read_table has them. Raises UserError as it does, or when a cell is no number."""
    table = read_table(data, files, ids)
    return to_numbers(table, f"{files.train}, {files.test}"), list(table)


def read_side(data, files, ids: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Numbers and categories (n, c) float64 of the rows `ids` (n,), nan where a cell is empty, and
    the columns' names, as read_table has them; CATEGORY follows that of a column of categories.

    Categories are those of a column whose training cells are not all numbers: each cell's number
    among the sorted training cells, and the one after the last for any cell that no training row
    has. Raises UserError as read_table does, or when a test cell of numbers is none.
    """
    table = read_table(data, files, ids)
    is_train = np.char.startswith(ids, row_id("train", ""))

    columns = []
    names = []
    for name in table:
        cells = table[name]
        train_cells = cells[is_train]
        train_cells = train_cells[train_cells != ""]
        if pd.to_numeric(train_cells, errors="coerce").isna().any():
            columns.append(category_numbers(cells, train_cells))
            names.append(name + CATEGORY)
        else:
            numbers = to_numbers(table[[name]], f"{files.train}, {files.test}")
            columns.append(numbers[:, 0])
            names.append(name)

    values = np.array(columns, float).reshape(-1, len(ids))
    return values.T, names


def category_numbers(cells: pd.Series, train_cells: pd.Series) -> np.ndarray:
    """The number (n,) of each cell among the sorted train_cells, their count where it is none of
    them, nan where it is empty."""
    known = pd.Index(np.unique(train_cells.to_numpy(str)))
    number = known.get_indexer(cells)
    number = np.where(number < 0, len(known), number)
    return np.where(cells == "", np.nan, number)


def is_category(names: list[str]) -> np.ndarray:
    """(c,) bool: which of the columns are categories."""
    return np.array([name.endswith(CATEGORY) for name in names], bool)


def read_table(data, files, ids: np.ndarray) -> pd.DataFrame:
    """The cells (n, c) as text of the rows `ids` (n,) "train:12" from the tables files.train and
    files.test in the data folder.

    Columns are those that both tables have, without the ids, labels and texts of section `data`.
    (n, 0) where no table is named. Raises UserError when a row is missing, doubled or foreign.
    """
    if not files.train and not files.test:
        return pd.DataFrame(index=ids)

    if not files.train or not files.test:
        split = "test" if files.train else "train"
        raise UserError(f"tables come in pairs: the one of the {split} rows is not named")

    folder = input_folder(data.folder, data.train)
    train = read_split(folder, files.train, "train", data, ids)
    test = read_split(folder, files.test, "test", data, ids)
    columns = shared_columns(train, test, data, files)

    tables = [train[columns], test[columns]]
    table = pd.concat(tables)
    return table.loc[ids]  # in the order of the rows


def read_split(folder: Path, name: str, split: str, data, ids: np.ndarray) -> pd.DataFrame:
    """The table `name` of one split, with "train:12" as its index; without rows where `ids` has
    none of the split. Raises UserError when its rows are not those of `ids`; the raw table itself
    may have more, e.g. by data.max_train_rows."""
    file = folder / name  # or `name` itself, where it is a whole path
    table = read_csv(file, [data.id])

    # the ids of this split as the table has them, without "train:"
    prefix = row_id(split, "")

    in_split = np.char.startswith(ids, prefix)
    if not in_split.any():
        return table.iloc[:0]

    split_ids = pd.Series(ids[in_split])
    expected = split_ids.str.removeprefix(prefix)

    is_raw = name == getattr(data, split)
    if is_raw:
        table = table[table[data.id].isin(expected)]

    table_ids = table[data.id]
    problems = id_problems(table_ids, expected, data.id)
    if problems:
        text = "; ".join(problems)
        rows = "folds.csv" if split == "train" else "rows.csv"
        raise UserError(f"{file} has other rows than {rows}: {text}")

    index = row_id(split, table_ids)
    return table.set_index(index)


def shared_columns(train: pd.DataFrame, test: pd.DataFrame, data, files) -> list[str]:
    """The columns that both tables have, in the order of the training rows' table, without ids,
    labels and texts. Logs which are left out."""
    known = (data.id, *data.labels, *data.text)
    candidates = [column for column in train if column not in known]
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
    if not table.shape[1]:
        return np.zeros(table.shape)

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


def digests(job, files) -> dict:
    """{name: digest} of the tables whose rows a job reads, for the record of what is made of them:
    files.train, and with rows to answer files.test."""
    data = job.config.data
    by_name = {}
    for name in (files.train, files.test if job.paths.rows else ""):
        if name:
            folder = input_folder(data.folder, data.train)
            by_name[name] = digest(folder / name)

    return by_name
