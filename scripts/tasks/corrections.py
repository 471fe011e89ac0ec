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
    is_label: Callable[[pd.Series, pd.Series], pd.Series],
) -> pd.DataFrame:
    """The training table with the cells of data.corrections; as it is where there are none.

    columns: those of the labels. is_label(values, labels): whether each of the values (m,) can be a
    label of a column that has these labels in the rows of the same category; an empty value is no
    label, and always right. Raises UserError when the table names an unknown row, column or label,
    or a cell twice.
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

    category = category_of(train, data)
    position = pd.Index(train[data.id]).get_indexer(table["id"])
    table = table.assign(position=position, category=category.to_numpy()[position])

    result = train.copy()
    of_category = train.groupby(category)

    for (name, column), rows in table.groupby(["category", "column"]):
        labels = of_category.get_group(name)[column]
        require_labels(rows, column, is_label, labels, file)
        column_number = result.columns.get_loc(column)
        result.iloc[rows["position"].to_numpy(), column_number] = rows["value"].to_numpy()

    n_changed = int((result[columns] != train[columns]).to_numpy().sum())
    log(corrections=data.corrections, cells=len(table), changed=n_changed)
    return result


def category_of(train: pd.DataFrame, data) -> pd.Series:
    """The category (n,) of each training row; "" where the table has none."""
    if data.category_column in train:
        return train[data.category_column]

    return pd.Series("", train.index)


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


def require_labels(
    rows: pd.DataFrame, column: str, is_label, labels: pd.Series, file: Path
) -> None:
    """Raises UserError when a value can be no label of its column, which has these labels."""
    is_right = (rows["value"] == "") | is_label(rows["value"], labels)
    wrong = rows[~is_right]
    if len(wrong):
        first = wrong.iloc[0]
        classes = np.unique(labels[labels != ""])
        examples = ", ".join(classes[:MOST])
        raise UserError(
            f"{file}: value {first['value']!r} at id {first['id']}{and_more(wrong)} can be no "
            f"{column}; {file.parent.name} has e.g. {examples}; leave it empty for no label"
        )
