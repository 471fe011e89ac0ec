"""Section "Scores": every stage's out-of-fold score with its interval, what it gains, fold by fold,
output by output.

Nothing is fitted on rows that it is scored on; intervals and gains are by metrics.bootstrap, gains
on the same replicates of rows.
"""

import numpy as np
import pandas as pd

from common.files import read_record
from common.paths import Paths
from metrics import bootstrap
from page.blocks import Figure, Note, Section, Table
from page.charts import bar_figure
from page.formats import describe, format_interval, format_score
from report.evidence import evidence_blocks
from report.stages import (
    Gain,
    Stage,
    gain_over,
    load_stages,
    stage_answers,
    submitted_stage,
)
from report.view import View
from tasks import load_module


def section(view: View) -> Section:
    """Stages, folds, weights and outputs, as far as they are there."""
    return Section("Scores", "scores", score_blocks(view))


def score_blocks(view: View) -> list:
    if view.config.concat:
        return joined_scores(view)

    if view.rows is None:
        return [Note("No rows yet, so nothing to score: folds.csv comes first (make folds).")]

    if not len(view.labelled_idx):
        return [Note("No training row has a label: nothing can be scored.", "warning")]

    return [
        *stage_blocks(view),
        *candidate_table(view),
        *evidence_blocks(view),
        fold_table(view),
        *weight_table(view),
        output_table(view),
    ]


def joined_scores(view: View) -> list:
    """The scores of the categories that this one joins, from their submissions' records."""
    lines = []
    missing = []
    for name in view.config.concat:
        record = read_record(Paths(name).submission) or {}
        if "score" not in record:
            missing.append(name)

        lines.append(
            {
                "category": name,
                "out-of-fold score": record.get("score", np.nan),
                "expected on test": record.get("score_at_test_size", np.nan),
            }
        )

    frame = pd.DataFrame(lines)
    means = frame.drop(columns="category").mean(skipna=False)
    lines.append({"category": "mean of them", **means})
    table = Table("Each category's score; its own report says more.", pd.DataFrame(lines))

    if not missing:
        return [table]

    return [table, Note(f"Not there yet: {', '.join(missing)}.", "warning")]


def stage_blocks(view: View) -> list:
    """The table of stages, and the same as bars."""
    stages = load_stages(view)
    limits = view.task.RANGE

    spans = []
    for stage in stages:
        span = bootstrap.interval(stage.score, stage.replicates, limits)
        spans.append(span)

    blocks: list = [stage_table(view, stages, spans)]
    if len(stages) > 2:
        blocks.append(stage_bars(view, stages, spans))

    return blocks


def stage_table(view: View, stages: list[Stage], spans: list[tuple]) -> Table:
    """A line per stage: score, interval, what it gains over its rival."""
    task = view.task
    by_name = {stage.name: stage for stage in stages}

    lines = []
    for stage, span in zip(stages, spans, strict=True):
        line = {
            "step": stage.name,
            "score": stage.score,
            "95 % interval": format_interval(span),
        }
        rival = by_name.get(stage.rival)
        if rival:
            gain = gain_over(stage, rival, task.MODE)
            line["better than"] = rival.name
            line["by"] = gain.value
            line["interval of it"] = format_interval(gain.ends)
            line["told from chance"] = told_from_chance(gain)

        lines.append(line)

    return Table(stage_caption(view), pd.DataFrame(lines), {"score": task.MODE})


def stage_caption(view: View) -> str:
    n = len(view.labelled_idx)
    n_groups = len(np.unique(view.rows.group[view.labelled_idx]))
    units = "rows" if n_groups == n else f"{n_groups:,} groups of rows"
    better = "higher" if view.task.MODE == "max" else "lower"

    return (
        f"Out-of-fold {score_name(view)} of each step over {n:,} labelled rows; {better} is "
        "better, a gain is positive where a step is better. Intervals: "
        f"{bootstrap.REPLICATES} draws of the {units} with replacement, gains on the same draws, "
        "each about its score by the draws' spread. They say how much other rows would change a "
        "score, not another seed."
    )


def told_from_chance(gain: Gain) -> str:
    if gain.low > 0:
        return "yes"

    return "worse" if gain.high < 0 else "no"


def stage_bars(view: View, stages: list[Stage], spans: list[tuple]) -> Figure:
    """The stages' scores as bars, the baseline as a dashed line."""
    baseline, *others = stages
    texts = {stage.name: format_score(stage.score) for stage in stages}
    return bar_figure(
        f"The same as bars, with the intervals; dashed: {baseline.name}.",
        {stage.name: stage.score for stage in others},
        alt=describe(texts, "{}"),
        spans=spans[1:],
        reference={baseline.name: baseline.score},
        xlabel=score_name(view),
    )


