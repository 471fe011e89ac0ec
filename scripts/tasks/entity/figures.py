"""What the report shows of entity values: entities and units, F1 of each, what is mistaken for
what, and which labels look wrong."""

import numpy as np
import pandas as pd

from metrics import bootstrap, calibration
from metrics.value_f1 import f1
from page import charts
from page.blocks import Figure, Note, Table, Verdict
from tasks.entity.confusions import (
    AMOUNT,
    KINDS,
    NAMED,
    in_words,
    kinds,
    label_weight,
    mistakes,
    nothing_weight,
    units,
)
from texts.value_codes import ENTITY_NAMES, entity_index, is_given, is_same_value

SURE = 0.9  # weight of an answer from which on the caption counts it as sure


def data(raw, tables) -> list:
    """What is asked, units, and label noise. raw, tables: as tasks.entity.analysis has them."""
    of_units = tables["units and numbers"]
    blocks = [
        Table(
            "What is asked, and how many labels are one value in a unit of the entity. Where test "
            "asks for other things than train, weigh the scores so.",
            tables["entities"],
        ),
        frequent_units(of_units),
        Table(
            "Units and their numbers.",
            of_units[["entity", "unit", "rows", "share", "min", "median", "max"]].head(2 * NAMED),
        ),
    ]

    odd = tables["labels that are no one value of their entity"]
    if len(odd):
        caption = (
            f"{int(odd.rows.sum()):,} labels ({odd.share.sum():.1%}) are no one value in a unit of "
            "their entity, # for their numbers. No answer to these counts as right, but for those "
            "in another entity's unit."
        )
        blocks.append(Table(caption, odd.head(NAMED)))

    if "questions asked twice" in tables:
        blocks.append(label_noise(tables["questions asked twice"]))

    if "the label in the text" in tables:
        caption = (
            "Rows whose text holds the label's number in digits, and its value as the normaliser "
            "reads it: what a reader of the text can reach."
        )
        blocks.append(Table(caption, tables["the label in the text"]))

    seen = tables["test rows that train has seen"]
    if len(seen):
        blocks.append(Table("What of the test train has seen.", seen))

    return blocks


def frequent_units(table: pd.DataFrame) -> Figure:
    """Rows of the most frequent units as bars; table: tasks.entity.analysis.units."""
    table = table.head(NAMED)
    names = table.entity + ": " + table.unit
    names = names.tolist()
    n_rows = table.rows.tolist()

    pairs = zip(names, n_rows, strict=True)
    alt = "; ".join(f"{name}: {n:,}" for name, n in pairs)

    return Figure(
        "Units: rows of each entity's, the most frequent first.",
        charts.bars(names, n_rows, xlabel="rows"),
        alt,
    )


def label_noise(facts: pd.DataFrame) -> Note:
    """The facts of tasks.entity.analysis.asked_twice in a sentence."""
    count = dict(zip(facts.what, facts.value, strict=True))
    return Note(
        f"Label noise: of {count['questions']:,} questions about images "
        f"{count['asked in several rows']:,} are asked in several rows, and "
        f"{count['with different answers']:,} of them have different answers "
        f"({count['rows with these']:,} rows)."
    )


def counts(target: np.ndarray, outputs) -> dict[str, int]:
    """Labelled rows that ask for each entity."""
    asked = entity_index(target)
    n_rows = {}
    for name in outputs:
        of_entity = asked == ENTITY_NAMES.index(name)
        n_rows[name] = int(of_entity.sum())

    return n_rows


def figures(view) -> list:
    """F1 per entity, kinds of mistakes and what each costs, confusions of units, calibration."""
    if view.answer is None or not len(view.labelled_idx):
        return []

    idx = view.labelled_idx
    answer = view.answer[idx]
    target = view.rows.target[idx]
    pred = view.merged[idx]

    return [
        f1_of_entities(view, answer, target),
        mistakes(answer, target, pred),
        *units(answer, target),
        reliability(answer, target, pred),
    ]


def f1_of_entities(view, answer: np.ndarray, target: np.ndarray) -> Figure:
    """F1 of each entity as bars, the weakest first, beside that of all."""
    outputs = view.rows.outputs
    n_rows = counts(target, outputs)
    by_entity = view.rows.task.table(answer, target, outputs)
    scores = pd.DataFrame(by_entity).T

    is_asked = [n_rows[name] > 0 for name in scores.index]
    scores = scores[is_asked].sort_values("f1")

    labels = []
    intervals = []
    sentences = []
    lost = {}

    for name, row in scores.iterrows():
        n = n_rows[name]
        n_lost = n * (1 - row.right)
        lost[name] = int(round(n_lost))

        interval = entity_interval(view, answer, target, name, row.f1)
        intervals.append(interval)
        labels.append(f"{name} ({n:,})")
        sentences.append(
            f"{name}: F1 {row.f1:.3f}, answered {row.answered:.0%}, right {row.right:.0%} of {n:,}"
        )

    worst = max(lost, key=lost.get)
    n_lost_of_all = sum(lost.values())
    overall = f1(answer, target)["f1"]

    caption = (
        "F1 per entity, with its labelled rows and the 95 % interval; dashed: all together. Most "
        f"rows are lost in {worst}: {lost[worst]:,} of {n_lost_of_all:,} that are not right."
    )
    bars = charts.bars(
        labels,
        scores.f1,
        intervals,
        reference={"all": overall},
        xlabel="F1",
        form="{:.3f}",
    )
    return Figure(caption, bars, "; ".join(sentences))


