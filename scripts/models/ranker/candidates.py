"""The values that a row's text may mean: its number-unit readings, numbers whose unit stands
elsewhere or was lost, usual values.

A candidate is a number and a unit with columns that say where it stands and among what; they know
no label.
"""

import re
from bisect import bisect_left, bisect_right
from typing import NamedTuple

import numpy as np
import pandas as pd

from common.tables import read_csv
from texts.units import ENTITIES, FACTORS, UNITS
from texts.value_codes import ENTITY_NAMES, UNIT_INDEX
from texts.values import readings

READ, AFTER, BESIDE, MISREAD, BARE, USUAL, NOTHING = range(
    7
)  # how a candidate came about, the surest first; NOTHING: that none is right
SURE = AFTER  # candidates up to this one are what others are compared with
MOST = 40  # candidates of a row that its text gives
LARGEST = 1e9  # a larger number is a code, whatever stands behind it
DIMENSIONS = ("width", "height", "depth")
NUMBER = re.compile(r"(?<![\d.,])(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,6}(?:[.,]\d{1,4})?)(?!\d)")
LOOKS_LIKE = str.maketrans("OoSsIlZzB", "005511228")  # letters that OCR reads where digits stand
MARK = re.compile(
    r"(?<![A-Za-z\d])([\dOoSsIlZzB][\dOoSsIlZzB.,]{0,11})"
    r"(?=\s?(?:[cm]m|m?l|[km]?g|m|in|inch|oz|lbs?|v|volt|w|watts?|\"|'')(?![a-z]))",
    re.IGNORECASE,
)
SAME = str.maketrans(
    {
        "″": '"',
        "”": '"',
        "“": '"',
        "„": '"',
        "×": "x",
        "✕": "x",
        "*": "x",
        "✖": "x",
        "：": ":",
        "（": "(",
        "）": ")",
        "～": "~",
    }
)
SIGNS = "x/(-:~"
WORDS = {
    name: re.compile(pattern, re.IGNORECASE)
    for name, pattern in {
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
    }.items()
}
BEFORE, BEHIND = 40, 16  # characters in which a word counts
STATED = (
    "entity",
    "unit",
    "kind",
    "times",
    "number",
    "decimals",
    "digit",
    "line",
    "lines",
    "place",
    "length",
    *(f"{s} before" for s in SIGNS),
    *(f"{s} behind" for s in SIGNS),
    "score",
    "x",
    "y",
    "long",
    "tall",
    "turned",
    *(f"{w} before" for w in WORDS),
    *(f"{w} behind" for w in WORDS),
)
COMPARED = (
    "found",
    "of unit",
    "order",
    "rank",
    "rank in unit",
    "to largest",
    "to smallest",
    "twin",
    "on line",
    "place on line",
    "taller",
    "from mean x",
    "from mean y",
    "rank x",
    "rank y",
)
COLUMNS = STATED + COMPARED


class Line(NamedTuple):
    """A line of text, and its score, centre, length and height in parts of the picture's longer
    side, 1.0 where it stands upright; nan where unknown."""

    text: str
    box: tuple = (np.nan,) * 6


class Found(NamedTuple):
    """A candidate as it stands in a text."""

    number: float
    unit: str
    kind: int
    line: int
    start: int
    end: int


class Candidates(NamedTuple):
    """Candidates of all rows, row by row, of each last that none is right: row (m,), number (m,),
    unit (m,) -1 for none, x (m, c) as COLUMNS."""

    row: np.ndarray
    number: np.ndarray
    unit: np.ndarray
    x: np.ndarray


def read_lines(file) -> dict[str, list[Line]]:
    """{image: its lines} of what OCR read; a picture without text has none."""
    table = read_csv(file)
    table = table[table.line != "-1"]
    corner = (
        table[[f"{axis}{i}" for i in range(4) for axis in "xy"]].to_numpy(float).reshape(-1, 4, 2)
    )
    score, *sides = table[["score", "width", "height"]].to_numpy(float).T
    along, down = (
        np.linalg.norm(corner[:, 1] - corner[:, 0], axis=1),
        np.linalg.norm(corner[:, 3] - corner[:, 0], axis=1),
    )
    longest = np.maximum(*sides).clip(1)
    x, y = (corner.mean(1) / longest[:, None]).T
    boxes = np.column_stack(
        [
            score,
            x,
            y,
            np.maximum(along, down) / longest,
            np.minimum(along, down) / longest,
            down > 1.5 * along,
        ]
    )
    lines = {}
    for image, text, box in zip(table.image, table.text, boxes.astype(np.float32), strict=True):
        lines.setdefault(image, []).append(Line(text.translate(SAME), box))
    return lines


