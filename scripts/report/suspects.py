"""suspects.csv: every label that looks wrong, for a person to go through.

in:  row 7, labelled Blue, which all models answer Navy Blue
out: 7, baseColour, Blue, Navy Blue, .98
Its lines that are right to mend, with the right value, are a table for data.corrections.
"""

import pandas as pd

from common.files import replacing
from common.rows import split_of
from report.view import View
from tasks import load_module

COLUMNS = ["id", "column", "value", "suggestion", "score"]


def write_suspects(view: View) -> str:
    """Write suspects.csv, and give a sentence on it."""
    table = suspects(view)
    file = view.paths.dir / "suspects.csv"
    with replacing(file) as tmp:
        table.to_csv(tmp, index=False)

    return (
        f"{file.name} lists all {len(table):,} labels that look wrong, the likeliest first, with "
        "what the models suggest: keep the lines that are right to mend, put the right label into "
        "value (empty: no label), and name the table in data.corrections."
    )


def suspects(view: View) -> pd.DataFrame:
    """COLUMNS of the labels that look wrong, the likeliest first. id and column are those of the
    raw table."""
    table = load_module(view.config.task, "suspects").suspects(view)
    table = table.sort_values("score", ascending=False, kind="stable", ignore_index=True)

    ids = view.rows.id[table["row"].astype(int)]
    table["id"] = [row_id.removeprefix(f"{split_of(row_id)}:") for row_id in ids]
    table["score"] = table["score"].astype(float).round(4)
    return table[COLUMNS]
