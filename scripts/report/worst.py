"""Section "Rows to look at": those most likely labelled wrong, and those answered most wrong, all
out-of-fold."""

import numpy as np

from page.blocks import Card, Cards, Note, Section, Verdict
from page.formats import shorten
from page.thumbnails import Thumbnails
from report.suspects import write_suspects
from report.view import View
from tasks import load_module

SHOWN = 24  # cards of each kind
LETTERS = 200  # of a row's text


def section(view: View) -> Section:
    return Section("Rows to look at", "worst", worst_blocks(view))


def worst_blocks(view: View) -> list:
    """Two lists of cards, without a row in both."""
    figures = load_module(view.config.task, "figures")
    if view.config.concat or view.rows is None or figures is None:
        return []

    if not len(view.labelled_idx):
        return [Note("No training row has a label: none is answered wrong.")]

    if view.answer is None:
        return [Note("Rows are judged once the models are merged (make merge).")]

    verdict = figures.verdict(view)
    suspect = largest(verdict.suspicion)
    other_loss = verdict.loss.copy()
    other_loss[suspect] = 0
    wrong = largest(other_loss)
    how_to_mend = write_suspects(view)
    suspect_caption = (
        f"Most likely labelled wrong. {verdict.how_suspect} Look at each: where the label is "
        "wrong, mend it; where it is right, the models share a fault. "
        f"{how_to_mend}"
    )
    wrong_caption = (
        f"Answered most wrong, of the others. {verdict.how_wrong} What do they have in common "
        "that no model is told?"
    )
    thumbnails = Thumbnails(view.job)

    blocks = []
    for caption, chosen in ((suspect_caption, suspect), (wrong_caption, wrong)):
        cards = [row_card(view, verdict, i, thumbnails) for i in chosen]
        if cards:
            blocks.append(Cards(caption, cards))

    return blocks or [Note("Every labelled row is answered right.")]


def largest(value: np.ndarray) -> np.ndarray:
    """Indices of the largest of the values (m,) that are above 0, the largest first: SHOWN, or a
    tenth of all where that is fewer."""
    tenth = -(-len(value) // 10)  # rounded up
    order = np.argsort(-value, kind="stable")[: min(SHOWN, tenth)]

    return order[value[order] > 0]


def row_card(view: View, verdict: Verdict, i: int, thumbnails: Thumbnails) -> Card:
    """The i-th row of the verdict."""
    rows = view.rows
    row = verdict.row[i]

    texts = []
    for column in (rows.question, rows.text):
        if column is not None and str(column[row]):
            texts.append(str(column[row]))

    return Card(
        str(rows.id[row]),
        verdict.facts(int(i)),
        thumbnails.jpeg(rows.image[row]),
        shorten(" · ".join(texts), LETTERS),
    )
