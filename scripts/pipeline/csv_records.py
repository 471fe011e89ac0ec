"""A csv as the bytes of its records, so that what is cut and joined keeps its quotes and line
endings."""

import csv
from codecs import BOM_UTF8
from collections import Counter
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Table:
    """The records of a csv, as they are written."""

    columns: list[str]
    header: bytes  # after a byte order mark where there is one
    rows: list[bytes]
    ids: list[str]  # each row's cell in the id column


def read_table(file: Path, id_column: str = "") -> Table:
    """The records of a csv in UTF-8; id_column "" = the first. Blank lines are no records.

    Raises ValueError, saying where, when a record has other cells than the header, a quote is not
    closed, or an id is empty or doubled.
    """
    data = file.read_bytes()
    data.decode()  # raises where it is not UTF-8
    mark = BOM_UTF8 if data.startswith(BOM_UTF8) else b""
    lines = data[len(mark) :].splitlines(keepends=True)
    reader = csv.reader(map(bytes.decode, lines), strict=True)

    try:
        columns = next(reader, [])
        require_columns(columns, id_column)
        id_column = id_column or columns[0]
        at = columns.index(id_column)
        n_header = reader.line_num

        if has_plain_lines(lines, len(columns), at):
            rows = lines[1:]
            ids = [line.split(b",", at + 1)[at].decode() for line in rows]
        else:
            rows, ids = read_records(reader, lines, len(columns), at)
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}") from None

    require_ids(ids, id_column)
    return Table(columns, mark + b"".join(lines[:n_header]), rows, ids)


def require_columns(columns: list[str], id_column: str) -> None:
    """Raises ValueError unless the columns are distinct and the id column is among them."""
    are_distinct = columns and len(set(columns)) == len(columns)
    if not are_distinct or (id_column and id_column not in columns):
        raise ValueError(
            f"its first line must be distinct columns, {id_column or 'an id'} among them; "
            f"it is {','.join(columns)!r}"
        )


def has_plain_lines(lines: list[bytes], n_columns: int, at: int) -> bool:
    """Whether each line is a record that can be split at its commas: there is no quote, and the id
    (column number `at`) is not in the last column, whose cells hold the line ending.

    That takes half the csv module's time.
    """
    if at + 1 >= n_columns:
        return False

    return all(line.count(b",") == n_columns - 1 and b'"' not in line for line in lines)


def read_records(reader, lines: list[bytes], n_columns: int, at: int):
    """(bytes of each record, its id) by the csv reader, which has read the header."""
    rows = []
    ids = []
    start = reader.line_num

    for cells in reader:
        if cells and len(cells) != n_columns:
            raise ValueError(
                f"line {reader.line_num} has {len(cells)} cells, the header {n_columns}"
            )

        if cells:
            rows.append(b"".join(lines[start : reader.line_num]))
            ids.append(cells[at])

        start = reader.line_num

    return rows, ids


def require_ids(ids: list[str], id_column: str) -> None:
    """Raises ValueError unless there are ids, distinct and none empty."""
    if not ids:
        raise ValueError("it has no rows")

    if len(set(ids)) == len(ids) and all(row_id.strip() for row_id in ids):
        return

    wrong = []
    for row_id, count in Counter(ids).items():
        is_empty = not row_id.strip()
        if count > 1 or is_empty:
            wrong.append(f"{row_id!r} {count} times")

    n_others = len(wrong) - 1
    others = f" and {n_others} more" if n_others else ""
    raise ValueError(f"ids must be distinct and none empty: {id_column} is {wrong[0]}{others}")


def line_ending(record: bytes) -> bytes:
    """The line ending of a record; b"" where it is not ended."""
    return record[len(record.rstrip(b"\r\n")) :]
