"""The report: what a category's data are, what its models are worth, what they get wrong, how it was all made.

  page.py     the blocks of a page and how they become one self-contained HTML file (page.html is its template)
  charts.py   matplotlib figures as SVG that follows the reader's light or dark colours
  data.py, scores.py, curves.py, worst.py, making.py     one section each: sections(view) or section(view)
  of_<task>.py  what only that task can show: confusions, residuals, F1 per entity
  compare.py  two runs side by side
"""
from importlib import import_module
from types import ModuleType


def of_task(name: str) -> ModuleType:
    """What the report shows of a task alone, e.g. common/report/of_price.py."""
    return import_module(f"common.report.of_{name}")
