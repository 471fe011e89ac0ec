"""What the models are worth: every step's out-of-fold score with its interval, what it gains, fold
by fold, output by output.

Nothing is fitted on rows that it is scored on; intervals and gains are by metrics.bootstrap,
gains on the same draws of rows.
"""

import numpy as np
import pandas as pd

from common.files import read_record
from common.paths import Paths
from metrics import bootstrap
from page import charts
from page.blocks import Figure, Note, Number, Section, Table
from report.steps import DECODED, answers, best, steps
from report.view import View
from tasks import load_part


def headline(view: View) -> list:
    """The score so far, with what it is to be held against."""
    if view.job.config.concat:
        return together(view)
    found = steps(view)
    if not found:
        return []
    task, rows, last = view.rows.task, view.rows, best(view, found)
    low, high = bootstrap.interval(last.score, last.draws, task.RANGE)
    record = read_record(view.job.paths.submission) or {}
    test = int((rows.fold < 0).sum())
    expected = (
        f" Expected on the {test:,} test rows: {short(record['score_at_test_size'])}."
        if "score_at_test_size" in record
        else ""
    )
    if len(found) == 1:
        return [
            Note(
                f"No model has answered every row yet. {task.BASELINE.capitalize()} "
                f"alone: {short(last.score)}."
            )
        ]
    label = (
        f"out-of-fold {score_name(view)}, "
        f"{last.name}{', before the models are merged' if view.answer is None else ''}"
    )
    return [
        Number(
            short(last.score),
            label,
            f"95 % interval {short(low)} to {short(high)}; {task.BASELINE}: "
            f"{short(found[0].score)}; "
            f"{'higher' if task.MODE == 'max' else 'lower'} is better.{expected}",
        ),
        *hints(found, last, task),
    ]


def hints(found: list, last, task) -> list:
    """What is odd in the scores of the steps, beyond chance, before anyone submits."""
    sign = 1 if task.MODE == "max" else -1

    def worse(a, b):
        return bootstrap.interval(sign * (b.score - a.score), sign * (b.draws - a.draws))[0] > 0

    odd = [
        f"{step.name} is worse than {task.BASELINE}: look at its training, or leave it out."
        for step in found[1:]
        if worse(step, found[0])
    ]
    odd += [
        f"{step.name} alone has {short(step.score)}, better than {last.name}."
        for step in found[1:]
        if worse(last, step)
    ]
    return [Note(" ".join(odd), "warning")] * bool(odd)


def together(view: View) -> list:
    """The score of a category that joins others: the mean of theirs; [] before all have one."""
    scores = [
        (read_record(Paths(name).submission) or {}).get("score", np.nan)
        for name in view.job.config.concat
    ]
    label = f"mean out-of-fold score of {', '.join(view.job.config.concat)}, as submitted"
    return (
        [Number(short(np.mean(scores)), label, "Intervals stand in their own reports.")]
        if np.isfinite(scores).all()
        else []
    )


def section(view: View) -> Section:
    """Steps, folds, weights and outputs, as far as they are there."""
    if view.job.config.concat:
        return Section("Scores", "scores", joined(view))
    if view.rows is None:
        return Section(
            "Scores",
            "scores",
            [Note("No rows yet, so nothing to score: folds.csv comes first (make folds).")],
        )
    if not len(view.labelled):
        return Section(
            "Scores",
            "scores",
            [Note("No training row has a label: nothing can be scored.", "warning")],
        )
    return Section(
        "Scores",
        "scores",
        [*step_blocks(view), *fold_blocks(view), *weight_blocks(view), *output_blocks(view)],
    )


