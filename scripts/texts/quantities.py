"""Quantities in catalogue texts: size, number of pieces and pack, in grams, millilitres, pieces and
centimetres.

    in:  "Item Name: Taco Sauce, 12 Ounce (Pack of 6)\\nValue: 72.0\\nUnit: Fl Oz"
    out: value 72, value_ml 2129.3, pack 6, size_g 340.2, total_ml 2129.3, each_ml 354.9, …
"""

import re

import numpy as np

from texts.units import TABLE, Unit

PIECE = Unit("n", 1.0, "piece")
# How English catalogue texts write a unit (units.SPELLINGS has what packs in many languages say);
# the first that matches counts, so "fl oz" stands before "oz".
CATALOGUE_PATTERNS = {
    "fluid ounce": r"fl(?:uid)?\.?[ -]?(?:oz|ounces?)|fz",
    "gallon": r"gallons?|gal",
    "quart": r"quarts?|qt",
    "pint": r"pints?",
    "millilitre": r"m(?:illi)?l(?:it(?:er|re)s?)?",
    "centilitre": r"cl",
    "litre": r"l(?:it(?:er|re)s?|tr)?",
    "ounce": r"ounces?|oz|onz",
    "pound": r"pounds?|lbs?",
    "kilogram": r"k(?:ilo)?(?:g(?:rams?|ms?|s)?)|kilos?",
    "gram": r"g(?:rams?|ms?|rs?)?",
    "inch": r"inch(?:es)?|in(?! \d)|”|\"",
    "foot": r"feet|foot|ft",
    "centimetre": r"cm",
    "millimetre": r"mm",
    "metre": r"met(?:er|re)s?",
    "piece": r"count|cnt|ct|each|ea|pieces?|pcs?|units?|(?:tea ?)?bags?|packets?|pouches|sachets?"
    r"|pods?|k-?cups?|capsules?|tablets?|sticks?|bars?|cans?|jars?|bottles?|boxes|servings?|cups",
}
# the units of UNIT's groups, in their order
SIZES = [TABLE.get(name, PIECE) for name in CATALOGUE_PATTERNS]
DIMENSIONS = ("g", "ml", "n", "cm")  # what sizes are counted in; n: pieces
NUMBER = r"(\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
UNIT = "|".join(f"({spelling})" for spelling in CATALOGUE_PATTERNS.values())
# "8 x 10 inch" is no pack of 8
PACKED = "|".join(
    spelling
    for spelling, unit in zip(CATALOGUE_PATTERNS.values(), SIZES, strict=True)
    if unit.base != "cm"
)
EXPRESSIONS = {
    "name": r"\A\s*(?:Item Name:)?[ \t]*([^\n]*)",
    "value": r"^Value:\s*" + NUMBER,
    "unit": r"^Unit:[ \d.]*(?:" + UNIT + r")\b",
    "size": r"(?<![\d.,/])" + NUMBER + r"[ -]?(?:" + UNIT + r")(?![a-z])",
    "pack": r"\b(?:pack|packs|case|set|box|bundle|lot|pk|carton|combo)(?: of |[- ]{1,2}of "
    r"|\s*[-:(]\s*)(\d{1,4})\b"
    r"|\b(\d{1,4})[ -]?(?:packs?|pk|per (?:case|pack|box)|/ ?(?:case|carton|box|pack|cs))\b"
    r"|(?<![\d.])(\d{1,4}) ?[x×] ?(?=\d*\.?\d+[ -]?(?:" + PACKED + r")\b)",
    "money": r"(?:\bRs\.?|\bINR|\bUSD|\bEUR|[$₹€£]) ?" + NUMBER,
    "bullet": r"^Bullet Point",
    "description": r"^Product Description:",
}
PATTERNS = {
    name: re.compile(expression, re.IGNORECASE | re.MULTILINE)
    for name, expression in EXPRESSIONS.items()
}
UP_TO_PUNCTUATION = re.compile(r"[^\d,;:|()\[\]–—]*")
WORD = re.compile(r"[^\W_][\w'&.-]*|&")
# characters of a text in which sizes and packs are looked for: what follows speaks of servings and
# recipes
START = 800
FACTS = (
    "value",
    *(f"value_{d}" for d in DIMENSIONS),
    "pack",
    *(f"size_{d}" for d in DIMENSIONS),
    "sizes",
    "money",
)
STATISTICS = (
    "name_length",
    "name_words",
    "name_digits",
    "name_capitals",
    "name_commas",
    "text_length",
    "text_words",
    "text_digits",
    "text_lines",
    "bullets",
    "described",
)


def item_names(texts) -> list[str]:
    """The names of n texts: the rest of the line after "Item Name:", else the first line."""
    return [PATTERNS["name"].match(text)[1].strip() for text in texts]


def brands(texts, words: int = 2) -> np.ndarray:
    """A guess at the brands (n,) str: the first `words` words of the name in lower case, up to a
    digit or punctuation; "" where there is none."""
    guesses = []
    for name in item_names(texts):
        name = name.lower()
        name = name.replace("’", "'")
        start = UP_TO_PUNCTUATION.match(name)[0]
        first_words = WORD.findall(start)[:words]

        brand = " ".join(first_words)
        guesses.append(brand)

    return np.array(guesses, dtype=str)


def number(digits: str) -> float:
    """1000.0 of "1,000"."""
    return min(float(digits.replace(",", "")), 1e9)  # a long code is no infinity


def sizes(text: str) -> list[tuple[str, float]]:
    """(dimension, amount) of each size in a text, in order; amounts are in grams, millilitres,
    pieces or centimetres."""
    amounts = []
    for match in PATTERNS["size"].finditer(text):
        group = match.lastindex - 1  # group 1 is the number
        unit = SIZES[group - 1]
        count = number(match[1])
        amount = count * unit.factor
        amounts.append((unit.base, amount))

    return amounts


