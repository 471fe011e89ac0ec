"""Values in words: finds the numbers with a unit in any text, and formats one as the competition
writes it.

    in:  "Net wt 1,000 g (35.3 oz)"  → out: 1000.0 gram, 35.3 ounce, with their places in the text

What can be read in two ways is read as packs mean it, counted on their texts where one way is the
label: "1,000" is a thousand (16 of 18), "1.000" is one (15 of 16), "6 330 ml" are 330 (21 of 23),
and of the ends of "40-50 mm" it is the first (39 of 56).
"""

import re
from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from math import inf
from typing import NamedTuple

from texts.plain_text import plain_text
from texts.units import ENTITIES, LENGTHS, SPELLINGS, UNITS

# {unit: (smaller unit, how many in one)}: 5'11" and 2 lb 3 oz are read in the smaller unit too
MIXED = {"foot": ("inch", 12), "pound": ("ounce", 16)}

# ---- units ----


def spelling_pattern(spelling: str) -> str:
    """The regular expression of one of SPELLINGS, with a plural s where it may have one."""
    pattern = r"[ \n.-]{0,2}".join(map(re.escape, spelling.split("_")))
    has_plural = spelling[-1].isalpha() and len(spelling) > 1
    return pattern + "s?" if has_plural else pattern


def unit_by_spelling() -> dict[str, str]:
    """{spelling without separators: its unit}, with and without a plural s."""
    units = {}
    for unit, spellings in SPELLINGS.items():
        for spelling in spellings:
            name = spelling.replace("_", "")
            units[name] = unit
            units[name + "s"] = unit

    return units


UNIT_OF = unit_by_spelling()
NO_SEPARATORS = str.maketrans("", "", " \n.-")
LONGEST_FIRST = sorted(
    (spelling for spellings in SPELLINGS.values() for spelling in spellings), key=len, reverse=True
)
LETTERS = "|".join(spelling_pattern(name) for name in LONGEST_FIRST if name[-1] not in "\"'")
MARKS = "|".join(spelling_pattern(name) for name in LONGEST_FIRST if name[-1] in "\"'")
NOT_INCH = (
    r"in[ -](?:stock|total|the|an?|this|one|each|every|all|y?our"
    r"|1(?![\d.,/]|[ -]?(?:cm|mm|in|ft|\")))\b"  # "2 in 1"
)
NOT_UNIT = (
    rf"{NOT_INCH}"
    r"|[lwhd] ?[x*] ?[\d.]{1,6} ?[lwhd]\b"  # "20L x 15W x 10H cm"
    r"|(?:kilo)?watts?[ -]hour|volts?[ -]amp"
    r"|(?:foot|ft|inch|in)[ .-]{0,2}(?:pound|lb)"
)
# "20cmx30cm" has two, "20 cm²" none
UNIT = rf"(?!{NOT_UNIT})(?:(?:{LETTERS})(?!(?!x ?\d)[a-z]|\^|[23](?![\w.,]))|{MARKS})"

# ---- numbers ----

# Groups are repeated in (?>…+), not by …++: of ++ Python before 3.11.5 keeps the comma of "1,000,"
# (https://github.com/python/cpython/issues/106052).
SHARE = r"1/2|[12]/3|[1-3]/4|[1-4]/5|[15]/6|[1357]/8|1?[13579]/16|[123]?[13579]/32|[1-6]?[13579]/64"
THOUSANDS = r"[1-9]\d{0,2}(?>(?:,\d{3})+)(?:\.\d++)?"
GROUPED = (
    rf"{THOUSANDS}"
    r"|[1-9]\d{0,2}(?:(?>(?:\.\d{3})+),\d++|(?>(?:\.\d{3}){2,})|(?>(?: 000)+))"
)
START = r"(?<!\d)(?<!\d[.,])(?<!\de)"
NUMBER = (
    rf"{START}(?:(?:\d{{1,4}}[ -]{{1,2}})?(?:{SHARE})(?![\d/])"
    rf"|(?:{GROUPED}|\d++(?:[.,]\d++)?|\.\d++)(?![.,]?\d))"
)

