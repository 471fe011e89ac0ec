"""Values in words: finds the numbers with a unit in any text, and spells one as the competition writes it.

What could be read in two ways is read as packs mean it, counted on their texts where the label tells: "1,000" is a thousand
(16 of 16), "1.000" is one (15 of 16), "2,5" is two and a half (70 of 70), "6 330 ml" is 330 ml (21 of 23). A number without a unit
has that of the next one in a range ("100-240 V") and among lengths ("108*49cm").
"""
import re
import unicodedata
from decimal import Decimal
from functools import lru_cache
from math import inf
from typing import NamedTuple

from common.unit_names import ENTITIES, LENGTHS, NAMES, UNITS

MIXED = {"foot": ("inch", 12), "pound": ("ounce", 16)}  # 5'11" and 2 lb 3 oz have a reading in the smaller unit too
SIGNS = {ord(char): sign for sign, chars in {'"': "″“”„", "'": "′‘’´`", "-": "‐‑‒–—−", "x": "×✕✖", "^2": "²", "^3": "³"}.items()
         for char in chars}
SMALL = {word: number for number, word in enumerate(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split())}
SMALL |= dict(zip("twenty thirty forty fifty sixty seventy eighty ninety".split(), range(20, 100, 10)))
LARGE, PARTS = {"hundred": 100, "thousand": 1000}, {"half": 2, "third": 3, "thirds": 3, "quarter": 4, "quarters": 4}
BARE = str.maketrans("", "", " .-")
SLIPS = {ord("o"): "0", ord("l"): "1", ord("i"): "1"}


def pattern(name: str) -> str:
    """The regular expression of one of NAMES."""
    words = r"[ .-]{0,2}".join(map(re.escape, name.split("_")))
    return words + "s?" * (name[-1].isalpha() and len(name) > 1)


LONGEST_FIRST = sorted((name for names in NAMES.values() for name in names), key=len, reverse=True)
LETTERS = "|".join(pattern(name) for name in LONGEST_FIRST if name[0].isalpha())
MARKS = "|".join(pattern(name) for name in LONGEST_FIRST if not name[0].isalpha())
NOT_INCH = r"in[ -](?:stock|the|an?|this|one|each|every|all|(?:y?our|my|its)|1(?![\d.,/]|[ -]?(?:cm|mm|in|ft|\")))\b"  # "2 in 1"
UNIT = rf"(?!{NOT_INCH})(?:(?:{LETTERS})(?!(?!x ?\d)[a-z]|\^|[23](?![\w.,]))|{MARKS})"  # "20cmx30cm" has two, "20 cm²" none
FRACTION = r"(?:\d{1,4}[ -]{1,2})?(?:1/2|[12]/3|[13]/4|[1-4]/5|[15]/6|[1357]/8|1?[13579]/16|[123]?[13579]/32|[1-6]?[13579]/64)(?![\d/])"
GROUPED = r"[1-9]\d{0,2}(?:(?:,\d{3})++(?:\.\d++)?|(?:\.\d{3})++,\d++|(?:\.\d{3}){2,}+|(?: 000)++)"
NUMBER = rf"(?<!\d)(?<!\d[.,])(?:{FRACTION}|(?:{GROUPED}|\d++(?:[.,]\d++)?|\.\d++)(?![.,]?\d))"
SAID = r"(?:\W{0,6}(?:the )?unit(?: is)?\W{0,6})?"  # "The value is 36. The unit is inch."
TOKEN = re.compile(rf"({NUMBER})(?:[\s*_()\]~-]*+(?:\\(?:[,; ]|text|mathrm)[{{\s]*+){{0,2}}\.?{SAID}({UNIT}))?")
SIDE = r"(?:\(?[lwhd]\)?[:= ]?)?"
DIGIT = re.compile(r"[.\d](?:(?<=\d)|(?=\d))")  # where a number may start: five times as fast as a search for TOKEN
RANGE, TIMES = (re.compile(rf"[\s)\]]{{0,3}}{SIDE}\s{{0,3}}(?:{sign})\s{{0,3}}{SIDE}\(?")
                for sign in (r"-|~|to|or|,(?=[^\[\]]*\])|/", "[x*]|by|and|&"))
