"""A task says what is asked and how an answer is judged. It knows numpy and pandas, and no model.

    in:  the raw files of a competition
    out: rows, targets, scores, a submission

Each task is a folder, found by its name: the folder tasks/<name>/ is what `task=<name>` in a config
asks for. Shapes: n rows, m models or members, a outputs (e.g. attributes), k columns of a
prediction, b bootstrap replicates. `outputs` says what is predicted: {attribute: [classes]},
{"price": [lowest, highest]} or {entity: [units]}. Its __init__.py defines

  ASKS        the kind of question, of common.questions, that a model must answer
  MODE        "max" where a higher score is better, "min" where a lower one is
  SCORE       the name of the competition's score in `table`
  RANGE       the least and the most that the score can be
  BASELINE    the name of what `baseline` predicts, e.g. "majority"

  read_rows(data, folder, splits)     raw files → the rows of these splits, "train" or "test" or
                                      both (id, split, image, group, text where they
                                      have one, targets as text) and the names of the files read
  outputs(rows)                       rows → outputs
  sizes(outputs)                      how many of the k columns each output has
  encode(rows, outputs)               rows → targets (n, a), -1 where not labelled
  strata(target)                      (n,) int: rows of one number are spread evenly over the folds

  baseline(target, outputs)           the baseline's prediction (k,) for every row
  average(preds)                      predictions of members (m, n, k) → one (n, k)
  fit_blend(pred, target, outputs)    predictions of models (m, n, k) → weights, on labelled rows
  apply_blend(pred, weights, outputs) predictions of models (m, n, k) → one (n, k)

  answer(pred, outputs)               prediction → answer (n, a)
  fit_decode(pred, target, outputs)   parameters of a decoding that scores better, on labelled rows
  apply_decode(pred, fitted, outputs) prediction → answer (n, a) with these parameters

  score(answer, target, outputs)      the competition's score
  score_at_size(..., n)               the score to expect on n rows
  score_replicates(..., weights)      (b,) scores where row i counts weights[:, i] times (b, n)
  table(answer, target, outputs, pred)  {output: {score: value}}, for people

  format_answers(answer, outputs)     answers as text, a column per output
  submission(test, answers, data, post)  the table that the organisers want
  problems(table, test, outputs, data, post)  what they would refuse in it, a line each
  read_answers(table, outputs, data)  a submission → answers (n, a)
  encode_table(table, outputs, data)  a table of labels in the organisers' columns → targets (n, a)
  truth_columns(data)                 the columns that such a table must have

and may define

  SCORES_MEAN                         a sentence for the report on the further scores of `table`
  draw_targets(pred, spread, outputs, rng)  targets drawn as predictions say, the less surely the
                                      greater `spread` is
  mistakes(answer, target, outputs, rows)  the labelled rows that are answered wrong

and, so that a language model can answer, where i is a row number and idx (m,) are several of `rows`
(a common.rows.Rows)

  prompt(rows, i, has_image)          what it is asked, with the row's image or without
  refine_prompt(rows, i, reply)       what another is asked to make of a reply that cannot be read
  pattern(rows, i)                    the regular expression of the replies that can be right
  refine_pattern(rows, i)             that of what can be made of a reply
  read_replies(replies, rows, idx)    replies (m,) → predictions (m, k), the baseline where nothing
                                      can be read
  is_clear(replies, rows, idx)        (m,) bool: which replies leave nothing to be refined

The folder may also have

  analysis.py   needs(data), analyse(raw): the tables of 00_data_analysis.py on the raw files
  figures.py    data(raw, tables), figures(view), counts(target, outputs), verdict(view): what the
                report shows of the task
  suspects.py   suspects(view): the labels that look wrong; goes with figures.py
  sample.py     FOLDER, draw(folder, seed, rows): a small catalogue in the competition's layout
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
def load_module(name: str, module: str) -> ModuleType | None:
    """The module tasks/<name>/<module>.py, e.g. its "figures"; None where there is no such file."""
    load_task(name)
    path = f"tasks.{name}.{module}"
    return import_module(path) if find_spec(path) else None


def load_analysis(name: str) -> ModuleType:
    """The task's analysis. Raises UserError where it has none."""
    analysis = load_module(name, "analysis")
    if analysis is None:
        raise UserError(f"no analysis of task {name!r}; write scripts/tasks/{name}/analysis.py")

    return analysis