# ---- a number and its unit ----

# "100(g)", "12.oz", "**12.5** gram", "12.5\text{ gram}"
GAP = r"[\s*_()\]~-]*+(?:\\(?:[,; ]|text|mathrm)[{\s]*+){0,2}\.?"
UNIT_IS = r"\W{0,6}(?:the )?unit(?: is)?\W{0,6}"  # "The value is 36. The unit is inch."
TOKEN = re.compile(rf"({NUMBER})(?:{GAP}(?:{UNIT_IS}|[lwhd]\)? )?({UNIT}))?")
# "4Ocm": 9 % of a poor OCR's
SLIPS = str.maketrans("olis", "0115")  # letters that OCR reads where digits stand
SLIP = re.compile(rf"{START}([\dolis]{{1,9}}?(?:[.,][\dolis]{{1,9}}?)?) ?({UNIT})")
# where a number may start: 2 µs for 134 letters, TOKEN 27
DIGIT = re.compile(r"[.\d](?:(?<=\d)|(?=\d))")
SIDE = r"(?:\(?[lwhd]\)?[:= ]?)?"
RANGE, TIMES = (
    re.compile(rf"[ )\]]{{0,3}}{SIDE} {{0,3}}(?:{sign}) {{0,3}}{SIDE}\(?")
    for sign in ("[-~/]|to|or", "[x*&]|by|and")
)
AND = re.compile(r"[\s,-]{0,2}(?:and )?")
PAIR = re.compile(r"(\[\d[\d.]*+),")  # "[100.0, 240.0] volt"
STRICT = re.compile(r"(\d+(?:\.\d+)?) ([a-z ]+)", re.ASCII)
CONCLUSION = re.compile(r"\b(?:so|therefore|thus|hence|answer)\b", re.IGNORECASE)


class Reading(NamedTuple):
    """A number with its unit, and where they stand in the text."""

    number: float
    unit: str
    start: int
    end: int


# ---- one value ----


def read_value(reply: str, entity: str) -> tuple[float, str] | None:
    """Number and unit of the value that a reply states; None without one, or where it is 0.

    Of several it is the first after the last "so", "therefore", "thus", "hence" or "answer" that
    has one after it, else the first: right in 355 of 371 replies of a small model that hold the
    label (the first 355, the last 344).
    """
    units = ENTITIES[entity]
    exact = parse(reply)
    if exact:
        number, unit = exact
        if unit in units:
            return exact if number > 0 else None

    values = readings(reply, units)
    if not values:
        return None

    start = 0
    last = values[-1]
    for word in CONCLUSION.finditer(reply):
        if word.end() <= last.start:
            start = word.end()

    first = next(value for value in values if value.start >= start)
    return first.number, first.unit


def read_values(replies, entities) -> list[tuple[float, str] | None]:
    """`read_value` of many, each distinct pair once."""
    return list(map(lru_cache(None)(read_value), replies, entities))


def format_value(number: float, unit: str) -> str:
    """ "8.0 fluid ounce": the number as Python writes a float, but never with an exponent."""
    digits = repr(float(number))
    if "e" in digits:
        digits = format(Decimal(digits), "f")
        if "." not in digits:
            digits += ".0"

    return f"{digits} {unit}"


def parse(answer: str) -> tuple[float, str] | None:
    """Number and unit of "8.0 fluid ounce"; None for "" and for what is not exactly one number and
    one unit."""
    match = STRICT.fullmatch(answer)
    if not match:
        return None

    number = float(match[1])
    unit = match[2]
    if unit not in SPELLINGS or number == inf:
        return None

    return number, unit


def parse_distinct(texts: Iterable[str]) -> dict[str, tuple[float, str] | None]:
    """{text: `parse` of it}; texts repeat, and each is parsed once."""
    return {text: parse(text) for text in set(texts)}


# ---- all readings of a text ----