def facts(name: str, text: str) -> dict[str, float]:
    """{fact: number} of those FACTS that one text states; the name counts before the rest."""
    stated = {}
    value = PATTERNS["value"].search(text)
    if value:
        amount = number(value[1])
        stated["value"] = amount

        unit_line = PATTERNS["unit"].search(text)
        if unit_line:
            unit = SIZES[unit_line.lastindex - 1]
            stated[f"value_{unit.base}"] = amount * unit.factor

    pattern = PATTERNS["pack"]
    pack = pattern.search(name) or pattern.search(text, 0, START)
    if pack:
        digits = pack[pack.lastindex]
        stated["pack"] = float(digits)

    money = PATTERNS["money"].search(text)
    if money:
        stated["money"] = number(money[1])

    name_sizes = sizes(name)
    text_sizes = sizes(text[:START])
    stated["sizes"] = float(len(name_sizes))

    for dimension, amount in name_sizes + text_sizes:
        stated.setdefault(f"size_{dimension}", amount)  # the first counts

    return stated


def statistics(name: str, text: str) -> tuple[float, ...]:
    """The lengths and counts of STATISTICS."""
    name_digits = sum(map(str.isdigit, name))
    capitals = sum(map(str.isupper, name))
    text_digits = sum(text.count(digit) for digit in "0123456789")
    bullets = PATTERNS["bullet"].findall(text)
    description = PATTERNS["description"].search(text)
    return (
        len(name),
        len(name.split()),
        name_digits,
        capitals / max(len(name), 1),
        name.count(","),
        len(text),
        len(text.split()),
        text_digits,
        text.count("\n"),
        len(bullets),
        description is not None,
    )


def quantities(texts) -> tuple[np.ndarray, list[str]]:
    """Quantities (n, q) float32 of n catalogue texts, NaN where missing, and the q columns' names.

    FACTS    value: the "Value:" line; value_*: the same in grams, millilitres, pieces (n) or
             centimetres, by the "Unit:" line; pack: "Pack of 6", "6-pack", "6 x 8 oz"; size_*: the
             first size of each dimension in the name, else in the text; sizes: how many the name
             has; money: the first amount of it
    totals   what follows from the facts
    STATISTICS   lengths and counts of name and text
    """
    texts = list(texts)
    names = item_names(texts)
    pairs = list(zip(names, texts, strict=True))

    rows = [facts(name, text) for name, text in pairs]

    columns = {}  # (n,) each
    for fact in FACTS:
        column = [row.get(fact, np.nan) for row in rows]
        columns[fact] = np.array(column, float)

    columns |= totals(columns)

    counts = [statistics(name, text) for name, text in pairs]
    counts = np.array(counts, float)
    counts = counts.reshape(-1, len(STATISTICS))  # of no texts too

    values = np.column_stack([*columns.values(), counts])
    column_names = [*columns, *STATISTICS]
    return values.astype(np.float32), column_names


def totals(facts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """{column: (n,)} of what follows from FACTS {fact: (n,)}.

    total_*      value, else size × pack
    each_*       total / pack
    amount       total_g, else total_ml
    amount_each  each_g, else each_ml
    stated       size × pack in g, else ml, whatever the value is: they disagree where the text says
                 "Value: 1, Unit: Count"
    """
    pack = facts["pack"]
    has_pack = pack > 0
    pack = np.where(has_pack, pack, 1.0)

    out = {}
    for d in ("g", "ml", "n"):
        value = facts[f"value_{d}"]
        size = facts[f"size_{d}"]
        stated = size * pack

        has_value = value > 0
        total = np.where(has_value, value, stated)
        out[f"total_{d}"] = total
        out[f"each_{d}"] = total / pack

    # by weight, else by volume
    out["amount"] = first_known(out["total_g"], out["total_ml"])
    out["amount_each"] = first_known(out["each_g"], out["each_ml"])
    size = first_known(facts["size_g"], facts["size_ml"])
    out["stated"] = size * pack
    return out


def first_known(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x (n,), and y where x is NaN."""
    return np.where(np.isnan(x), y, x)


def signed_logs(values: np.ndarray) -> np.ndarray:
    """log1p of the sizes of the numbers, with their signs."""
    size = np.abs(values)
    return np.sign(values) * np.log1p(size)


def moments(values: np.ndarray) -> np.ndarray:
    """Mean and standard deviation (2, q) of the logs of quantities (n, q), NaN where missing."""
    logs = signed_logs(values)
    known = np.isfinite(logs)
    count = known.sum(0)
    count = np.maximum(count, 1)  # (q,)

    known_logs = np.where(known, logs, 0)
    mean = known_logs.sum(0) / count

    squares = np.where(known, (logs - mean) ** 2, 0)
    variance = squares.sum(0) / count
    deviation = np.sqrt(variance)
    deviation = np.maximum(deviation, 1e-3)
    return np.stack([mean, deviation])


def scaled(values: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """Quantities (n, q), NaN where missing, for distances and networks: (n, 2 q) float32.

    The first q columns are logs, standardised by the moments (2, q) of the training rows and
    clipped at ±4, 0 where missing; the others are 1 where a quantity is there.
    """
    logs = signed_logs(values)
    known = np.isfinite(logs)
    mean, deviation = moments

    z = (logs - mean) / deviation
    z = np.where(known, z, 0)
    z = z.clip(-4, 4)
    out = np.concatenate([z, known], 1)
    return out.astype(np.float32)
