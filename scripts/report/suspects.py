"""suspects.csv: every label that looks wrong, for a person to go through.

in:  row 7, labelled Blue, which all models answer Navy Blue
out: 7, baseColour, Blue, Navy Blue, .98
Its lines that are right to mend, with the right value, are a table for data.corrections.
"""

import pandas as pd

from common.files import replacing
from common.rows import split_of
from page.blocks import Note, Verdict
from report.view import View
from tasks import load_module

COLUMNS = ["id", "column", "value", "suggestion", "score"]


def suspect_notes(view: View, verdict: Verdict) -> list[Note]:
    """Write suspects.csv, and say so; [] where no label looks wrong."""
    table = suspects(view, verdict)
    file = view.paths.dir / "suspects.csv"
    with replacing(file) as tmp:
        table.to_csv(tmp, index=False)

    if table.empty:
        return []

    text = (
        f"{file.name} lists {len(table):,} labels that look wrong, the likeliest first, with what "
        "the models suggest. Keep the lines that are right, put the right label into value (empty: "
        "no label), save it beside the training table and name it in data.corrections."
    )
    return [Note(text)]


def suspects(view: View, verdict: Verdict) -> pd.DataFrame:
    """COLUMNS of the labels that look wrong, the likeliest first. id and column are those of the
    raw table."""
    module = load_module(view.config.task, "suspects")
    table = module.suspects(view) if module else suspects_of_verdict(view, verdict)
    table = table.sort_values("score", ascending=False, kind="stable", ignore_index=True)

    ids = view.rows.id[table["row"].astype(int)]
    table["id"] = [row_id.removeprefix(f"{split_of(row_id)}:") for row_id in ids]
    table["score"] = table["score"].round(4)
    return table[COLUMNS]


def suspects_of_verdict(view: View, verdict: Verdict) -> pd.DataFrame:
    """The suspects of a task with one label a row: row, column, value, suggestion, score."""
    is_suspect = verdict.suspicion > 0
    row = verdict.row[is_suspect]
    outputs = view.rows.outputs
    label = view.task.answer(view.rows.target[row], outputs)  # as if it had been predicted
    return pd.DataFrame(
        {
            "row": row,
            "column": view.config.data.labels[0],
            "value": one_column(view.task.format_answers(label, outputs)),
            "suggestion": one_column(view.task.format_answers(view.answer[row], outputs)),
            "score": verdict.suspicion[is_suspect],
        }
    )


def one_column(answers: pd.DataFrame) -> pd.Series:
    """The cells of a table of answers with one column; numbers with two decimals."""
    cells = answers.iloc[:, 0]
    return cells.round(2) if pd.api.types.is_numeric_dtype(cells) else cells
