"""What a table of many attributes holds: classes and how rare they are, missing labels, classes
spelt in two ways, and attributes that predict each other.

    in:  train.csv with columns tone, kind
    out: {"attributes": a row for tone and one for kind, "labels per row": ..., ...}
"""

from itertools import combinations

import numpy as np
import pandas as pd

from tasks.attributes.read import label_columns
from tasks.raw import Raw
from tasks.tables import Tables


def needs(data) -> dict[str, list[str]]:
    """The columns that train and test must have; "" stands for one that the config leaves out."""
    columns = [data.id, data.category_column, *data.text]
    return {"train": [*columns, *data.labels], "test": columns}


def analyse(raw: Raw) -> Tables:
    """The tables of this analysis by title."""
    n_folds = raw.config.data.n_folds
    by_category = labels(raw)
    columns = attribute_columns(by_category)
    facts = [attribute_facts(name, column, n_folds) for name, column in columns.items()]
    return {
        "attributes": pd.DataFrame(facts),
        "labels per row": labels_per_row(by_category),
        "classes in fewer rows than there are folds": rare_classes(columns, n_folds),
        "labels that differ only in case or blanks": twins(columns),
        "attributes that tell of each other": pairs(by_category),
    }


def labels(raw: Raw) -> dict[str, pd.DataFrame]:
    """{category: the labels of its rows, a column per attribute, "" where not labelled}.

    Attributes are named as the task names them, e.g. "Sarees/attr_1".
    """
    data = raw.config.data
    names_of_category = label_columns(data, raw.train, raw.folder)

    tables = {}
    for category, names in names_of_category.items():
        if data.category_column:
            in_category = raw.train[data.category_column] == category
            rows = raw.train[in_category]
            tables[category] = rows[names].add_prefix(f"{category}/")
        else:
            tables[category] = raw.train[names]

    return tables


def attribute_columns(by_category: dict[str, pd.DataFrame]) -> dict[str, pd.Series]:
    """{attribute: its labels} of the tables of `labels`."""
    columns = {}
    for table in by_category.values():
        columns |= dict(table.items())

    return columns


def class_counts(column: pd.Series) -> pd.Series:
    """The rows of each class of an attribute, the most frequent first."""
    return column[column != ""].value_counts()


def attribute_facts(name: str, column: pd.Series, n_folds: int) -> dict:
    """How many classes and labels an attribute has, its most and its least frequent class."""
    counts = class_counts(column)
    n = counts.sum()

    most = least = ""
    if len(counts):
        most = counts.index[0]
        least = counts.index[-1]

    return {
        "attribute": name,
        "classes": len(counts),
        "labelled": int(n),
        "share": n / len(column),
        "most frequent": most,
        "its rows": int(counts.get(most, 0)),
        "its share": counts.get(most, 0) / max(n, 1),
        "least frequent": least,
        "rows of it": int(counts.get(least, 0)),
        f"under {n_folds} rows": int((counts < n_folds).sum()),
    }


def labels_per_row(by_category: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """How many rows of each category have how many of its labels: all of them first."""
    lines = []
    for category, table in by_category.items():
        n_attributes = table.shape[1]
        is_labelled = table != ""
        n_labels = is_labelled.sum(axis=1)  # of each row

        for n in range(n_attributes, -1, -1):
            has_n = n_labels == n
            line = {
                "labelled": n,
                "of": n_attributes,
                "rows": int(has_n.sum()),
                "share": float(has_n.mean()),
            }

            if category:
                line = {"category": category} | line

            lines.append(line)

    return pd.DataFrame(lines)


def rare_classes(columns: dict[str, pd.Series], n_folds: int) -> pd.DataFrame:
    """The classes in fewer rows than there are folds, of which some fold has none; rarest first."""
    lines = []
    for name, column in columns.items():
        counts = class_counts(column)
        rare = counts[counts < n_folds]
        for value, n in rare.items():
            lines.append(
                {
                    "attribute": name,
                    "class": value,
                    "rows": n,
                }
            )

    table = pd.DataFrame(lines, columns=["attribute", "class", "rows"])
    return table.sort_values(
        ["rows", "attribute", "class"],
        ignore_index=True,
    )


def twins(columns: dict[str, pd.Series]) -> pd.DataFrame:
    """Classes of one attribute that are equal but for case and blanks, with their rows."""
    lines = []
    for name, column in columns.items():
        counts = class_counts(column)
        without_case = ["".join(value.casefold().split()) for value in counts.index]
        for _, spellings in counts.groupby(without_case):
            if len(spellings) == 1:
                continue

            spellings = spellings.sort_index()
            lines.append(
                {
                    "attribute": name,
                    "spellings": " | ".join(spellings.index),
                    "rows": " | ".join(map(str, spellings)),
                }
            )

    return pd.DataFrame(lines, columns=["attribute", "spellings", "rows"])


def pairs(by_category: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """How well each attribute is predicted by each other one of its category, the best first.

    Over the rows labelled for both: V is Cramér's, 0 to 1; `known` the share of rows whose label is
    the most frequent one among the rows with their label of the other attribute; `majority` that
    of the most frequent label of all. `gain` = (known - majority) / (1 - majority) is Goodman and
    Kruskal's lambda: 1 where the attribute is a function of the other.
    """
    lines = []
    for table in by_category.values():
        for a, b in combinations(table, 2):
            counts = count_pairs(table[a], table[b])
            if min(counts.shape) < 2:
                continue

            v = cramers_v(counts)
            lines.append(association(b, a, counts, v))
            lines.append(association(a, b, counts.T, v))

    columns = ["attribute", "from", "rows", "V", "known", "majority"]
    table = pd.DataFrame(lines, columns=columns)

    gained = table.known - table.majority
    unknown = 1 - table.majority
    table["gain"] = gained / unknown

    return table.sort_values(
        ["gain", "attribute", "from"],
        ascending=[False, True, True],
        ignore_index=True,
    )


def count_pairs(a: pd.Series, b: pd.Series) -> np.ndarray:
    """How many rows have each label of `a` (down) and of `b` (across), of the rows with both."""
    both = (a != "") & (b != "")
    return pd.crosstab(a[both], b[both]).to_numpy()


def association(attribute: str, other: str, counts: np.ndarray, v: float) -> dict:
    """How well an attribute (columns of counts) is predicted by the other one (its rows)."""
    n = counts.sum()
    return {
        "attribute": attribute,
        "from": other,
        "rows": int(n),
        "V": v,
        "known": counts.max(1).sum() / n,
        "majority": counts.sum(0).max() / n,
    }


def cramers_v(counts: np.ndarray) -> float:
    """Cramér's V of a table of counts (r, c) without empty rows or columns.

    0 where rows and columns are independent, 1 where one tells the other.
    """
    expected = np.outer(counts.sum(1), counts.sum(0))  # times n
    mean_square = (counts**2 / expected).sum() - 1  # chi² / n
    most = min(counts.shape) - 1  # that it can be
    return float(np.sqrt(max(mean_square, 0) / most))
