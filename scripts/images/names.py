"""A row's picture by name: pattern filled, link or file."""

import hashlib
import re
from pathlib import Path
from string import Formatter

import pandas as pd

from common.errors import UserError
from common.paths import inside

LINK = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def size_of(folder: Path, name: str) -> int | None:
    """Bytes of a picture; None where there is none, or where its name led out of the folder."""
    return (folder / name).stat().st_size if name and (folder / name).is_file() else None


def is_link(name: str) -> bool:
    """Whether a picture's name is a link, of whatever scheme, and not a file in the data folder."""
    return bool(LINK.match(name))


def link_name(link: str) -> str:
    """Where a link's file lies in a folder of downloads, e.g. "3f/3fa9…": made of its hash
    alone."""
    name = hashlib.sha256(link.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"{name[:2]}/{name}"


def image_names(table: pd.DataFrame, pattern: str, folder: Path) -> list[str]:
    """The pattern filled by each row, e.g. train_images/{id:06d}.jpg, {image_link:name} for the
    last part of a link, {image_link} for the link itself, which is downloaded; "" where a name
    would lead out of the folder."""
    try:
        fields = [
            (name, spec) for _, name, spec, _ in Formatter().parse(pattern) if name is not None
        ]
    except ValueError as error:
        raise UserError(
            f"image pattern {pattern!r}: {error}; write e.g. images/{{id}}.jpg"
        ) from None
    if not fields or any(spec and not re.fullmatch(r"0?\d*d|name", spec) for _, spec in fields):
        raise UserError(
            f"image pattern {pattern!r} must name columns: write e.g. images/{{id}}.jpg, "
            f"images/{{id:06d}}.jpg or images/{{link:name}}"
        )
    if missing := [name for name, _ in fields if name not in table]:
        raise UserError(
            f"image pattern {pattern!r}: no column {missing[0]}; there are: {', '.join(table)}"
        )
    columns = {
        name: whole_numbers(table[name], pattern) if spec.endswith("d") else table[name]
        for name, spec in fields
        if spec != "name"
    }
    columns |= {
        name + "_": table[name].str.partition("?")[0].str.rpartition("/")[2]
        for name, spec in fields
        if spec == "name"
    }
    pattern = pattern.replace(":name}", "_}")
    names = [
        pattern.format(**dict(zip(columns, row, strict=True)))
        for row in zip(*columns.values(), strict=True)
    ]
    return [
        name if "\0" not in name and (is_link(name) or is_inside(folder, name)) else ""
        for name in names
    ]


def whole_numbers(column: pd.Series, pattern: str) -> list[int]:
    """The column as numbers. Raises UserError at the first cell that is none."""
    wrong = column[~column.str.fullmatch(r"\d+")]
    if len(wrong):
        raise UserError(
            f"image pattern {pattern!r} needs whole numbers, and {column.name} is "
            f"{wrong.iloc[0]!r} in row {wrong.index[0] + 2}; "
            f"write {{{column.name}}} for names that are text"
        )
    return column.map(int).tolist()


def is_inside(folder: Path, name: str) -> bool:
    try:
        return bool(inside(folder, name))
    except ValueError:
        return False
