"""A text in plain characters, with its number words in digits.

in:  "Two and a half Litres – 2½ ℓ"  → out: "2 1/2          litres - 2 1/2 l", and places
"""

import re
import unicodedata
from functools import lru_cache

# ---- characters ----

CHARACTERS = dict(zip("″“”„′‘’´`‐‑‒–—−×✕✖", "\"\"\"\"'''''------xxx", strict=True))
CHARACTERS |= {"²": "^2", "³": "^3"}

# ---- number words ----

BELOW_20 = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
SMALL = {word: number for number, word in enumerate(BELOW_20.split())}
SMALL |= {word: 10 * number for number, word in enumerate(TENS.split(), start=2)}
FRACTIONS = {"half": 2, "third": 3, "thirds": 3, "quarter": 4, "quarters": 4}
WORD = "|".join((*SMALL, *FRACTIONS, "hundred", "thousand"))
WORDS = re.compile(
    rf"\b(?:{WORD}|\d{{1,3}}(?= and (?:a|one|three) ))\b"
    rf"(?:[ -]++(?:and )?(?:an? )?(?:{WORD}|point)\b){{0,9}}(?: (?:of )?an?\b)?"
)


def plain_text(text: str) -> tuple[str, range | list[int]]:
    """The text in plain characters with its number words in digits, and for each character of the
    result its place in the text."""
    if text.isascii():
        plain = text.lower()
        places = range(len(text))
    else:
        characters = [plain_character(char) for char in text]
        plain = "".join(characters)

        # a character may become several, or none
        places = []
        for place, character in enumerate(characters):
            places += [place] * len(character)

    plain = WORDS.sub(digits_of_match, plain)
    return plain, places


@lru_cache(4096)
def plain_character(char: str) -> str:
    """A character in lower case, without its accent, in ASCII where possible; "½" becomes " 1/2",
    an invisible character ""."""
    if char.isdecimal():
        return str(unicodedata.decimal(char))

    text = CHARACTERS.get(char, char)
    text = unicodedata.normalize("NFKD", text).lower()
    text = text.replace("\u2044", "/")  # the slash of "½"

    invisible = ("Mn", "Cf")  # accents, and marks of direction or width
    text = "".join(c for c in text if unicodedata.category(c) not in invisible)

    if char.isnumeric() and "/" in text:
        return " " + text  # "2½" is "2 1/2"

    return text


def digits_of_match(match: re.Match) -> str:
    """Number words in digits, padded, so that what follows keeps its place."""
    return in_digits(match[0]).ljust(len(match[0]))


def in_digits(words: str) -> str:
    """ "120" of "one hundred and twenty", "2 1/2" of "two and a half"; the words themselves if the
    digits would be longer."""
    whole, _, decimals = words.partition(" point ")
    thousands = 0
    below = 0  # a thousand
    fraction = ""
    previous = ""

    for word in re.findall(r"[a-z]+|\d+", whole):
        if word in FRACTIONS:
            denominator = FRACTIONS[word]
            numerator = 1

            # "three quarters", not "three and a half"
            if previous in SMALL and below < denominator:
                numerator = below
                below = 0

            fraction = f"{numerator}/{denominator}"
        elif word == "hundred":
            below = max(below, 1) * 100
        elif word == "thousand":
            thousands += max(below, 1) * 1000
            below = 0
        elif word.isdigit():
            below += int(word)
        else:
            below += SMALL.get(word, 0)

        previous = word

    digits = f"{thousands + below or ''} {fraction}".strip()
    if decimals:
        decimal_digits = [str(SMALL[word]) for word in decimals.split() if word in SMALL]
        digits += "." + "".join(decimal_digits)

    return digits if len(digits) <= len(words) else words
