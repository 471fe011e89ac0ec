"""What a table of prices holds: how they spread and end, cells that are no price, equal texts at
different prices, how long texts are.

    in:  train.csv with columns sku, title, cost
    out: {"prices": a row per fact, "quantiles of the price": one row, ...}
"""

import numpy as np
import pandas as pd

from metrics.smape import smape
from tasks.price.read import price_column
from tasks.raw import Raw, paragraphs
from tasks.tables import Tables, count_values, list_facts, quantiles
from texts.quantities import PATTERNS, item_names, number

OFTEN = 10  # of the most frequent prices and endings
ENDS = 5  # lowest and highest rows
FENCE = 1.5  # Tukey's: an outlier is this many interquartile ranges of log1p outside the quartiles
SAME_TEXTS = "the same text, or name (its first line), in several rows"


def needs(data) -> dict[str, list[str]]:
    """The columns that train and test must have."""
    columns = [data.id, *data.text]
    return {"train": [*columns, price_column(data)], "test": columns}


def analyse(raw: Raw) -> Tables:
    """The tables of this analysis by title; those on texts only where the config names text."""
    data = raw.config.data
    cells = raw.train[price_column(data)]
    price = pd.to_numeric(cells, errors="coerce").to_numpy(float)
    price = np.where(np.isfinite(price), price, np.nan)
    known = price[price > 0]

    frequent = count_values(known, "price")
    tables = {
        "prices": list_facts(price_facts(cells, price)),
        "quantiles of the price": pd.DataFrame([quantiles(known)]),
        "most frequent prices": frequent.head(OFTEN),
        "endings": endings(known),
        "the lowest and the highest": extremes(raw.train[data.id], price),
    }

    if not data.text:
        return tables

    texts = {}
    for split, table in raw.splits.items():
        texts[split] = paragraphs(table, data.text)

    money_facts = money(texts["train"], price)
    return tables | {
        SAME_TEXTS: same_texts(texts, price),
        "money in texts": list_facts(money_facts),
        "words per text": words(raw),
    }


def price_facts(cells: pd.Series, price: np.ndarray) -> dict:
    """How many cells (n,) are a price and how many are not, and moments of the prices above 0.

    price (n,): the cells as numbers, nan where a cell is none. The standard deviation is that of
    the rows themselves (ddof 0).
    """
    known = price[price > 0]
    log = np.log1p(known)
    n_below, n_above = outliers(log)

    is_empty = cells == ""
    is_number = ~np.isnan(price)
    is_no_number = ~is_empty & ~is_number

    mean = deviation = np.nan

    if len(known):
        mean = known.mean()
        deviation = known.std()

    return {
        "rows": len(cells),
        "empty": int(is_empty.sum()),
        "not a number": int(is_no_number.sum()),
        "zero": int((price == 0).sum()),
        "negative": int((price < 0).sum()),
        "above zero": len(known),
        "mean": mean,
        "standard deviation": deviation,
        "skew of log1p": skew(log),
        f"below the quartile of log1p by {FENCE} interquartile ranges": n_below,
        f"above the quartile of log1p by {FENCE} interquartile ranges": n_above,
    }


def outliers(values: np.ndarray) -> tuple[int, int]:
    """How many of the values (n,) lie below and above Tukey's fence."""
    if not len(values):
        return 0, 0

    low, high = np.quantile(values, [0.25, 0.75])
    fence = FENCE * (high - low)

    is_below = values < low - fence
    is_above = values > high + fence
    n_below = int(is_below.sum())
    n_above = int(is_above.sum())
    return n_below, n_above


def skew(values: np.ndarray) -> float:
    """The third standardised moment of values (n,); nan where they do not vary."""
    if not len(values):
        return np.nan

    deviation = values.std()
    if deviation == 0:
        return np.nan

    centred = values - values.mean()
    third_moment = (centred**3).mean()
    return third_moment / deviation**3


def endings(price: np.ndarray) -> pd.DataFrame:
    """The most frequent endings of prices (n,): cents of all, and last two digits of whole ones."""
    in_cents = np.round(price * 100)
    cents = in_cents % 100
    whole = in_cents[cents == 0] / 100
    last_digits = whole % 100

    endings_by_kind = {
        "cents": [f".{number:02.0f}" for number in cents],
        "of whole prices": [f"{number:02.0f}" for number in last_digits],
    }

    tables = []
    for kind, values in endings_by_kind.items():
        counts = count_values(values, "ending")
        table = counts.head(OFTEN)
        table.insert(0, "part", kind)
        tables.append(table)

    return pd.concat(tables, ignore_index=True)


