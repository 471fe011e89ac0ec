"""Blocks that a page is put together from: notes, tables, figures, cards of rows, sections.

`page.render` makes HTML of them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Note:
    """A paragraph."""

    text: str
    kind: str = ""  # "" or "warning": what failed, what is missing, what to run


@dataclass(frozen=True)
class Table:
    """A data frame with a caption; its index is shown where it is not a plain 0, 1, 2, ..."""

    caption: str
    frame: pd.DataFrame
    best: dict[str, str] = field(default_factory=dict)  # {column: "max" or "min"}: cell to mark


@dataclass(frozen=True)
class Figure:
    """A chart of page.charts with a caption."""

    caption: str
    svg: str
    alt: str  # the chart in words with its main numbers, for who cannot see it


@dataclass(frozen=True)
class Card:
    """One row to look at."""

    id: str
    facts: dict[str, str]  # shown by name, in this order
    image: bytes | None = None  # JPEG
    text: str = ""


@dataclass(frozen=True)
class Cards:
    """Cards with a caption, whose first sentence becomes a heading."""

    caption: str
    cards: list[Card]


@dataclass(frozen=True)
class Number:
    """The one number of a page, in large print."""

    value: str  # "0.8040"
    label: str  # what it is
    detail: str = ""  # a line of what to compare it with


@dataclass(frozen=True)
class Links:
    """Other pages."""

    caption: str
    links: dict[str, str]  # {name: relative address}


@dataclass(frozen=True)
class Code:
    """Lines to read or to copy."""

    caption: str
    text: str


@dataclass(frozen=True)
class Subsection:
    """Blocks under a smaller heading within a section."""

    title: str
    blocks: list
    closed: bool = False  # folded away until it is clicked


@dataclass(frozen=True)
class Section:
    """Blocks under a heading; the page's contents link to the anchor."""

    title: str
    anchor: str
    blocks: list


@dataclass(frozen=True)
class Verdict:
    """What a task says of its m labelled rows: how wrong each answer is, and how likely its label
    is wrong. Both are 0 where nothing is."""

    row: np.ndarray  # (m,) row numbers
    loss: np.ndarray  # (m,)
    suspicion: np.ndarray  # (m,)
    facts: Callable[[int], dict[str, str]]  # truth, answer, confidence of the i-th of the m rows
    how_wrong: str  # what `loss` is, for the caption
    how_suspect: str  # what `suspicion` is
