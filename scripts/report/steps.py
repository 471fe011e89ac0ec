"""The steps of a category's answers, from what is said without looking to what is submitted, each
with its out-of-fold score and draws of it."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from metrics import bootstrap
from pipeline import graph
from report.view import View

DECODED, ENSEMBLE = "decoded", "ensemble"


@dataclass(frozen=True)
class Step:
    """One way to answer the labelled rows: its score, draws (b,) of it, and the step that it is to
    be better than."""

    name: str
    score: float
    draws: np.ndarray
    over: str


@cache
def answers(view: View) -> dict[str, np.ndarray]:
    """{step: answers (n, a)}: without looking, each model, their ensemble where it is another, and
    decoded. {} without labelled rows."""
    if view.rows is None or not len(view.labelled):
        return {}
    task, outputs = view.rows.task, view.rows.outputs
    found = {task.BASELINE: task.answer(baseline(view), outputs)} | {
        name: task.answer(pred, outputs) for name, pred in view.preds.items()
    }
    if view.merged is not None:
        if not any(np.array_equal(view.merged, pred) for pred in view.preds.values()):
            found[ENSEMBLE] = task.answer(view.merged, outputs)
        if view.decoded and view.answer is not None:
            found[DECODED] = view.answer
    return found


def baseline(view: View) -> np.ndarray:
    """What each row is answered without looking (n, K), as the other folds' labels say."""
    priors = np.stack([view.rows.baseline(k) for k in range(view.rows.fold.max() + 1)])
    return priors[view.rows.fold]


@cache
def steps(view: View) -> list[Step]:
    """Every step in order, with its score on the labelled rows and draws of it."""
    found, use = answers(view), view.labelled if view.rows is not None else []
    if not found:
        return []
    task, outputs, target = view.rows.task, view.rows.outputs, view.rows.target[use]
    weights = bootstrap.draw_replicates(view.rows.group[use])
    scores = {name: task.score(answer[use], target, outputs) for name, answer in found.items()}
    return [
        Step(
            name,
            scores[name],
            task.score_replicates(answer[use], target, outputs, weights),
            over(view, name, scores),
        )
        for name, answer in found.items()
    ]


def over(view: View, name: str, scores: dict[str, float]) -> str:
    """The step that another is to be better than: decoded than what is decoded, an ensemble or
    second-level model than the best of what it is made of, any other model than the baseline."""
    last = [
        model for model in graph.final_models(view.job.config, view.job.paths) if model in scores
    ]
    first = [model for model in view.preds if model not in last]
    pick = max if view.rows.task.MODE == "max" else min
    if name == DECODED:
        return ENSEMBLE if ENSEMBLE in scores else last[0] if last else view.rows.task.BASELINE
    below = last if name == ENSEMBLE else first if name in last else []
    return (
        pick(below, key=scores.get)
        if below
        else view.rows.task.BASELINE
        if name in view.preds or name == ENSEMBLE
        else ""
    )


def best(view: View, found: list[Step]) -> Step:
    """The step that is submitted; while the models are not merged, the best of them."""
    if view.merged is not None:
        by_name = {step.name: step for step in found}
        return by_name.get(DECODED) or by_name.get(ENSEMBLE) or by_name[merged_name(view)]
    return (max if view.rows.task.MODE == "max" else min)(found, key=lambda step: step.score)


def merged_name(view: View) -> str:
    """The model that merged.npz is equal to, where there is one."""
    return next(name for name, pred in view.preds.items() if np.array_equal(view.merged, pred))
