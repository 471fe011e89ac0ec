"""Two runs side by side: what changed in settings and versions, and what that did to the scores,
fold by fold and output by output."""

import numpy as np
import pandas as pd

from common.errors import UserError
from metrics import bootstrap
from page.blocks import Note, Section, Table
from page.charts import bar_figure
from page.formats import MISSING
from report.making import format_setting
from report.runs import Run, read_run
from report.stages import Gain, Stage, gain_over

EQUAL = 1e-12  # scores that differ by less are equal


def compare(first: str, second: str) -> tuple[list, list[Section]]:
    """The lead and the sections of the page that compares two runs.

    first, second: categories, or folders as working/c2. Raises UserError where they cannot be
    compared.
    """
    a = read_run(first, "A")
    b = read_run(second, "B")
    if a.task != b.task:
        raise UserError(
            f"{first} is a task of kind {a.task}, {second} of kind {b.task}: "
            "their scores cannot be compared"
        )

    lead = [*verdict(a, b), runs_table(a, b)]
    sections = [
        Section("What changed", "changed", changes(a, b)),
        Section("Scores", "scores", score_blocks(a, b)),
    ]
    return lead, sections


def runs_table(a: Run, b: Run) -> Table:
    lines = []
    for run in (a, b):
        line = {
            "run": run.label,
            "folder": str(run.dir),
            "merged": str(run.merged.get("created", MISSING))[:19],
        }
        lines.append(line)

    return Table("The runs", pd.DataFrame(lines))


def common_rows(a: Run, b: Run) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers (m,) in A and in B of the labelled rows that both have, in A's order."""
    row_in_b = pd.Index(b.rows.id).get_indexer(a.rows.id)
    is_common = (row_in_b >= 0) & a.is_labelled & b.is_labelled[row_in_b]

    return np.flatnonzero(is_common), row_in_b[is_common]


def has_same_folds(a: Run, b: Run, a_idx: np.ndarray, b_idx: np.ndarray) -> bool:
    return np.array_equal(a.rows.fold[a_idx], b.rows.fold[b_idx])


def verdict(a: Run, b: Run) -> list[Note]:
    """How much better B is on the rows that both have, with its interval, paired on the same
    replicates."""
    a_idx, b_idx = common_rows(a, b)
    if not len(a_idx):
        text = (
            "The runs have no labelled row in common: their scores are of other rows, and no "
            "difference between them is tested."
        )
        return [Note(text, "warning")]

    task = a.rows.task
    weights = bootstrap.draw_replicates(a.rows.group[a_idx])
    stage_a = Stage("A", a.score(a_idx), a.replicates(a_idx, weights))
    stage_b = Stage("B", b.score(b_idx), b.replicates(b_idx, weights))
    gain = gain_over(stage_b, stage_a, task.MODE)
    text = (
        f"On the {len(a_idx):,} labelled rows that both have, out-of-fold {task.SCORE.upper()} is "
        f"{stage_a.score:.4f} in A and {stage_b.score:.4f} in B: "
        f"B gains {signed(gain.value)} (95 % interval {signed(gain.low)} to {signed(gain.high)}, "
        f"the same {bootstrap.REPLICATES} draws of rows for both): {conclusion(gain)}."
    )
    return [Note(text), *difference_notes(a, b, a_idx, b_idx)]


def signed(value: float) -> str:
    """ "+0.0123"; of -0.0 "+0.0000"."""
    return f"{value + 0.0:+.4f}"


def conclusion(gain: Gain) -> str:
    """What a gain of B over A and its interval say."""
    if gain.low > 0:
        return "B is better"

    if gain.high < 0:
        return "A is better"

    return "that may be chance"


def difference_notes(a: Run, b: Run, a_idx: np.ndarray, b_idx: np.ndarray) -> list[Note]:
    """In what the rows of the two differ; [] where they do not."""
    differences = []
    for run in (a, b):
        n_others = run.is_labelled.sum() - len(a_idx)
        if n_others > 0:
            differences.append(f"{n_others:,} labelled rows are in {run.label} alone")

    if not has_same_folds(a, b, a_idx, b_idx):
        differences.append(
            "the folds are others, so scores per fold are of other rows, and part of a difference "
            "is that of the draw"
        )

    same_targets = np.array_equal(a.rows.target[a_idx], b.rows.target[b_idx])
    if not same_targets:
        differences.append("labels or classes are others, each run is scored by its own")

    if not differences:
        return []

    return [Note(f"Not all is alike: {'; '.join(differences)}.", "warning")]


