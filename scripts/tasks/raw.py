"""What a data set holds, counted on the raw tables before anything is checked: what is wrong with
them is what is looked for.

A report is {section: {title: table}}, a table a data frame of one kind of thing per row: printed in
aligned columns, written as records.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from common.errors import UserError
from common.paths import input_folder
from common.tables import read_csv
from images.names import image_names

Tables = dict[str, pd.DataFrame]
UNSAID = {
    "na",
    "n/a",
    "nan",
    "null",
    "none",
    "unknown",
    "-",
    "?",
}  # cells that may mean "not known"; to the toolkit they are text
SPREAD = {
    "min": 0,
    "1 %": 0.01,
    "5 %": 0.05,
    "25 %": 0.25,
    "median": 0.5,
    "75 %": 0.75,
    "95 %": 0.95,
    "99 %": 0.99,
    "max": 1,
}
SHOWN = 30  # rows of a table that are printed; analysis.json has all
WIDE = 60  # characters of a text that are printed


@dataclass(frozen=True)
class Raw:
    """The raw rows of a category, cells as stripped text, with the config that names their
    columns."""

    config: object
    folder: Path
    train: pd.DataFrame
    test: pd.DataFrame

    @property
    def splits(self) -> dict[str, pd.DataFrame]:
        return {"train": self.train, "test": self.test}

    def pictures(self) -> dict[str, np.ndarray]:
        """The name of each row's picture in the folder, {"train": (n,), "test": (m,)}: "" where it
        would lead out of it, {} where the config names none."""
        data = self.config.data
        patterns = {"train": data.train_image, "test": data.test_image}
        return {
            split: np.array(image_names(table, patterns[split], self.folder), dtype=str)
            for split, table in self.splits.items()
            if patterns[split]
        }


def read_raw(config: object, needs: dict[str, list[str]]) -> Raw:
    """The rows of the config's categories. Raises UserError when a column that the analysis `needs` of a split
    is not there."""
    data, folder, tables = config.data, input_folder(config.data.folder, config.data.train), {}
    for split, name in (("train", data.train), ("test", data.test)):
        kind = [data.category_column] if data.categories else []
        table = read_csv(folder / name, [*filter(None, needs.get(split, [])), *kind])
        tables[split] = (
            table[table[kind[0]].isin(data.categories)].reset_index(drop=True) if kind else table
        )
        if tables[split].empty:
            there = (
                f" of category {', '.join(data.categories)}; there are: "
                f"{', '.join(sorted(set(table[kind[0]])))}"
                if kind
                else ""
            )
            raise UserError(f"{folder / name} has no row{there}")
    return Raw(config, folder, **tables)


def overview(raw: Raw) -> Tables:
    """How many rows and ids there are, and of each column how many cells are empty, how many read
    as if they were, how many differ."""
    key, columns = raw.config.data.id, list(dict.fromkeys([*raw.train, *raw.test]))
    ids = {
        split: table[key] if key in table else pd.Series(dtype=str)
        for split, table in raw.splits.items()
    }
    others = {
        split: table.drop(columns=key, errors="ignore") for split, table in raw.splits.items()
    }
    files = {"train": raw.config.data.train, "test": raw.config.data.test}
    rows = [
        {
            "split": split,
            "file": files[split],
            "rows": len(table),
            "columns": table.shape[1],
            "distinct ids": ids[split].nunique(),
            "ids in the other": int(
                ids[split].isin(ids["test" if split == "train" else "train"]).sum()
            ),
            "rows that repeat another": int(others[split].duplicated().sum()),
        }
        for split, table in raw.splits.items()
    ]
    about = [
        {"column": c, "in": " ".join(split for split, table in raw.splits.items() if c in table)}
        | {
            f"empty {split}": int((table[c] == "").sum()) if c in table else np.nan
            for split, table in raw.splits.items()
        }
        | column_facts((raw.train if c in raw.train else raw.test)[c])
        for c in columns
    ]
    return {"files": pd.DataFrame(rows), "columns": pd.DataFrame(about)}


def column_facts(cells: pd.Series) -> dict:
    """What is told of a column: an example is its most frequent cell."""
    counts = cells[cells != ""].value_counts()
    return {
        "reads as unknown": int(cells.str.lower().isin(UNSAID).sum()),
        "distinct": len(counts),
        "constant": cells.nunique() == 1,
        "most frequent": counts.index[0] if len(counts) else "",
        "rows": int(counts.iloc[0]) if len(counts) else 0,
    }


def spread(numbers) -> dict[str, float]:
    """Quantiles of numbers (n,) by SPREAD's names, linear between neighbours; nan of none."""
    numbers = np.asarray(numbers, float)
    return {
        name: float(np.quantile(numbers, q)) if len(numbers) else np.nan
        for name, q in SPREAD.items()
    }


def counted(values, name: str) -> pd.DataFrame:
    """How often each of the values (n,) is there: name, rows, share; the most frequent first,
    equals in their own order."""
    counts = pd.Series(values, dtype=object).value_counts()
    counts = counts.sort_index().sort_values(ascending=False, kind="stable")
    return pd.DataFrame(
        {
            name: counts.index,
            "rows": counts.to_numpy(),
            "share": counts.to_numpy() / max(counts.sum(), 1),
        }
    )


def listed(facts: dict) -> pd.DataFrame:
    """A table of facts of different kinds, a row each: what, value."""
    return pd.DataFrame(
        {"what": list(facts), "value": pd.Series(list(facts.values()), dtype=object)}
    )


def spell_cell(value) -> str:
    """A cell as it is printed: thousands by commas, four digits of a fraction, yes or nothing."""
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else ""
    if isinstance(value, str):
        text = " ".join(value.split())
        return text if len(text) <= WIDE else text[: WIDE - 1] + "…"
    if value is None or np.isnan(value):
        return ""
    return (
        f"{int(value):,}"
        if float(value).is_integer()
        else f"{value:.4g}"
        if abs(value) < 1e3
        else f"{value:,.0f}"
    )


def show(title: str, table: pd.DataFrame) -> str:
    """A table as text: numbers to the right, texts to the left, at most SHOWN rows."""
    lines = [title if len(table) else f"{title}: none"]
    if len(table):
        texts = [any(isinstance(value, str) for value in table[c]) for c in table]
        rows = table.head(SHOWN).itertuples(index=False, name=None)
        cells = [
            list(map(str, table.columns)),
            *([spell_cell(value) for value in row] for row in rows),
        ]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for row in cells:
            aligned = (
                cell.ljust(width) if text else cell.rjust(width)
                for cell, width, text in zip(row, widths, texts, strict=True)
            )
            lines.append("  " + "  ".join(aligned).rstrip())
    return "\n".join(lines + [f"  and {len(table) - SHOWN:,} more"] * (len(table) > SHOWN))


def as_records(report: dict[str, Tables]) -> dict[str, dict[str, list[dict]]]:
    """The report in JSON's types, a dict per row; null where there is no number."""

    def plain(value):
        value = value.item() if isinstance(value, np.generic) else value
        return None if isinstance(value, float) and not np.isfinite(value) else value

    return {
        section: {
            title: [
                {name: plain(value) for name, value in row.items()}
                for row in table.to_dict("records")
            ]
            for title, table in tables.items()
        }
        for section, tables in report.items()
    }
