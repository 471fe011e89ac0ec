"""Values in words: finds the numbers with a unit in any text, and spells one as the competition
writes it.

What can be read in two ways is read as packs mean it, counted on their texts where one way is the
label: "1,000" is a thousand (16 of 18), "1.000" is one (15 of 16), "6 330 ml" are 330 (21 of 23),
and of the ends of "40-50 mm" it is the first (39 of 56).
"""

import re
import unicodedata
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from math import inf
from typing import NamedTuple

from texts.units import ENTITIES, LENGTHS, NAMES, UNITS

MIXED = {
    "foot": ("inch", 12),
    "pound": ("ounce", 16),
}  # 5'11" and 2 lb 3 oz have a reading in the smaller unit too
SMALL = dict(
    zip(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
            "thirty",
            "forty",
            "fifty",
            "sixty",
            "seventy",
            "eighty",
            "ninety",
        ],
        (*range(20), *range(20, 100, 10)),
        strict=True,
    )
)
PARTS = {"half": 2, "third": 3, "thirds": 3, "quarter": 4, "quarters": 4}
SIGN_OF = dict(zip("″“”„′‘’´`‐‑‒–—−×✕✖", "\"\"\"\"'''''------xxx", strict=True)) | {
    "²": "^2",
    "³": "^3",
}
SLIPS, BARE = str.maketrans("olis", "0115"), str.maketrans("", "", " \n.-")


def pattern(name: str) -> str:
    """The regular expression of one of NAMES."""
    return r"[ \n.-]{0,2}".join(map(re.escape, name.split("_"))) + "s?" * (
        name[-1].isalpha() and len(name) > 1
    )


LONGEST_FIRST = sorted((name for names in NAMES.values() for name in names), key=len, reverse=True)
LETTERS, MARKS = (
    "|".join(pattern(name) for name in LONGEST_FIRST if (name[-1] in "\"'") == mark)
    for mark in (False, True)
)
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
SHARE = r"1/2|[12]/3|[1-3]/4|[1-4]/5|[15]/6|[1357]/8|1?[13579]/16|[123]?[13579]/32|[1-6]?[13579]/64"
THOUSANDS = r"[1-9]\d{0,2}(?:,\d{3})++(?:\.\d++)?"
GROUPED = rf"{THOUSANDS}|[1-9]\d{{0,2}}(?:(?:\.\d{{3}})++,\d++|(?:\.\d{{3}}){{2,}}+|(?: 000)++)"
START = r"(?<!\d)(?<!\d[.,])(?<!\de)"
NUMBER = (
    rf"{START}(?:(?:\d{{1,4}}[ -]{{1,2}})?(?:{SHARE})(?![\d/])"
    rf"|(?:{GROUPED}|\d++(?:[.,]\d++)?|\.\d++)(?![.,]?\d))"
)
# "100(g)", "12.oz", "**12.5** gram", "12.5\text{ gram}"
GAP = r"[\s*_()\]~-]*+(?:\\(?:[,; ]|text|mathrm)[{\s]*+){0,2}\.?"
SAID = r"\W{0,6}(?:the )?unit(?: is)?\W{0,6}"  # "The value is 36. The unit is inch."
TOKEN = re.compile(rf"({NUMBER})(?:{GAP}(?:{SAID}|[lwhd]\)? )?({UNIT}))?")
SLIP = re.compile(
    rf"{START}([\dolis]{{1,9}}?(?:[.,][\dolis]{{1,9}}?)?) ?({UNIT})"
)  # "4Ocm": 9 % of a poor OCR's
DIGIT = re.compile(
    r"[.\d](?:(?<=\d)|(?=\d))"
)  # where a number may start: 2 µs for 134 letters, TOKEN 27
SIDE = r"(?:\(?[lwhd]\)?[:= ]?)?"
RANGE, TIMES = (
    re.compile(rf"[ )\]]{{0,3}}{SIDE} {{0,3}}(?:{sign}) {{0,3}}{SIDE}\(?")
    for sign in ("[-~/]|to|or", "[x*&]|by|and")
)
AND = re.compile(r"[\s,-]{0,2}(?:and )?")
PAIR = re.compile(r"(\[\d[\d.]*+),")  # "[100.0, 240.0] volt"
WORD = "|".join((*SMALL, *PARTS, "hundred", "thousand"))
WORDS = re.compile(
    rf"\b(?:{WORD}|\d{{1,3}}(?= and (?:a|one|three) ))\b"
    rf"(?:[ -]++(?:and )?(?:an? )?(?:{WORD}|point)\b){{0,9}}(?: (?:of )?an?\b)?"
)
UNIT_OF = {
    name.replace("_", "") + s: unit
    for unit, names in NAMES.items()
    for name in names
    for s in ("", "s")
}
STRICT = re.compile(r"(\d+(?:\.\d+)?) ([a-z ]+)", re.ASCII)
SO = re.compile(r"\b(?:so|therefore|thus|hence|answer)\b", re.IGNORECASE)


