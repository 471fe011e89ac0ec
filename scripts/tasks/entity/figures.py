"""Entity values: entities and units, F1 of each, what is mistaken for what, and which labels look
wrong."""

import numpy as np
import pandas as pd

from metrics import bootstrap, calibration
from metrics.value_f1 import confusion_counts, f1
from page import charts
from page.blocks import Figure, Note, Table, Verdict
from texts.units import FACTORS, UNITS
from texts.value_codes import ENTITY_NAMES, NONE, OTHER, TOP_K, WIDTH, has_value, same
from texts.values import format_value

NAMED = 12  # rows of a long table
KINDS = (
    "nothing answered",
    "answered though the label says none",
    "the label is no one value",
    "same number, another unit",
    "same amount, another unit",
    "10, 100 or 1000 times too much or too little",
    "another value, the label was a candidate",
    "another value, the label was no candidate",
)


def data(raw, tables) -> list:
    """What is asked, units, and label noise. raw, tables: as tasks.entity.analysis has them."""
    units, odd, asked = (
        tables["units and numbers"],
        tables["labels that are no one value of their entity"],
        tables["entities"],
    )
    often = {
        f"{entity}: {unit}": n
        for entity, unit, n in units[["entity", "unit", "rows"]].head(NAMED).itertuples(index=False)
    }
    blocks = [
        Table(
            "What is asked, and how many labels are one value in a unit of the entity. "
            "Where test asks for other things than "
            "train, weigh the scores so.",
            asked,
        ),
        Figure(
            "Units: rows of each entity's, the most frequent first.",
            charts.bars(list(often), list(often.values()), xlabel="rows"),
            "; ".join(f"{name}: {n:,}" for name, n in often.items()),
        ),
        Table(
            "Units and their numbers.",
            units[["entity", "unit", "rows", "share", "min", "median", "max"]].head(2 * NAMED),
        ),
    ]
    if len(odd):
        blocks.append(
            Table(
                f"{int(odd.rows.sum()):,} labels ({odd.share.sum():.1%}) are no one value "
                "in a unit of their entity, # for "
                "their numbers. No answer to these counts as right, but for those in "
                "another entity's unit.",
                odd.head(NAMED),
            )
        )
    if "questions asked twice" in tables:
        said = dict(
            zip(
                tables["questions asked twice"].what,
                tables["questions asked twice"].value,
                strict=True,
            )
        )
        blocks.append(
            Note(
                f"Label noise: of {said['questions']:,} questions about pictures "
                f"{said['asked in several rows']:,} are asked "
                f"in several rows, and {said['with different answers']:,} of them have "
                "different answers "
                f"({said['rows with these']:,} rows)."
            )
        )
    if "the label in the text" in tables:
        blocks.append(
            Table(
                "Rows whose text holds the label's number in digits, and its value as "
                "the normaliser reads it: what a reader "
                "of the text can reach.",
                tables["the label in the text"],
            )
        )
    if len(seen := tables["test rows that train has seen"]):
        blocks.append(Table("What of the test train has seen.", seen))
    return blocks


