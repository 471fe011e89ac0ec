"""The raw files of the entity task: which columns they have, and the rows."""

from pathlib import Path

import numpy as np
import pandas as pd

from common.errors import UserError
from common.tables import group_column, read_csv
from tasks.corrections import corrected
from tasks.raw import SPLITS, common_columns, name_cell, require_distinct
from texts.value_codes import ENTITY_NAMES
from texts.values import parse_distinct


def value_column(data) -> str:
    """The column of the value. Raises UserError when the config does not name exactly one, or no
    column of what is asked."""
    if len(data.labels) != 1 or not data.question:
        raise UserError(
            f"data.labels={', '.join(data.labels)}, data.question={data.question}: they "
            "name the column of the value and the column "
            "of what is asked, e.g. data.labels=entity_value data.question=entity_name"
        )

    return data.labels[0]


def read_rows(data, folder: Path, splits=SPLITS) -> tuple[pd.DataFrame, list[str]]:
    """The rows of the splits, and the names of the files read.

    Columns: id "train:12", split, image, group, question, category, text where rows have one,
    value. A training file without ids has its row numbers. Raises UserError on a question that is
    no entity, and on a table without rows.
    """
    value_column(data)
    rows = [rows_of_split(data, folder, split) for split in splits]
    return pd.concat(rows, ignore_index=True), [getattr(data, split) for split in splits]


def rows_of_split(data, folder: Path, split: str) -> pd.DataFrame:
    """The rows of one raw table, in the columns of `read_rows`."""
    is_train = split == "train"
    file = folder / getattr(data, split)
    table = read_table(data, folder, file, is_train)

    rows = common_columns(data, folder, split, table)
    rows["question"] = table[data.question]
    rows["category"] = table[data.category_column] if data.category_column else ""

    if data.text:
        rows["text"] = joined_texts(table, data.text)

    rows["value"] = table[value_column(data)] if is_train else ""
    return pd.DataFrame(rows)


def read_table(data, folder: Path, file: Path, is_train: bool) -> pd.DataFrame:
    """A raw table's rows of the config's categories, checked."""
    columns = [data.question, *data.text]
    if data.category_column:
        columns.append(data.category_column)

    if is_train:
        columns += [value_column(data), *group_column(data)]
    else:
        columns.append(data.id)

    table = read_csv(file, columns)
    if is_train and data.id not in table:
        table[data.id] = np.arange(len(table)).astype(str)

    require_distinct(table, data.id, file)
    if is_train:
        table = corrected(table, data, folder, [value_column(data)], is_value)

    of_categories = ""
    if data.categories:
        table = table[table[data.category_column].isin(data.categories)]
        of_categories = f" of category {', '.join(data.categories)}"

    if table.empty:
        raise UserError(f"{file} has no row{of_categories}")

    wrong = table[~table[data.question].isin(ENTITY_NAMES)]
    if len(wrong):
        cell = name_cell(wrong, data.question, data.id)
        raise UserError(f"{file}: {cell}; there are: {', '.join(ENTITY_NAMES)}")

    return table


def is_value(cells: pd.Series, _) -> pd.Series:
    """Whether each cell (n,) is a value like "12.5 gram"."""
    value_of = parse_distinct(cells)
    return cells.map(value_of).notna()


def joined_texts(table: pd.DataFrame, columns) -> pd.Series:
    """The texts of each row, one below the other; an empty cell is an empty line. (The price task
    leaves it out.)"""
    return table[list(columns)].agg("\n".join, axis=1)