def text_lines(text: str) -> list[Line]:
    """Lines of a text that no places are known of."""
    return [Line(line.translate(SAME)) for line in text.split("\n")]


def find(lines: list[Line], entity: str, usual: list[str]) -> list[Found]:
    """Where candidates stand, the surest kind first. usual: units for numbers that have none beside
    them."""
    units, found = ENTITIES[entity], []
    for i, line in enumerate(lines):
        text, mended = line.text, MARK.sub(lambda m: m[0].translate(LOOKS_LIKE), line.text)
        if not any(map(str.isdigit, mended)):
            continue
        read = readings(text, units)
        found += [Found(r.number, r.unit, READ, i, r.start, r.end) for r in read]
        if mended != text:
            found += [
                Found(r.number, r.unit, MISREAD, i, r.start, r.end)
                for r in readings(mended, units)
                if mended[r.start : r.end] != text[r.start : r.end]
            ]
        taken = {place for r in read for place in range(r.start, r.end)}
        for m in NUMBER.finditer(text):
            if m.start() not in taken:
                here = (i, m.start(), m.end())
                found += [
                    Found(number, unit, kind, *here)
                    for number, unit, kind in unread(m, lines[i : i + 2], read, units, usual)
                ]
    return sorted((f for f in found if 0 < f.number < LARGEST), key=lambda f: f.kind)


def unread(m: re.Match, lines: list[Line], read: list, units, usual) -> list[tuple]:
    """Number, unit and kind of what a number without a unit, found in the first of the lines, may
    mean."""
    number, found = number_of(m[0]), []
    if after := [r.unit for r in read if r.start >= m.end()]:  # 26 x 17 x 25 cm
        found.append((number, after[0], AFTER))
    elif len(lines) > 1 and not m.string[m.end() :].strip():
        beside = readings(f"{m[0]} {lines[1].text[:20]}", units)
        found += [(r.number, r.unit, BESIDE) for r in beside[:1] if r.start == 0]
    if "gram" in units and re.fullmatch(
        r"\d+(?:[.,]?\d+)?[069]", m[0]
    ):  # a g that OCR took for a digit
        found.append((number_of(m[0][:-1]), "gram", MISREAD))
    return found + [(number, unit, BARE) for unit in usual]


