"""What LightGBM reads of a row's candidates: what is stated of each (STATED), and how it stands
among the row's others (COMPARED). None of it knows a label."""

import re
from bisect import bisect_left, bisect_right

import numpy as np
import pandas as pd

from models.ranker.lines import Line
from models.ranker.mentions import Kind, Mention
from texts.units import FACTORS
from texts.value_codes import ENTITY_NAMES, UNIT_INDEX

SIGNS = "x/(-:~"  # before or behind a number
WORDS = {  # near a number; in the languages that packs are printed in
    "weight": r"weigh|gewicht|peso|poids|\bwt|masse|重",
    "net": r"\bnet|nett",
    "gross": r"gross|brut|packag|shipping",
    "load": r"max|load|capacit|bear|hold|support|up to|carga|limit|bis zu|trag",
    "per": r"\bper\b|serv|portion|porci|dose|each|daily|je ",
    "food": r"protein|fat|sugar|carb|sodium|kcal|calor|energ|fib(?:re|er)|vitamin|salt|nutri"
    r"|zucker|chol",
    "width": r"\bwid|\bw\b|breit|anch|larg|宽|幅",
    "height": r"heigh|high|tall|\bh\b|höh|hoch|alt[ou]|haut|高",
    "depth": r"dep|deep|\bd\b|tief|prof|thick|dick|\bt\b|奥|厚",
    "length": r"leng|long|\bl\b|läng|lang|長|长",
    "round": r"diam|[øφ⌀]|dia\b|round|durchm|circum|radius",
    "size": r"siz|dimens|measur|größe|maß|medid|taill",
    "in": r"input|eingang|entrada|\bac\b|mains",
    "out": r"output|ausgang|salida|\bdc\b|charg",
    "power": r"power|watt|leistung|potenc|puissance|consum|rated",
    "voltage": r"volt|spannung|tens|\bv\b|supply",
    "battery": r"batter|akku|mah|cell|li-?ion",
    "volume": r"volum|inhalt|conten|fl\b|capac",
    "pack": r"pack|pcs|piece|set|count|bottle|pouch|bag",
    "part": r"inn|insid|out(?:er|sid)|total|overall|seat|open|fold|adjust|min\b",
}
WORDS = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in WORDS.items()}
SEPARATOR = " | "  # between the lines of a text
BEFORE, BEHIND = 40, 16  # characters in which a word counts
STATED = (
    "entity",
    "unit",
    "kind",  # of mentions.Kind
    "times",  # that the row mentions the value
    "number",  # its log10
    "decimals",
    "digit",  # see last_digit
    "line",  # its place, from 0
    "lines",  # of the row
    "place",  # in the whole text, 0 to 1
    "length",  # of the line in characters
    *(f"{sign} before" for sign in SIGNS),
    *(f"{sign} behind" for sign in SIGNS),
    "score",  # this and the next five: see lines.Line.box
    "x",
    "y",
    "long",
    "tall",
    "turned",
    *(f"{word} before" for word in WORDS),
    *(f"{word} behind" for word in WORDS),
)
COMPARED = (
    "found",  # sure candidates of the row
    "of unit",  # of these in the same unit
    "order",  # in the text
    "rank",  # by size, in any unit
    "rank in unit",
    "to largest",  # difference of logs
    "to smallest",
    "twin",  # see is_twin
    "on line",  # sure candidates on the same line
    "place on line",
    "taller",  # height of the line, in parts of the row's tallest
    "from mean x",
    "from mean y",
    "rank x",
    "rank y",
)
COLUMNS = STATED + COMPARED
NO_PLACE = (np.nan,) * (len(STATED) - 5)  # what is stated of a candidate that is not in the text
SURE = Kind.AFTER  # candidates up to this kind are what others are compared with
DIMENSIONS = [ENTITY_NAMES.index(name) for name in ("width", "height", "depth")]
SAME_SIZE = 0.04  # in logs: 25 cm and 9.8 in are one length


def describe(
    lines: list[Line], entity: int, mentions: list[Mention], times: list[int]
) -> list[tuple]:
    """STATED of each mention in a row's lines; the number itself, not yet its log.

    times: how often the row mentions the same value.
    """
    text = SEPARATOR.join(line.text for line in lines)
    words = [word_places(pattern, text) for pattern in WORDS.values()]

    # where each line starts in the text
    line_starts = []
    line_start = 0
    for line in lines:
        line_starts.append(line_start)
        line_start += len(line.text) + len(SEPARATOR)

    out = []
    for mention, count in zip(mentions, times, strict=True):
        number = mention.number
        line = lines[mention.line]
        line_start = line_starts[mention.line]
        start = line_start + mention.start
        end = line_start + mention.end

        # the characters beside it
        before = line.text[: mention.start].rstrip()
        behind = line.text[mention.end :].lstrip()
        sign_before = before[-1:].lower()
        sign_behind = behind[:1].lower()

        row = (
            entity,
            UNIT_INDEX[mention.unit],
            mention.kind,
            count,
            number,
            decimals(number),
            last_digit(number),
            mention.line,
            len(lines),
            start / max(len(text), 1),
            len(line.text),
            *(sign_before == sign for sign in SIGNS),
            *(sign_behind == sign for sign in SIGNS),
            *line.box,
            *(nearness_before(start, ends) for _, ends in words),
            *(nearness_behind(end, starts) for starts, _ in words),
        )
        out.append(row)

    return out


