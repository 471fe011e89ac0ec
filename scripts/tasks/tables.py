"""The tables of a data analysis: how they are counted, printed and recorded.

A report is {section: {title: table}}. Each table is a data frame with a row for each thing of one
kind; it is printed in aligned columns and recorded as a list of dicts.
"""

import numpy as np
import pandas as pd

from page.formats import format_number, is_missing, shorten

Tables = dict[str, pd.DataFrame]
QUANTILES = {
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
SHOWN = 30  # printed rows of a table; analysis.json has all
WIDE = 60  # characters of a text that are printed


def quantiles(numbers) -> dict[str, float]:
    """The QUANTILES of numbers (n,) by name, linear between neighbours; nan where n is 0."""
    numbers = np.asarray(numbers, float)
    if not len(numbers):
        return dict.fromkeys(QUANTILES, np.nan)

    shares = list(QUANTILES.values())
    values = np.quantile(numbers, shares)
    return dict(zip(QUANTILES, values.tolist(), strict=True))


def count_values(values, name: str) -> pd.DataFrame:
    """How often each of the values (n,) occurs, in columns `name`, rows and share.

    The most frequent comes first; equally frequent ones are sorted by value.
    """
    counts = pd.Series(values, dtype=object).value_counts().sort_index()
    counts = counts.sort_values(ascending=False, kind="stable")
    rows = counts.to_numpy()
    return pd.DataFrame(
        {
            name: counts.index,
            "rows": rows,
            "share": rows / max(rows.sum(), 1),
        }
    )


def list_facts(facts: dict) -> pd.DataFrame:
    """A table of facts of different kinds, a row each, in columns what and value."""
    values = pd.Series(list(facts.values()), dtype=object)
    return pd.DataFrame({"what": list(facts), "value": values})


def show(title: str, table: pd.DataFrame) -> str:
    """A table as text: numbers to the right, texts to the left, SHOWN rows at most."""
    if not len(table):
        return f"{title}: none"

    columns = [align_column(name, table[name]) for name in table]
    lines = [title]

    for cells in zip(*columns, strict=True):
        lines.append("  " + "  ".join(cells).rstrip())

    n_more = len(table) - SHOWN
    if n_more > 0:
        lines.append(f"  and {n_more:,} more")

    return "\n".join(lines)


def align_column(name: str, column: pd.Series) -> list[str]:
    """The column's head and cells as texts of one width."""
    cells = [str(name)]
    for value in column.head(SHOWN):
        cells.append(format_cell(value))

    width = max(map(len, cells))

    is_text = any(isinstance(value, str) for value in column)
    if is_text:
        return [cell.ljust(width) for cell in cells]

    return [cell.rjust(width) for cell in cells]


def format_cell(value) -> str:
    """A cell as it is printed: "yes" or "" for a bool, "" where it is missing."""
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else ""

    if isinstance(value, str):
        return shorten(value, WIDE)

    return "" if is_missing(value) else format_number(value)


def as_records(report: dict[str, Tables]) -> dict[str, dict[str, list[dict]]]:
    """The report in JSON's types: a dict per row, null where a number is missing or infinite."""
    sections = {}
    for section, tables in report.items():
        records = {}
        for title, table in tables.items():
            rows = table.to_dict("records")
            records[title] = [plain_row(row) for row in rows]

        sections[section] = records

    return sections


def plain_row(row: dict) -> dict:
    """The row with Python's own numbers, and None for nan and infinity."""
    plain = {}
    for name, value in row.items():
        if isinstance(value, np.generic):
            value = value.item()

        if isinstance(value, float) and not np.isfinite(value):
            value = None

        plain[name] = value

    return plain