def fold_table(view: View) -> Table:
    """Scores per fold, a line per stage and per model that is half way."""
    fold = view.rows.fold
    n_folds = fold.max() + 1

    lines = []
    for name in [*stage_answers(view), *view.partial]:
        line = {"step": name}
        for k in range(n_folds):
            line[f"fold {k}"] = fold_score(view, name, k)

        scores = np.array(list(line.values())[1:])
        known = scores[np.isfinite(scores)]
        line["mean"] = known.mean() if len(known) else np.nan
        line["sd"] = known.std(ddof=1) if len(known) > 1 else np.nan
        lines.append(line)

    sizes = np.bincount(fold[view.labelled_idx])
    caption = (
        f"{score_name(view)} fold by fold, each by the member that never saw that fold; sd: of "
        "the folds. A fold that is worse for every model holds harder rows; worse for one model "
        "alone, its training went wrong there. "
        f"Labelled rows: {', '.join(map(str, sizes))}."
    )
    return Table(caption, pd.DataFrame(lines))


def fold_score(view: View, name: str, k: int) -> float:
    """A stage's or half finished model's score on the labelled rows of fold k; nan where it has not
    answered them all."""
    rows = view.rows
    task = view.task
    in_fold = rows.fold[view.labelled_idx] == k

    idx = view.labelled_idx[in_fold]
    if not len(idx):
        return np.nan

    if name not in view.partial:
        answer = stage_answers(view)[name][idx]
        return task.score(answer, rows.target[idx], rows.outputs)

    pred = view.partial[name][idx]
    if not np.isfinite(pred).all():
        return np.nan

    return rows.score(pred, idx)


def candidate_table(view: View) -> list[Table]:
    """What there was to choose from; [] where there was one."""
    candidates = view.merged_record.get("candidates", {})
    if view.answer is None or len(candidates) < 2:
        return []

    chosen = view.merged_record["chosen"]
    lines = []
    for label, values in candidates.items():
        line = {
            "answers by": label,
            "score": values["score"],
            "better than submitted by": values["gain"],
            "standard error of it": values["error"],
            "submitted": "yes" if label == chosen else "",
        }
        lines.append(line)

    caption = (
        "What there was to submit, out-of-fold; weights and decoding of a fold's rows are fitted "
        "on the other folds. The simplest is submitted that the best one does not beat by more "
        "than one standard error, taken over draws of rows: one model before a mean, a mean "
        "before fitted weights, plain answers before decoded ones. The score on top is of the same "
        "choice made without each fold in turn: it has no share in the luck of the best of many."
    )
    frame = pd.DataFrame(lines)
    return [Table(caption, frame, {"score": view.task.MODE})]


def weight_table(view: View) -> list[Table]:
    """Each model's share of what is submitted; [] where one model is all of it."""
    choice = view.merged_record.get("choice", {})
    models = choice.get("models", [])
    if view.answer is None or len(models) < 2:
        return []

    outputs = list(view.rows.outputs)
    lines = []
    for name, row in zip(models, choice["weights"], strict=True):
        line = {
            "model": name,
            "mean": float(np.mean(row)),
        }
        if len(row) == len(outputs) > 1:
            line |= dict(zip(outputs, row, strict=True))

        lines.append(line)

    caption = (
        "Each model's weight in what is submitted. One near 0 everywhere can be left out of config "
        "models."
    )
    return [Table(caption, pd.DataFrame(lines))]


def output_table(view: View) -> Table:
    """A line per output of what is submitted, or of the best model so far, beside the baseline's
    score."""
    task = view.task
    name = submitted_stage(view).name
    table = scores_by_output(view, name)
    baseline = scores_by_output(view, task.BASELINE)
    counts = label_counts(view)

    lines = []
    for output, measures in table.items():
        line = {
            "output": output,
            "labelled rows": counts.get(output, len(view.labelled_idx)),
            **measures,
            f"{task.BASELINE}: {task.SCORE}": baseline[output][task.SCORE],
        }
        lines.append(line)

    frame = pd.DataFrame(lines)
    what = "by all measures, out-of-fold"

    if len(frame) > 1:
        what = "output by output, out-of-fold, the weakest first"
        is_worst_first = task.MODE == "max"
        frame = frame.sort_values(task.SCORE, ascending=is_worst_first, ignore_index=True)

    caption = (
        f"{name[0].upper()}{name[1:]}, {what}; the last column is what {task.BASELINE} has."
        f"{getattr(task, 'SCORES_MEAN', '')}"
    )
    return Table(caption, frame)


def scores_by_output(view: View, name: str) -> dict[str, dict[str, float]]:
    """{output: {measure: value}} of a stage's answers to the labelled rows; of what is submitted
    also the measures that need its predictions."""
    rows = view.rows
    idx = view.labelled_idx

    pred = None
    if name == submitted_stage(view).name:
        pred = view.preds.get(name) if view.answer is None else view.merged

    return view.task.table(
        stage_answers(view)[name][idx],
        rows.target[idx],
        rows.outputs,
        None if pred is None else pred[idx],
    )


def label_counts(view: View) -> dict[str, int]:
    """{output: labelled rows}; {} of a task that does not count them."""
    figures = load_module(view.config.task, "figures")
    if figures is None:
        return {}

    return figures.counts(view.rows.target[view.labelled_idx], view.rows.outputs)


def score_name(view: View) -> str:
    """ "SMAPE", "F1", "HM"."""
    return view.task.SCORE.upper()
