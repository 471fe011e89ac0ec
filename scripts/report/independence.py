"""What the report says of rows that show the same image or text as a training row, or nearly."""

import numpy as np
import pandas as pd

from common.errors import UserError
from common.files import read_record
from common.tables import read_csv
from page.blocks import Note, Table
from page.formats import format_score
from report.view import View

FEWEST = 20  # labelled rows that a score is said of


def independence_blocks(view: View) -> list:
    """How many rows have a twin, what was done about it, and what they do to the score; [] where
    none has, or before folds.csv."""
    record = read_record(view.paths.folds) or {}
    twins = record.get("twins")
    if view.rows is None or not twins or not twins["rows_with_twin"]["any"]["train"]:
        return []

    n_rows = twins["rows"]
    note = Note(sentence(twins, n_rows) + score_sentence(view), level(twins))
    return [note, count_table(twins["rows_with_twin"], n_rows)]


def sentence(twins: dict, n_rows: dict[str, int]) -> str:
    """What was found and done."""
    counts = twins["rows_with_twin"]["any"]
    n_apart = twins["training_rows_with_twin_in_other_fold"]
    text = (
        f"{counts['train']:,} of {n_rows['train']:,} training rows show the same image or text as "
        f"another training row, or nearly, and {counts['test']:,} of {n_rows['test']:,} test rows "
        "do (twins.csv). "
    )

    if not n_apart:
        return text + "They stay in one fold, so the score is one on products never seen."

    if twins["test_rows_as_often"]:
        return text + (
            "Test rows do so as often, so folds leave them apart, and the score is one on rows "
            "like those; data.group=twins gives the score on products never seen."
        )

    return text + (
        f"{n_apart:,} training rows have theirs in another fold and test rows seldom have one: the "
        "score is too good. data.group=twins keeps them in one fold."
    )


def level(twins: dict) -> str:
    """A warning where the score is too good."""
    is_fair = twins["test_rows_as_often"] or not twins["training_rows_with_twin_in_other_fold"]
    return "" if is_fair else "warning"


def score_sentence(view: View) -> str:
    """The out-of-fold score of rows with a twin and of the others; "" where it cannot be told."""
    if view.answer is None:
        return ""

    try:
        ids = read_csv(view.paths.dir / "twins.csv", ["id"]).id
    except UserError:
        return ""

    labelled = view.labelled_idx
    has_twin = np.isin(view.rows.id[labelled], ids)
    if min(has_twin.sum(), (~has_twin).sum()) < FEWEST:
        return ""

    scores = [score_of(view, labelled[mask]) for mask in (has_twin, ~has_twin)]
    name = view.task.SCORE.upper()
    return f" Out-of-fold {name} with a twin: {scores[0]}; without: {scores[1]}."


def score_of(view: View, idx: np.ndarray) -> str:
    """The score of the answers to the rows idx (m,)."""
    score = view.task.score(view.answer[idx], view.rows.target[idx], view.rows.outputs)
    return format_score(score)


def count_table(counts: dict[str, dict[str, int]], n_rows: dict[str, int]) -> Table:
    """A row per kind of twin."""
    lines = []
    for kind, n in counts.items():
        lines.append(
            {
                "the same by": "either" if kind == "any" else kind,
                "training rows": n["train"],
                "share of train": n["train"] / max(n_rows["train"], 1),
                "test rows": n["test"],
                "share of test": n["test"] / max(n_rows["test"], 1),
            }
        )

    caption = (
        "Rows that show the same as a training row: as images, at 8x8; as texts, 9 words in 10."
    )
    return Table(caption, pd.DataFrame(lines))
