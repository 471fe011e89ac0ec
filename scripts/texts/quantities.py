"""How much of it there is: what the text of a catalogue says about size, number and pack, in SI
units."""

import re

import numpy as np

# what stands after a number: (dimension, grams, millilitres, pieces or centimetres in one)
UNITS = {
    r"fl(?:uid)?\.?[ -]?(?:oz|ounces?)|fz": ("ml", 29.5735),
    r"gallons?|gal": ("ml", 3785.41),
    r"quarts?|qt": ("ml", 946.353),
    r"pints?": ("ml", 473.176),
    r"m(?:illi)?l(?:it(?:er|re)s?)?": ("ml", 1.0),
    r"cl": ("ml", 10.0),
    r"l(?:it(?:er|re)s?|tr)?": ("ml", 1000.0),
    r"ounces?|oz|onz": ("g", 28.3495),
    r"pounds?|lbs?": ("g", 453.592),
    r"k(?:ilo)?(?:g(?:rams?|ms?|s)?)|kilos?": ("g", 1000.0),
    r"g(?:rams?|ms?|rs?)?": ("g", 1.0),
    r"inch(?:es)?|in(?! \d)|”|\"": ("cm", 2.54),
    r"feet|foot|ft": ("cm", 30.48),
    r"cm": ("cm", 1.0),
    r"mm": ("cm", 0.1),
    r"met(?:er|re)s?": ("cm", 100.0),
    r"count|cnt|ct|each|ea|pieces?|pcs?|units?|(?:tea "
    r"?)?bags?|packets?|pouches|sachets?|pods?|k-?cups?|capsules?|tablets?|sticks?"
    r"|bars?|cans?|jars?|bottles?|boxes|servings?|cups": ("n", 1.0),
}
DIMENSIONS = ("g", "ml", "n", "cm")
NUMBER = r"(\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
UNIT = "|".join(f"({spelling})" for spelling in UNITS)
HELD = "|".join(
    spelling for spelling, (dimension, _) in UNITS.items() if dimension != "cm"
)  # "8 x 10 inch" is no pack of 8
TABLE = {
    name: re.compile(pattern, re.IGNORECASE | re.MULTILINE)
    for name, pattern in {
        "name": r"\A\s*(?:Item Name:)?[ \t]*([^\n]*)",
        "value": r"^Value:\s*" + NUMBER,
        "unit": r"^Unit:[ \d.]*(?:" + UNIT + r")\b",
        "size": r"(?<![\d.,/])" + NUMBER + r"[ -]?(?:" + UNIT + r")(?![a-z])",
        "pack": r"\b(?:pack|packs|case|set|box|bundle|lot|pk|carton|combo)(?: of |[- ]{1,2}of "
        r"|\s*[-:(]\s*)(\d{1,4})\b"
        r"|\b(\d{1,4})[ -]?(?:packs?|pk|per (?:case|pack|box)|/ ?(?:case|carton|box|pack|cs))\b"
        r"|(?<![\d.])(\d{1,4}) ?[x×] ?(?=\d*\.?\d+[ -]?(?:" + HELD + r")\b)",
        "money": r"(?:\bRs\.?|\bINR|\bUSD|\bEUR|[$₹€£]) ?" + NUMBER,
        "bullet": r"^Bullet Point",
        "description": r"^Product Description:",
    }.items()
}
# characters of a text in which sizes and packs are looked for: what follows speaks of servings and
# recipes
START = 800
KINDS = list(UNITS.values())
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
    """What stands after "Item Name:" up to the end of its line; a text without it: its first line.
    n texts → n names."""
    return [TABLE["name"].match(text)[1].strip() for text in texts]


def brands(texts, words: int = 2) -> np.ndarray:
    """A guess (n,) str at who makes it: the first `words` words of the name, lower-cased, up to a
    digit or punctuation; "" without."""
    starts = (
        re.match(r"[^\d,;:|()\[\]–—]*", name.lower().replace("’", "'"))[0]
        for name in item_names(texts)
    )
    return np.array(
        [" ".join(re.findall(r"[^\W_][\w'&.-]*|&", start)[:words]) for start in starts], dtype=str
    )


def number(digits: str) -> float:
    return min(float(digits.replace(",", "")), 1e9)  # a long code is no infinity


