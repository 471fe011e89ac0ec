"""The top of the report: the score, what to compare it with, and what is odd about it."""

import numpy as np

from common.files import read_record
from common.paths import Paths
from metrics import bootstrap
from page.blocks import Note, Number
from page.formats import format_interval, format_score
from report.stages import Stage, gain_over, load_stages, submitted_stage
from report.view import View


def headline(view: View) -> list:
    """The score so far; [] while there is none."""
    if view.config.concat:
        return mean_score(view)

    stages = load_stages(view)
    if not stages:
        return []

    task = view.task
    baseline = stages[0]

    if len(stages) == 1:
        text = (
            f"No model has answered every row yet. {task.BASELINE.capitalize()} alone: "
            f"{format_score(baseline.score)}."
        )
        return [Note(text)]

    submitted = submitted_stage(view)
    not_merged = ", before the models are merged" if view.answer is None else ""
    label = f"out-of-fold {task.SCORE.upper()}, {submitted.name}{not_merged}"
    interval = bootstrap.interval(submitted.score, submitted.replicates, task.RANGE)
    better = "higher" if task.MODE == "max" else "lower"
    detail = (
        f"95 % interval {format_interval(interval)}; {baseline.name}: "
        f"{format_score(baseline.score)}; {better} is better."
    )

    return [
        Number(format_score(submitted.score), label, detail),
        *choice_notes(view),
        *warnings(stages, submitted, task),
    ]


def choice_notes(view: View) -> list[Note]:
    """What is submitted and why, and what to expect of the test rows; [] before there is an
    answer."""
    reason = view.merged_record.get("why")
    if view.answer is None or not reason:
        return []

    return [Note(f"Submitted is {reason}.{expected_score(view)}")]


def expected_score(view: View) -> str:
    """What to expect of the test rows, in sentences; "" before they are answered."""
    n_test = view.test_record.get("rows")
    expected = view.test_record.get("expected")
    if not n_test or not expected:
        return ""

    interval = format_interval(expected["interval"])
    text = (
        f" Expected on the {n_test:,} test rows: {format_score(expected['score'])}, 95 % interval "
        f"{interval}"
    )

    gain = expected["gain_of_folds"]
    if gain is None:
        return (
            f"{text}, where they are like the training rows. The members of all folds answer a "
            "test row together, which is usually better: it is a careful number."
        )

    return (
        f"{text}, where they are like the training rows. Of it, {format_score(abs(gain))} is what "
        "the mean of all folds' members is estimated to gain over one of them."
    )


def warnings(stages: list[Stage], submitted: Stage, task) -> list[Note]:
    """What is odd in the scores, beyond chance, before anyone submits."""
    baseline, *others = stages
    sentences = []
    for stage in others:
        loss = gain_over(baseline, stage, task.MODE)
        if loss.low > 0:
            sentences.append(
                f"{stage.name} is worse than {baseline.name}: look at its training, "
                "or leave it out."
            )

    for stage in others:
        gain = gain_over(stage, submitted, task.MODE)
        if gain.low > 0:
            sentences.append(
                f"{stage.name} alone has {format_score(stage.score)}, better than {submitted.name}."
            )

    if not sentences:
        return []

    return [Note(" ".join(sentences), "warning")]


def mean_score(view: View) -> list[Number]:
    """The score of a category that joins others: the mean of theirs; [] before all have one."""
    scores = []
    for name in view.config.concat:
        record = read_record(Paths(name).submission) or {}
        scores.append(record.get("score", np.nan))

    if not np.isfinite(scores).all():
        return []

    names = ", ".join(view.config.concat)
    number = Number(
        format_score(np.mean(scores)),
        f"mean out-of-fold score of {names}, as submitted",
        "Intervals stand in their own reports.",
    )
    return [number]