AND = re.compile(r"[\s,-]{0,2}(?:and )?")
WORD = "|".join((*SMALL, *LARGE, *PARTS))
WORDS = re.compile(rf"\b(?:{WORD}|\d{{1,3}}(?= and (?:a|one|three) ))\b(?:[ -]++(?:and )?(?:an? )?(?:{WORD}|point)\b)*(?: (?:of )?an?\b)?")
SLIP = re.compile(rf"(?:\d(?<![\doli]\d)|o(?<![a-z\d]o)(?=[.,]\d))(?=[\d.,]*+[oli])[\doli]*(?:[.,][\doli]+)?(?= ?(?:{UNIT}))")
UNIT_SLIP = re.compile(r"(\d[\s.]?(?:fl[ .]{0,2})?)(0z|[i|]b)(?=s?(?![a-z\d]))")
UNIT_OF = {name.replace("_", "") + s: unit for unit, names in NAMES.items() for name in names for s in ("", "s")}
STRICT = re.compile(r"(\d+(?:\.\d+)?) ([a-z ]+)", re.ASCII)
SO = re.compile(r"\b(?:so|therefore|thus|hence|answer)\b", re.IGNORECASE)


class Reading(NamedTuple):
    """A number with its unit, and where they stand in the text."""
    number: float
    unit: str
    start: int
    end: int


@lru_cache(4096)
def plain(char: str) -> str:
    """A character in lower case, without its accent, in ASCII where it can be; "½" is " 1/2", and what is not seen is ""."""
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    text = unicodedata.normalize("NFKD", char.translate(SIGNS)).lower().replace("\u2044", "/")
    text = "".join(c for c in text if unicodedata.category(c) not in ("Mn", "Cf"))
    return " " + text if char.isnumeric() and "/" in text else text


def fold(text: str) -> tuple[str, range | list[int]]:
    """The text in plain characters, number words and slips of reading mended, and the place in the text of each character."""
    if text.isascii():
        folded, places = text.lower(), range(len(text))
    else:
        parts = [plain(char) for char in text]
        folded, places = "".join(parts), [place for place, part in enumerate(parts) for _ in part]
    folded = WORDS.sub(lambda m: in_digits(m[0]).ljust(len(m[0])), folded)
    folded = UNIT_SLIP.sub(lambda m: m[1] + ("oz" if m[2] == "0z" else "lb"), folded)
    return SLIP.sub(mend, folded), places


def in_digits(words: str) -> str:
    """"120" of "one hundred and twenty", "2 1/2" of "two and a half"; the words where that would be longer, as of a third alone."""
    first, _, after = words.partition("point")
    total, now, share, before = 0, 0, "", ""
    for word in re.findall(r"[a-z]+|\d+", first):
        if word in PARTS:
            above, now = (now, 0) if before in SMALL and now < PARTS[word] else (1, now)
            share = f"{above}/{PARTS[word]}"
        elif word in LARGE:
            total, now = (total + max(now, 1) * 1000, 0) if word == "thousand" else (total, max(now, 1) * 100)
        else:
            now += SMALL.get(word, 0) if word.isalpha() else int(word)
        before = word
    decimals = "".join(str(SMALL[word]) for word in re.findall("[a-z]+", after) if word in SMALL)
    digits = f"{total + now}.{decimals}" if decimals else f"{total + now or ''} {share}".strip()
    return digits if len(digits) <= len(words) else words


def mend(slip: re.Match) -> str:
    """Digits for the letters o, l and i in a number, unless it has a unit as it is: "5l" is 5 litre, "5oog" is 500 gram."""
    as_is = TOKEN.match(slip.string, slip.start())
    return slip[0] if as_is and as_is[2] else slip[0].translate(SLIPS)


