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
from report.stages import Stage, gain_over

EQUAL = 1e-12  # scores that differ by less are equal


def compare(first: str, second: str) -> tuple[list, list[Section]]:
    """The lead and the sections of the page that compares two runs.

    first, second: categories, or folders as working/c2. Raises UserError where they cannot be
    compared.
    """
    a, b = read_run(first, "A"), read_run(second, "B")
    if a.task != b.task:
        raise UserError(
            f"{first} is a task of kind {a.task}, {second} of kind {b.task}: "
            "their scores cannot be compared"
        )
    sections = [
        Section("What changed", "changed", changes(a, b)),
        Section("Scores", "scores", score_blocks(a, b)),
    ]
    return [*verdict(a, b), runs_table(a, b)], sections


def runs_table(a: Run, b: Run) -> Table:
    frame = pd.DataFrame(
        {
            "run": ["A", "B"],
            "folder": [str(run.dir) for run in (a, b)],
            "merged": [str(run.merged.get("created", MISSING))[:19] for run in (a, b)],
        }
    )
    return Table("The runs", frame)


def common_rows(a: Run, b: Run) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers (m,) in A and in B of the labelled rows that both have, in A's order."""
    row_in_b = pd.Index(b.rows.id).get_indexer(a.rows.id)
    is_common = (row_in_b >= 0) & a.labelled & b.labelled[row_in_b]
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
    # + 0.0 makes 0 of -0
    value, low, high = gain.value + 0.0, gain.low + 0.0, gain.high + 0.0
    conclusion = "that may be chance"
    if low > 0:
        conclusion = "B is better"
    elif high < 0:
        conclusion = "A is better"
    text = (
        f"On the {len(a_idx):,} labelled rows that both have, out-of-fold {task.SCORE.upper()} is "
        f"{stage_a.score:.4f} in A and {stage_b.score:.4f} in B: B gains {value:+.4f} (95 % "
        f"interval {low:+.4f} to {high:+.4f}, the same {bootstrap.REPLICATES} draws of rows for "
        f"both): {conclusion}."
    )
    return [Note(text), *difference_notes(a, b, a_idx, b_idx)]


def difference_notes(a: Run, b: Run, a_idx: np.ndarray, b_idx: np.ndarray) -> list[Note]:
    """In what the rows of the two differ; [] where they do not."""
    differences = []
    for run in (a, b):
        n_others = run.labelled.sum() - len(a_idx)
        if n_others > 0:
            differences.append(f"{n_others:,} labelled rows are in {run.label} alone")
    if not has_same_folds(a, b, a_idx, b_idx):
        differences.append(
            "the folds are others, so scores per fold are of other rows, and part of a difference "
            "is that of the draw"
        )
    if not np.array_equal(a.rows.target[a_idx], b.rows.target[b_idx]):
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
    rows = []
    for key in {**a_values, **b_values}:
        if a_values.get(key) != b_values.get(key):
            rows.append((key, format_value(a_values, key), format_value(b_values, key)))
    if not rows:
        return Note(f"{what}: no difference.")
    return Table(f"{what}{source}", pd.DataFrame(rows, columns=["what", "A", "B"]))


def format_value(values: dict, key: str) -> str:
    return format_setting(values[key]) if key in values else MISSING


def score_blocks(a: Run, b: Run) -> list:
    """Both scores as they were submitted, by fold, by model, by output, and the time they took."""
    task = a.rows.task
    name = task.SCORE.upper()
    better = "higher" if task.MODE == "max" else "lower"
    a_outputs, b_outputs = a.output_scores(), b.output_scores()
    outputs = pair_up(a_outputs, b_outputs)
    models = pair_up(a.merged.get("at_test_size", {}), b.merged.get("at_test_size", {}))
    blocks = [
        *side_by_side(f"{name}, {better} is better", total_scores(a, b), task.MODE),
        *side_by_side(f"{name} of each model, at the test's number of rows", models, task.MODE),
        *model_notes(a, b),
    ]
    if len(outputs) > 1:
        gains = {output: second - first for output, (first, second) in outputs.items()}
        caption = f"{name} of B less that of A, output by output."
        blocks += side_by_side(f"{name} of each output", outputs, task.MODE)
        blocks.append(bar_figure(caption, gains, "{:+.4f}", xlabel=f"{name}, B less A"))
    seconds = {"seconds of work, all files": (a.seconds, b.seconds)}
    return [*blocks, *side_by_side("Time", seconds)]


def pair_up(a_values: dict, b_values: dict) -> dict[str, tuple]:
    """{key: (of A, of B)} of the keys that both have."""
    return {key: (value, b_values[key]) for key, value in a_values.items() if key in b_values}


def total_scores(a: Run, b: Run) -> dict[str, tuple]:
    """{what: (of A, of B)}: the score as submitted, of the test's number of rows, of each fold."""
    scores = {"out-of-fold, as submitted": (a.score(a.labelled), b.score(b.labelled))}
    key = "score_at_test_size"
    if key in a.submission and key in b.submission:
        scores["expected on the test rows"] = (a.submission[key], b.submission[key])
    a_idx, b_idx = common_rows(a, b)
    if has_same_folds(a, b, a_idx, b_idx):
        fold = a.rows.fold[a_idx]
        for k in np.unique(fold):
            in_fold = fold == k
            pair = (a.score(a_idx[in_fold]), b.score(b_idx[in_fold]))
            scores[f"fold {k}, rows that both have"] = pair
    return scores


def model_notes(a: Run, b: Run) -> list[Note]:
    """Which models only one run has; [] where both have the same."""
    a_models, b_models = list(a.merged.get("scores", {})), list(b.merged.get("scores", {}))
    texts = []
    for label, models, others in (("A", a_models, b_models), ("B", b_models, a_models)):
        names = [model for model in models if model not in others]
        if names:
            texts.append(f"{', '.join(names)} in {label} alone")
    return [Note(f"Models: {'; '.join(texts)}.")] if texts else []


def side_by_side(caption: str, pairs: dict[str, tuple], mode: str = "") -> list[Table]:
    """A table of {what: (of A, of B)} with the differences; with mode "max" or "min" also which is
    better. [] without pairs."""
    if not pairs:
        return []
    frame = pd.DataFrame(list(pairs.values()), columns=["A", "B"])
    frame.insert(0, "", list(pairs))
    frame["B less A"] = frame["B"] - frame["A"]
    if mode:
        gain = frame["B less A"] if mode == "max" else -frame["B less A"]
        is_better = gain > EQUAL
        is_worse = gain < -EQUAL
        frame["better"] = np.select([is_better, is_worse], ["B", "A"], "")
    return [Table(caption, frame)]
