"""Which evidence each output owes its score to: image, text, further columns, or several."""

import numpy as np
import pandas as pd

from models import evidence_of
from page.blocks import Table
from report.stages import best_of, stage_answers, submitted_stage
from report.view import View


def evidence_blocks(view: View) -> list[Table]:
    """A line per output: the best model of each kind of evidence, and what is submitted; [] where
    all models look at the same."""
    groups = models_by_evidence(view)
    if len(groups) < 2:
        return []

    task = view.task
    submitted = submitted_stage(view).name
    columns = {evidence: best_scores(view, models) for evidence, models in groups.items()}
    columns["submitted"] = output_scores(view, submitted)

    lines = []
    for output in view.rows.outputs:
        line = {"output": output}
        for name, scores in columns.items():
            line[name] = scores[output]

        by_evidence = {evidence: line[evidence] for evidence in groups}
        line["best"] = best_names(by_evidence, task.MODE)
        lines.append(line)

    models = "; ".join(f"{evidence}: {', '.join(names)}" for evidence, names in groups.items())
    caption = (
        f"Which evidence each output owes its {task.SCORE.upper()} to, out-of-fold: the best of "
        f"the models that look at it alone, with plain answers. {models}."
    )
    return [Table(caption, pd.DataFrame(lines))]


def best_names(values: dict[str, float], mode: str) -> str:
    """The names that have the best value, e.g. "image" or "image, text"; "" where none has one."""
    known = {name: value for name, value in values.items() if np.isfinite(value)}
    if not known:
        return ""

    best = known[best_of(known, known, mode)]
    return ", ".join(name for name, value in known.items() if value == best)


def models_by_evidence(view: View) -> dict[str, list[str]]:
    """{"image": [models that look at it alone], "image + text": [models that look at both]}."""
    groups: dict[str, list[str]] = {}
    for model in view.preds:
        evidence = " + ".join(evidence_of(model, view.config))
        group = groups.setdefault(evidence or "not told", [])
        group.append(model)

    return groups


def best_scores(view: View, models: list[str]) -> dict[str, float]:
    """{output: the best score that one of the models has}."""
    tables = [output_scores(view, model) for model in models]
    best = np.nanmax if view.task.MODE == "max" else np.nanmin

    scores = {}
    for output in tables[0]:
        values = [table[output] for table in tables]
        known = np.isfinite(values).any()
        scores[output] = float(best(values)) if known else np.nan

    return scores


def output_scores(view: View, stage: str) -> dict[str, float]:
    """{output: out-of-fold score} of a stage's answers."""
    rows = view.rows
    idx = view.labelled_idx
    answer = stage_answers(view)[stage][idx]
    table = view.task.table(answer, rows.target[idx], rows.outputs)
    return {output: measures[view.task.SCORE] for output, measures in table.items()}
