"""Blocks → one HTML file that needs no network, no JavaScript and no other file.

page.html is its template.
"""

import base64
import math
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pandas as pd

from page.blocks import Figure, Section, Table
from page.formats import clean, count_decimals, format_cell, is_number

LONG = 30  # tables of more rows are folded away


@dataclass(frozen=True)
class Cell:
    """One cell of a table."""

    text: str
    is_number: bool  # numbers stand at the right
    is_best: bool


@dataclass(frozen=True)
class Grid:
    """What a table shows."""

    corner: str | None  # above the row heads; None where rows have none
    heads: list[tuple[str, bool]]  # of each column: its name, whether it holds numbers
    rows: list[tuple[object, list[Cell]]]  # (head or None, cells)


def render(title: str, lead: list, sections: list[Section], foot: str = "") -> str:
    """The page as HTML; sections without blocks are left out.

    lead: blocks above the contents (the score, what failed).
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    environment.filters |= {
        "by_kind": by_kind,
        "grid": grid,
        "labelled_svg": labelled_svg,
        "base64": to_base64,
        "clean": clean,
    }
    template = environment.from_string(Path(__file__).with_name("page.html").read_text())
    filled = [section for section in sections if section.blocks]

    return template.render(title=title, lead=lead, sections=filled, foot=foot, long=LONG)


def to_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def by_kind(blocks: list) -> list[tuple[str, list]]:
    """Blocks in their order as (class name, neighbours of that class): figures that follow each
    other stand side by side."""
    groups = groupby(blocks, lambda block: type(block).__name__)
    return [(kind, list(group)) for kind, group in groups]


def labelled_svg(figure: Figure):
    """The SVG with the figure's alt text as its label."""
    from markupsafe import Markup, escape

    label = escape(clean(figure.alt))

    return Markup(figure.svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1))


def grid(table: Table) -> Grid:
    """The table's cells as texts."""
    frame = table.frame
    heads = []
    columns = []
    for j, name in enumerate(frame.columns):
        best = table.best.get(name, "")
        cells = column_cells(frame.iloc[:, j], best)
        columns.append(cells)
        heads.append((name, any(cell.is_number for cell in cells)))

    has_heads = not isinstance(frame.index, pd.RangeIndex)
    rows = []
    for i, head in enumerate(frame.index):
        cells = [column[i] for column in columns]
        rows.append((head if has_heads else None, cells))

    corner = None
    if has_heads:
        corner = frame.index.name or ""

    return Grid(corner, heads, rows)


def column_cells(column: pd.Series, best: str) -> list[Cell]:
    """The cells of a column; best: "max", "min" or "" for the cell to mark."""
    values = list(column)
    numbers = [float(value) for value in values if is_number(value) and math.isfinite(value)]
    decimals = count_decimals(numbers)
    has_texts = not all(value is None or is_number(value) for value in values)

    best_number = None
    if best and numbers:
        best_number = max(numbers) if best == "max" else min(numbers)

    cells = []
    for value in values:
        cell = Cell(
            format_cell(value, decimals),
            is_number=bool(numbers) and not has_texts,
            is_best=is_number(value) and float(value) == best_number,
        )
        cells.append(cell)

    return cells
