"""A csv cut in parts that others work on, and put together again with proof that no row was lost,
doubled or misplaced."""

import csv
import json
from codecs import BOM_UTF8
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from common.errors import UserError
from common.files import digest, replacing


class Table(NamedTuple):
    """A csv as it is written: the bytes of its records, with their quotes and line endings."""

    columns: list[str]
    head: bytes  # the header, after a byte order mark where there is one
    rows: list[bytes]
    ids: list[str]  # each row's cell in the id column


def read_table(file: Path, column: str = "") -> Table:
    """The records of a csv in UTF-8; ids are the cells of `column`, "" = the first. Blank lines are
    no records.

    ValueError, saying where, when a record has other cells than the header, a quote is not closed,
    or an id is empty or doubled.
    """
    data = file.read_bytes()
    data.decode()  # raises where it is not UTF-8
    mark = BOM_UTF8 if data.startswith(BOM_UTF8) else b""
    lines = data[len(mark) :].splitlines(keepends=True)
    reader = csv.reader(map(bytes.decode, lines), strict=True)
    try:
        columns = next(reader, [])
        if len(set(columns)) < max(len(columns), 1) or (column or columns[0]) not in columns:
            raise ValueError(
                f"its first line must be distinct columns, {column or 'an id'} among "
                f"them; it is {','.join(columns)!r}"
            )
        at, start = columns.index(column or columns[0]), reader.line_num
        head, rows, ids = mark + b"".join(lines[:start]), [], []
        if (
            b'"' not in data
            and at + 1 < len(columns)
            and {line.count(b",") for line in lines} == {len(columns) - 1}
        ):
            rows = lines[1:]  # without a quote a record is a line: half the csv module's time
            ids = [line.split(b",", at + 1)[at].decode() for line in rows]
        else:
            for cells in reader:
                if cells and len(cells) != len(columns):
                    raise ValueError(
                        f"line {reader.line_num} has {len(cells)} cells, the header {len(columns)}"
                    )
                if cells:
                    rows.append(b"".join(lines[start : reader.line_num]))
                    ids.append(cells[at])
                start = reader.line_num
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}") from None
    if not rows:
        raise ValueError("it has no rows")
    if len(set(ids)) < len(ids) or not all(map(str.strip, ids)):
        wrong = [f"{id!r} {k} times" for id, k in Counter(ids).items() if k > 1 or not id.strip()]
        raise ValueError(
            f"ids must be distinct and none empty: {columns[at]} is {wrong[0]}{more(wrong)}"
        )
    return Table(columns, head, rows, ids)


def more(names: list) -> str:
    return f" and {len(names) - 1} more" if names[1:] else ""


