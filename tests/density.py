"""How full the lines of scripts/ are: AST nodes per line of each function. Part of `make lint`.

A function's docstring does not count, and functions of fewer than six lines do not either. Exits
with 1 where the median is over MEDIAN, or where a function is over MOST: then name what an
expression computes, and write a statement a line.

    python tests/density.py              the check
    python tests/density.py scripts/llm  the fullest functions of a folder too
"""

import ast
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

MEDIAN = 8.5  # nanochat 8.5, timm 7.4, litgpt 7.2
MOST = 18.0
SHORTEST = 6  # lines
SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"


@dataclass(frozen=True)
class Function:
    """A function's place, its lines without the docstring, and its nodes per line."""

    place: str
    lines: int
    density: float


def docstring_lines(function: ast.FunctionDef) -> int:
    """Lines of the function's docstring; 0 where it has none."""
    if ast.get_docstring(function) is None:
        return 0
    first = function.body[0]
    return first.end_lineno - first.lineno + 1


def functions_of(file: Path) -> list[Function]:
    """The functions of a file that count."""
    functions = []
    for node in ast.walk(ast.parse(file.read_text())):
        if not isinstance(node, ast.FunctionDef):
            continue
        lines = node.end_lineno - node.lineno + 1 - docstring_lines(node)
        if lines >= SHORTEST:
            n_nodes = sum(1 for _ in ast.walk(node))
            place = f"{file}:{node.lineno} {node.name}"
            functions.append(Function(place, lines, n_nodes / lines))
    return functions


def main(argv: list[str]) -> int:
    folder = Path(argv[0]) if argv else SCRIPTS
    functions = []
    for file in sorted(folder.rglob("*.py")):
        functions += functions_of(file)
    functions.sort(key=lambda function: function.density, reverse=True)
    median = statistics.median(function.density for function in functions)
    too_full = [function for function in functions if function.density > MOST]
    for function in functions[:20] if argv else too_full:
        print(f"{function.density:5.1f}  {function.lines:3d} lines  {function.place}")
    print(
        f"{len(functions)} functions, median {median:.1f} nodes a line, {len(too_full)} over {MOST}"
    )
    return int(median > MEDIAN or bool(too_full))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
