"""What the report shows of the attribute task: class balance, the weakest classes, calibration,
confusions, and which labels look wrong."""

import numpy as np
import pandas as pd

from metrics import calibration, label_quality
from page import charts
from page.blocks import Figure, Note, Table, Verdict
from tasks.attributes import slices
from tasks.attributes.analysis import attribute_columns, class_counts, labels
from tasks.attributes.confusions import confusion, weakest
from tasks.attributes.offsets import log_prob
from tasks.attributes.suspects import doubts

HEAD = 12  # rows of a long table that are shown
MIN_GAIN = 0.1  # of one attribute known from another


def data(raw, tables) -> list:
    """Blocks on the raw labels. raw: of tasks.raw; tables: of tasks.attributes.analysis."""
    facts = tables["attributes"]
    blocks = [
        Table(
            "Attributes: classes, how many training rows are labelled, the most and the least "
            "frequent class.",
            facts,
        ),
        class_balance(raw),
        Note(missing_labels(facts)),
        Table("How many attributes rows are labelled for.", tables["labels per row"].head(HEAD)),
    ]

    rare = tables["classes in fewer rows than there are folds"]
    if len(rare):
        caption = (
            f"{len(rare)} classes are in fewer rows than there are folds: some fold has none to "
            "learn from or to be scored on."
        )
        blocks.append(Table(caption, rare.head(HEAD)))

    twins = tables["labels that differ only in case or blanks"]
    if len(twins):
        caption = (
            "Label noise: classes that differ in case or blanks alone. One spelling each would "
            "make them one class."
        )
        blocks.append(Table(caption, twins.head(HEAD)))

    pairs = tables["attributes that tell of each other"]
    pairs = pairs[pairs.gain > MIN_GAIN]
    if len(pairs):
        caption = (
            "Attributes that tell of each other: the share of rows known from the other's label, "
            "beside that of the most frequent class (majority). Where the gain is high, "
            "predictions that contradict each other can be mended."
        )
        blocks.append(Table(caption, pairs.head(HEAD)))

    return blocks


def class_balance(raw) -> Figure:
    """Rows of each class by its rank, a line per attribute."""
    series = {}
    ranges = []
    for name, column in attribute_columns(labels(raw)).items():
        rows = class_counts(column).to_numpy()
        rows = np.sort(rows)[::-1]

        k = len(rows)
        if k:
            rank = np.arange(1, k + 1)
            series[name] = (rank, rows)
            ranges.append(f"{name}: {k} classes, {rows[0]:,} to {rows[-1]:,} rows")

    return Figure(
        "Class balance: rows of each class, the most frequent first, one line per attribute, both "
        "axes logarithmic. A steep line is a few classes that hold nearly all rows: there macro "
        "F1 is won on the rare ones.",
        charts.lines(series, "class by frequency", "rows", marks=True, log=True),
        "; ".join(ranges),
    )


def missing_labels(facts: pd.DataFrame) -> str:
    """A sentence on the shares of labels that are missing."""
    missing = []
    for name, share in zip(facts.attribute, facts.share, strict=True):
        if share < 1:
            missing.append(f"{name} {1 - share:.0%}")

    if not missing:
        return "No label is missing."

    return f"Labels that are missing: {', '.join(missing)}."


def counts(target: np.ndarray, outputs) -> dict[str, int]:
    """Labelled rows of each attribute."""
    n_labelled = (target >= 0).sum(axis=0).tolist()
    return dict(zip(outputs, n_labelled, strict=True))


def figures(view) -> list:
    """The weakest classes, the calibration of all attributes, and a confusion of each."""
    if view.answer is None or not len(view.labelled_idx):
        return []

    idx = view.labelled_idx
    outputs = view.rows.outputs
    answer = view.answer[idx]
    target = view.rows.target[idx]
    pred = view.merged[idx]
    likeliest = view.rows.task.answer(pred, outputs)

    blocks: list = [
        weakest(answer, target, outputs),
        reliability(likeliest, target, pred, outputs),
    ]

    for a, (name, classes) in enumerate(outputs.items()):
        labels = target[:, a]
        is_labelled = (labels >= 0).any()
        if len(classes) > 1 and is_labelled:
            figure = confusion(name, classes, answer[:, a], labels)
            blocks.append(figure)

    return blocks