def joined(view: View) -> list:
    """The scores of the categories that this one joins, from their submissions' records."""
    records = {name: read_record(Paths(name).submission) or {} for name in view.job.config.concat}
    frame = pd.DataFrame(
        [
            {
                "category": name,
                "out-of-fold score": record.get("score", np.nan),
                "before decoding": record.get("plain", np.nan),
                "expected on test": record.get("score_at_test_size", np.nan),
            }
            for name, record in records.items()
        ]
    )
    mean = {"category": "mean of them", **frame.iloc[:, 1:].mean(skipna=False)}
    missing = [name for name, record in records.items() if "score" not in record]
    notes = [Note(f"Not there yet: {', '.join(missing)}.", "warning")] if missing else []
    return [
        Table(
            "Each category's score; its own report says more.",
            pd.concat([frame, pd.DataFrame([mean])], ignore_index=True),
        ),
        *notes,
    ]


def step_blocks(view: View) -> list:
    """The table of steps, and the same as bars."""
    found, task = steps(view), view.rows.task
    sign, by_name = (1 if task.MODE == "max" else -1), {step.name: step for step in found}
    at_size = recorded_at_size(view)
    lines, spans = [], []
    for step in found:
        spans.append(bootstrap.interval(step.score, step.draws, task.RANGE))
        line = {"step": step.name, "score": step.score, "95 % interval": between(spans[-1])}
        if any(
            np.isfinite(value) and abs(value - by_name[name].score) > 1e-9
            for name, value in at_size.items()
            if name in by_name
        ):
            line["expected on test"] = at_size.get(step.name, np.nan)
        if other := by_name.get(step.over):
            gain = sign * (step.score - other.score)
            ends = bootstrap.interval(gain, sign * (step.draws - other.draws))
            line |= {
                "better than": other.name,
                "by": gain,
                "interval of it": between(ends),
                "told from chance": "yes" if ends[0] > 0 else "worse" if ends[1] < 0 else "no",
            }
        lines.append(line)
    frame = pd.DataFrame(lines)
    n = len(view.labelled)
    caption = (
        f"Out-of-fold {score_name(view)} of each step over {n:,} labelled rows; "
        f"{'higher' if sign > 0 else 'lower'} is better, a "
        f"gain is positive where a step is better. Intervals: {bootstrap.REPLICATES} draws of "
        f"the {drawn(view)} with replacement, gains "
        "on the same draws, each about its score by the draws' spread. They say how much "
        "other rows would change a score, not "
        "another seed."
    )
    if "expected on test" in frame:
        caption += (
            " Macro F1 counts each class that is there as one: fewer rows hold fewer of the "
            "rarest, so the test's score is another."
        )
    blocks: list = [Table(caption, frame, {"score": task.MODE})]
    if len(found) > 2:
        alt = "; ".join(f"{step.name} {short(step.score)}" for step in found)
        blocks.append(
            Figure(
                f"The same as bars, with the intervals; dashed: {task.BASELINE}.",
                charts.bars(
                    [step.name for step in found[1:]],
                    [step.score for step in found[1:]],
                    spans[1:],
                    {task.BASELINE: found[0].score},
                    score_name(view),
                ),
                alt,
            )
        )
    return blocks


def drawn(view: View) -> str:
    """What is drawn: rows, or groups of them."""
    groups = len(np.unique(view.rows.group[view.labelled]))
    return "rows" if groups == len(view.labelled) else f"{groups:,} groups of rows"


def recorded_at_size(view: View) -> dict[str, float]:
    """{step: what to expect on as many rows as the test has}, as 08 and 09 recorded it."""
    merged, submission = (
        read_record(view.job.paths.merged) or {},
        read_record(view.job.paths.submission) or {},
    )
    found = dict(merged.get("at_test_size", {}))
    return found | (
        {DECODED: submission["score_at_test_size"]}
        if view.decoded and "score_at_test_size" in submission
        else {}
    )