def split_csv(file: Path, folder: Path, n: int, column: str = "") -> dict:
    """Cut a csv into folder/part_000.csv …, n parts with its header, and manifest.json, written
    last, which is what it gives: file, sha256, rows, columns, id (`column`, "" = the first), parts:
    name, rows, first and last id, sha256 of the ids, ids.

    Parts differ by a row at most: 131,187 rows in 100 are 1,311 or 1,312 each, where the published
    split gives its last one 1,398. Records keep their bytes; only a last one that is not ended is
    ended like the header. A split that was stopped goes on. Raises UserError when the file is no table with
    distinct ids, has fewer rows than n, or the folder holds what this split would not write: a part
    that somebody has worked on is not overwritten.
    """
    try:
        table = read_table(file, column)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot split {file}: {error}") from None
    if not 1 <= n <= len(table.rows):
        raise UserError(
            f"{file} has {len(table.rows)} rows and cannot be cut in {n} parts; name from "
            f"1 to {len(table.rows)}"
        )
    if table.rows[-1][-1] not in b"\r\n":
        table.rows[-1] += table.head[len(table.head.rstrip(b"\r\n")) :]
    files, parts = {}, []
    for i in range(n):
        rows = slice(len(table.rows) * i // n, len(table.rows) * (i + 1) // n)
        ids, name = table.ids[rows], f"part_{i:03d}.csv"
        files[name] = table.head + b"".join(table.rows[rows])
        parts.append(
            {
                "name": name,
                "rows": len(ids),
                "first": ids[0],
                "last": ids[-1],
                "sha256": sha256(json.dumps(ids).encode()).hexdigest(),
                "ids": ids,
            }
        )
    manifest = {
        "file": file.name,
        "sha256": digest(file)["sha256"],
        "rows": len(table.rows),
        "columns": table.columns,
        "id": column or table.columns[0],
        "parts": parts,
    }
    write_parts(
        folder, files, json.dumps(manifest).replace('{"name"', '\n{"name"').encode()
    )  # a part a line
    return manifest


def write_parts(folder: Path, files: dict[str, bytes], manifest: bytes) -> None:
    """The files by name, then the manifest. Raises UserError when the folder has any of them, or another part,
    with other contents."""
    wanted = files | {"manifest.json": manifest}
    there = {
        path.name: path.read_bytes()
        for path in (*folder.glob("part_*.csv"), *folder.glob("manifest.json"))
    }
    if other := sorted(name for name, data in there.items() if wanted.get(name) != data):
        raise UserError(
            f"{folder} holds {other[0]}{more(other)} of another split, or worked on "
            "since; name another folder, or move them away"
        )

    def write(name):
        if name not in there:
            with replacing(folder / name) as part:
                part.write_bytes(wanted[name])

    with ThreadPoolExecutor(8) as pool:  # they wait for the disk
        list(pool.map(write, files))
    write("manifest.json")


def merge_csv(folder: Path, out: Path, pattern: str = "part_*.csv") -> dict:
    """Put the parts of a split together in the order of the original, whatever columns they have
    gained; gives rows and parts.

    pattern: the parts' names, * for their numbers. Raises UserError that names the parts to run again and why:
    missing, not whole, other columns or ids.
    """
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
        column, columns, total = manifest["id"], manifest["columns"], manifest["rows"]
        parts = {
            pattern.replace("*", f"{i:03d}"): part["ids"]
            for i, part in enumerate(manifest["parts"])
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"cannot read {folder / 'manifest.json'}: {error}; it is made with the parts: "
            "bring it, or split again"
        ) from None
    if pattern.count("*") != 1:
        raise UserError(
            f"{pattern!r} must have one *, where the parts have their numbers, e.g. part_*.csv"
        )
    tables, wrong = {}, {}
    for name in parts:
        try:
            tables[name] = read_table(folder / name, column)
        except (OSError, ValueError) as error:
            wrong[name] = "is not there" if isinstance(error, FileNotFoundError) else str(error)
    wrong |= part_problems(parts, tables, columns, column)
    foreign = sorted({str(path.relative_to(folder)) for path in folder.glob(pattern)} - set(parts))
    if wrong or foreign:
        raise UserError(
            f"{folder} cannot be merged:\n  "
            + "\n  ".join(problem_lines(list(parts), wrong, foreign))
        )
    with replacing(out) as part, open(part, "wb") as file:
        file.write(next(iter(tables.values())).head)
        for name, ids in parts.items():
            rows = dict(zip(tables[name].ids, tables[name].rows, strict=True))
            file.writelines(map(rows.get, ids))
    return {"rows": total, "parts": len(parts)}


def part_problems(
    parts: dict[str, list[str]], tables: dict[str, Table], columns: list[str], column: str
) -> dict[str, str]:
    """What is wrong with each table, by name, against the ids that it was given and the columns
    that parts worked on mostly have."""
    headers, found = [table.columns for table in tables.values()], {}
    usual = max(headers, key=lambda header: (header != columns, headers.count(header)), default=[])
    for name, table in tables.items():
        own, have, why = set(parts[name]), set(table.ids), []
        if table.rows[-1][-1] not in b"\r\n":
            why.append("its last line is not ended and may be half written")
        if table.columns != usual:
            why.append(
                f"has the columns {', '.join(table.columns)}; others have {', '.join(usual)}"
            )
        if lost := own - have:
            why.append(f"{len(lost)} of its {len(own)} rows are missing, e.g. {column} {min(lost)}")
        if strange := have - own:
            home = next((other for other, ids in parts.items() if min(strange) in ids), "no part")
            why.append(
                f"{len(strange)} of its {len(have)} rows are not its own, e.g. {column} "
                f"{min(strange)} of {home}"
            )
        if why:
            found[name] = "; ".join(why)
    return found


def problem_lines(names: list[str], wrong: dict[str, str], foreign: list[str]) -> list[str]:
    """A line for each thing that is wrong, 7 at most, and one of the numbers of all parts to run
    again."""
    reasons = dict.fromkeys(foreign, "is no part of this split; move it away") | wrong
    alike = {
        why: [name for name in reasons if reasons[name] == why]
        for why in dict.fromkeys(reasons.values())
    }
    lines = [f"{of[0]}{more(of)}: {why}" for why, of in alike.items()]
    rest = [f"and {len(lines) - 7} more such lines"] if lines[7:] else []
    again = " ".join(str(i) for i, name in enumerate(names) if name in wrong)
    return lines[:7] + rest + ([f"parts to run again: {again}"] if again else [])
