"""Where a text mentions values: numbers with a unit, and numbers whose unit stands elsewhere or was
lost.

    in:  "12 pieces of 50 mm", asked for height
    out: 50 millimetre (Kind.READ), 12 millimetre (Kind.AFTER)
"""

import re
from enum import IntEnum
from operator import attrgetter
from typing import NamedTuple

from models.ranker.lines import Line
from texts.units import ENTITIES
from texts.values import Reading, readings

LARGEST = 1e9  # a larger number is a code, whatever stands behind it
NUMBER = re.compile(r"(?<![\d.,])(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,6}(?:[.,]\d{1,4})?)(?!\d)")
THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
ENDS_LIKE_G = re.compile(r"\d+(?:[.,]?\d+)?[069]")  # a g that OCR took for a digit
LOOKS_LIKE = str.maketrans("OoSsIlZzB", "005511228")  # letters that OCR reads where digits stand
SLIPS = re.compile(
    r"(?<![A-Za-z\d])([\dOoSsIlZzB][\dOoSsIlZzB.,]{0,11})"
    r"(?=\s?(?:[cm]m|m?l|[km]?g|m|in|inch|oz|lbs?|v|volt|w|watts?|\"|'')(?![a-z]))",
    re.IGNORECASE,
)


class Kind(IntEnum):
    """How a candidate came about, the surest first."""

    READ = 0  # a number with its unit
    AFTER = 1  # with the unit of the next reading in the line: "12 pieces of 50 mm"
    BESIDE = 2  # with the unit that begins the next line
    MISREAD = 3  # after mending a slip of OCR
    BARE = 4  # with a unit that is usual
    USUAL = 5  # a usual value, whatever the text says
    NOTHING = 6  # the candidate "no answer"


class Mention(NamedTuple):
    """A value that a text may mean, and where its number stands: line, and characters of it."""

    number: float
    unit: str
    kind: Kind
    line: int
    start: int
    end: int

    @property
    def value(self) -> tuple[float, str]:
        return self.number, self.unit


def find_mentions(lines: list[Line], entity: str, usual_units: list[str]) -> list[Mention]:
    """What the lines may say of the entity, the surest kind first. usual_units: tried for numbers
    that have no unit beside them."""
    units = ENTITIES[entity]

    mentions = []
    for i, line in enumerate(lines):
        mended = SLIPS.sub(as_digits, line.text)
        has_digit = any(map(str.isdigit, mended))
        if not has_digit:
            continue

        read = readings(line.text, units)
        for number, unit, start, end in read:
            mention = Mention(number, unit, Kind.READ, i, start, end)
            mentions.append(mention)

        mentions += misread_mentions(i, line.text, mended, units)
        mentions += bare_mentions(i, lines, read, usual_units, units)

    possible = [mention for mention in mentions if 0 < mention.number < LARGEST]
    return sorted(possible, key=attrgetter("kind"))


def as_digits(match: re.Match) -> str:
    return match[0].translate(LOOKS_LIKE)


def misread_mentions(i: int, text: str, mended: str, units) -> list[Mention]:
    """What line i says after mending, where the mending changed it."""
    if mended == text:
        return []

    mentions = []
    for number, unit, start, end in readings(mended, units):
        before = text[start:end]
        after = mended[start:end]
        is_mended = after != before
        if is_mended:
            mention = Mention(number, unit, Kind.MISREAD, i, start, end)
            mentions.append(mention)

    return mentions


def bare_mentions(
    i: int, lines: list[Line], read: list[Reading], usual_units: list[str], units
) -> list[Mention]:
    """What the numbers of line i may mean that are in none of its readings."""
    # characters of the line that are in a reading
    covered = set()
    for reading in read:
        covered.update(range(reading.start, reading.end))

    is_last = i + 1 == len(lines)
    next_line = "" if is_last else lines[i + 1].text

    mentions = []
    for match in NUMBER.finditer(lines[i].text):
        start, end = match.span()
        if start in covered:
            continue

        digits = match[0]
        number = number_of(digits)
        values = unit_elsewhere(match, read, next_line, units)
        values += lost_gram(digits, units)
        values += [(number, unit, Kind.BARE) for unit in usual_units]

        for number, unit, kind in values:
            mention = Mention(number, unit, kind, i, start, end)
            mentions.append(mention)

    return mentions


def unit_elsewhere(match: re.Match, read: list[Reading], next_line: str, units) -> list[tuple]:
    """Number, unit and kind of a number that has the unit of the line's next reading, or, at the
    line's end, of the next line; [] where there is none."""
    digits = match[0]
    end = match.end()
    for reading in read:
        if reading.start >= end:
            number = number_of(digits)
            return [(number, reading.unit, Kind.AFTER)]

    rest = match.string[end:]
    if rest.strip() or not next_line:
        return []

    # as if the next line went on behind the number
    joined = f"{digits} {next_line[:20]}"
    beside = readings(joined, units)
    if not beside:
        return []

    first = beside[0]
    if first.start > 0:  # it leaves the number out
        return []

    return [(first.number, first.unit, Kind.BESIDE)]


def lost_gram(digits: str, units) -> list[tuple]:
    """(280, "gram", Kind.MISREAD) of "2800"; [] where the last digit looks like no g."""
    ends_like_g = ENDS_LIKE_G.fullmatch(digits)
    if "gram" not in units or not ends_like_g:
        return []

    number = number_of(digits[:-1])
    return [(number, "gram", Kind.MISREAD)]


def number_of(digits: str) -> float:
    """1000.0 of "1,000", 2.5 of "2,5"."""
    comma = "" if THOUSANDS.fullmatch(digits) else "."
    return float(digits.replace(",", comma))