def number_of(digits: str) -> float:
    return float(
        digits.replace(",", "" if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", digits) else ".")
    )


def gather(
    texts: list[list[Line]], entities, units: list[list[str]], values: list[list[tuple]]
) -> Candidates:
    """Candidates of n rows: their lines, entities, units for bare numbers, and usual (number, unit
    index) that are candidates anyway."""
    row, stated = [], []
    for i, (lines, entity, usual, added) in enumerate(
        zip(texts, entities, units, values, strict=True)
    ):
        found, times = {}, {}
        for f in find(lines, entity, usual):
            key = f.number, f.unit
            times[key] = times.get(key, 0) + 1
            if (
                key not in found
                and len(found) < MOST
                or key in found
                and f.kind == found[key].kind
                and tall(lines, f) > tall(lines, found[key])
            ):
                found[key] = f
        e, blank = ENTITY_NAMES.index(entity), (np.nan,) * (len(STATED) - 5)
        counts = [times[key] for key in found]  # of more than MOST readings some are not found
        rows = describe(lines, e, list(found.values()), counts) if found else []
        rows += [
            (e, unit, USUAL, 0, number, *blank)
            for number, unit in added
            if (number, UNITS[unit]) not in found
        ]
        stated += [*rows, (e, -1, NOTHING, len(rows), 0.0, *blank)]
        row += [i] * (len(rows) + 1)
    x = np.array(stated, float).reshape(-1, len(STATED))
    row, number, unit = np.array(row, int), x[:, 4].copy(), x[:, 1].astype(int)
    x[:, 4] = np.log10(number.clip(1e-6))
    return Candidates(
        row, number, unit, np.column_stack([x, compare(row, number, x)]).astype(np.float32)
    )


def tall(lines: list[Line], f: Found) -> float:
    return lines[f.line].box[4]


def describe(lines: list[Line], entity: int, found: list[Found], times: list[int]) -> list[tuple]:
    """What is STATED about each of a row's candidates, the number as it is."""
    starts = np.cumsum([0, *(len(line.text) + 3 for line in lines)])
    joined = " | ".join(line.text for line in lines)
    words = [[m.span() for m in pattern.finditer(joined)] for pattern in WORDS.values()]
    words, out = [([b for _, b in spans], [a for a, _ in spans]) for spans in words], []
    for f, n in zip(found, times, strict=True):
        text, box = lines[f.line]
        a, b = int(starts[f.line]) + f.start, int(starts[f.line]) + f.end
        before, behind = text[: f.start].rstrip()[-1:].lower(), text[f.end :].lstrip()[:1].lower()
        near = [
            1 - min((a - ends[at - 1]) / BEFORE, 1) if (at := bisect_right(ends, a)) else 0.0
            for ends, _ in words
        ]
        near += [
            1 - min((heads[at] - b) / BEHIND, 1)
            if (at := bisect_left(heads, b)) < len(heads)
            else 0.0
            for _, heads in words
        ]
        tenths = f.number % 1
        out.append(
            (
                entity,
                UNIT_INDEX[f.unit],
                f.kind,
                n,
                f.number,
                len(repr(f.number).rstrip("0").partition(".")[2]),
                10 + f.number % 10 if not tenths else round(tenths * 10),
                f.line,
                len(lines),
                a / max(len(joined), 1),
                len(text),
                *(before == sign for sign in SIGNS),
                *(behind == sign for sign in SIGNS),
                *box,
                *near,
            )
        )
    return out


def compare(row: np.ndarray, number: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The columns COMPARED (m, c): each candidate among the sure ones of its row; places only for
    dimensions."""
    column = dict(zip(STATED, x.T, strict=True))
    size = np.log(np.maximum(number * FACTORS[x[:, 1].astype(int)], 1e-9))
    table = pd.DataFrame(
        {
            "row": row,
            "unit": x[:, 1],
            "size": size,
            "line": column["line"],
            "place": column["place"],
            "tall": column["tall"],
        }
    )
    lateral = np.isin(x[:, 0], [ENTITY_NAMES.index(name) for name in DIMENSIONS])
    table["x"], table["y"] = (np.where(lateral, column[axis], np.nan) for axis in "xy")
    sure = table[column["kind"] <= SURE]
    by, unit, line = (
        sure.groupby("row"),
        sure.groupby(["row", "unit"]),
        sure.groupby(["row", "line"]),
    )
    order = sure.sort_values(["row", "size"])
    close = (
        (np.diff(order.row) == 0) & (np.diff(order["size"]) < 0.04) & (np.diff(order.unit) != 0)
    )  # 25 cm and 9.8 in are one length
    twin = (
        pd.Series(np.append(close, False) | np.insert(close, 0, False), order.index)
        if len(order)
        else pd.Series(dtype=bool)
    )
    wide = {
        "order": by.place.rank(),
        "rank": by["size"].rank("dense", pct=True),
        "rank in unit": unit["size"].rank(pct=True),
        "twin": twin,
        "of unit": unit.row.transform("size"),
        "on line": line.row.transform("size"),
        "place on line": line.place.rank(),
        "rank x": by.x.rank(pct=True),
        "rank y": by.y.rank(pct=True),
    }

    def of_row(series):
        return series.reindex(row).to_numpy(float)

    wide = {name: series.reindex(table.index).to_numpy(float) for name, series in wide.items()}
    wide |= {
        "found": np.nan_to_num(of_row(by.size())),
        "to largest": size - of_row(by["size"].max()),
        "to smallest": size - of_row(by["size"].min()),
        "taller": column["tall"] / of_row(table.groupby("row").tall.max()),
        "from mean x": table.x - of_row(by.x.mean()),
        "from mean y": table.y - of_row(by.y.mean()),
    }
    out = np.column_stack([wide[name] for name in COMPARED])
    out[column["kind"] == NOTHING, 1:] = np.nan
    return out
