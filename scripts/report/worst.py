"""The rows to look at: those most likely labelled wrong, and those answered most wrong; all of it
out-of-fold."""

import numpy as np

from page.blocks import Card, Cards, Note, Section, Verdict, shorten
from page.thumbnails import Thumbnails
from report.view import View
from tasks import load_part

SHOWN = 24  # of each kind
LETTERS = 200  # of a row's text


def section(view: View) -> Section:
    """Two lists of cards, without a row in both."""
    title = "Rows to look at"
    if view.job.config.concat or view.rows is None:
        return Section(title, "worst", [])
    figures = load_part(view.job.config.task, "figures")
    if figures is None:
        return Section(title, "worst", [])
    if not len(view.labelled):
        return Section(
            title, "worst", [Note("No training row has a label: none is answered wrong.")]
        )
    if view.answer is None:
        return Section(
            title, "worst", [Note("Rows are judged once the models are merged (make merge).")]
        )
    said, thumbnails = figures.verdict(view), Thumbnails(view.job)
    suspect = top(said.suspicion)
    wrong = top(np.where(np.isin(np.arange(len(said.row)), suspect), 0, said.loss))
    lists = [
        (
            suspect,
            f"Most likely labelled wrong. {said.how_suspect} Look at each: where the "
            "label is wrong, mend it in the raw file "
            "or leave its row out; where it is right, the models share a fault.",
        ),
        (
            wrong,
            f"Answered most wrong, of the others. {said.how_wrong} What do they have in "
            "common that no model is told?",
        ),
    ]
    blocks = [
        Cards(caption, [card(view, said, i, thumbnails) for i in chosen])
        for chosen, caption in lists
        if len(chosen)
    ]
    return Section(title, "worst", blocks or [Note("Every labelled row is answered right.")])


def top(value: np.ndarray) -> np.ndarray:
    """Where the SHOWN largest of the values (m,) above 0 are, a tenth of all at most, the largest
    first."""
    order = np.argsort(-value, kind="stable")[: min(SHOWN, -(-len(value) // 10))]
    return order[value[order] > 0]


def card(view: View, said: Verdict, i: int, thumbnails: Thumbnails) -> Card:
    """The i-th labelled row."""
    rows, at = view.rows, said.row[i]
    about = [str(part[at]) for part in (rows.question, rows.text) if part is not None]
    return Card(
        str(rows.id[at]),
        said.facts(int(i)),
        thumbnails.of(rows.image[at]),
        shorten(" · ".join(filter(None, about)), LETTERS),
    )