def entity_interval(view, answer, target, name: str, score: float) -> tuple[float, float]:
    """The 95 % interval of an entity's F1."""
    task = view.rows.task
    outputs = view.rows.outputs
    of_entity = entity_index(target) == ENTITY_NAMES.index(name)
    answer = answer[of_entity]
    target = target[of_entity]

    group = view.rows.group[view.labelled_idx]
    weights = bootstrap.draw_replicates(group[of_entity])
    replicates = task.score_replicates(answer, target, outputs, weights)
    return bootstrap.interval(score, replicates, task.RANGE)


def reliability(answer: np.ndarray, target: np.ndarray, pred: np.ndarray) -> Figure | Note:
    """The weight of answers against the share that is right."""
    answered = is_given(target) & is_given(answer)
    if not answered.any():
        return Note("Nothing is answered: there is no weight to be calibrated.")

    weight = pred[answered, 2]
    right = is_same_value(answer[answered], target[answered])
    table = calibration.reliability(weight, right)
    error = calibration.expected_error(table)

    is_sure = weight >= SURE
    n_sure = int(is_sure.sum())
    right_of_sure = "."
    if n_sure:
        share = right[is_sure].mean()
        right_of_sure = f", {share:.1%} of them are right."

    caption = (
        "Calibration of the weight of answers: the share that is right; on the dashed line weights "
        f"are what they say. Expected calibration error {error:.3f} "
        f"({calibration.BINS} bins of equal width; Guo et al. 2017). {n_sure:,} answers have .9 or "
        f"more{right_of_sure}"
    )
    curve = charts.lines(
        {"answers": (table.confidence, table.right)},
        "weight",
        "share right",
        marks=True,
        diagonal=True,
    )
    bins = zip(table.confidence, table.right, strict=True)
    alt = "; ".join(f"weight {weight:.2f}: {share:.2f} right" for weight, share in bins)
    return Figure(caption, curve, alt)


def verdict(view) -> Verdict:
    """How wrong each labelled row is, and how likely its label is wrong.

    loss: how much more weight a wrong answer has than the label. suspicion: the least weight that
    a model gives to the wrong answer, where all models give that answer; else 0.
    """
    idx = view.labelled_idx
    answer = view.answer[idx]
    target = view.rows.target[idx]
    pred = view.merged[idx]

    kind = kinds(answer, target, pred)
    is_wrong = kind >= 0
    of_label = label_weight(pred, target)
    of_answer = answer_weight(answer, pred)
    loss = np.where(is_wrong, 1 + of_answer - of_label, 0)

    # suspect: all models answer the same value, and it is another amount than the label
    preds = [of_model[idx] for of_model in view.preds.values()]
    if not preds:
        preds = [pred]

    preds = np.stack(preds)  # (models, m, 3 TOP_K)
    values = preds[:, :, :2]
    weights = preds[:, :, 2]
    all_agree = (values == answer).all(axis=(0, 2))

    is_mistake = is_wrong & (kind != KINDS.index(AMOUNT))
    is_suspect = is_mistake & is_given(answer) & all_agree
    least_weight = weights.min(axis=0)
    suspicion = np.where(is_suspect, least_weight, 0)

    def facts(i: int) -> dict[str, str]:
        answered = in_words(answer[i])
        return {
            "label": in_words(target[i]),
            "answer": f"{answered} (weight {of_answer[i]:.2f})",
            "weight of the label": f"{of_label[i]:.2f}",
            "mistake": KINDS[kind[i]],
        }

    who = f"all {len(preds)} models answer" if len(preds) > 1 else "the model answers"
    return Verdict(
        idx,
        loss,
        suspicion,
        facts,
        "By how much more weight the answer has than the label.",
        f"By the weight of another value than the label, where {who} that value.",
    )


def answer_weight(answer: np.ndarray, pred: np.ndarray) -> np.ndarray:
    """The weight (n,) of the answer, the likeliest value or nothing."""
    return np.where(is_given(answer), pred[:, 2], nothing_weight(pred))
