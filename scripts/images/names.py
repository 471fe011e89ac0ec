"""Names of images: a pattern filled with a row's cells gives a file in the data folder, or a link.

in: pattern "images/{id:06d}.jpg", id "17" → out: "images/000017.jpg"
"""

import hashlib
import re
from pathlib import Path
from string import Formatter

import pandas as pd

from common.errors import UserError
from common.paths import inside

LINK = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
SPEC = re.compile(r"0?\d*d|name")  # what may follow the colon of a field


def size_of(folder: Path, name: str) -> int | None:
    """Bytes of an image file; None when there is no such file. `name` is "" for a row without an
    image, or for a name that led out of the folder."""
    if not name:
        return None

    file = folder / name
    return file.stat().st_size if file.is_file() else None


def is_link(name: str) -> bool:
    """Whether an image's name is a link of any scheme, and not a file in the data folder."""
    return bool(LINK.match(name))


def link_name(link: str) -> str:
    """Path of a link's file in a folder of downloads, e.g. "3f/3fa9…": made of its hash alone."""
    digest = hashlib.sha256(link.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"{digest[:2]}/{digest}"


def image_names(table: pd.DataFrame, pattern: str, folder: Path) -> list[str]:
    """The name of each row's image: the pattern filled with the row's cells.

    {id} is a cell's text, {id:06d} its whole number, {image_link:name} the last part of a link, and
    {image_link} the link itself, which is downloaded. A name is "" where it would lead out of
    `folder`. Raises UserError when the pattern is broken, a column is missing, or a cell that must
    be a whole number is none.
    """
    names = [""] * len(table)
    for literal, column, spec in parse_pattern(pattern):
        names = [name + literal for name in names]
        if column is None:
            continue

        if column not in table:
            columns = ", ".join(table)
            raise UserError(f"image pattern {pattern!r}: no column {column}; there are: {columns}")

        texts = cell_texts(table[column], spec, pattern)
        pairs = zip(names, texts, strict=True)
        names = [name + text for name, text in pairs]

    return [name if is_safe(folder, name) else "" for name in names]


def parse_pattern(pattern: str) -> list[tuple[str, str | None, str | None]]:
    """[(text before a field, column of the field, what follows its colon)]; the last may have no
    field, then its column is None. Raises UserError when the pattern is broken or has no field."""
    try:
        parsed = list(Formatter().parse(pattern))
    except ValueError as error:
        raise UserError(
            f"image pattern {pattern!r}: {error}; write e.g. images/{{id}}.jpg"
        ) from None

    for _, column, _, conversion in parsed:
        if conversion:
            raise UserError(
                f"image pattern {pattern!r}: !{conversion} has no meaning here; write {{{column}}}"
            )

    pieces = [piece[:3] for piece in parsed]
    specs = [spec for _, column, spec in pieces if column is not None]
    is_known = all(spec == "" or SPEC.fullmatch(spec) for spec in specs)
    if not specs or not is_known:
        raise UserError(
            f"image pattern {pattern!r} must name columns: write e.g. images/{{id}}.jpg, "
            f"images/{{id:06d}}.jpg or images/{{link:name}}"
        )

    return pieces


def cell_texts(column: pd.Series, spec: str, pattern: str) -> list[str]:
    """The cells of a column as a field with `spec` shows them. Raises UserError where it asks for
    whole numbers and a cell is none."""
    if spec == "name":
        without_query = column.str.partition("?")[0]
        last_part = without_query.str.rpartition("/")[2]
        return last_part.tolist()

    if spec.endswith("d"):
        numbers = whole_numbers(column, pattern)
        return [format(number, spec) for number in numbers]

    return column.tolist()


def whole_numbers(column: pd.Series, pattern: str) -> list[int]:
    """The column as numbers. Raises UserError at the first cell that is no whole number."""
    is_number = column.str.fullmatch(r"\d+")
    wrong = column[~is_number]
    if len(wrong):
        cell = wrong.iloc[0]
        # of the csv, whose first line is the header
        line = wrong.index[0] + 2
        raise UserError(
            f"image pattern {pattern!r} needs whole numbers, and {column.name} is {cell!r} in "
            f"row {line}; write {{{column.name}}} for names that are text"
        )

    return column.map(int).tolist()


def is_safe(folder: Path, name: str) -> bool:
    """Whether a name is a link, or a path that stays inside the folder."""
    if "\0" in name:
        return False

    if is_link(name):
        return True

    try:
        inside(folder, name)
    except ValueError:
        return False

    return True