def reliability(answer: np.ndarray, target: np.ndarray, pred: np.ndarray, outputs) -> Figure:
    """The confidence of the likeliest class against the share that is right: over the labelled
    cells of all attributes, and of the attribute that is furthest off."""
    # of each attribute
    confidence = {}
    right = {}
    tables = {}
    errors = {}

    for a, (name, columns) in enumerate(zip(outputs, slices(outputs), strict=True)):
        labelled = target[:, a] >= 0
        if not labelled.any():
            continue

        prob = pred[labelled, columns]
        confidence[name] = prob.max(axis=1)
        right[name] = answer[labelled, a] == target[labelled, a]
        tables[name] = calibration.reliability(confidence[name], right[name])
        errors[name] = calibration.expected_error(tables[name])

    confidence_of_all = np.concatenate(list(confidence.values()))
    right_of_all = np.concatenate(list(right.values()))
    table = calibration.reliability(confidence_of_all, right_of_all)

    worst = max(errors, key=errors.get)
    series = {"all attributes": (table.confidence, table.right)}

    if len(tables) > 1:
        series[worst] = (tables[worst].confidence, tables[worst].right)

    pairs = zip(table.confidence, table.right, strict=True)
    bins = [f"confidence {mean:.2f}: {share:.2f} right" for mean, share in pairs]
    error = calibration.expected_error(table)
    return Figure(
        "Calibration of the merged probabilities: of answers given with a confidence, the share "
        "that is right; on the dashed line they are what they say. Expected calibration error "
        f"{error:.3f} over all cells ({calibration.BINS} bins of equal width; "
        f"Guo et al. 2017), on the whole {calibration_bias(table)}; {worst} is furthest off with "
        f"{errors[worst]:.3f}.",
        charts.lines(series, "confidence", "share right", marks=True, diagonal=True),
        "; ".join(bins),
    )


def calibration_bias(table: pd.DataFrame) -> str:
    """ "too sure by 0.031" or "not sure enough by 0.031", of a reliability table."""
    gap = table.confidence - table.right
    bias = float((table.rows * gap).sum() / table.rows.sum())
    direction = "too sure" if bias > 0 else "not sure enough"
    return f"{direction} by {abs(bias):.3f}"


def verdict(view) -> Verdict:
    """How wrong each labelled row is, and how likely its label is wrong.

    loss: the sum of -log p of a row's labels that are answered wrong. suspicion: the greatest of
    the `doubts` of its labels.
    """
    idx = view.labelled_idx
    outputs = view.rows.outputs
    answer = view.answer[idx]
    target = view.rows.target[idx]
    pred = view.merged[idx]

    loss = np.zeros(len(idx))
    suspicion = np.zeros(len(idx))

    # labels of all attributes
    n_suspect = 0
    n_cells = 0

    for a, columns in enumerate(slices(outputs)):
        labelled = np.flatnonzero(target[:, a] >= 0)
        if not len(labelled):
            continue

        prob = pred[labelled, columns].astype(float)
        label = target[labelled, a]
        is_wrong = answer[labelled, a] != label

        likelihood = label_quality.label_probability(prob, label)
        loss[labelled] -= np.where(is_wrong, log_prob(likelihood), 0)

        doubt = doubts(prob, label, answer[labelled, a])
        suspicion[labelled] = np.maximum(suspicion[labelled], doubt)

        n_suspect += np.count_nonzero(doubt)
        n_cells += len(labelled)

    def facts(i: int) -> dict[str, str]:
        return row_facts(answer[i], target[i], pred[i], outputs)

    suspect_share = n_suspect / max(n_cells, 1)
    return Verdict(
        idx,
        loss,
        suspicion,
        facts,
        "By the sum of -log p of its labels that are answered wrong: a row wrong in many "
        "attributes is often another product's image.",
        f"{label_quality.caption()} So {n_suspect:,} of {n_cells:,} labels "
        f"({suspect_share:.1%}) look wrong, and the weaker the models, the more of "
        "them are their own faults; the least likely come first.",
    )


def row_facts(answer: np.ndarray, target: np.ndarray, pred: np.ndarray, outputs) -> dict[str, str]:
    """A row's wrong answers by attribute, the least likely label first, and then its right ones.

    answer (a,), target (a,), pred (k,).
    """
    wrong = []
    right = []
    for a, (name, columns) in enumerate(zip(outputs, slices(outputs), strict=True)):
        classes = outputs[name]
        prob = pred[columns]
        label = target[a]
        answered = answer[a]

        if label < 0:
            continue

        if label == answered:
            right.append(f"{name} {classes[label]}")
            continue

        text = (
            f"labelled {classes[label]} (p {prob[label]:.2f}), "
            f"answered {classes[answered]} (p {prob[answered]:.2f})"
        )
        wrong.append((prob[label], name, text))

    wrong.sort()  # the least likely label first
    facts = {name: text for _, name, text in wrong}
    if right:
        facts["answered right"] = ", ".join(right)

    return facts
