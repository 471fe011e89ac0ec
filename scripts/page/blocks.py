"""A page of blocks, rendered as one HTML file that needs no network, no JavaScript and no other
file."""

import base64
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd

LONG = 30  # rows from which on a table is folded away


@dataclass(frozen=True)
class Note:
    """A paragraph; `kind` "" or "warning" (what failed, what is missing, what to run)."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Table:
    """A data frame with a caption; numbers to the right, four digits. `best` names columns whose
    best cell is marked: {column: "max"}."""

    caption: str
    frame: pd.DataFrame
    best: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Figure:
    """An SVG (as page.charts draws it) with a caption, and `alt`: in words what it shows, with its
    main numbers."""

    caption: str
    svg: str
    alt: str


@dataclass(frozen=True)
class Card:
    """A row to look at: its id, its picture as JPEG bytes (None where it has none), its text, and
    facts by name in their order."""

    id: str
    facts: dict[str, str]
    picture: bytes | None = None
    text: str = ""


@dataclass(frozen=True)
class Cards:
    """Cards with a caption."""

    caption: str
    cards: list[Card]


@dataclass(frozen=True)
class Number:
    """The one number of a page, as large as it deserves: "0.8040", what it is, and a line of what
    it is to be held against."""

    value: str
    label: str
    more: str = ""


@dataclass(frozen=True)
class Links:
    """Other pages: {what: relative address}."""

    caption: str
    links: dict[str, str]


@dataclass(frozen=True)
class Code:
    """Lines to read or to copy."""

    caption: str
    text: str


@dataclass(frozen=True)
class Part:
    """Blocks under a heading of their own within a section; closed: folded away until asked for."""

    title: str
    blocks: list
    closed: bool = False


@dataclass(frozen=True)
class Section:
    """A heading, the anchor that the page's contents lead to, and blocks of the kinds above."""

    title: str
    anchor: str
    blocks: list


def render(title: str, lead: list, sections: list[Section], foot: str = "") -> str:
    """The page as HTML. lead: blocks above the contents (the score, what failed). Sections without
    blocks are left out."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    environment.filters |= {
        "runs": runs,
        "cells": cells,
        "drawn": drawn,
        "base64": lambda data: base64.b64encode(data).decode(),
        "clean": clean,
    }
    page = environment.from_string(Path(__file__).with_name("page.html").read_text())
    return page.render(
        title=title, lead=lead, sections=[s for s in sections if s.blocks], foot=foot, long=LONG
    )


def clean(text) -> str:
    """Text without characters that HTML has no place for; lone halves of surrogate pairs would not
    even be written."""
    return re.sub(
        "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]", "\ufffd", str(text)
    )


def runs(blocks: list) -> list[tuple[str, list]]:
    """Blocks in their order as (kind, those of it that follow each other): figures stand side by
    side."""
    return [
        (kind, list(group)) for kind, group in groupby(blocks, lambda block: type(block).__name__)
    ]


def drawn(figure: Figure):
    """The SVG with its words for who cannot see it."""
    from markupsafe import Markup, escape

    return Markup(
        figure.svg.replace("<svg ", f'<svg role="img" aria-label="{escape(clean(figure.alt))}" ', 1)
    )


def cells(table: Table) -> dict:
    """What a table shows: heads [(text, whether of numbers)] and rows [(head or None, [(text,
    number, best)])]."""
    frame = table.frame
    columns = [
        column_cells(frame.iloc[:, j], table.best.get(name, ""))
        for j, name in enumerate(frame.columns)
    ]
    named = not isinstance(frame.index, pd.RangeIndex)
    heads = [
        (name, any(number for _, number, _ in column))
        for name, column in zip(frame.columns, columns, strict=True)
    ]
    return {
        "corner": frame.index.name or "" if named else None,
        "heads": heads,
        "rows": [
            (index if named else None, [column[i] for column in columns])
            for i, index in enumerate(frame.index)
        ],
    }


def column_cells(column: pd.Series, best: str) -> list[tuple[str, bool, bool]]:
    """(text, whether it is a number, whether it is the column's best) of each cell; best "max",
    "min" or ""."""
    values = list(column)
    numbers = [float(v) for v in values if is_number(v) and math.isfinite(v)]
    largest = max(map(abs, numbers), default=0)
    decimals = max(4 - len(f"{largest:.0f}"), 0) if largest > 1 else 4
    top = {"max": max, "min": min}[best](numbers) if best and numbers else None
    numeric = bool(numbers) and all(v is None or is_number(v) for v in values)
    return [
        (spell(v, decimals), numeric, top is not None and is_number(v) and float(v) == top)
        for v in values
    ]


def is_number(value) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(
        value, (bool, np.bool_)
    )


def spell(value, decimals: int) -> str:
    """A cell: whole numbers in groups of three, others with so many decimals, – where there is
    none."""
    if (
        value is None
        or value is pd.NaT
        or value is pd.NA
        or (is_number(value) and math.isnan(value))
    ):
        return "–"
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (int, np.integer)):
        return f"{value:,}"
    return f"{value:,.{decimals}f}" if is_number(value) else str(value)


@dataclass(frozen=True)
class Verdict:
    """What a task says of its labelled rows `row` (m,): how wrong each is, how likely its label is
    what is wrong (both 0 where nothing is), and its facts in words, asked for the rows that are
    shown."""

    row: np.ndarray
    loss: np.ndarray
    suspicion: np.ndarray
    facts: Callable[[int], dict[str, str]]  # of the i-th of them: truth, answer, confidence
    how_wrong: str  # what `loss` is, for the caption
    how_suspect: str  # what `suspicion` is


def shorten(text: str, most: int) -> str:
    """A text in one line, cut where it is longer."""
    text = " ".join(text[: 20 * most].split())
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
