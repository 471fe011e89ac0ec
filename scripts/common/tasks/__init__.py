"""A task says what is asked and how an answer is judged; it knows numpy and pandas, and no model. One file each, found by name.

Every file defines
  read_rows(data, folder)          raw files → rows: id, image, split and the targets' columns
  outputs(rows, data)              what there is to predict: {output: [classes]}
  encode(rows, outputs)            targets (n, a) int, -1 where not labelled
  strata(target)                   (n,) int: rows that folds should spread evenly
  blend(pred, target), apply_blend(pred, weights)    models → one prediction, fitted on rows that are labelled
  fit_decode(pred, target, post), decode(pred, fitted)   prediction → answer, fitted likewise
  score(answer, target)            the competition's score, higher is better; table(...) its parts; score_at_size(..., n) what
                                   to expect on n rows
  submission(rows, answer, ...)    the table that the organisers want; problems(table, ...) what is wrong with one
"""
from importlib import import_module
from pathlib import Path
from types import ModuleType

from common.errors import Stop

NAMES = sorted(p.stem for p in Path(__file__).parent.glob("*.py") if p.stem != "__init__")


def load_task(name: str) -> ModuleType:
    """The task's module, e.g. "attributes" for tasks/attributes.py."""
    if name not in NAMES:
        raise Stop(f"no task {name!r}; there are: {', '.join(NAMES)}")
    return import_module(f"common.tasks.{name}")
