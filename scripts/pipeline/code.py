"""Which files were made by other code than today's.

in:  the records of model/net_0, model/net_1, features/ocr, and a line changed in networks/losses.py
out: "made by other code than today's and kept: model/net_0.safetensors and 1 more; changed since:
     networks/losses.py; to make them anew: rm ..."
A record holds a digest of each file of code that made it: the model, or the source of features, and
what these import of ROOMS. Comments, docstrings and layout do not count. Other code makes no file
stale: a comment must not cost a night, and whether a change of code is one of results, a person
says.
"""

import ast
import hashlib
import re
import sys
from functools import cache
from pathlib import Path

from common.files import read_record
from common.paths import ROOT
from models import load_model, split_member
from pipeline.graph import Step
from pipeline.sources import source_of

SCRIPTS = ROOT / "scripts"
# rooms whose code shapes what is learnt and answered; the others read, write and judge
ROOMS = ("texts", "images", "networks", "features", "llm", "models")
DIGITS = 16  # of a digest


def code_of(target: Path) -> dict[str, list[str]]:
    """{file below scripts/: [digest of its bytes, digest of its code]} of what makes `target`; {}
    of a file that no model and no source makes."""
    return {name: list(digests(SCRIPTS / name)) for name in code_files(target)}


def code_files(target: Path) -> list[str]:
    """The files of code below scripts/ that make `target`, sorted."""
    todo = [file for module in modules_of(target) for file in files_of(module)]
    files: set[Path] = set()
    while todo:
        file = todo.pop()
        if file not in files:
            files.add(file)
            todo += imported_files(file)

    return sorted(str(file.relative_to(SCRIPTS)) for file in files)


def modules_of(target: Path) -> list[str]:
    """The modules that make a file: its model or its source of features, e.g. ["models.net"]."""
    folder = target.parent.name
    if folder == "features":
        return [source_of(target.stem).write.__module__]

    if folder not in ("model", "pred"):
        return []

    model = load_model(split_member(target.stem)[0])
    asks = hasattr(model, "questions")  # a language model, which 06 runs
    return [model.__name__, "llm.generate"] if asks else [model.__name__]


def files_of(module: str) -> list[Path]:
    """The files of a module of ROOMS: one, or all of its folder; [] of any other, and of a room
    itself, which only finds the others by name."""
    room, _, name = module.partition(".")
    if room not in ROOMS or not name:
        return []

    path = SCRIPTS / module.replace(".", "/")
    if path.is_dir():
        return sorted(path.glob("*.py"))

    file = path.with_suffix(".py")
    return [file] if file.exists() else []


@cache
def imported_files(file: Path) -> list[Path]:
    """The files of ROOMS that a file imports, at its top or inside a function."""
    files = []
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                files += files_of(alias.name)
        elif isinstance(node, ast.ImportFrom):
            files += files_of(node.module)
            for alias in node.names:  # from networks import losses
                files += files_of(f"{node.module}.{alias.name}")

    return files


@cache
def digests(file: Path) -> tuple[str, str]:
    """(digest of the bytes, digest of the code) of a Python file."""
    data = file.read_bytes()
    return short_digest(data), short_digest(plain_code(data).encode())


def short_digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:DIGITS]


def plain_code(data: bytes) -> str:
    """What the code is without its comments, docstrings and layout."""
    tree = ast.parse(data)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and is_text(body[0]):
            del body[0]

    return ast.dump(tree)


def is_text(statement: ast.stmt) -> bool:
    """Whether a statement is a text alone, as a docstring is."""
    value = getattr(statement, "value", None)
    is_constant = isinstance(statement, ast.Expr) and isinstance(value, ast.Constant)
    return is_constant and isinstance(value.value, str)


def changed_files(record: dict) -> list[str]:
    """The files of code that a record names and that are others today; one that is no more is."""
    return [name for name, old in (record.get("code") or {}).items() if has_changed(name, old)]


def has_changed(name: str, old: list[str]) -> bool:
    """Only a file whose bytes are others is parsed."""
    file = SCRIPTS / name
    if not file.exists():
        return True

    old_bytes, old_code = old
    if bytes_digest(file) == old_bytes:
        return False

    return digests(file)[1] != old_code


@cache
def bytes_digest(file: Path) -> str:
    return short_digest(file.read_bytes())


def made_by_other_code(steps: dict[Path, Step], stale) -> dict[Path, list[str]]:
    """{file: the files of code that made it and are others today} of the files that are there and
    are not to be made again."""
    others = {}
    for target in steps:
        record = read_record(target) or {}
        if target in stale or record.get("evicted"):
            continue

        changed = changed_files(record)
        if changed:
            others[target] = changed

    return others


def other_code_line(job, steps: dict[Path, Step], stale) -> str:
    """Which files were made by other code than today's, and how to make them anew; "" where none
    was."""
    others = made_by_other_code(steps, stale)
    if not others:
        return ""

    # what is made from a file that is made anew follows by itself
    first_made = [target for target in others if not others.keys() & set(steps[target].needs)]
    patterns = sorted({str(target.with_name(members_of(target.name))) for target in first_made})
    changed = sorted(set().union(*others.values()))
    short_names = [f"{target.parent.name}/{target.name}" for target in others]
    return (
        f"made by other code than today's and kept: {name_first(short_names)}; "
        f"changed since: {name_first(changed)}; to make them anew: "
        f"rm {' '.join(patterns)} && {job.make_command('all')}"
    )


def tell_other_code(job, steps: dict[Path, Step], stale) -> None:
    """Print that line for whoever runs make."""
    line = other_code_line(job, steps, stale)
    if line:
        print(line, file=sys.stderr)


def members_of(name: str) -> str:
    """ "net_*.npz" of "net_0.npz": the files of all members."""
    return re.sub(r"_\d+(?=\.\w+$)", "_*", name)


def name_first(names: list) -> str:
    """ "a", or "a and 2 more"."""
    rest = len(names) - 1
    return f"{names[0]} and {rest} more" if rest else str(names[0])