def fold_blocks(view: View) -> list:
    """Scores per fold, a row per model, those that are half way too."""
    rows, folds = view.rows, range(view.rows.fold.max() + 1)
    every = answers(view) | {name: None for name in view.partial}
    lines = []
    for name in every:
        scores = [fold_score(view, name, k) for k in folds]
        known = np.array([score for score in scores if np.isfinite(score)])
        lines.append(
            {
                "step": name,
                **{f"fold {k}": score for k, score in zip(folds, scores, strict=True)},
                "mean": known.mean() if len(known) else np.nan,
                "sd": known.std(ddof=1) if len(known) > 1 else np.nan,
            }
        )
    caption = (
        f"{score_name(view)} fold by fold, each by the member that never saw that fold; "
        "sd: of the folds. A fold that is worse for "
        "every model holds harder rows; worse for one model alone, its training went wrong there."
    )
    sizes = np.bincount(rows.fold[view.labelled])
    return [Table(f"{caption} Labelled rows: {', '.join(map(str, sizes))}.", pd.DataFrame(lines))]


def fold_score(view: View, name: str, k: int) -> float:
    """A step's score on the labelled rows of fold k; nan where it has not answered them all."""
    task, use = view.rows.task, view.labelled[view.rows.fold[view.labelled] == k]
    if name in view.partial:
        pred = view.partial[name][use]
        if not len(use) or not np.isfinite(pred).all():
            return np.nan
        return task.score(
            task.answer(pred, view.rows.outputs), view.rows.target[use], view.rows.outputs
        )
    return (
        task.score(answers(view)[name][use], view.rows.target[use], view.rows.outputs)
        if len(use)
        else np.nan
    )


def weight_blocks(view: View) -> list:
    """What share of the ensemble each model has."""
    weights = (read_record(view.job.paths.merged) or {}).get("weights_of_models", {})
    if view.merged is None or len(weights) < 2:
        return []
    outputs = list(view.rows.outputs)
    lines = [
        {
            "model": name,
            "mean": float(np.mean(row)),
            **(dict(zip(outputs, row, strict=True)) if len(row) == len(outputs) > 1 else {}),
        }
        for name, row in weights.items()
    ]
    return [
        Table(
            "Each model's weight in the ensemble of the test rows. One near 0 everywhere "
            "can be left out of config models.",
            pd.DataFrame(lines),
        )
    ]


def output_blocks(view: View) -> list:
    """The table per output of what is submitted, or of the best model so far, beside the baseline's
    score."""
    found, task, use = answers(view), view.rows.task, view.labelled
    name = best(view, steps(view)).name
    pred = view.merged if view.merged is not None else view.preds.get(name)
    target, outputs = view.rows.target[use], view.rows.outputs
    table = task.table(found[name][use], target, outputs, None if pred is None else pred[use])
    blind = task.table(found[task.BASELINE][use], target, outputs)
    figures = load_part(view.job.config.task, "figures")
    counts = figures.counts(target, outputs) if figures else {}
    frame = pd.DataFrame(
        [
            {
                "output": output,
                "labelled rows": counts.get(output, len(target)),
                **row,
                f"{task.BASELINE}: {task.SCORE}": blind[output][task.SCORE],
            }
            for output, row in table.items()
        ]
    )
    frame = (
        frame.sort_values(task.SCORE, ascending=task.MODE == "max", ignore_index=True)
        if len(frame) > 1
        else frame
    )
    what = (
        "output by output, out-of-fold, the weakest first"
        if len(frame) > 1
        else "by all measures, out-of-fold"
    )
    return [
        Table(
            f"{name[0].upper()}{name[1:]}, {what}; the last column is what "
            f"{task.BASELINE} has.{getattr(task, 'SCORES_MEAN', '')}",
            frame,
        )
    ]


def score_name(view: View) -> str:
    """ "SMAPE", "F1", "HM"."""
    return view.rows.task.SCORE.upper()


def short(value: float) -> str:
    """Four digits of a score."""
    return (
        "none" if not np.isfinite(value) else f"{value:.4f}" if abs(value) < 2 else f"{value:.2f}"
    )


def between(ends: tuple[float, float]) -> str:
    return f"{short(ends[0])} to {short(ends[1])}" if np.isfinite(ends).all() else ""
