"""What a table of many attributes holds: classes and how rare, labels that are missing, spelt
twice, or tell of each other."""

from itertools import combinations

import numpy as np
import pandas as pd

from common.errors import UserError
from tasks.attributes import label_columns
from tasks.raw import Raw, Tables


def needs(data) -> dict[str, list[str]]:
    return {
        "train": [data.id, data.category_column, *data.labels],
        "test": [data.id, data.category_column],
    }


def analyse(raw: Raw) -> Tables:
    """Every attribute's classes, rare ones and doubtful spellings, how many labels rows have, and
    what attributes tell of each other."""
    found = labels(raw)
    every = {name: column for table in found.values() for name, column in table.items()}
    return {
        "attributes": pd.DataFrame(
            [
                attribute_facts(name, column, raw.config.data.n_folds)
                for name, column in every.items()
            ]
        ),
        "labels per row": labels_per_row(found),
        "classes in fewer rows than there are folds": rare_classes(every, raw.config.data.n_folds),
        "labels that differ only in case or blanks": twins(every),
        "attributes that tell of each other": pairs(found),
    }


def labels(raw: Raw) -> dict[str, pd.DataFrame]:
    """{category: its rows' labels, a column per attribute, "" where not labelled}; attributes are
    named as the task names them."""
    data, train = raw.config.data, raw.train
    wanted = list(data.categories) or (
        sorted(set(train[data.category_column])) if data.category_column else [""]
    )
    columns = (
        {name: list(data.labels) for name in wanted}
        if data.labels
        else label_columns(raw.folder / data.attributes, wanted)
    )
    if absent := sorted({c for names in columns.values() for c in names} - set(train)):
        raise UserError(
            f"{raw.folder / data.train} has no column {', '.join(absent)}; it has: "
            f"{', '.join(train)}"
        )
    mine = {
        name: train[train[data.category_column] == name] if data.category_column else train
        for name in wanted
    }
    return {
        name: mine[name][columns[name]].add_prefix(f"{name}/" if data.category_column else "")
        for name in wanted
    }


def attribute_facts(name: str, column: pd.Series, n_folds: int) -> dict:
    """How many classes and labels, the most and the least frequent class."""
    counts = column[column != ""].value_counts()
    most, least = (counts.index[0], counts.index[-1]) if len(counts) else ("", "")
    return {
        "attribute": name,
        "classes": len(counts),
        "labelled": int(counts.sum()),
        "share": counts.sum() / len(column),
        "most frequent": most,
        "its rows": int(counts.get(most, 0)),
        "its share": counts.get(most, 0) / max(counts.sum(), 1),
        "least frequent": least,
        "rows of it": int(counts.get(least, 0)),
        f"under {n_folds} rows": int((counts < n_folds).sum()),
    }


def labels_per_row(found: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Rows of each category by how many of its attributes they are labelled for: all first."""
    rows = []
    for category, table in found.items():
        held = (table != "").sum(axis=1)
        rows += [
            {
                **({"category": category} if category else {}),
                "labelled": n,
                "of": table.shape[1],
                "rows": int((held == n).sum()),
                "share": float((held == n).mean()),
            }
            for n in range(table.shape[1], -1, -1)
        ]
    return pd.DataFrame(rows)


def rare_classes(columns: dict[str, pd.Series], n_folds: int) -> pd.DataFrame:
    """The classes that some fold cannot have a row of, the rarest first."""
    rows = [
        (name, value, n)
        for name, column in columns.items()
        for value, n in column[column != ""].value_counts().items()
        if n < n_folds
    ]
    return pd.DataFrame(rows, columns=["attribute", "class", "rows"]).sort_values(
        ["rows", "attribute", "class"], ignore_index=True
    )


def twins(columns: dict[str, pd.Series]) -> pd.DataFrame:
    """Classes of an attribute that are one when case and blanks do not count, with their rows."""
    rows = []
    for name, column in columns.items():
        counts = column[column != ""].value_counts()
        same = counts.groupby(["".join(value.casefold().split()) for value in counts.index])
        rows += [
            {
                "attribute": name,
                "spellings": " | ".join(sorted(group.index)),
                "rows": " | ".join(map(str, group.sort_index())),
            }
            for _, group in same
            if len(group) > 1
        ]
    return pd.DataFrame(rows, columns=["attribute", "spellings", "rows"])


def pairs(found: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Every two attributes of a category on the rows labelled for both, the nearest first: Cramér's
    V, 0 to 1; and the share of rows whose label of the one is the most frequent for their label of
    the other (`known`), beside the most frequent of all (`blind`).
    """
    rows = []
    for table in found.values():
        for a, b in combinations(table, 2):
            both = (table[a] != "") & (table[b] != "")
            count = pd.crosstab(table[a][both], table[b][both]).to_numpy()
            if min(count.shape, default=0) > 1:
                n, v = count.sum(), cramers_v(count)
                rows += [
                    {
                        "attribute": one,
                        "from": other,
                        "rows": int(n),
                        "V": v,
                        "known": cells.max(1).sum() / n,
                        "blind": cells.sum(0).max() / n,
                    }
                    for one, other, cells in ((b, a, count), (a, b, count.T))
                ]
    table = pd.DataFrame(rows, columns=["attribute", "from", "rows", "V", "known", "blind"])
    gain = (table.known - table.blind) / (
        1 - table.blind
    )  # Goodman and Kruskal's lambda: 1 of a function
    return table.assign(gain=gain).sort_values(
        ["gain", "attribute", "from"], ascending=[False, True, True], ignore_index=True
    )


def cramers_v(count: np.ndarray) -> float:
    """Cramér's V of a table of counts (r, c) without empty rows or columns: 0 independent, 1 one
    tells the other."""
    squares = (count**2 / np.outer(count.sum(1), count.sum(0))).sum() - 1  # chi² / n
    return float(np.sqrt(max(squares, 0) / (min(count.shape) - 1)))
