"""The stages of a category's answers, from the baseline over each model to what is submitted, each
with its out-of-fold score and what it gains."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from metrics import bootstrap
from pipeline import graph
from report.view import View


@dataclass(frozen=True)
class Stage:
    """One way to answer the labelled rows."""

    name: str
    score: float
    replicates: np.ndarray  # (b,) its score on bootstrap replicates of the rows
    rival: str = ""  # the stage that it should be better than


@dataclass(frozen=True)
class Gain:
    """How much better one stage is than another: positive is better, whichever way scores go."""

    value: float
    low: float  # of the 95 % interval, paired on the same replicates
    high: float

    @property
    def ends(self) -> tuple[float, float]:
        return self.low, self.high


def gain_over(stage: Stage, other: Stage, mode: str) -> Gain:
    """What `stage` gains over `other`; mode "max" or "min", the task's."""
    sign = 1 if mode == "max" else -1
    value = sign * (stage.score - other.score)
    # paired: the b-th replicates of both stages are of the same rows
    replicates = sign * (stage.replicates - other.replicates)
    low, high = bootstrap.interval(value, replicates)

    return Gain(value, low, high)


@cache
def stage_answers(view: View) -> dict[str, np.ndarray]:
    """{stage: answers (n, a)}; {} without labelled rows. What is submitted is left out where it is
    one of the models."""
    if view.rows is None or not len(view.labelled_idx):
        return {}

    answers = {}
    preds = {view.task.BASELINE: baseline(view), **view.preds}
    for name, pred in preds.items():
        answers[name] = view.task.answer(pred, view.rows.outputs)

    if view.answer is not None and not submitted_model(view):
        answers[submitted_name(view)] = view.answer

    return answers


def baseline(view: View) -> np.ndarray:
    """The baseline predictions (n, K): of each row as the other folds' labels say."""
    rows = view.rows
    per_fold = [rows.baseline(k) for k in range(rows.fold.max() + 1)]

    return np.stack(per_fold)[rows.fold]


@cache
def submitted_model(view: View) -> str:
    """The model whose answers are submitted as they are; "" where there is none."""
    for name, pred in view.preds.items():
        if np.array_equal(view.answer, view.task.answer(pred, view.rows.outputs)):
            return name

    return ""


def submitted_name(view: View) -> str:
    """What is submitted, e.g. "heads, decoded"."""
    chosen = view.merged_record.get("chosen", "submitted")
    return f"{chosen}, submitted" if chosen in view.preds else chosen


@cache
def load_stages(view: View) -> list[Stage]:
    """Every stage in order; [] without labelled rows."""
    answers = stage_answers(view)
    if not answers:
        return []

    idx = view.labelled_idx
    rows = view.rows
    target = rows.target[idx]
    weights = bootstrap.draw_replicates(rows.group[idx])

    scores = {}
    for name, answer in answers.items():
        scores[name] = view.task.score(answer[idx], target, rows.outputs)

    stages = []
    for name, answer in answers.items():
        stage = Stage(
            name,
            scores[name],
            view.task.score_replicates(answer[idx], target, rows.outputs, weights),
            rival_of(view, name, scores),
        )
        stages.append(stage)

    return stages


def rival_of(view: View, name: str, scores: dict[str, float]) -> str:
    """The stage that another should be better than.

    Of what is submitted the best model; of a second-level model the best of those that it is made
    of; of any other model the baseline; of the baseline "".
    """
    task = view.task
    if name == task.BASELINE:
        return ""

    final = graph.final_models(view.config, view.paths)
    rivals = []
    if name not in view.preds:
        rivals = list(view.preds)
    elif name in final:
        rivals = [model for model in view.preds if model not in final]

    if not rivals:
        return task.BASELINE

    return best_of(rivals, scores, task.MODE)


def best_of(names, scores: dict[str, float], mode: str) -> str:
    """The name with the best score; mode "max" or "min"."""
    best = max if mode == "max" else min
    return best(names, key=scores.get)


def submitted_stage(view: View) -> Stage:
    """The stage that is submitted; while the models are not merged, the best so far."""
    by_name = {stage.name: stage for stage in load_stages(view)}
    if view.answer is None:
        scores = {name: stage.score for name, stage in by_name.items()}
        best = best_of(by_name, scores, view.task.MODE)
        return by_name[best]

    return by_name[submitted_model(view) or submitted_name(view)]