def counts(target: np.ndarray, outputs) -> dict[str, int]:
    """Labelled rows that ask for each entity."""
    entity = np.where(target[:, 1] >= 0, target[:, 1] // WIDTH, -1)
    return {name: int((entity == ENTITY_NAMES.index(name)).sum()) for name in outputs}


def figures(view) -> list:
    """F1 per entity, kinds of mistakes and what each costs, confusions of units, calibration."""
    if view.answer is None or not len(view.labelled):
        return []
    use = view.labelled
    answer, target, pred = view.answer[use], view.rows.target[use], view.merged[use]
    return [
        *of_entities(view, answer, target),
        mistakes(answer, target, pred),
        *units(answer, target),
        reliability(answer, target, pred),
    ]


def of_entities(view, answer, target) -> list:
    """F1 of each entity as bars, the weakest first, beside that of all."""
    n = counts(target, view.rows.outputs)
    table = pd.DataFrame(view.rows.task.table(answer, target, view.rows.outputs)).T
    table = table[[n[name] > 0 for name in table.index]].sort_values("f1")
    lost = {name: int(round(n[name] * (1 - row.right))) for name, row in table.iterrows()}
    most = max(lost, key=lost.get)
    spans = [entity_interval(view, answer, target, name, row.f1) for name, row in table.iterrows()]
    return [
        Figure(
            "F1 per entity, with its labelled rows and the 95 % interval; dashed: all "
            f"together. Most rows are lost in {most}: "
            f"{lost[most]:,} of {sum(lost.values()):,} that are not right.",
            charts.bars(
                [f"{name} ({n[name]:,})" for name in table.index],
                table.f1,
                spans,
                reference={"all": f1(answer, target)["f1"]},
                xlabel="F1",
                form="{:.3f}",
            ),
            "; ".join(
                f"{name}: F1 {row.f1:.3f}, answered {row.answered:.0%}, right "
                f"{row.right:.0%} of {n[name]:,}"
                for name, row in table.iterrows()
            ),
        )
    ]


def entity_interval(view, answer, target, name: str, score: float) -> tuple[float, float]:
    """The 95 % interval of an entity's F1."""
    own = target[:, 1] // WIDTH == ENTITY_NAMES.index(name)
    weights = bootstrap.draw_replicates(view.rows.group[view.labelled][own])
    return bootstrap.interval(
        score,
        view.rows.task.score_replicates(answer[own], target[own], view.rows.outputs, weights),
        view.rows.task.RANGE,
    )


def candidates(pred: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers, codes and weights (n, TOP_K) of predictions (n, 3 TOP_K)."""
    return tuple(pred.reshape(-1, TOP_K, 3).transpose(2, 0, 1))


def label_weight(pred: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The weight (n,) that predictions give to the label; what they lack to 1 where the label says
    that there is no value."""
    number, code, weight = candidates(pred)
    hit = (code >= 0) & (number == target[:, :1]) & (code % WIDTH == target[:, 1:] % WIDTH)
    return np.where(has_value(target), (hit * weight).sum(1), np.maximum(1 - weight.sum(1), 0))


def kinds(answer: np.ndarray, target: np.ndarray, pred: np.ndarray) -> np.ndarray:
    """Which of KINDS each mistake is (n,), the first that holds; -1 where the row is right or not
    labelled."""
    answered, valued, unit, said = (
        answer[:, 1] >= 0,
        has_value(target),
        target[:, 1].astype(int) % WIDTH,
        answer[:, 1].astype(int) % WIDTH,
    )
    wrong = (target[:, 1] >= 0) & ~same(answer, target) & (valued | answered)
    plain = answered & valued & (unit < NONE)  # both are a number with a unit

    def size(number, unit):
        return number * FACTORS[np.where(plain, unit, 0)]

    with np.errstate(divide="ignore", invalid="ignore"):
        times, amount = (
            np.log10(answer[:, 0] / target[:, 0]),
            np.log(size(answer[:, 0], said) / size(target[:, 0], unit)),
        )
    holds = [
        valued & ~answered,
        ~valued & answered,
        unit == OTHER,
        plain & (answer[:, 0] == target[:, 0]),
        plain & (said != unit) & (np.abs(amount) < 0.01),
        plain & (said == unit) & np.isin(np.abs(times).round(6), [1, 2, 3]),
        plain & (label_weight(pred, target) > 0),
        np.ones(len(wrong), bool),
    ]
    return np.where(wrong, np.argmax(holds, 0), -1)


def mistakes(answer: np.ndarray, target: np.ndarray, pred: np.ndarray) -> Table:
    """How often each kind of mistake is made, and what F1 would be without it."""
    kind, (tp, fp, fn) = kinds(answer, target, pred), confusion_counts(answer, target).sum(0)
    lines = []
    for k, name in enumerate(KINDS):
        if n := int((kind == k).sum()):
            row = np.flatnonzero(kind == k)
            mended = np.where(
                (kind == k)[:, None] & has_value(target)[:, None],
                target,
                np.where((kind == k)[:, None], [0, -1], answer),
            )
            lines.append(
                {
                    "mistake": name,
                    "rows": n,
                    "of all mistakes": n / (kind >= 0).sum(),
                    "F1 without it": f1(mended, target)["f1"],
                    "for example": f"{value(target[row[0]])} → {value(answer[row[0]])}",
                }
            )
    caption = (
        f"Mistakes by kind: {int((kind >= 0).sum()):,} of "
        f"{int((target[:, 1] >= 0).sum()):,} labelled rows ({tp:,} right; {fp:,} "
        f"answered wrong; {fn:,} not answered). A label that was a candidate could be "
        "chosen better; one that was none was not "
        "read, or not understood."
    )
    return Table(
        caption,
        pd.DataFrame(
            lines, columns=["mistake", "rows", "of all mistakes", "F1 without it", "for example"]
        ).sort_values("rows", ascending=False, ignore_index=True),
    )


def units(answer: np.ndarray, target: np.ndarray) -> list:
    """What units are mistaken for which; [] where none is."""
    plain = (answer[:, 1] >= 0) & has_value(target) & (target[:, 1] % WIDTH < NONE)
    answer, target = answer[plain], target[plain]
    code, said = target[:, 1].astype(int), answer[:, 1].astype(int)
    table = pd.DataFrame(
        {
            "entity": [ENTITY_NAMES[c // WIDTH] for c in code],
            "labelled in": [UNITS[c % WIDTH] for c in code],
            "answered in": [UNITS[c % WIDTH] for c in said],
            "same number": answer[:, 0] == target[:, 0],
        }
    )
    every = table.groupby(["entity", "labelled in"]).size()
    wrong = table[table["labelled in"] != table["answered in"]]
    if wrong.empty:
        return [Note("No answer is in another unit than its label.")]
    found = (
        wrong.groupby(["entity", "labelled in", "answered in"])["same number"]
        .agg(["size", "sum"])
        .reset_index()
    )
    found["of rows in that unit"] = [
        every[entity, unit] for entity, unit in zip(found.entity, found["labelled in"], strict=True)
    ]
    found = found.rename(columns={"size": "rows", "sum": "with the same number"}).sort_values(
        "rows", ascending=False, ignore_index=True
    )
    return [
        Table(
            f"Units mistaken: {len(wrong):,} answers are in another unit than their "
            f"label, {int(wrong['same number'].sum()):,} of "
            "them with its number.",
            found.head(NAMED),
        )
    ]


def reliability(answer: np.ndarray, target: np.ndarray, pred: np.ndarray) -> Figure | Note:
    """The weight of answers against the share that is right."""
    answered = (target[:, 1] >= 0) & (answer[:, 1] >= 0)
    if not answered.any():
        return Note("Nothing is answered: there is no weight to be calibrated.")
    weight, right = pred[answered, 2], same(answer[answered], target[answered])
    table = calibration.reliability(weight, right)
    sure = weight >= 0.9
    return Figure(
        "Calibration of the weight of answers: the share that is right; on the dashed "
        "line weights are what they say. Expected "
        f"calibration error {calibration.error(table):.3f} ({calibration.BINS} bins of "
        "equal width; Guo et al. 2017). "
        f"{int(sure.sum()):,} answers have .9 or more"
        + (f", {right[sure].mean():.1%} of them are right." if sure.any() else "."),
        charts.lines(
            {"answers": (table.confidence, table.right)},
            "weight",
            "share right",
            marks=True,
            diagonal=True,
        ),
        "; ".join(
            f"weight {c:.2f}: {r:.2f} right"
            for c, r in zip(table.confidence, table.right, strict=True)
        ),
    )


def value(label: np.ndarray) -> str:
    """A target or answer (2,) in words."""
    unit = int(label[1]) % WIDTH
    return (
        "nothing"
        if label[1] < 0 or unit == NONE
        else "no one value"
        if unit == OTHER
        else format_value(label[0], UNITS[unit])
    )


def verdict(view) -> Verdict:
    """loss: how much more weight a wrong answer has than the label. suspicion: the least weight of
    that answer, where all models give it."""
    use = view.labelled
    answer, target, pred = view.answer[use], view.rows.target[use], view.merged[use]
    kind, own = kinds(answer, target, pred), label_weight(pred, target)
    top = np.where(
        answer[:, 1] >= 0, pred[:, 2], np.maximum(1 - candidates(pred)[2].sum(1), 0)
    )  # of nothing: what the weights lack to 1
    every = np.stack([other[use] for other in view.preds.values()] or [pred])
    agree = (
        (kind >= 0)
        & (kind != KINDS.index("same amount, another unit"))
        & (answer[:, 1] >= 0)
        & (every[:, :, :2] == answer).all(2).all(0)
    )

    def facts(i: int) -> dict[str, str]:
        return {
            "label": str(value(target[i])),
            "answer": f"{value(answer[i])} (weight {top[i]:.2f})",
            "weight of the label": f"{own[i]:.2f}",
            "mistake": KINDS[kind[i]],
        }

    return Verdict(
        use,
        np.where(kind >= 0, 1 + top - own, 0),
        np.where(agree, every[:, :, 2].min(0), 0),
        facts,
        "By how much more weight the answer has than the label.",
        f"By the weight of another value than the label, where "
        f"{f'all {len(every)} models answer' if len(every) > 1 else 'the model answers'} "
        "that value.",
    )