def sizes(text: str) -> list[tuple[str, float]]:
    """Each amount in a text, in its order: (dimension, how many grams, millilitres, pieces or
    centimetres)."""
    return [
        (KINDS[m.lastindex - 2][0], number(m[1]) * KINDS[m.lastindex - 2][1])
        for m in TABLE["size"].finditer(text)
    ]


def facts(name: str, text: str) -> dict[str, float]:
    """What one text says, by FACTS; what it does not say is left out. The name is believed before
    the rest."""
    found = {}
    if value := TABLE["value"].search(text):
        found["value"] = number(value[1])
        if unit := TABLE["unit"].search(text):
            dimension, factor = KINDS[unit.lastindex - 1]
            found[f"value_{dimension}"] = found["value"] * factor
    if pack := TABLE["pack"].search(name) or TABLE["pack"].search(text, 0, START):
        found["pack"] = float(pack[pack.lastindex])
    if money := TABLE["money"].search(text):
        found["money"] = number(money[1])
    said = sizes(name)
    found["sizes"] = float(len(said))
    for dimension, amount in (
        sizes(text[:START])[::-1] + said[::-1]
    ):  # backwards: what is written last here is what the name says first
        found[f"size_{dimension}"] = amount
    return found


def statistics(name: str, text: str) -> tuple[float, ...]:
    """The lengths and counts of STATISTICS."""
    digits, capitals = sum(map(str.isdigit, name)), sum(map(str.isupper, name))
    return (
        len(name),
        len(name.split()),
        digits,
        capitals / max(len(name), 1),
        name.count(","),
        len(text),
        len(text.split()),
        sum(text.count(digit) for digit in "0123456789"),
        text.count("\n"),
        len(TABLE["bullet"].findall(text)),
        TABLE["description"].search(text) is not None,
    )


def quantities(texts) -> tuple[np.ndarray, list[str]]:
    """Numbers (n, q) float32 in n catalogue texts, NaN where a text does not have one, and the
    names of the q columns.

    FACTS: the "Value:" line, as it stands and by its "Unit:" line in grams, millilitres, pieces (n)
    or centimetres; the pack ("Pack of 6", "6-pack", "6 x 8 oz"); the first size of each dimension
    in the name, else in the text; how many the name has; the first amount of money.
    From them: total_* (Value, else size × pack), each_* (total / pack), amount (grams or
    millilitres of all of it), amount_each and stated (size × pack, whatever Value says: the two
    disagree when "Value: 1, Unit: Count"). Then STATISTICS.
    """
    texts = list(texts)
    names = item_names(texts)
    rows = [facts(name, text) for name, text in zip(names, texts, strict=True)]
    column = {fact: np.array([row.get(fact, np.nan) for row in rows], float) for fact in FACTS}
    pack = np.where(column["pack"] > 0, column["pack"], 1.0)  # nothing said: one
    for d in DIMENSIONS[:3]:
        value = np.where(column[f"value_{d}"] > 0, column[f"value_{d}"], np.nan)
        column[f"total_{d}"] = np.where(np.isnan(value), column[f"size_{d}"] * pack, value)
        column[f"each_{d}"] = column[f"total_{d}"] / pack
    for name, kind in (("amount", "total"), ("amount_each", "each")):
        column[name] = np.where(
            np.isnan(column[f"{kind}_g"]), column[f"{kind}_ml"], column[f"{kind}_g"]
        )
    column["stated"] = (
        np.where(np.isnan(column["size_g"]), column["size_ml"], column["size_g"]) * pack
    )
    stats = np.array(
        [statistics(name, text) for name, text in zip(names, texts, strict=True)], float
    ).reshape(-1, len(STATISTICS))
    return np.column_stack([*column.values(), stats]).astype(np.float32), [*column, *STATISTICS]


def scaled(values: np.ndarray) -> np.ndarray:
    """Quantities (n, q) as distances and networks take them, (n, 2 q) float32: logs, standardised,
    cut at ±4, 0 where not there; then which are there. The moments are those of all rows: no label
    is in them."""
    logs = np.sign(values) * np.log1p(np.abs(values))
    known = np.isfinite(logs)
    count = np.maximum(known.sum(0), 1)
    mean = np.where(known, logs, 0).sum(0) / count
    std = np.sqrt(np.where(known, (logs - mean) ** 2, 0).sum(0) / count)
    z = np.where(known, (logs - mean) / np.maximum(std, 1e-3), 0).clip(-4, 4)
    return np.concatenate([z, known], 1).astype(np.float32)