def changes(a: Run, b: Run) -> list:
    """Recorded settings and versions that differ, a table or a note each."""
    return [
        changed(
            "Settings",
            ", from the records of the files; those of files that only one run has count too",
            a.settings,
            b.settings,
        ),
        changed("Versions and machines", ", of the last file that says", a.packages, b.packages),
    ]


def changed(what: str, source: str, a_values: dict, b_values: dict) -> Table | Note:
    """The keys whose values differ, with both values."""
    lines = []
    for key in {**a_values, **b_values}:
        if a_values.get(key) == b_values.get(key):
            continue

        line = {
            "what": key,
            "A": format_value(a_values, key),
            "B": format_value(b_values, key),
        }
        lines.append(line)

    if not lines:
        return Note(f"{what}: no difference.")

    return Table(f"{what}{source}", pd.DataFrame(lines))


def format_value(values: dict, key: str) -> str:
    return format_setting(values[key]) if key in values else MISSING


def score_blocks(a: Run, b: Run) -> list:
    """Both scores as they were submitted, by fold, by model, by output, and the time they took."""
    task = a.rows.task
    name = task.SCORE.upper()
    better = "higher" if task.MODE == "max" else "lower"
    key = "official"
    models = pair_up(a.merged.get(key, {}), b.merged.get(key, {}))
    seconds = {"seconds of work, all files": (a.seconds, b.seconds)}

    return [
        *side_by_side(f"{name}, {better} is better", total_scores(a, b), task.MODE),
        *side_by_side(f"{name} of each model", models, task.MODE),
        *model_notes(a, b),
        *output_blocks(a, b),
        *side_by_side("Time", seconds),
    ]


def output_blocks(a: Run, b: Run) -> list:
    """The scores of each output as a table, their differences as bars; [] of a single output."""
    task = a.rows.task
    outputs = pair_up(a.output_scores(), b.output_scores())
    if len(outputs) < 2:
        return []

    name = task.SCORE.upper()
    gains = {}
    for output, (first, second) in outputs.items():
        gains[output] = second - first

    figure = bar_figure(
        f"{name} of B less that of A, output by output.",
        gains,
        "{:+.4f}",
        xlabel=f"{name}, B less A",
    )
    return [*side_by_side(f"{name} of each output", outputs, task.MODE), figure]


def pair_up(a_values: dict, b_values: dict) -> dict[str, tuple]:
    """{key: (of A, of B)} of the keys that both have."""
    return {key: (value, b_values[key]) for key, value in a_values.items() if key in b_values}


def total_scores(a: Run, b: Run) -> dict[str, tuple]:
    """{what: (of A, of B)}: the score as submitted, of the test's number of rows, of each fold."""
    scores = {
        "out-of-fold, as submitted": (a.score(a.is_labelled), b.score(b.is_labelled)),
    }
    key = "score_at_test_size"
    if key in a.submission and key in b.submission:
        pair = (a.submission[key], b.submission[key])
        scores["expected on the test rows"] = pair

    a_idx, b_idx = common_rows(a, b)
    if not has_same_folds(a, b, a_idx, b_idx):
        return scores

    fold = a.rows.fold[a_idx]
    for k in np.unique(fold):
        in_fold = fold == k
        pair = (a.score(a_idx[in_fold]), b.score(b_idx[in_fold]))
        scores[f"fold {k}, rows that both have"] = pair

    return scores


def model_notes(a: Run, b: Run) -> list[Note]:
    """Which models only one run has; [] where both have the same."""
    texts = []
    for run, other in ((a, b), (b, a)):
        names = models_missing_in(run, other)
        if names:
            listed = ", ".join(names)
            texts.append(f"{listed} in {run.label} alone")

    if not texts:
        return []

    return [Note(f"Models: {'; '.join(texts)}.")]


def models_missing_in(run: Run, other: Run) -> list[str]:
    """The models of a run that the other has not."""
    others = other.merged.get("scores", {})
    return [model for model in run.merged.get("scores", {}) if model not in others]


def side_by_side(caption: str, pairs: dict[str, tuple], mode: str = "") -> list[Table]:
    """A table of {what: (of A, of B)} with the differences; with mode "max" or "min" also which is
    better. [] without pairs."""
    lines = []
    for what, (first, second) in pairs.items():
        line = {
            "": what,
            "A": first,
            "B": second,
            "B less A": second - first,
        }
        if mode:
            line["better"] = better_run(second - first, mode)

        lines.append(line)

    return [Table(caption, pd.DataFrame(lines))] if lines else []


def better_run(difference: float, mode: str) -> str:
    """ "A" or "B" by B less A; "" where they are equal."""
    gain = difference if mode == "max" else -difference
    if gain > EQUAL:
        return "B"

    return "A" if gain < -EQUAL else ""
