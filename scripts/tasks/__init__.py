"""A task says what is asked and how an answer is judged; it knows numpy and pandas, and no model.
One file each, found by name.

Every file defines
  ASKS       what a model must answer: "classes", "number" or "value";  MODE  whether the best score
             is the "max" or the "min"
  SCORE      the score's name in `table`;  RANGE  its least and most;  BASELINE  the name of what
             `priors` answers without looking
  read_rows(data, folder)          raw files → rows: id, image, split, text where they have one, and
                                   the targets' columns
  outputs(rows)                    what there is to predict: {output: [classes]}, {price: [lowest,
                                   highest]}
  sizes(outputs)                   columns of each output in a prediction
  encode(rows, outputs)            targets (n, a), -1 where not labelled; encode_table(table, ...)
                                   those of a table of labels
  strata(target)                   (n,) int: rows that folds should spread evenly
  priors(target, outputs)          (k,) what is predicted without looking
  average(preds)                   predictions of several members (m, n, k) → one (n, k)
  fit_blend(pred, target, outputs), apply_blend(pred, weights, outputs)     models → one prediction,
  fitted on labelled rows
  answer(pred, outputs)            prediction → answer; with fit_decode(pred, target, outputs) and
                                   apply_decode(pred, fitted, outputs) likewise, fitted
  score(answer, target, outputs)   the competition's score; table(...) that of each output;
                                   score_at_size(..., n) what to expect on n rows
  score_draws(..., weights)        the score (b,) where row i counts weights[:, i] times (b, n): of
                                   draws of rows, for intervals
  spell(answer, outputs)           the answers as a submission writes them; read_answers(table, ...)
                                   the way back; truth_columns(data) what a table of labels must
                                   have
  submission(test, answers, ...)   the table that the organisers want; problems(table, ...) what is
                                   wrong with one
and, where language models are asked
  prompt(question), refine_prompt(question, reply), pattern(question)  what they are asked, and what
  they may reply
  read_replies(replies, questions)  replies → predictions (n, k); is_clear(...) which of them leave
                                    nothing to be refined
  mistakes(answer, target, outputs, rows)  the labelled rows that are wrong, to look at
"""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

from common.errors import Stop


def load_task(name: str) -> ModuleType:
    """The task's module, e.g. "attributes" for tasks/attributes.py."""
    if name not in NAMES:
        raise Stop(f"no task {name!r}; there are: {', '.join(NAMES)}")
    return import_module(f"tasks.{name}")


NAMES = sorted(
    m.name
    for m in iter_modules([str(Path(__file__).parent)])
    if (Path(__file__).parent / m.name / "figures.py").exists()
)


def load_analysis(task: str) -> ModuleType:
    """The task's analysis, e.g. analyses/attributes.py."""
    if task not in NAMES:
        raise Stop(
            f"no analysis of task {task!r}; there are: {', '.join(NAMES)}; write one in "
            f"scripts/tasks/{task}/analysis.py"
        )
    return import_module(f"tasks.{task}.analysis")


def of_task(name: str) -> ModuleType:
    """What the report shows of a task alone, e.g. tasks/price/figures.py."""
    return import_module(f"tasks.{name}.figures")
