"""What a training set is asked before anyone models it. One file per task, found by the task's name.

Every file defines
  needs(data)    the raw columns that it cannot do without, {"train": [...], "test": [...]}; "" names none
  analyse(raw)   {title: table} of what the raw rows hold (common.analysis.Raw)
"""
from importlib import import_module
from pathlib import Path
from types import ModuleType

from common.errors import Stop

NAMES = sorted(p.stem for p in Path(__file__).parent.glob("*.py") if p.stem != "__init__")


def load_analysis(task: str) -> ModuleType:
    """The task's analysis, e.g. analyses/attributes.py."""
    if task not in NAMES:
        raise Stop(f"no analysis of task {task!r}; there are: {', '.join(NAMES)}; write one in scripts/common/analyses/{task}.py")
    return import_module(f"common.analyses.{task}")
