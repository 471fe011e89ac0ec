"""A csv cut in parts that others work on, and put together again with proof that no row was lost,
doubled or misplaced."""

import json
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

from common.errors import UserError
from common.files import digest, replacing
from pipeline.csv_records import Table, line_ending, read_table

MOST_LINES = 7  # problems that a message lists
MANIFEST_KEYS = {"file", "sha256", "rows", "columns", "id", "parts"}
BRING_MANIFEST = "it is made with the parts: bring it, or split again"


def split_csv(file: Path, folder: Path, n: int, id_column: str = "") -> dict:
    """Cut a csv into n files folder/part_000.csv ..., each with its header, and manifest.json,
    written last; gives the manifest.

    The manifest: file, sha256, rows, columns, id (id_column, "" = the first), parts: name, rows,
    first and last id, sha256 of the ids, ids. Parts differ by a row at most: 131,187 rows in 100
    are 1,311 or 1,312 each, where the published split gives its last one 1,398. Records keep their
    bytes; only a last one that is not ended is ended like the header. A split that was stopped goes
    on.
    Raises UserError when the file is no table with distinct ids or has fewer rows than n, and when
    the folder holds anything else: a part that somebody has worked on is not overwritten.
    """
    try:
        table = read_table(file, id_column)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot split {file}: {error}") from None

    n_rows = len(table.rows)
    if not 1 <= n <= n_rows:
        raise UserError(
            f"{file} has {n_rows} rows and cannot be cut in {n} parts; name from 1 to {n_rows}"
        )

    if not line_ending(table.rows[-1]):
        table.rows[-1] += line_ending(table.header)

    files = {}
    parts = []
    for i in range(n):
        rows = slice(n_rows * i // n, n_rows * (i + 1) // n)
        name = f"part_{i:03d}.csv"
        files[name] = table.header + b"".join(table.rows[rows])
        parts.append(describe_part(name, table.ids[rows]))

    manifest = {
        "file": file.name,
        "sha256": digest(file)["sha256"],
        "rows": n_rows,
        "columns": table.columns,
        "id": id_column or table.columns[0],
        "parts": parts,
    }
    a_part_a_line = json.dumps(manifest).replace('{"name"', '\n{"name"')
    write_parts(folder, files, a_part_a_line.encode())
    return manifest


def describe_part(name: str, ids: list[str]) -> dict:
    """A part as the manifest has it."""
    return {
        "name": name,
        "rows": len(ids),
        "first": ids[0],
        "last": ids[-1],
        "sha256": sha256(json.dumps(ids).encode()).hexdigest(),
        "ids": ids,
    }


def write_parts(folder: Path, files: dict[str, bytes], manifest: bytes) -> None:
    """Write the files by name, then the manifest. Raises UserError when the folder has any of them,
    or another part, with other contents."""
    contents = files | {"manifest.json": manifest}
    present = {}
    for path in (*folder.glob("part_*.csv"), *folder.glob("manifest.json")):
        present[path.name] = path.read_bytes()

    others = sorted(name for name, data in present.items() if contents.get(name) != data)
    if others:
        raise UserError(
            f"{folder} holds {first_and_more(others)} of another split, or worked on since; "
            "name another folder, or move them away"
        )

    def write(name: str) -> None:
        if name not in present:
            with replacing(folder / name) as tmp:
                tmp.write_bytes(contents[name])

    with ThreadPoolExecutor(8) as pool:  # they wait for the disk
        list(pool.map(write, files))

    write("manifest.json")


def merge_csv(folder: Path, out: Path, pattern: str = "part_*.csv") -> dict:
    """Put the parts of a split together in the order of the original, whatever columns they have
    gained; gives the numbers of rows and parts.

    pattern: the parts' names, * for their numbers. Raises UserError that names the parts to run
    again and why: missing, not whole, other columns or ids.
    """
    manifest = read_manifest(folder)
    if pattern.count("*") != 1:
        raise UserError(
            f"{pattern!r} must have one *, where the parts have their numbers, e.g. part_*.csv"
        )

    ids_of = {}
    for i, part in enumerate(manifest["parts"]):
        ids_of[pattern.replace("*", f"{i:03d}")] = part["ids"]

    tables = {}
    problems = {}
    for name in ids_of:
        try:
            tables[name] = read_table(folder / name, manifest["id"])
        except FileNotFoundError:
            problems[name] = "is not there"
        except (OSError, ValueError) as error:
            problems[name] = str(error)

    problems |= part_problems(ids_of, tables, manifest["columns"], manifest["id"])
    present = {str(path.relative_to(folder)) for path in folder.glob(pattern)}

    strays = sorted(present - set(ids_of))
    if problems or strays:
        lines = "\n  ".join(problem_lines(list(ids_of), problems, strays))
        raise UserError(f"{folder} cannot be merged:\n  {lines}")

    with replacing(out) as tmp, open(tmp, "wb") as file:
        file.write(next(iter(tables.values())).header)
        for name, ids in ids_of.items():
            row_of = dict(zip(tables[name].ids, tables[name].rows, strict=True))
            file.writelines(row_of[row_id] for row_id in ids)

    return {"rows": manifest["rows"], "parts": len(ids_of)}


def read_manifest(folder: Path) -> dict:
    """The manifest that split_csv wrote. Raises UserError where it is none."""
    file = folder / "manifest.json"
    try:
        manifest = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {file}: {error}; {BRING_MANIFEST}") from None

    is_whole = isinstance(manifest, dict) and manifest.keys() >= MANIFEST_KEYS
    if not is_whole or any("ids" not in part for part in manifest["parts"]):
        raise UserError(f"cannot read {file}: it is not whole; {BRING_MANIFEST}")

    return manifest


def part_problems(
    ids_of: dict[str, list[str]], tables: dict[str, Table], columns: list[str], id_column: str
) -> dict[str, str]:
    """{part: what is wrong with it}, against the ids that it was given and the columns that parts
    which somebody worked on mostly have. columns: of the file that was split."""
    headers = [table.columns for table in tables.values()]
    usual = max(headers, key=lambda header: (header != columns, headers.count(header)), default=[])

    problems = {}
    for name, table in tables.items():
        reasons = []
        if not line_ending(table.rows[-1]):
            reasons.append("its last line is not ended and may be half written")

        if table.columns != usual:
            reasons.append(
                f"has the columns {', '.join(table.columns)}; others have {', '.join(usual)}"
            )

        expected = set(ids_of[name])
        present = set(table.ids)

        missing = expected - present
        if missing:
            reasons.append(
                f"{len(missing)} of its {len(expected)} rows are missing, "
                f"e.g. {id_column} {min(missing)}"
            )

        foreign = present - expected
        if foreign:
            example = min(foreign)
            owners = (other for other, ids in ids_of.items() if example in ids)
            reasons.append(
                f"{len(foreign)} of its {len(present)} rows are not its own, "
                f"e.g. {id_column} {example} of {next(owners, 'no part')}"
            )

        if reasons:
            problems[name] = "; ".join(reasons)

    return problems


def problem_lines(names: list[str], problems: dict[str, str], strays: list[str]) -> list[str]:
    """A line for each kind of problem, and one with the numbers of all parts to run again."""
    reasons = dict.fromkeys(strays, "is no part of this split; move it away")
    reasons |= problems
    names_of: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        names_of.setdefault(reason, []).append(name)

    lines = []
    for reason, names_alike in names_of.items():
        lines.append(f"{first_and_more(names_alike)}: {reason}")

    n_hidden = len(lines) - MOST_LINES
    if n_hidden > 0:
        lines = lines[:MOST_LINES]
        lines.append(f"and {n_hidden} more such lines")

    numbers = [str(i) for i, name in enumerate(names) if name in problems]
    if numbers:
        lines.append(f"parts to run again: {' '.join(numbers)}")

    return lines


def first_and_more(names: list[str]) -> str:
    """ "part_000.csv and 2 more"."""
    return f"{names[0]} and {len(names) - 1} more" if len(names) > 1 else names[0]
