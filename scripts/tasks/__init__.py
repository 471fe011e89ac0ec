"""A task says what is asked and how an answer is judged; it knows numpy and pandas, and no model.
One folder each, found by name: a folder tasks/<name>/ is a task, and `task=<name>` in a config asks
it. Its __init__.py defines

  ASKS        the kind of question, of common.questions: what a model must answer
  MODE        whether the best score is the "max" or the "min"
  SCORE       the score's name in `table`
  RANGE       the least and the most that the score can be
  BASELINE    the name of what `baseline` predicts
  read_rows(data, folder)      raw files → rows: id, image, split, text where they have one, and the
                               columns of the targets; and the names of the files read
  outputs(rows)                what there is to predict: {output: [classes]} or {price: [lowest,
                               highest]}
  sizes(outputs)               columns of each output in a prediction
  encode(rows, outputs)        targets (n, a), -1 where not labelled
  encode_table(table, outputs, data)  those of a table of labels
  strata(target)               (n,) int: rows that folds should spread evenly
  baseline(target, outputs)    (k,) the baseline's prediction
  average(preds)               predictions of several members (m, n, k) → one (n, k)
  fit_blend(pred, target, outputs), apply_blend(pred, weights, outputs)
                               models → one prediction, fitted on labelled rows
  answer(pred, outputs)        prediction → answer
  fit_decode(pred, target, outputs), apply_decode(pred, fitted, outputs)
                               the same, fitted on labelled rows
  score(answer, target, outputs)      the competition's score
  score_at_size(..., n)        the score to expect on n rows
  score_replicates(..., weights)  (b,) the score of b bootstrap replicates: row i counts
                               weights[:, i] times
  table(answer, target, outputs, pred)  {output: {score: value}}
  format_answers(answer, outputs)  the answers as a submission writes them
  read_answers(table, outputs, data)  the way back
  truth_columns(data)          what a table of labels must have
  submission(test, answers, ...)      the table that the organisers want
  problems(table, ...)         what is wrong with one, a line each
and may define
  SCORES_MEAN                  a sentence for the report: what `table`'s further scores are
  mistakes(answer, target, outputs, rows)  the labelled rows that are wrong, to look at
  prompt(question), refine_prompt(question, reply), pattern(question)
                               what language models are asked, and what they may reply
  read_replies(replies, questions)    replies → predictions (n, k)
  is_clear(replies, questions)        which of them leave nothing to be refined

Its folder may also have
  analysis.py   needs(data), analyse(raw): what 00_data_analysis.py tells of the raw files
  figures.py    data(raw, tables), figures(view), counts(target, outputs), verdict(view): what the
                report shows of it
  sample.py     FOLDER, draw(folder, seed, rows): a small catalogue in its official layout
"""

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from types import ModuleType

from common.errors import UserError

NAMES = sorted(module.name for module in iter_modules(__path__) if module.ispkg)


def load_task(name: str) -> ModuleType:
    """The task's module, e.g. "attributes" for tasks/attributes/__init__.py."""
    if name not in NAMES:
        raise UserError(f"no task {name!r}; there are: {', '.join(NAMES)}")
    return import_module(f"tasks.{name}")


@cache
def load_part(name: str, part: str) -> ModuleType | None:
    """tasks/<name>/<part>.py, e.g. its "figures"; None where the task has no such file."""
    load_task(name)
    found = find_spec(f"tasks.{name}.{part}")
    return import_module(f"tasks.{name}.{part}") if found else None


def load_analysis(name: str) -> ModuleType:
    """The task's analysis. Raises UserError where it has none."""
    analysis = load_part(name, "analysis")
    if analysis is None:
        raise UserError(f"no analysis of task {name!r}; write scripts/tasks/{name}/analysis.py")
    return analysis