def usual_row(entity: int, unit: int, number: float) -> tuple:
    """STATED of a usual value that the text does not mention."""
    return (entity, unit, Kind.USUAL, 0, number, *NO_PLACE)


def nothing_row(entity: int, others: int) -> tuple:
    """STATED of the candidate "no answer", beside so many others."""
    return (entity, -1, Kind.NOTHING, others, 0.0, *NO_PLACE)


def decimals(number: float) -> int:
    """Digits behind the point, without zeros at the end."""
    return len(repr(number).rstrip("0").partition(".")[2])


def last_digit(number: float) -> float:
    """The tenths of a fraction, rounded; of a whole number 10 plus its last digit."""
    tenths = number % 1
    return round(tenths * 10) if tenths else 10 + number % 10


def word_places(pattern: re.Pattern, text: str) -> tuple[list[int], list[int]]:
    """Where matches start, and where they end."""
    spans = [match.span() for match in pattern.finditer(text)]
    return [start for start, _ in spans], [end for _, end in spans]


def nearness_before(start: int, word_ends: list[int]) -> float:
    """1 where a word ends at `start`, less the farther it is; 0 from BEFORE characters on."""
    i = bisect_right(word_ends, start)
    if i == 0:
        return 0.0

    nearest = word_ends[i - 1]
    distance = start - nearest
    nearness = 1 - distance / BEFORE
    return max(nearness, 0)


def nearness_behind(end: int, word_starts: list[int]) -> float:
    """1 where a word starts at `end`, less the farther it is; 0 from BEHIND characters on."""
    i = bisect_left(word_starts, end)
    if i == len(word_starts):
        return 0.0

    nearest = word_starts[i]
    distance = nearest - end
    nearness = 1 - distance / BEHIND
    return max(nearness, 0)


def compare(row: np.ndarray, number: np.ndarray, x: np.ndarray) -> np.ndarray:
    """COMPARED (c, 15): how each candidate stands among the sure candidates of its row.

    row, number (c,); x (c, STATED). Places on the image count only for dimensions.
    """
    table = pd.DataFrame(x, columns=STATED)
    table["row"] = row
    unit = table.unit.to_numpy(int)
    amount = number * FACTORS[unit]
    table["size"] = np.log(np.maximum(amount, 1e-9))

    is_dimension = table.entity.isin(DIMENSIONS)
    table["x"] = table.x.where(is_dimension)
    table["y"] = table.y.where(is_dimension)

    is_sure = table.kind <= SURE
    sure = table[is_sure]
    among_sure = compare_sure(sure)
    out = compare_all(table, sure)
    out = out.join(among_sure)  # nan for candidates that are not sure

    # "no answer" knows only how many others there are
    is_nothing = table.kind == Kind.NOTHING
    out.loc[is_nothing, out.columns != "found"] = np.nan
    out = out[list(COMPARED)]
    return out.to_numpy(float)


def compare_sure(sure: pd.DataFrame) -> pd.DataFrame:
    """Those of COMPARED that only sure candidates have."""
    of_row = sure.groupby("row")
    of_unit = sure.groupby(["row", "unit"])
    of_line = sure.groupby(["row", "line"])
    out = pd.DataFrame(index=sure.index)

    # how many
    out["of unit"] = of_unit.row.transform("size")
    out["on line"] = of_line.row.transform("size")

    # in the order of the text
    out["order"] = of_row.place.rank()
    out["place on line"] = of_line.place.rank()

    # by size
    size_in_row = of_row["size"]
    size_in_unit = of_unit["size"]
    out["rank"] = size_in_row.rank("dense", pct=True)
    out["rank in unit"] = size_in_unit.rank(pct=True)
    out["twin"] = is_twin(sure).astype(float)

    # on the image
    x_in_row = of_row.x
    y_in_row = of_row.y
    out["rank x"] = x_in_row.rank(pct=True)
    out["rank y"] = y_in_row.rank(pct=True)
    return out


def compare_all(table: pd.DataFrame, sure: pd.DataFrame) -> pd.DataFrame:
    """Those of COMPARED that every candidate of the table has."""
    row = table.row
    of_row = sure.groupby("row")
    out = pd.DataFrame(index=table.index)

    n_sure = of_row.size()
    n_sure = row.map(n_sure)
    out["found"] = n_sure.fillna(0)

    size = table["size"]
    largest = of_row["size"].max()
    smallest = of_row["size"].min()
    out["to largest"] = size - row.map(largest)
    out["to smallest"] = size - row.map(smallest)

    tallest = table.groupby("row").tall.max()
    out["taller"] = table.tall / row.map(tallest)

    mean_x = of_row.x.mean()
    mean_y = of_row.y.mean()
    out["from mean x"] = table.x - row.map(mean_x)
    out["from mean y"] = table.y - row.map(mean_y)
    return out


def is_twin(sure: pd.DataFrame) -> pd.Series:
    """Whether another sure candidate of the row has the same size in another unit."""
    ordered = sure[["row", "size", "unit"]]
    ordered = ordered.sort_values(["row", "size"])
    following = ordered.shift(-1)

    same_row = following.row == ordered.row
    difference = following["size"] - ordered["size"]
    same_size = difference < SAME_SIZE
    other_unit = following.unit != ordered.unit

    has_twin_after = same_row & same_size & other_unit
    has_twin_before = has_twin_after.shift(1, fill_value=False)
    return has_twin_after | has_twin_before