def extremes(ids: pd.Series, price: np.ndarray, n: int = ENDS) -> pd.DataFrame:
    """The n rows with the lowest numbers, be they prices or not, and the n with the highest."""
    n_numbers = np.isfinite(price).sum()
    order = np.argsort(price, kind="stable")
    order = order[:n_numbers]  # without nan, which comes last

    if n_numbers > 2 * n:
        lowest = order[:n]
        highest = order[-n:]
        order = np.concatenate([lowest, highest])

    return pd.DataFrame(
        {
            "id": ids.to_numpy()[order],
            "price": price[order],
        }
    )


def same_texts(texts: dict[str, pd.Series], price: np.ndarray) -> pd.DataFrame:
    """The facts of `same` on whole texts and on names, side by side."""
    names = {}
    for split, column in texts.items():
        names[split] = pd.Series(item_names(column))

    of_texts = same(texts, price)
    of_names = same(names, price)
    columns = {
        "what": list(of_texts),
        "text": list(of_texts.values()),
        "name": list(of_names.values()),
    }
    return pd.DataFrame(columns, dtype=object)


def same(texts: dict[str, pd.Series], price: np.ndarray) -> dict:
    """Label noise: texts of several training rows with a price, and how far these are apart.

    texts: {"train": (n,), "test": (m,)}; price (n,). The floors are the SMAPE of the best answer
    that gives equal texts one price; the one on all rows counts every other text as right.
    """
    train = texts["train"].to_numpy()
    known = (price > 0) & (train != "")
    n_known = known.sum()

    # training rows with the same text
    groups = price_groups(train, price, known)
    differing = [group for group in groups if np.ptp(group) > 0]
    n_rows = sum(map(len, groups))
    n_differing_rows = sum(map(len, differing))

    # the best one answer to each text, over all of its rows
    loss = sum(len(group) * least_smape(group) for group in groups)

    losses_of_others: list[float] = []
    for group in groups:
        losses_of_others += smape_of_others(group)

    # test rows with a text that train has
    known_texts = set(train[known])
    test = texts["test"]
    in_train = (test != "") & test.isin(known_texts)
    return {
        "distinct": len(known_texts),
        "in several rows": len(groups),
        "rows of these": n_rows,
        "with different prices": len(differing),
        "rows with these": n_differing_rows,
        "SMAPE of the price of another row of it": mean(losses_of_others),
        "floor of SMAPE on rows of these": loss / n_rows if n_rows else np.nan,
        "floor of SMAPE on all rows": loss / n_known if n_known else np.nan,
        "test rows that train has it of": int(in_train.sum()),
    }


def mean(numbers: list[float]) -> float:
    """Their mean; nan where there is none."""
    return float(np.mean(numbers)) if numbers else np.nan


def price_groups(texts: np.ndarray, price: np.ndarray, known: np.ndarray) -> list[np.ndarray]:
    """The prices of each text (n,) that stands in several of the known rows (n,)."""
    # few texts are repeated: the others are left out first, as a group costs 50 µs
    repeated = known & pd.Series(texts).where(known).duplicated(keep=False).to_numpy()
    groups = pd.Series(price[repeated]).groupby(texts[repeated])
    return [group.to_numpy() for _, group in groups]


def least_smape(prices: np.ndarray) -> float:
    """The SMAPE of the best single answer to all of the prices (n,).

    It is one of them: between two of them the sum of |p - a| / (p + a) is concave in log p.
    """
    return min(smape(np.full(len(prices), price), prices) for price in set(prices))


def smape_of_others(prices: np.ndarray) -> list[float]:
    """For each of the prices (n,), the mean SMAPE of the others as answers to it."""
    losses = []
    for i, price in enumerate(prices):
        others = np.delete(prices, i)
        truth = np.full(len(others), price)
        losses.append(smape(others, truth))

    return losses


def money(texts: pd.Series, price: np.ndarray) -> dict:
    """How many training texts name an amount of money, and how many the row's own price.

    The latter is a leak if test texts do so too.
    """
    known = price > 0
    n_money = 0
    n_price = 0
    for text, row_price in zip(texts[known], price[known], strict=True):
        digits = PATTERNS["money"].findall(text)
        amounts = {round(number(text), 2) for text in digits}
        if amounts:
            n_money += 1

        if round(row_price, 2) in amounts:
            n_price += 1

    return {
        "texts that name an amount of money": n_money,
        "texts that name the price itself": n_price,
    }


def words(raw: Raw) -> pd.DataFrame:
    """Words per text, of each text column and of all together, in train and in test."""
    names = raw.config.data.text
    lines = []
    for split, table in raw.splits.items():
        columns = {name: table[name] for name in names}
        if len(names) > 1:
            columns["all"] = paragraphs(table, names)

        for name, column in columns.items():
            n_words = column.str.split().str.len()
            length = n_words.to_numpy(float)
            is_empty = length == 0
            line = {
                "split": split,
                "column": name,
                "empty": int(is_empty.sum()),
                "mean": length.mean(),
            }
            lines.append(line | quantiles(length))

    return pd.DataFrame(lines)
