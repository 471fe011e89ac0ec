"""Attributes: class balance, confusions, calibration, the weakest classes, and which labels look
wrong."""

import numpy as np
import pandas as pd

from metrics import calibration, f1, label_quality as confident
from page import charts
from page.blocks import Figure, Note, Table, Verdict
from tasks.attributes import slices
from tasks.attributes.analysis import labels

MOST = 16  # classes of a confusion; the rest are "other"
LEAST = 10  # labelled rows of a class whose F1 is worth a line
WEAK = 20  # weakest classes that are listed
NAMED = 12  # rows of a long table
OTHER = "other"


def data(raw, tables) -> list:
    """Labels, class balance, and what is odd in them. raw, tables: as tasks.attributes.analysis has
    them."""
    facts = tables["attributes"]
    every = {name: column for table in labels(raw).values() for name, column in table.items()}
    counts = {
        name: np.sort(column[column != ""].value_counts().to_numpy())[::-1]
        for name, column in every.items()
    }
    missing = ", ".join(
        f"{name} {1 - share:.0%}"
        for name, share in zip(facts.attribute, facts.share, strict=True)
        if share < 1
    )
    rare = tables["classes in fewer rows than there are folds"]
    blocks = [
        Table(
            "Attributes: classes, how many training rows are labelled, the most and the "
            "least frequent class.",
            facts,
        ),
        Figure(
            "Class balance: rows of each class, the most frequent first, one line per "
            "attribute, both axes logarithmic. A steep line "
            "is a few classes that hold nearly all rows: there macro F1 is won on the rare ones.",
            charts.lines(
                {name: (np.arange(1, len(n) + 1), n) for name, n in counts.items() if len(n)},
                "class by frequency",
                "rows",
                marks=True,
                log=True,
            ),
            "; ".join(
                f"{name}: {len(n)} classes, {n[0]:,} to {n[-1]:,} rows"
                for name, n in counts.items()
                if len(n)
            ),
        ),
        Note(f"Labels that are missing: {missing}." if missing else "No label is missing."),
        Table("How many attributes rows are labelled for.", tables["labels per row"].head(NAMED)),
    ]
    if len(rare):
        blocks.append(
            Table(
                f"{len(rare)} classes are in fewer rows than there are folds: some fold "
                "has none to learn from or to be "
                "scored on.",
                rare.head(NAMED),
            )
        )
    if len(twins := tables["labels that differ only in case or blanks"]):
        blocks.append(
            Table(
                "Label noise: classes that differ in case or blanks alone. One spelling "
                "each would make them one class.",
                twins.head(NAMED),
            )
        )
    told = tables["attributes that tell of each other"]
    if len(told := told[told.gain > 0.1]):
        blocks.append(
            Table(
                "Attributes that tell of each other: the share of rows known from the "
                "other's label, beside the most frequent "
                "class (blind). Where the gain is high, predictions that contradict each "
                "other can be mended.",
                told.head(NAMED),
            )
        )
    return blocks


def counts(target: np.ndarray, outputs) -> dict[str, int]:
    """Labelled rows of each attribute."""
    return {name: int((target[:, a] >= 0).sum()) for a, name in enumerate(outputs)}


def figures(view) -> list:
    """A confusion per attribute, calibration of all, the weakest classes."""
    if view.answer is None or not len(view.labelled):
        return []
    use, outputs = view.labelled, view.rows.outputs
    answer, target, pred = view.answer[use], view.rows.target[use], view.merged[use]
    blocks: list = [
        weakest(answer, target, outputs),
        reliability(view.rows.task.answer(pred, outputs), target, pred, outputs),
    ]
    for a, (name, classes) in enumerate(outputs.items()):
        if len(classes) > 1 and (target[:, a] >= 0).any():
            blocks.append(confusion(name, classes, answer[:, a], target[:, a]))
    return blocks


def confusion(name: str, classes, answer: np.ndarray, target: np.ndarray) -> Figure:
    """Of each true class (down) the share that is answered as each (across): of the MOST most
    frequent, and of the others together."""
    share, shown, n = shares(answer, target, list(classes), MOST)
    off = share * (1 - np.eye(len(share)))
    rows, columns = np.unravel_index(np.argsort(-(off * n[:, None]), axis=None)[:3], off.shape)
    worst = (
        "; ".join(
            f"{off[i, j]:.0%} of the {n[i]:,} {charts.short(shown[i])} answered "
            f"{charts.short(shown[j])}"
            for i, j in zip(rows, columns, strict=True)
            if off[i, j] > 0
        )
        or "none"
    )
    diagonal = "; ".join(
        f"{charts.short(label)} {share[i, i]:.0%}" for i, label in enumerate(shown[:6])
    )
    left = (
        f" ({len(classes) - len(shown) + 1} classes are together in “{OTHER}”)"
        if shown[-1] == OTHER and len(shown) < len(classes) + 1
        else ""
    )
    return Figure(
        f"{name}: what true classes (down) are answered as (across), shares of each "
        f"line{left}. Most costly: {worst}.",
        charts.heat(
            share,
            [f"{charts.short(label, 14)} ({k:,})" for label, k in zip(shown, n, strict=True)],
            shown,
            form="{:.2f}",
            shade=share,
        ),
        f"Answered right: {diagonal}. Most frequent confusions: {worst}.",
    )


