"""How texts and numbers are written on a page, in figures and in alt texts."""

import math
import re

import numpy as np
import pandas as pd

MISSING = "–"
# characters that HTML and XML have no place for; halves of surrogate pairs cannot even be encoded
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
MOST_DIGITS = 4  # of a fraction, before and after the point


def clean(text) -> str:
    """The text with \ufffd for every character that HTML cannot hold."""
    return FORBIDDEN.sub("\ufffd", str(text))


def shorten(text: str, most: int) -> str:
    """The text in one line of at most `most` characters, with … where it was cut."""
    text = " ".join(text[: 20 * most].split())
    if len(text) <= most:
        return text

    return text[: most - 1].rstrip() + "…"


def list_names(names: list[str], most: int = 4) -> str:
    """ "a, b, c, d and 7 more"."""
    rest = len(names) - most
    shown = ", ".join(names[:most])

    return f"{shown} and {rest} more" if rest > 0 else shown


def describe(values: dict, form: str = "{:.4g}") -> str:
    """Alt text of named numbers, e.g. "net 0.81; knn 0.7"."""
    return "; ".join(f"{name} {form.format(value)}" for name, value in values.items())


def is_number(value) -> bool:
    is_bool = isinstance(value, (bool, np.bool_))
    return isinstance(value, (int, float, np.integer, np.floating)) and not is_bool


def is_missing(value) -> bool:
    """Whether a cell is None, NaN, NaT or NA."""
    if value is None or value is pd.NaT or value is pd.NA:
        return True

    return is_number(value) and math.isnan(value)


def count_decimals(numbers: list[float]) -> int:
    """Decimals of a column's fractions, so that its largest number has MOST_DIGITS digits."""
    largest = max(map(abs, numbers), default=0)
    if largest <= 1:
        return MOST_DIGITS

    whole_digits = len(f"{largest:.0f}")
    return max(MOST_DIGITS - whole_digits, 0)


def format_cell(value, decimals: int) -> str:
    """A table's cell: thousands by commas, fractions with `decimals`, – where it is missing."""
    if is_missing(value):
        return MISSING

    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"

    if isinstance(value, (int, np.integer)):
        return f"{value:,}"

    return f"{value:,.{decimals}f}" if is_number(value) else str(value)


def format_number(value: float) -> str:
    """A number that stands alone, e.g. "1,234", "2" or "0.1235": four significant digits."""
    if float(value).is_integer():
        return f"{int(value):,}"

    return f"{value:.4g}" if abs(value) < 1e3 else f"{value:,.0f}"


def format_score(value: float) -> str:
    """A score with four digits, e.g. "0.8040" or "38.38"."""
    if not np.isfinite(value):
        return "none"

    return f"{value:.4f}" if abs(value) < 2 else f"{value:.2f}"


def format_interval(ends: tuple[float, float]) -> str:
    """ "0.7934 to 0.8120"; "" where there is no interval."""
    if not np.isfinite(ends).all():
        return ""

    return f"{format_score(ends[0])} to {format_score(ends[1])}"
