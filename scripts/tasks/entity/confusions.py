"""What goes wrong with values: kinds of mistakes and what each costs, and units mistaken for
others."""

import numpy as np
import pandas as pd

from metrics.value_f1 import confusion_counts, f1
from page.blocks import Note, Table
from texts.units import FACTORS, UNITS
from texts.value_codes import (
    ENTITY_NAMES,
    NO_ANSWER,
    NONE,
    OTHER,
    WIDTH,
    decode_predictions,
    entity_index,
    has_value,
    is_given,
    is_same_value,
    unit_index,
)
from texts.values import format_value

NOTHING = "nothing answered"
NEEDLESS = "answered though the label says none"
NOT_ONE = "the label is no one value"
UNIT = "same number, another unit"
AMOUNT = "same amount, another unit"
POWER_OF_TEN = "10, 100 or 1000 times too much or too little"
CANDIDATE = "another value, the label was a candidate"
UNREAD = "another value, the label was no candidate"
# the first that holds is the kind of a mistake
KINDS = (NOTHING, NEEDLESS, NOT_ONE, UNIT, AMOUNT, POWER_OF_TEN, CANDIDATE, UNREAD)
NAMED = 12  # rows of a long table


def label_weight(pred: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The weight (n,) that predictions (n, 3 TOP_K) give to the label; what they lack to 1 where
    the label says that there is no value."""
    number, code, weight = decode_predictions(pred)  # each (n, TOP_K)
    unit = code % WIDTH
    label_number = target[:, :1]
    label_unit = target[:, 1:] % WIDTH

    same_number = number == label_number
    same_unit = unit == label_unit
    is_candidate = code >= 0
    is_label = is_candidate & same_number & same_unit

    weight_of_label = is_label * weight
    of_label = weight_of_label.sum(axis=1)
    of_nothing = nothing_weight(pred)
    return np.where(has_value(target), of_label, of_nothing)


def nothing_weight(pred: np.ndarray) -> np.ndarray:
    """The weight (n,) of "no value": what the weights of predictions (n, 3 TOP_K) lack to 1."""
    _, _, weight = decode_predictions(pred)
    return np.maximum(1 - weight.sum(1), 0)


def kinds(answer: np.ndarray, target: np.ndarray, pred: np.ndarray) -> np.ndarray:
    """Place (n,) in KINDS of each row's mistake; -1 where the row is right or not labelled."""
    answered = is_given(answer)
    has_label = has_value(target)
    number = target[:, 0]
    answered_number = answer[:, 0]
    unit = unit_index(target)
    answered_unit = unit_index(answer)

    both_values = answered & has_label & (unit < NONE)  # both are a number with a unit
    same_number = answered_number == number
    same_unit = answered_unit == unit

    # how many times too large: the number, and the amount, e.g. in grams
    factor = FACTORS[np.where(both_values, unit, 0)]
    answered_factor = FACTORS[np.where(both_values, answered_unit, 0)]
    amount = number * factor
    answered_amount = answered_number * answered_factor

    with np.errstate(divide="ignore", invalid="ignore"):
        powers = np.log10(answered_number / number)
        log_ratio = np.log(answered_amount / amount)

    same_amount = np.abs(log_ratio) < 0.01
    sizes = np.abs(powers).round(6)
    is_power_of_ten = np.isin(sizes, [1, 2, 3])
    was_candidate = label_weight(pred, target) > 0

    holds = {
        NOTHING: has_label & ~answered,
        NEEDLESS: ~has_label & answered,
        NOT_ONE: unit == OTHER,
        UNIT: both_values & same_number,
        AMOUNT: both_values & ~same_unit & same_amount,
        POWER_OF_TEN: both_values & same_unit & is_power_of_ten,
        CANDIDATE: both_values & was_candidate,
        UNREAD: np.ones(len(target), bool),
    }
    masks = [holds[kind] for kind in KINDS]
    first = np.argmax(masks, axis=0)

    nothing_to_say = ~has_label & ~answered  # and nothing was said
    is_right = is_same_value(answer, target) | nothing_to_say
    is_wrong = is_given(target) & ~is_right
    return np.where(is_wrong, first, -1)


def mistakes(answer: np.ndarray, target: np.ndarray, pred: np.ndarray) -> Table:
    """How often each kind of mistake is made, and what F1 would be without it."""
    kind = kinds(answer, target, pred)
    n_wrong = int((kind >= 0).sum())

    lines = []
    for k, name in enumerate(KINDS):
        of_kind = kind == k
        n_rows = int(of_kind.sum())
        if n_rows == 0:
            continue

        first = np.flatnonzero(of_kind)[0]
        example = f"{in_words(target[first])} → {in_words(answer[first])}"
        without = f1(mended(answer, target, of_kind), target)
        lines.append(
            {
                "mistake": name,
                "rows": n_rows,
                "of all mistakes": n_rows / n_wrong,
                "F1 without it": without["f1"],
                "for example": example,
            }
        )

    columns = ["mistake", "rows", "of all mistakes", "F1 without it", "for example"]
    table = pd.DataFrame(lines, columns=columns)
    table = table.sort_values("rows", ascending=False, ignore_index=True)

    outcomes = confusion_counts(answer, target)
    tp, fp, fn = outcomes.sum(axis=0)
    n_labelled = int(is_given(target).sum())
    caption = (
        f"Mistakes by kind: {n_wrong:,} of {n_labelled:,} labelled rows ({tp:,} right; {fp:,} "
        f"answered wrong; {fn:,} not answered). A label that was a candidate could be chosen "
        "better; one that was none was not read, or not understood."
    )
    return Table(caption, table)


def mended(answer: np.ndarray, target: np.ndarray, is_mended: np.ndarray) -> np.ndarray:
    """The answers (n, 2), right in the rows of the mask (n,)."""
    to_answer = is_mended & has_value(target)

    out = answer.copy()
    out[is_mended] = NO_ANSWER
    out[to_answer] = target[to_answer]
    return out


def units(answer: np.ndarray, target: np.ndarray) -> list:
    """What units are mistaken for which, as blocks."""
    has_unit = unit_index(target) < NONE
    both_values = is_given(answer) & has_value(target) & has_unit
    answer = answer[both_values]
    target = target[both_values]

    table = pd.DataFrame(
        {
            "entity": [ENTITY_NAMES[i] for i in entity_index(target)],
            "labelled in": [UNITS[i] for i in unit_index(target)],
            "answered in": [UNITS[i] for i in unit_index(answer)],
            "same number": answer[:, 0] == target[:, 0],
        }
    )

    is_wrong = table["labelled in"] != table["answered in"]
    wrong = table[is_wrong]
    if wrong.empty:
        return [Note("No answer is in another unit than its label.")]

    # a row per pair of units
    groups = wrong.groupby(["entity", "labelled in", "answered in"])
    pairs = groups["same number"].agg(["size", "sum"])
    pairs = pairs.reset_index()

    in_unit = table.groupby(["entity", "labelled in"]).size()
    keys = pd.MultiIndex.from_frame(pairs[["entity", "labelled in"]])
    pairs["of rows in that unit"] = in_unit[keys].to_numpy()

    pairs = pairs.rename(columns={"size": "rows", "sum": "with the same number"})
    pairs = pairs.sort_values("rows", ascending=False, ignore_index=True)

    n_same = int(wrong["same number"].sum())
    caption = (
        f"Units mistaken: {len(wrong):,} answers are in another unit than their label, "
        f"{n_same:,} of them with its number."
    )
    return [Table(caption, pairs.head(NAMED))]


def in_words(value: np.ndarray) -> str:
    """A target or answer (2,) in words."""
    number, code = value
    unit = unit_index(value[None])[0]
    if code < 0 or unit == NONE:
        return "nothing"

    if unit == OTHER:
        return "no one value"

    return format_value(number, UNITS[unit])