def value_of(digits: str) -> float:
    """The number that NUMBER found."""
    if "/" in digits:
        *whole, above, below = map(int, re.findall(r"\d+", digits))
        return sum(whole) + above / below
    if re.fullmatch(GROUPED, digits):
        sign = "," if "." in digits and digits.rfind(",") > digits.rfind(".") else "."
        if digits.count(".") > 1:
            sign = ","
        return float("".join(char for char in digits.replace(sign, "e") if char.isdigit() or char == "e").replace("e", "."))
    return float(digits.replace(",", "."))


def tokens(folded: str) -> list[Reading]:
    """The numbers of a folded text in order of place; the unit of one that has none is that of the one it is listed with, or ""."""
    found, at = [], 0
    while start := DIGIT.search(folded, at):
        at = start.end()
        if token := TOKEN.match(folded, start.start()):
            at = token.end()
            found.append(Reading(value_of(token[1]), unit(token, folded), token.start(), at))
    for at in range(len(found) - 2, -1, -1):
        here, after = found[at], found[at + 1]
        if not here.unit and after.unit and (RANGE.fullmatch(folded, here.end, after.start)
                                             or after.unit in LENGTHS and TIMES.fullmatch(folded, here.end, after.start)):
            found[at] = here._replace(unit=after.unit)
    for at in range(1, len(found)):
        here, before = found[at], found[at - 1]
        if not here.unit and before.unit in LENGTHS and TIMES.fullmatch(folded, before.end, here.start):
            found[at] = here._replace(unit=before.unit)
    return found


def unit(token: re.Match, folded: str) -> str:
    """The official unit of a number, "" without one: in '88' the last mark closes what the first opened."""
    name = (token[2] or "").translate(BARE)
    return "" if name in ("'", '"') and folded[token.start() - 1:token.start()] == name else UNIT_OF.get(name, "")


def readings(text: str, units=UNITS) -> list[Reading]:
    """Every number with a unit that a text may mean, in order of place, of the units given."""
    folded, places = fold(text)
    found, all_of_them = tokens(folded), []
    for here, after in zip(found, [*found[1:], None]):
        smaller, many = MIXED.get(here.unit, ("", 0))
        if smaller and after and here.number % 1 == 0 and after.number < many and (
                after.unit == smaller and AND.fullmatch(folded, here.end, after.start) or after.start == here.end and not after.unit):
            all_of_them.append(Reading(here.number * many + after.number, smaller, here.start, after.end))
        all_of_them.append(here)
    as_named = {"ounce": "fluid ounce"} if "ounce" not in units else {}
    all_of_them = [reading._replace(unit=as_named.get(reading.unit, reading.unit)) for reading in all_of_them]
    return [Reading(number, unit, places[start], places[end - 1] + 1) for number, unit, start, end in all_of_them
            if unit in units and 0 < number < inf]


def normalise(text: str, entity: str) -> str:
    """The value that a reply states, "12.5 gram"; "" when the text holds no value of that entity.

    Of several it is the first after the last "so", "therefore", "thus", "hence" or "answer" that has one after it, else the first.
    """
    value = parse(text)
    if value and value[1] in ENTITIES[entity] and value[0]:
        return spell(*value)
    found = readings(text, ENTITIES[entity])
    if not found:
        return ""
    said = max((m.end() for m in SO.finditer(text) if m.end() <= found[-1].start), default=0)
    answer = next(reading for reading in found if reading.start >= said)
    return spell(answer.number, answer.unit)


def normalise_all(texts, entities) -> list[str]:
    """`normalise` of many, each distinct pair once."""
    pairs = list(zip(texts, entities))
    answers = {pair: normalise(*pair) for pair in set(pairs)}
    return [answers[pair] for pair in pairs]


def spell(number: float, unit: str) -> str:
    """"8.0 fluid ounce": the number as Python writes a float, but never with an exponent."""
    digits = repr(float(number))
    if "e" in digits:
        digits = format(Decimal(digits), "f")
        digits += ".0" * ("." not in digits)
    return f"{digits} {unit}"


def parse(answer: str) -> tuple[float, str] | None:
    """Number and unit of "8.0 fluid ounce"; None for "" and for what is not exactly one number and one unit."""
    found = STRICT.fullmatch(answer)
    return (float(found[1]), found[2]) if found and found[2] in UNITS and float(found[1]) < inf else None