def shares(
    answer: np.ndarray, target: np.ndarray, classes: list[str], most: int
) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Row-normalised confusion [true, answered] of the `most` most frequent classes and of all
    others as one, their names, their rows."""
    counts = f1.confusion(answer, target, len(classes))
    order = np.argsort(-counts.sum(1), kind="stable")
    kept = order[:most] if len(classes) > most + 1 else order
    place = np.full(len(classes), len(kept))
    place[kept] = np.arange(len(kept))
    size = len(kept) + (len(kept) < len(classes))
    small = np.zeros((size, size), int)
    np.add.at(small, (place[:, None], place[None]), counts)
    n = small.sum(1)
    return (
        small / np.maximum(n, 1)[:, None],
        [classes[i] for i in kept] + [OTHER] * (size - len(kept)),
        n,
    )


def weakest(answer: np.ndarray, target: np.ndarray, outputs) -> Table:
    """Classes of LEAST rows or more with the least F1, and what they are taken for."""
    lines = []
    for a, (name, classes) in enumerate(outputs.items()):
        counts = f1.confusion(answer[:, a], target[:, a], len(classes))
        scores, _, true = f1.f1_per_class(counts)
        for c in np.flatnonzero(true >= LEAST):
            wrong = counts[c].copy()
            wrong[c] = 0
            lines.append(
                {
                    "attribute": name,
                    "class": classes[c],
                    "rows": int(true[c]),
                    "F1": scores[c],
                    "recall": counts[c, c] / true[c],
                    "precision": counts[c, c] / max(counts[:, c].sum(), 1),
                    "most often answered": classes[wrong.argmax()] if wrong.any() else "",
                    "rows so answered": int(wrong.max()),
                }
            )
    frame = pd.DataFrame(
        lines,
        columns=[
            "attribute",
            "class",
            "rows",
            "F1",
            "recall",
            "precision",
            "most often answered",
            "rows so answered",
        ],
    )
    return Table(
        f"The weakest classes of {LEAST} labelled rows or more. Low recall: too seldom "
        "answered, raise its weight; low "
        "precision: too often.",
        frame.sort_values(["F1", "rows"], ascending=[True, False], ignore_index=True).head(WEAK),
    )


def reliability(answer: np.ndarray, target: np.ndarray, pred: np.ndarray, outputs) -> Figure:
    """Confidence of the likeliest class against the share that is right, over all labelled cells
    and of the attribute that is furthest off."""
    cells = {}
    for a, (name, s) in enumerate(zip(outputs, slices(outputs), strict=True)):
        known = target[:, a] >= 0
        if known.any():
            cells[name] = (pred[known, s].max(1), answer[known, a] == target[known, a])
    errors = {
        name: calibration.error(calibration.reliability(*cell)) for name, cell in cells.items()
    }
    table = calibration.reliability(
        *(np.concatenate(parts) for parts in zip(*cells.values(), strict=True))
    )
    off = max(errors, key=errors.get)
    series = {"all attributes": (table.confidence, table.right)}
    if len(cells) > 1:
        worst = calibration.reliability(*cells[off])
        series[off] = (worst.confidence, worst.right)
    bias = float((table.rows * (table.confidence - table.right)).sum() / table.rows.sum())
    said = f"{'too sure' if bias > 0 else 'not sure enough'} by {abs(bias):.3f}"
    return Figure(
        "Calibration of the merged probabilities: of answers given with a confidence, "
        "the share that is right; on the dashed "
        "line they are what they say. Expected calibration error "
        f"{calibration.error(table):.3f} over all cells "
        f"({calibration.BINS} bins of equal width; Guo et al. 2017), on the whole {said}; "
        f"{off} is furthest off with "
        f"{errors[off]:.3f}.",
        charts.lines(series, "confidence", "share right", marks=True, diagonal=True),
        "; ".join(
            f"confidence {c:.2f}: {r:.2f} right"
            for c, r in zip(table.confidence, table.right, strict=True)
        ),
    )


def verdict(view) -> Verdict:
    """loss: sum of -log p over a row's labels that are answered wrong. suspicion: by the label that
    looks most wrong, where it is not the answer."""
    use, outputs = view.labelled, view.rows.outputs
    answer, target, pred = view.answer[use], view.rows.target[use], view.merged[use]
    loss, suspicion, flagged, cells = np.zeros(len(use)), np.zeros(len(use)), 0, 0
    for a, s in enumerate(slices(outputs)):
        known = np.flatnonzero(target[:, a] >= 0)
        if not len(known):
            continue
        prob, label = pred[known, s].astype(float), target[known, a]
        wrong = answer[known, a] != label
        loss[known] -= np.where(
            wrong, np.log(np.maximum(prob[np.arange(len(known)), label], 1e-9)), 0
        )
        quality, off = confident.quality(prob, label), confident.likely_wrong(prob, label)
        suspicion[known] = np.maximum(suspicion[known], np.where(off & wrong, 1 - quality, 0))
        flagged, cells = flagged + int(off.sum()), cells + len(known)

    def facts(i: int) -> dict[str, str]:
        found, right = [], []
        for a, (name, s) in enumerate(zip(outputs, slices(outputs), strict=True)):
            label, said = target[i, a], answer[i, a]
            if label >= 0 and label != said:
                p = pred[i, s]
                found.append(
                    (
                        p[label],
                        name,
                        f"labelled {outputs[name][label]} (p {p[label]:.2f}), answered "
                        f"{outputs[name][said]} (p "
                        f"{p[said]:.2f})",
                    )
                )
            elif label >= 0:
                right.append(f"{name} {outputs[name][label]}")
        return {name: text for _, name, text in sorted(found)} | (
            {"answered right": ", ".join(right)} if right else {}
        )

    return Verdict(
        use,
        loss,
        suspicion,
        facts,
        "By the sum of -log p of its labels that are answered wrong: a row wrong in many "
        "attributes is often another product's picture.",
        f"{confident.source()} So {flagged:,} of {cells:,} labels "
        f"({flagged / max(cells, 1):.1%}) look wrong, and the weaker "
        "the models, the more of them are their own faults; the least likely come first.",
    )
