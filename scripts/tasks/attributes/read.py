"""The raw files of the attribute task: which label columns a category has, and its rows."""

from pathlib import Path

import numpy as np
import pandas as pd

from common.errors import UserError
from common.tables import FIXED, group_column, read_csv
from tasks.corrections import corrected
from tasks.raw import SPLITS, common_columns, require_distinct, row_texts, rows_of_categories

MAX_ATTRIBUTES = 10  # attr_1 .. attr_10 in the organisers' table


def read_rows(data, folder: Path, splits=SPLITS) -> tuple[pd.DataFrame, list[str]]:
    """The category's rows of the splits, and the names of the files read.

    Columns: id "train:12", split, image, group, text where data.text names columns, category where
    there are several, then the labels of each attribute, "" where a row is not labelled. An
    attribute's column has its own name, or "<category>/<name>" where rows have categories.
    """
    shared = [data.id, *data.text]
    if data.category_column:
        shared.append(data.category_column)

    files = []
    rows = []
    columns = {category: [] for category in data.categories}

    if "train" in splits:
        only_train = [*data.labels, *group_column(data)]
        file = folder / data.train
        train = read_csv(file, [*shared, *only_train])
        columns = label_columns(data, train, folder)

        if not data.category_column:
            check_label_names(data, columns[""], file)

        labels = sorted(set().union(*columns.values()))
        train = corrected(train, data, folder, labels, is_class)
        rows.append(rows_of_split(data, folder, "train", train, columns))
        files.append(data.train)

        if not data.labels:
            files.append(data.attributes)

    if "test" in splits:
        test = read_csv(folder / data.test, shared)
        rows.append(rows_of_split(data, folder, "test", test, columns))
        files.append(data.test)

    return pd.concat(rows, ignore_index=True), files


def is_class(values: pd.Series, labels: pd.Series) -> pd.Series:
    """Whether each of the values (m,) is a class: one of the raw table's labels (n,)."""
    return values.isin(labels)


def label_columns(data, train: pd.DataFrame, folder: Path) -> dict[str, list[str]]:
    """{category: its label columns in train}; {"": data.labels} where rows have no categories.

    Raises UserError when train lacks one of them.
    """
    categories = categories_of(data, train)
    if data.labels:
        columns = {category: list(data.labels) for category in categories}
    else:
        columns = official_label_columns(folder / data.attributes, categories)

    needed = set().union(*columns.values())
    missing = sorted(needed - set(train))
    if missing:
        file = folder / data.train
        names = ", ".join(missing)
        existing = ", ".join(train)
        raise UserError(f"{file} has no column {names}; it has: {existing}")

    return columns


def categories_of(data, train: pd.DataFrame) -> list[str]:
    """The config's categories, else all of train; [""] where rows have no categories."""
    if data.categories:
        return list(data.categories)

    if data.category_column:
        existing = set(train[data.category_column])
        return sorted(existing)

    return [""]


def official_label_columns(file: Path, categories: list[str]) -> dict[str, list[str]]:
    """{category: [attr_1 .. attr_k]}, as many as the organisers' table of attributes says."""
    if not file.exists():
        raise UserError(f"no {file}: put it there, or name the label columns in data.labels")

    try:
        table = pd.read_parquet(file, columns=["Category", "No_of_attribute"])
    except Exception as error:  # pyarrow has its own for a broken file and for a missing column
        reason = " ".join(str(error).split())[:150]
        raise UserError(f"cannot read Category and No_of_attribute from {file}: {reason}") from None

    names = table.Category.str.strip()
    counts = dict(zip(names, table.No_of_attribute, strict=True))

    columns = {}
    for category in categories:
        if category not in counts:
            raise UserError(
                f"data.categories: {category!r} is not in {file}; there are: {', '.join(counts)}"
            )

        columns[category] = official_columns(counts[category])

    return columns


def official_columns(k: int) -> list[str]:
    """The organisers' names of k label columns: attr_1 .. attr_k."""
    return [f"attr_{i}" for i in range(1, k + 1)]


def check_label_names(data, labels: list[str], file: Path) -> None:
    """Raises UserError when a label cannot be a column of folds.csv under its own name."""
    reserved = sorted({*FIXED, data.id} & set(labels))
    if reserved:
        raise UserError(
            f"data.labels: {', '.join(reserved)} is the name of a column that folds.csv needs; "
            f"rename it in {file}"
        )

    if len(set(labels)) < len(labels):
        raise UserError("data.labels names a column twice")


def rows_of_split(
    data,
    folder: Path,
    split: str,
    table: pd.DataFrame,
    columns: dict[str, list[str]],
) -> pd.DataFrame:
    """The rows of one raw table, in the columns of `read_rows`."""
    file = folder / getattr(data, split)
    require_distinct(table, data.id, file)
    categories = list(columns) if data.category_column else []
    table = rows_of_categories(table, data.category_column, categories, file)

    is_train = split == "train"
    rows = common_columns(data, folder, split, table)

    if data.text:
        rows["text"] = row_texts(table, data.text, file)

    # of a test row nothing else says which attributes it has
    if len(columns) > 1:
        rows["category"] = table[data.category_column]

    for category, names in columns.items():
        for name in names:
            labels = table[name] if is_train else ""
            if data.category_column:
                in_category = table[data.category_column] == category
                rows[f"{category}/{name}"] = np.where(in_category, labels, "")
            else:
                rows[name] = labels

    return pd.DataFrame(rows)