class Reading(NamedTuple):
    """A number with its unit, and where they stand in the text."""

    number: float
    unit: str
    start: int
    end: int


def normalise(text: str, entity: str) -> str:
    """The value that a reply states, "12.5 gram"; "" when the text holds no value of that entity,
    or 0.

    Of several it is the first after the last "so", "therefore", "thus", "hence" or "answer" that
    has one after it, else the first: right in 355 of 371 replies of a small model that hold the
    label (the first 355, the last 344).
    """
    units = ENTITIES[entity]
    if (value := parse(text)) and value[1] in units:
        return format_value(*value) if value[0] else ""
    found = readings(text, units)
    said = (
        max((so.end() for so in SO.finditer(text) if so.end() <= found[-1].start), default=0)
        if len(found) > 1
        else 0
    )
    return next(
        (format_value(number, unit) for number, unit, start, _ in found if start >= said), ""
    )


def normalise_all(texts, entities) -> list[str]:
    """`normalise` of many, each distinct pair once."""
    return list(map(lru_cache(None)(normalise), texts, entities))


def format_value(number: float, unit: str) -> str:
    """ "8.0 fluid ounce": the number as Python writes a float, but never with an exponent."""
    digits = repr(float(number))
    if "e" in digits:
        digits = format(Decimal(digits), "f")
        digits += ".0" * ("." not in digits)
    return f"{digits} {unit}"


def parse(answer: str) -> tuple[float, str] | None:
    """Number and unit of "8.0 fluid ounce"; None for "" and for what is not exactly one number and
    one unit."""
    found = STRICT.fullmatch(answer)
    return (
        (float(found[1]), found[2])
        if found and found[2] in NAMES and float(found[1]) < inf
        else None
    )


def readings(text: str, units=UNITS) -> list[Reading]:
    """Every number with a unit that a text may mean, in order of place, of the units given."""
    folded, places = fold(text)
    found = []
    for number, unit, start, end in with_mixed(with_shared(tokens(folded), folded), folded):
        unit = (
            "fluid ounce" if unit == "ounce" and "ounce" not in units else unit
        )  # what packs of drinks call oz
        if unit in units and 0 < number < inf:
            found.append(Reading(number, unit, places[start], places[end - 1] + 1))
    return found


def fold(text: str) -> tuple[str, range | list[int]]:
    """The text in plain characters, its number words in digits, and the place in the text of each
    character."""
    if text.isascii():
        folded, places = text.lower(), range(len(text))
    else:
        parts = [plain(char) for char in text]
        folded, places = "".join(parts), [place for place, part in enumerate(parts) for _ in part]
    folded = WORDS.sub(lambda words: in_digits(words[0]).ljust(len(words[0])), folded)
    return PAIR.sub(r"\1-", folded), places


