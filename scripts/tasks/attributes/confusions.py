"""Which classes of an attribute are taken for which, as a heat map and as a table."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from metrics import f1
from page import charts
from page.blocks import Figure, Table
from page.charts import short_label

MOST_CLASSES = 16  # of a heat map; the rest are one class, OTHER
OTHER = "other"
WORST = 3  # confusions that a caption names
DIAGONAL = 6  # classes whose recall an alt text names
MIN_ROWS = 10  # labelled rows of a class whose F1 is listed
WEAKEST = 20  # weakest classes that are listed


@dataclass(frozen=True)
class Confusion:
    """Of each true class the share that is answered as each."""

    share: np.ndarray  # (k, k) [true, answered], rows sum to 1, or to 0 where a class has no row
    classes: list[str]  # k names
    rows: np.ndarray  # (k,) labelled rows of each class


def confusion(name: str, classes, answer: np.ndarray, target: np.ndarray) -> Figure:
    """The confusion of one attribute: true classes down, answered classes across."""
    table = frequent_confusion(answer, target, list(classes), MOST_CLASSES)

    joined = ""
    n_joined = len(classes) - len(table.classes) + 1
    if table.classes[-1] == OTHER and n_joined > 0:
        joined = f" ({n_joined} classes are together in “{OTHER}”)"

    recalls = []
    for i, label in enumerate(table.classes[:DIAGONAL]):
        recall = table.share[i, i]
        recalls.append(f"{short_label(label)} {recall:.0%}")

    row_labels = []
    for label, n in zip(table.classes, table.rows, strict=True):
        short = short_label(label, 14)
        row_labels.append(f"{short} ({n:,})")

    worst = worst_confusions(table)
    recalls_as_text = "; ".join(recalls)
    return Figure(
        f"{name}: what true classes (down) are answered as (across), shares of each line{joined}. "
        f"Most costly: {worst}.",
        charts.heat(table.share, row_labels, table.classes),
        f"Answered right: {recalls_as_text}. Most frequent confusions: {worst}.",
    )


def frequent_confusion(
    answer: np.ndarray,
    target: np.ndarray,
    classes: list[str],
    most: int,
) -> Confusion:
    """The confusion of the `most` most frequent true classes, with all others as one class.

    A single class is never left over: it is shown as itself.
    """
    k = len(classes)
    counts = f1.confusion(answer, target, k)
    true = counts.sum(axis=1)
    kept = np.argsort(-true, kind="stable")

    if k > most + 1:
        kept = kept[:most]

    n_kept = len(kept)
    names = [classes[i] for i in kept]

    if n_kept < k:
        names.append(OTHER)

    # of each class among `names`
    position = np.full(k, n_kept)
    position[kept] = np.arange(n_kept)

    n_names = len(names)
    joined = np.zeros((n_names, n_names), int)
    cells = (position[:, None], position[None])
    np.add.at(joined, cells, counts)

    rows = joined.sum(axis=1)
    n_at_least_one = np.maximum(rows, 1)
    share = joined / n_at_least_one[:, None]
    return Confusion(share, names, rows)


def worst_confusions(table: Confusion) -> str:
    """The most frequent wrong answers in words, or "none"."""
    k = len(table.classes)
    is_wrong = 1 - np.eye(k)
    wrong_share = table.share * is_wrong
    wrong_rows = wrong_share * table.rows[:, None]

    # cells (k * k,) of the flattened table
    most_rows_first = np.argsort(-wrong_rows, axis=None)

    texts = []
    for cell in most_rows_first[:WORST]:
        i, j = divmod(cell, k)
        n = table.rows[i]
        share = wrong_share[i, j]
        if share == 0:
            continue

        true = short_label(table.classes[i])
        answered = short_label(table.classes[j])
        texts.append(f"{share:.0%} of the {n:,} {true} answered {answered}")

    return "; ".join(texts) or "none"


def weakest(answer: np.ndarray, target: np.ndarray, outputs) -> Table:
    """The classes of MIN_ROWS rows or more with the least F1, and what they are taken for."""
    lines = []
    for a, (name, classes) in enumerate(outputs.items()):
        counts = f1.confusion(answer[:, a], target[:, a], len(classes))
        lines += class_scores(name, classes, counts)

    columns = [
        "attribute",
        "class",
        "rows",
        "F1",
        "recall",
        "precision",
        "most often answered",
        "rows so answered",
    ]
    frame = pd.DataFrame(lines, columns=columns)
    frame = frame.sort_values(["F1", "rows"], ascending=[True, False], ignore_index=True)
    return Table(
        f"The weakest classes of {MIN_ROWS} labelled rows or more. Low recall: too seldom "
        "answered, raise its weight; low precision: too often.",
        frame.head(WEAKEST),
    )


def class_scores(attribute: str, classes: list[str], counts: np.ndarray) -> list[dict]:
    """A line per class of MIN_ROWS rows or more, of an attribute's confusion counts (k, k)."""
    true = counts.sum(1)
    predicted = counts.sum(0)
    score = f1.f1_per_class(counts)

    lines = []
    for c in np.flatnonzero(true >= MIN_ROWS):
        hits = counts[c, c]
        wrong = counts[c].copy()
        wrong[c] = 0
        lines.append(
            {
                "attribute": attribute,
                "class": classes[c],
                "rows": int(true[c]),
                "F1": score[c],
                "recall": hits / true[c],
                "precision": hits / max(predicted[c], 1),
                "most often answered": classes[wrong.argmax()] if wrong.any() else "",
                "rows so answered": int(wrong.max()),
            }
        )

    return lines
