"""Reads the price out of a language model's reply about a row.

in: "It costs about $1,299.00 for a pack of 6." → out: log1p of 1299.00
"""

import re
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from texts.quantities import PATTERNS

# A price this many times below the least training price, or above the highest, is not believed: it
# is in another currency, of another unit, or no price.
MARGIN = 10
# "12.99", "1,299.00", "1.299,00", "1 299", "1'299.00", ".99"
NUMBER = re.compile(
    r"\d{1,3}(?:[ \u00a0\u202f'’]\d{3})+(?!\d)(?:[.,]\d+)?|\d[\d.,]*\d|\d|\.\d+", re.ASCII
)
CURRENCY = r"(?:\b(?:Rs\.?|INR|USD|US|EUR|GBP|AUD|CAD)|[$€£₹¥])"
MONEY_BEFORE = re.compile(rf"{CURRENCY}[*\s]*$", re.IGNORECASE)
MONEY_AFTER = re.compile(
    r"[*\s]*(?:[$€£₹¥¢]|(?:USD|EUR|GBP|AUD|CAD|INR|Rs|dollars?|euros?|rupees?|cents?)\b)",
    re.IGNORECASE,
)
FACTORS = {"k": 1000.0, "thousand": 1000.0, "cent": 0.01, "cents": 0.01, "¢": 0.01}
FACTOR = re.compile(r"\s?(k|thousand|cents?|¢)(?!\w)", re.IGNORECASE)
# right before a number that is no price: "-5", "B12"
NO_PRICE_BEFORE = re.compile(r"(?:(?:^|[\s(:])-|[^\W\d_])$")
BETWEEN_WORDS = re.compile(rf"{CURRENCY}|[*\s]", re.IGNORECASE)  # of a range, beside its sign
EACH = re.compile(r"(?:each|ea)$", re.IGNORECASE)
RANGE_SIGNS = ("-", "–", "—", "to", "and")


@dataclass(frozen=True)
class Number:
    """A number in a reply that can be a price."""

    value: float
    start: int  # where it begins and ends in the reply
    end: int
    is_money: bool  # a currency stands beside it


def read_replies(replies, rows, idx) -> np.ndarray:
    """Predictions (m, 1), log1p of the prices in a language model's replies (m,) to the row numbers
    idx (m,); the baseline where no price can be read."""
    pred = rows.baselines(idx)
    for j, price in enumerate(read_prices(replies, rows)):
        if price is not None:
            pred[j] = np.log1p(price)

    return pred


def is_clear(replies, rows, idx) -> np.ndarray:
    """(m,) bool: True where nothing is left to be refined, because a reply has a price that can be
    read, or no digit."""
    prices = read_prices(replies, rows)
    clear = []
    for reply, price in zip(replies, prices, strict=True):
        has_digit = re.search(r"\d", reply)
        clear.append(price is not None or not has_digit)

    return np.array(clear, bool)


def read_prices(replies, rows) -> list[float | None]:
    """The price of each reply, None where there is none."""
    low, high = rows.outputs["price"]
    return [read_price(reply, low / MARGIN, high * MARGIN) for reply in replies]


def read_price(reply: str, low: float, high: float) -> float | None:
    """The price in a reply, None where no number from `low` to `high` is there.

    A number beside a currency comes before others; of these the first. Of a range it is the middle.
    A size, a number of pieces and a percentage ("500 g", "pack of 6", "20%") are no price.
    """
    reply = reply.replace('"', " ")  # of JSON; else they would be inches
    sizes = size_spans(reply)

    first = None
    for number in join_ranges(find_numbers(reply, low, high), reply):
        if number.is_money:
            return number.value

        is_size = any(start <= number.start < end for start, end in sizes)
        if first is None and not is_size:
            first = number.value

    return first


def find_numbers(reply: str, low: float, high: float) -> list[Number]:
    """The numbers from `low` to `high` that are not negative and no part of a word."""
    numbers = []
    for match in NUMBER.finditer(reply):
        before = reply[: match.start()]
        is_money = bool(MONEY_BEFORE.search(before))
        if not is_money and NO_PRICE_BEFORE.search(before):
            continue

        factor = FACTOR.match(reply, match.end())
        scale = FACTORS[factor[1].lower()] if factor else 1.0
        values = [scale * value for value in readings(match[0])]

        believed = [value for value in values if low <= value <= high]
        if believed:
            is_money = is_money or bool(MONEY_AFTER.match(reply, match.end()))
            numbers.append(Number(believed[0], match.start(), match.end(), is_money))

    return numbers


def readings(text: str) -> list[float]:
    """The numbers that a text can mean, the likeliest first: "1,299" is 1299 or 1.299, "1.299" the
    other way round, as a comma is the decimal sign of half the world."""
    text = re.sub(r"[^\d.,]", "", text)
    last = max(text.rfind("."), text.rfind(","))
    if last < 0:
        return [float(text)]

    whole = re.sub(r"[.,]", "", text)
    sign = text[last]
    decimals = text[last + 1 :]
    as_decimal = float(re.sub(r"[.,]", "", text[:last] or "0") + "." + decimals)

    if text.count(sign) > 1:  # "1,299,000"
        return [float(whole)]

    has_both = len(set(text) & {".", ","}) > 1
    if has_both or len(decimals) != 3 or text[:last] in ("", "0"):
        return [as_decimal]

    values = [float(whole), as_decimal]
    return values if sign == "," else values[::-1]


def join_ranges(numbers: list[Number], reply: str) -> list[Number]:
    """The numbers, with one in the middle in place of the two of a range "10 - 15"."""
    joined = list(numbers)
    for first, second in pairwise(numbers):
        between = BETWEEN_WORDS.sub("", reply[first.end : second.start]).lower()
        is_range = between in RANGE_SIGNS

        if between == "and":
            is_range = "between" in reply[: first.start].lower()

        if is_range and first in joined:
            middle = (first.value + second.value) / 2
            is_money = first.is_money or second.is_money
            joined[joined.index(first)] = Number(middle, first.start, second.end, is_money)
            joined.remove(second)

    return joined


def size_spans(reply: str) -> list[tuple[int, int]]:
    """Where sizes, packs and percentages stand in a reply; "12.99 each" is no size."""
    percentages = re.finditer(r"\d[\d.,]*\s*%", reply)
    matches = [*PATTERNS["size"].finditer(reply), *PATTERNS["pack"].finditer(reply), *percentages]
    return [match.span() for match in matches if not EACH.search(match[0])]
