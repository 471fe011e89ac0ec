"""The house: which room of scripts/ may import which, that no imports run in a circle, and that
nobody reaches into another room's inside.

Files that are found by name (models, tasks, sections of the report, numbered scripts) are imported
by import_module, in the places of BY_NAME alone. One of these arrows goes up: pipeline.graph asks
the numbered scripts what they write.
"""

import ast
from pathlib import Path

import pytest

from common.paths import ROOT

# A room may import the rooms that stand with it, and itself. Room `scripts` is the files that lie
# directly in scripts/ and are run; config.py is a room of its own.
ARROWS = {
    "common": set(),
    "texts": {"common"},
    "images": {"common"},
    "networks": {"common"},
    "page": {"common", "images"},
    "sample": set(),
    "metrics": {"texts"},
    "features": {"common", "texts", "images", "networks"},
    "llm": {"common", "images", "networks"},
    "tasks": {"common", "texts", "images", "page", "sample", "metrics"},
    "models": {"common", "texts", "images", "networks", "features", "llm"},
    "config": {"common", "images", "features", "models"},
    "pipeline": {"common", "texts", "images", "networks", "features", "llm", "metrics", "tasks"}
    | {"models", "config"},
    "report": {"common", "page", "metrics", "tasks", "models", "config", "pipeline"},
    "kernels": {"common", "networks", "models", "config", "pipeline"},
    "scripts": {"common", "images", "networks", "features", "llm", "page", "tasks", "models"}
    | {"config", "pipeline", "report", "kernels"},
}
BY_NAME = {"features", "models", "tasks", "pipeline.graph", "report.build"}
OPEN = {"metrics"}  # folders in a room whose files are for every room that may import it
COMMON_LINES = 1000  # that common may have
SCRIPTS = ROOT / "scripts"


def modules(folder: Path) -> dict[str, Path]:
    """{dotted name: file} of every Python file below a scripts folder."""
    files = {}
    for file in sorted(folder.rglob("*.py")):
        parts = file.relative_to(folder).with_suffix("").parts
        files[".".join(parts).removesuffix(".__init__")] = file
    return files


def imports_of(file: Path, known: dict[str, Path]) -> set[str]:
    """The modules of ours that a file imports, at its top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name in known}
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: write the whole name of what is imported"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                name = whole if whole in known else node.module
                if name in known:
                    found.add(name)
    return found


def room_of(module: str, known: dict[str, Path]) -> str:
    """The folder that a module lies in; of a file directly in scripts/ "scripts", or "config"."""
    top = module.partition(".")[0]
    if top == "config":
        return "config"
    lies_in_scripts = known[module].parent == known["config"].parent
    return "scripts" if lies_in_scripts else top


def arrows(folder: Path) -> list[tuple[str, str]]:
    """(module, module that it imports) of all files below a scripts folder."""
    known = modules(folder)
    return [
        (module, other)
        for module, file in known.items()
        for other in sorted(imports_of(file, known) - {module})
    ]


def forbidden(folder: Path) -> list[str]:
    """Imports between rooms that ARROWS does not have."""
    known = modules(folder)
    wrong = []
    for module, other in arrows(folder):
        room, its_room = room_of(module, known), room_of(other, known)
        if room != its_room and its_room not in ARROWS[room]:
            wrong.append(f"{module} imports {other}: {room} may not import {its_room}")
    return wrong


def inside(folder: Path) -> list[str]:
    """Imports of a file that lies in a folder inside a room, from outside that folder's room."""
    known = modules(folder)
    wrong = []
    for module, other in arrows(folder):
        parent = other.rpartition(".")[0]
        is_inside = parent.count(".") >= 1 and parent in known
        if is_inside and not f"{module}.".startswith(f"{parent}."):
            wrong.append(f"{module} imports {other}: the inside of {parent} is its own")
    return wrong


def circles(folder: Path) -> list[str]:
    """Modules that import each other, in however many steps."""
    targets: dict[str, list[str]] = {}
    for module, other in arrows(folder):
        targets.setdefault(module, []).append(other)
    found, done = [], set()

    def visit(module: str, path: tuple[str, ...]):
        if module in path:
            found.append(" -> ".join([*path[path.index(module) :], module]))
        elif module not in done:
            for other in targets.get(module, ()):
                visit(other, (*path, module))
            done.add(module)

    for module in list(targets):
        visit(module, ())
    return found


def test_arrows_between_rooms_go_one_way():
    assert forbidden(SCRIPTS) == []


def test_every_arrow_that_is_allowed_is_there():
    known = modules(SCRIPTS)
    there = {(room_of(a, known), room_of(b, known)) for a, b in arrows(SCRIPTS)}
    allowed = {(room, other) for room, others in ARROWS.items() for other in others}
    assert allowed == {(room, other) for room, other in there if room != other}


def test_what_is_found_by_name_is_imported_in_few_places():
    users = {
        name for name, file in modules(SCRIPTS).items() if "import_module(" in file.read_text()
    }
    assert users == BY_NAME


def test_no_imports_run_in_a_circle():
    assert circles(SCRIPTS) == []


def test_nobody_reaches_into_another_rooms_inside():
    assert inside(SCRIPTS) == []


def test_common_stays_small():
    lines = sum(len(file.read_text().splitlines()) for file in (SCRIPTS / "common").glob("*.py"))
    assert lines < COMMON_LINES


def test_every_room_says_what_it_is_for_and_stands_among_the_arrows():
    rooms = {folder.name for folder in SCRIPTS.iterdir() if any(folder.glob("*.py"))}
    assert rooms == ARROWS.keys() - {"config", "scripts"}
    for folder in SCRIPTS.rglob("*/"):
        if any(folder.glob("*.py")):
            assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text())), folder


@pytest.fixture
def house(tmp_path):
    """house(text of common/low.py, text of models/high.py): a scripts folder with a wall in it."""
    for room in ("common", "models", "images/download"):
        (tmp_path / room).mkdir(parents=True)
        (tmp_path / room / "__init__.py").write_text("")
    for name in ("config", "images/download/hosts", "images/__init__"):
        (tmp_path / f"{name}.py").write_text("")

    def write(low: str, high: str) -> Path:
        (tmp_path / "common/low.py").write_text(low)
        (tmp_path / "models/high.py").write_text(high)
        return tmp_path

    return write


def test_an_arrow_against_the_order_is_found(house):
    wrong = forbidden(house("def late():\n    from models import high", ""))
    assert wrong == ["common.low imports models.high: common may not import models"]


def test_a_circle_is_found(house):
    found = circles(house("import models.high", "from common.low import x"))
    assert found == ["common.low -> models.high -> common.low"]


def test_a_hand_in_another_rooms_inside_is_found(house):
    found = inside(house("", "from images.download.hosts import Hosts"))
    assert found == [
        "models.high imports images.download.hosts: the inside of images.download is its own"
    ]
