"""Labels that somebody mended, laid over the training table as it is read; the raw file stays.

in:  train.csv with baseColour Blue at id 7; data.corrections with the row 7,baseColour,Navy Blue
out: train.csv's table with baseColour Navy Blue at id 7
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from common.errors import UserError
from common.log import log
from common.tables import and_more, read_csv
from tasks.raw import require_distinct

COLUMNS = ("id", "column", "value")
MOST = 12  # classes that a message lists


def corrected(
    train: pd.DataFrame,
    data,
    folder: Path,
    columns: list[str],
    is_label: Callable[[pd.Series, str], pd.Series],
) -> pd.DataFrame:
    """The training table with the cells of data.corrections; as it is where there are none.

    columns: those of the labels. is_label(values, column): whether each of the values (m,) can be a
    label there; an empty one is none, and always right. Raises UserError when the table names an
    unknown row, column or label, or a cell twice.
    """
    if not data.corrections:
        return train

    require_distinct(train, data.id, folder / data.train)
    file = folder / data.corrections
    table = read_csv(file, COLUMNS)
    require_known(table, "id", train[data.id], data.train, file)
    table = of_categories(table, train, data)
    require_known(table, "column", pd.Series(columns, dtype=str), "the labels", file)
    require_once(table, file)

    result = train.copy()

    for column, rows in table.groupby("column"):
        require_labels(rows, column, is_label, train, file)
        position = pd.Index(train[data.id]).get_indexer(rows["id"])
        result.iloc[position, result.columns.get_loc(column)] = rows["value"].to_numpy()

    n_changed = int((result[columns] != train[columns]).to_numpy().sum())
    log(corrections=data.corrections, cells=len(table), changed=n_changed)
    return result


def of_categories(table: pd.DataFrame, train: pd.DataFrame, data) -> pd.DataFrame:
    """The corrections of rows of the config's categories: one table serves them all."""
    if not data.categories:
        return table

    is_ours = train[data.category_column].isin(data.categories)
    return table[table["id"].isin(train[data.id][is_ours])]


def require_known(
    table: pd.DataFrame, column: str, known: pd.Series, where: str, file: Path
) -> None:
    unknown = table[~table[column].isin(known)]
    if len(unknown):
        first = unknown[column].iloc[0]
        listed = f"; there are: {', '.join(known)}" if column == "column" else ""
        raise UserError(f"{file}: {column} {first!r}{and_more(unknown)}: not in {where}{listed}")


def require_once(table: pd.DataFrame, file: Path) -> None:
    twice = table[table.duplicated(["id", "column"])]
    if len(twice):
        cell = twice.iloc[0]
        raise UserError(
            f"{file}: column {cell['column']} of id {cell['id']}{and_more(twice)} is there twice"
        )


def require_labels(rows: pd.DataFrame, column: str, is_label, train, file: Path) -> None:
    """Raises UserError when a value can be no label of its column."""
    is_right = (rows["value"] == "") | is_label(rows["value"], column)
    wrong = rows[~is_right]
    if len(wrong):
        first = wrong.iloc[0]
        labels = np.unique(train[column][train[column] != ""])
        examples = ", ".join(labels[:MOST])
        raise UserError(
            f"{file}: value {first['value']!r} at id {first['id']}{and_more(wrong)} can be no "
            f"{column}; {file.parent.name} has e.g. {examples}; leave it empty for no label"
        )