@lru_cache(4096)
def plain(char: str) -> str:
    """A character in lower case, without its accent, in ASCII where it can be; "½" is " 1/2", and
    what is not seen is ""."""
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    text = unicodedata.normalize("NFKD", SIGN_OF.get(char, char)).lower().replace("\u2044", "/")
    text = "".join(c for c in text if unicodedata.category(c) not in ("Mn", "Cf"))
    return " " + text if char.isnumeric() and "/" in text else text


def in_digits(words: str) -> str:
    """ "120" of "one hundred and twenty", "2 1/2" of "two and a half"; the words themselves where
    that would be longer."""
    whole, _, decimals = words.partition(" point ")
    total, now, share, before = 0, 0, "", ""
    for word in re.findall(r"[a-z]+|\d+", whole):
        if word in PARTS:  # "three quarters", or "three and a half"
            above, now = (now, 0) if before in SMALL and now < PARTS[word] else (1, now)
            share = f"{above}/{PARTS[word]}"
        elif word == "hundred":
            now = max(now, 1) * 100
        elif word == "thousand":
            total, now = total + max(now, 1) * 1000, 0
        else:
            now += int(word) if word.isdigit() else SMALL.get(word, 0)
        before = word
    digits = f"{total + now or ''} {share}".strip()
    digits += "." * bool(decimals) + "".join(
        str(SMALL[word]) for word in decimals.split() if word in SMALL
    )
    return digits if len(digits) <= len(words) else words


def tokens(folded: str) -> list[Reading]:
    """The numbers of a folded text in order of place, each with the unit that follows it or ""."""
    found, at = [], 0
    while digit := DIGIT.search(folded, at):
        start, token = digit.start(), TOKEN.match(folded, digit.start())
        if not (token and token[2]):
            token = SLIP.match(folded, start) or token
        at = (token or digit).end()
        if token:
            name = (token[2] or "").translate(BARE)
            unit = (
                UNIT_OF.get(name, "") if name != folded[start - 1 : start] else ""
            )  # in '88' the mark closes what one opened
            found.append(Reading(value_of(token[1].translate(SLIPS)), unit, start, at))
    return found


def value_of(digits: str) -> float:
    """The number that NUMBER or SLIP found."""
    if digits.replace(".", "", 1).isdecimal():  # as nearly all are
        return float(digits)
    if "/" in digits:
        *whole, above, below = map(int, re.findall(r"\d+", digits))
        return sum(whole) + above / below
    if re.fullmatch(THOUSANDS, digits):
        return float(digits.replace(",", ""))
    return float(digits.replace(" ", "").replace(".", "").replace(",", "."))


def with_shared(found: list[Reading], folded: str) -> list[Reading]:
    """The readings; one without a unit has that of the next in a range ("100-240 V"), of a
    neighbour in a size ("108*49cm")."""

    def linked(link, one, other):
        return link.fullmatch(folded, one.end, other.start)

    for at in range(len(found) - 2, -1, -1):
        here, after = found[at : at + 2]
        if (
            not here.unit
            and after.unit
            and (linked(RANGE, here, after) or after.unit in LENGTHS and linked(TIMES, here, after))
        ):
            found[at] = here._replace(unit=after.unit)
    for at in range(1, len(found)):
        before, here = found[at - 1 : at + 1]
        if not here.unit and before.unit in LENGTHS and linked(TIMES, before, here):
            found[at] = here._replace(unit=before.unit)
    return found


def with_mixed(found: list[Reading], folded: str) -> list[Reading]:
    """The readings, and before two that are one value (6 ft 2 in, 5'11") that value in the smaller
    unit."""
    values = []
    for here, after in pairwise([*found, None]):
        smaller, many = MIXED.get(here.unit, ("", 0))
        if (
            smaller
            and after
            and here.number % 1 == 0
            and after.number < many
            and (
                AND.fullmatch(folded, here.end, after.start)
                if after.unit == smaller
                else not after.unit and here.end == after.start
            )
        ):
            values.append(
                Reading(here.number * many + after.number, smaller, here.start, after.end)
            )
        values.append(here)
    return values
