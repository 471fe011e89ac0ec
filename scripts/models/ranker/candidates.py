"""Candidates: the values that a row's text may mean, a few usual ones, and "no answer"."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from models.ranker.columns import STATED, compare, describe, nothing_row, usual_row
from models.ranker.lines import Line
from models.ranker.mentions import Mention, find_mentions
from texts.units import UNITS
from texts.value_codes import ENTITY_NAMES

MOST = 40  # candidates of a row that its text gives
NUMBER, UNIT = STATED.index("number"), STATED.index("unit")


@dataclass(frozen=True)
class Candidates:
    """Candidates of all rows, row by row; the last candidate of each row is "no answer"."""

    row: np.ndarray  # (c,) int, of the rows asked for
    number: np.ndarray  # (c,) float
    unit: np.ndarray  # (c,) int, place in UNITS; -1 of "no answer"
    x: np.ndarray  # (c, COLUMNS) float32


def gather(
    lines: list[list[Line]], entities, units: list[list[str]], values: list[list[tuple]]
) -> Candidates:
    """Candidates of n rows.

    Of each row: its lines, its entity, the units that bare numbers are tried with, and the values
    (number, unit's place) that are candidates whatever the lines say.
    """
    stated = []  # STATED of each candidate
    counts = []  # candidates of each row
    for row_inputs in zip(lines, entities, units, values, strict=True):
        of_row = row_candidates(*row_inputs)
        stated += of_row
        counts.append(len(of_row))

    n = len(counts)
    row = np.repeat(np.arange(n), counts)

    x = np.array(stated, float)
    x = x.reshape(-1, len(STATED))  # of no rows too
    unit = x[:, UNIT].astype(int)

    # LightGBM reads the number's log
    number = x[:, NUMBER].copy()
    positive = number.clip(1e-6)
    x[:, NUMBER] = np.log10(positive)

    compared = compare(row, number, x)
    x = np.column_stack([x, compared])
    return Candidates(row, number, unit, x.astype(np.float32))


def row_candidates(
    lines: list[Line], entity: str, units: list[str], values: list[tuple]
) -> list[tuple]:
    """STATED of one row's candidates."""
    mentions = find_mentions(lines, entity, units)
    best = best_mentions(mentions, lines)
    counts = Counter(mention.value for mention in mentions)

    entity = ENTITY_NAMES.index(entity)

    rows = []
    if best:
        times = [counts[value] for value in best]
        rows += describe(lines, entity, list(best.values()), times)

    for number, unit in values:
        value = (number, UNITS[unit])
        if value not in best:
            usual = usual_row(entity, unit, number)
            rows.append(usual)

    n_others = len(rows)
    nothing = nothing_row(entity, n_others)
    return [*rows, nothing]


def best_mentions(mentions: list[Mention], lines: list[Line]) -> dict[tuple, Mention]:
    """{value: its mention} of the first MOST values: of the surest kind, and of these the tallest.

    mentions: the surest kind first.
    """
    best = {}
    for mention in mentions:
        value = mention.value
        if value not in best:
            if len(best) < MOST:
                best[value] = mention

            continue

        same_kind = mention.kind == best[value].kind
        height = lines[mention.line].height
        best_height = lines[best[value].line].height
        if same_kind and height > best_height:
            best[value] = mention

    return best
