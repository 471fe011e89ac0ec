"""The raw files of the price task: which cells are prices, and the rows."""

from pathlib import Path

import numpy as np
import pandas as pd

from common.errors import UserError
from common.tables import group_column, read_csv
from tasks.corrections import corrected
from tasks.raw import SPLITS, common_columns, name_cell, require_distinct, row_texts


def price_column(data) -> str:
    """The column of the price. Raises UserError when data.labels does not name exactly one."""
    if len(data.labels) != 1:
        labels = ", ".join(data.labels) or "empty"
        raise UserError(f"data.labels is {labels}; a price is one column, e.g. data.labels=price")

    return data.labels[0]


def read_rows(data, folder: Path, splits=SPLITS) -> tuple[pd.DataFrame, list[str]]:
    """The rows of the splits, and the names of the files read.

    Columns: id "train:12", split, image, group, text, price. A price is "" where it is not known;
    such a row is predicted, but not learnt from. Raises UserError on a price that is no positive
    number.
    """
    price_column(data)
    rows = [rows_of_split(data, folder, split) for split in splits]
    return pd.concat(rows, ignore_index=True), [getattr(data, split) for split in splits]


def rows_of_split(data, folder: Path, split: str) -> pd.DataFrame:
    """The rows of one raw table, in the columns of `read_rows`."""
    file = folder / getattr(data, split)
    is_train = split == "train"
    price = [price_column(data)] if is_train else []
    group = group_column(data) if is_train else []
    columns = [data.id, *data.text, *price, *group]

    table = read_csv(file, columns)
    require_distinct(table, data.id, file)

    if table.empty:
        raise UserError(f"{file} has no row")

    if price:
        table = corrected(table, data, folder, price, lambda cells, _: is_price(cells))
        require_prices(table, price[0], data.id, file)

    rows = common_columns(data, folder, split, table)
    rows["text"] = row_texts(table, data.text, file)
    rows["price"] = table[price[0]] if price else ""
    return pd.DataFrame(rows)


def require_prices(table: pd.DataFrame, column: str, id_column: str, file: Path) -> None:
    """Raises UserError when a cell is neither empty nor a price."""
    cells = table[column]
    is_wrong = (cells != "") & ~is_price(cells)

    wrong = table[is_wrong]
    if len(wrong):
        raise UserError(
            f"{file}: {name_cell(wrong, column, id_column)}; a price is a positive number: make "
            "the cell empty where it is not known"
        )


def is_price(cells: pd.Series) -> pd.Series:
    """Whether each cell (n,), a text, is a finite number above 0."""
    number = pd.to_numeric(cells, errors="coerce")
    return (number > 0) & np.isfinite(number)
