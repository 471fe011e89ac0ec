"""The raw tables of a category, read before anything in them is checked, because an analysis of the
data looks for what is wrong with them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from common.errors import UserError
from common.paths import input_folder
from common.rows import row_id
from common.tables import and_more, group_column, read_csv
from images.names import image_names
from tasks.tables import Tables

SPLITS = ("train", "test")
# cells that may mean "not known"; to the toolkit they are text
READ_AS_UNKNOWN = {"na", "n/a", "nan", "null", "none", "unknown", "-", "?"}


@dataclass(frozen=True)
class Raw:
    """The raw rows of a category, cells as stripped text, with the config that names columns."""

    config: Any  # a config.Config, which this room may not import
    folder: Path
    train: pd.DataFrame
    test: pd.DataFrame

    @property
    def splits(self) -> dict[str, pd.DataFrame]:
        return {"train": self.train, "test": self.test}

    def image_names(self) -> dict[str, np.ndarray]:
        """{split: (n,) the names of the rows' images in the folder}.

        A name is "" where it would lead out of the folder. {} where the config names no images.
        """
        data = self.config.data
        patterns = {"train": data.train_image, "test": data.test_image}

        names = {}
        for split, table in self.splits.items():
            pattern = patterns[split]
            if pattern:
                column = image_names(table, pattern, self.folder)
                names[split] = np.array(column, dtype=str)

        return names


def read_raw(config: Any, needs: dict[str, list[str]]) -> Raw:
    """The rows of the config's categories.

    needs: {split: columns} of the analysis, where "" is left out. Raises UserError when a table
    lacks one, or has no row.
    """
    data = config.data
    folder = input_folder(data.folder, data.train)

    tables = {}
    for split in SPLITS:
        name = getattr(data, split)
        columns = needs.get(split, [])
        tables[split] = read_split(data, folder / name, columns)

    return Raw(config, folder, **tables)


def read_split(data, file: Path, needed: list[str]) -> pd.DataFrame:
    """The rows of one raw table."""
    columns = [column for column in needed if column]
    if data.categories:
        columns.append(data.category_column)

    table = read_csv(file, columns)
    rows = rows_of_categories(
        table,
        data.category_column,
        data.categories,
        file,
    )
    return rows.reset_index(drop=True)


def rows_of_categories(table: pd.DataFrame, column: str, categories, file: Path) -> pd.DataFrame:
    """The rows whose category is one of these; all rows where no categories are given.

    Raises UserError when there is none.
    """
    rows = table
    if categories:
        in_categories = table[column].isin(categories)
        rows = table[in_categories]

    if len(rows):
        return rows

    if not categories:
        raise UserError(f"{file} has no row")

    wanted = ", ".join(categories)
    existing = ", ".join(sorted(set(table[column])))
    raise UserError(f"{file} has no row of category {wanted}; there are: {existing}")


def common_columns(data, folder: Path, split: str, table: pd.DataFrame) -> dict:
    """The columns that the rows of every task have: id "train:12", split, image, group; "" where
    the config names none."""
    pattern = getattr(data, f"{split}_image")
    has_group = split == "train" and group_column(data)
    return {
        "id": row_id(split, table[data.id]),
        "split": split,
        "image": image_names(table, pattern, folder) if pattern else "",
        "group": table[data.group] if has_group else "",
    }


def row_texts(table: pd.DataFrame, columns, file: Path) -> pd.Series:
    """The `paragraphs` of each row. Raises UserError when every row's is empty, though columns are
    named."""
    texts = paragraphs(table, columns)
    if columns and (texts == "").all():
        names = ", ".join(columns)
        raise UserError(
            f"{file}: {names} is empty in every row; name the columns of text in data.text"
        )

    return texts


def paragraphs(table: pd.DataFrame, columns) -> pd.Series:
    """The texts of each row, one below the other.

    Empty cells are left out, so that a text begins with the product's name and has no empty lines.
    (The entity task joins its text columns with the empty cells among them.)
    """
    texts = []
    for cells in table[list(columns)].itertuples(index=False):
        full_cells = [cell for cell in cells if cell]
        text = "\n".join(full_cells)
        texts.append(text)

    return pd.Series(texts, table.index, dtype=object)


def require_distinct(table: pd.DataFrame, column: str, file: Path) -> None:
    """Raises UserError when two rows have the same value in the column, or one is empty."""
    values = table[column]
    if (values == "").any():
        problem = "an empty cell"
    elif values.duplicated().any():
        value = values[values.duplicated()].iloc[0]
        problem = f"{value!r} {(values == value).sum()} times"
    else:
        return

    raise UserError(f"{file}, column {column}: ids must be distinct, there is {problem}")


def name_cell(rows: pd.DataFrame, column: str, id_column: str) -> str:
    """ "price is '-1' at id 7 and 3 more rows", of the rows whose cell in the column is wrong."""
    first = rows.iloc[0]
    return f"{column} is {first[column]!r} at {id_column} {first[id_column]}{and_more(rows)}"


def overview(raw: Raw) -> Tables:
    """What the files hold, a row each, and what their columns hold, a row each."""
    files = [file_facts(raw, split) for split in raw.splits]

    names = dict.fromkeys([*raw.train, *raw.test])  # of the columns, each once
    columns = [column_facts(raw, name) for name in names]

    return {
        "files": pd.DataFrame(files),
        "columns": pd.DataFrame(columns),
    }


def file_facts(raw: Raw, split: str) -> dict:
    """How many rows, columns and ids the split's file has, and how many rows are there twice."""
    data = raw.config.data
    table = raw.splits[split]
    other = raw.splits["test" if split == "train" else "train"]

    no_ids = pd.Series(dtype=str)
    ids = table.get(data.id, no_ids)
    other_ids = other.get(data.id, no_ids)
    in_other = ids.isin(other_ids)

    without_ids = table.drop(columns=data.id, errors="ignore")
    repeats = without_ids.duplicated()
    return {
        "split": split,
        "file": getattr(data, split),
        "rows": len(table),
        "columns": table.shape[1],
        "distinct ids": ids.nunique(),
        "ids in the other": int(in_other.sum()),
        "rows that repeat another": int(repeats.sum()),
    }


def column_facts(raw: Raw, name: str) -> dict:
    """Which files have the column, its empty cells in each, and what its other cells are: in train,
    or in test where train has no such column."""
    tables = {split: table for split, table in raw.splits.items() if name in table}
    facts = {"column": name, "in": " ".join(tables)}

    for split in raw.splits:
        n_empty = np.nan
        if split in tables:
            is_empty = tables[split][name] == ""
            n_empty = int(is_empty.sum())

        facts[f"empty {split}"] = n_empty

    first_table = next(iter(tables.values()))
    cells = first_table[name]
    counts = cells[cells != ""].value_counts()
    is_unknown = cells.str.lower().isin(READ_AS_UNKNOWN)
    facts |= {
        "reads as unknown": int(is_unknown.sum()),
        "distinct": len(counts),
        "constant": cells.nunique() == 1,
        "most frequent": "",
        "rows": 0,
    }

    if len(counts):
        facts["most frequent"] = counts.index[0]
        facts["rows"] = int(counts.iloc[0])

    return facts