def readings(text: str, units=UNITS) -> list[Reading]:
    """Every number with a unit that a text may mean, in order of place, of the units given."""
    plain, places = plain_text(text)
    plain = PAIR.sub(r"\1-", plain)  # a pair is read as a range

    numbers = tokens(plain)
    numbers = with_shared_units(numbers, plain)
    numbers = with_mixed_units(numbers, plain)

    values = []
    for number, unit, start, end in numbers:
        if unit == "ounce" and "ounce" not in units:
            unit = "fluid ounce"  # what packs of drinks call oz

        if unit not in units or not 0 < number < inf:
            continue

        first = places[start]
        last = places[end - 1]
        values.append(Reading(number, unit, first, last + 1))

    return values


def tokens(plain: str) -> list[Reading]:
    """The numbers of a plain text in order of place, each with the unit that follows it or ""."""
    numbers = []
    position = 0
    while digit := DIGIT.search(plain, position):
        start = digit.start()
        token = TOKEN.match(plain, start)
        if not token or not token[2]:
            token = SLIP.match(plain, start) or token

        if not token:
            position = digit.end()
            continue

        position = token.end()
        digits = token[1].translate(SLIPS)
        number = number_of(digits)

        spelling = token[2] or ""
        spelling = spelling.translate(NO_SEPARATORS)
        is_quoted = spelling == plain[start - 1 : start]  # in '88' the mark closes what one opened
        unit = "" if is_quoted else UNIT_OF.get(spelling, "")
        numbers.append(Reading(number, unit, start, position))

    return numbers


def number_of(digits: str) -> float:
    """The number that NUMBER or SLIP found."""
    without_point = digits.replace(".", "", 1)
    if without_point.isdecimal():  # as nearly all are
        return float(digits)

    if "/" in digits:
        numbers = re.findall(r"\d+", digits)
        *whole, numerator, denominator = map(int, numbers)
        return sum(whole) + numerator / denominator

    if re.fullmatch(THOUSANDS, digits):
        return float(digits.replace(",", ""))

    # "1.234,5", "1 000"
    digits = digits.replace(" ", "")
    digits = digits.replace(".", "")
    return float(digits.replace(",", "."))


def with_shared_units(numbers: list[Reading], plain: str) -> list[Reading]:
    """Give numbers without a unit that of a neighbour: of the next number in a range ("100-240 V"),
    of either in a size ("108*49cm")."""

    def in_range(here, after):
        return RANGE.fullmatch(plain, here.end, after.start)

    def in_size(here, after, unit):
        return unit in LENGTHS and TIMES.fullmatch(plain, here.end, after.start)

    # backwards: in "10 x 5 x 3 cm" the first number has its unit from the second
    for i in range(len(numbers) - 2, -1, -1):
        here = numbers[i]
        after = numbers[i + 1]
        if here.unit or not after.unit:
            continue

        unit = after.unit
        is_shared = in_range(here, after) or in_size(here, after, unit)
        if is_shared:
            numbers[i] = here._replace(unit=unit)

    # forwards: "20 cm x 15 x 10"
    for i in range(1, len(numbers)):
        before = numbers[i - 1]
        here = numbers[i]
        unit = before.unit
        if not here.unit and in_size(before, here, unit):
            numbers[i] = here._replace(unit=unit)

    return numbers


def with_mixed_units(numbers: list[Reading], plain: str) -> list[Reading]:
    """Insert before two readings that are one value (6 ft 2 in, 5'11") that value in the smaller
    unit."""
    values = []
    for here, after in pairwise([*numbers, None]):
        if after and is_mixed(here, after, plain):
            smaller, count = MIXED[here.unit]
            number = here.number * count + after.number
            mixed = Reading(number, smaller, here.start, after.end)
            values.append(mixed)

        values.append(here)

    return values


def is_mixed(here: Reading, after: Reading, plain: str) -> bool:
    """Whether two readings that follow each other are one value in two units."""
    is_whole = here.number % 1 == 0
    if here.unit not in MIXED or not is_whole:
        return False

    smaller, count = MIXED[here.unit]
    if after.number >= count:
        return False

    if after.unit == smaller:
        return AND.fullmatch(plain, here.end, after.start) is not None

    return not after.unit and here.end == after.start  # 5'11
