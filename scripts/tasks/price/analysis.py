"""What a table of prices holds: how they spread and end, what is no price, the same text at
different prices, how long texts are."""

import numpy as np
import pandas as pd

from common.errors import UserError
from metrics.smape import smape
from tasks.price import paragraphs
from tasks.raw import Raw, Tables, counted, listed, spread
from texts.quantities import PATTERNS, item_names, number

OFTEN = 10  # of the most frequent prices and endings
FENCE = 1.5  # Tukey's: an outlier is so many interquartile ranges of log1p outside the quartiles


def needs(data) -> dict[str, list[str]]:
    if len(data.labels) != 1:
        raise UserError(
            f"data.labels is {', '.join(data.labels) or 'empty'}; a price is one column, "
            "e.g. data.labels=price"
        )
    return {"train": [data.id, *data.text, *data.labels], "test": [data.id, *data.text]}


def analyse(raw: Raw) -> Tables:
    """The prices' spread, endings and outliers, what they tell of label noise, and the texts'
    lengths in words."""
    data = raw.config.data
    cells = raw.train[data.labels[0]]
    price = pd.to_numeric(cells, errors="coerce").to_numpy(float)
    price = np.where(np.isfinite(price), price, np.nan)
    known = price > 0
    found = {
        "prices": listed(price_facts(cells, price)),
        "quantiles of the price": pd.DataFrame([spread(price[known])]),
        "most frequent prices": counted(price[known], "price").head(OFTEN),
        "endings": endings(price[known]),
        "the lowest and the highest": extremes(raw.train[data.id], price),
    }
    if data.text:
        texts = {split: paragraphs(table, data.text) for split, table in raw.splits.items()}
        names = {split: pd.Series(item_names(own)) for split, own in texts.items()}
        found |= {
            "the same text, or name (its first line), in several rows": same_texts(
                {"text": texts, "name": names}, price
            ),
            "money in texts": listed(money(texts["train"], price)),
            "words per text": words(raw),
        }
    return found


def price_facts(cells: pd.Series, price: np.ndarray) -> dict:
    """Counts of what is and what is no price, and the moments of those above 0: mean and deviation
    (of all, not a sample), skew."""
    known = price[price > 0]
    log = np.log1p(known)
    low, high = np.quantile(log, [0.25, 0.75]) if len(log) else (np.nan, np.nan)
    deviation = log.std() if len(log) else 0
    return {
        "rows": len(cells),
        "empty": int((cells == "").sum()),
        "not a number": int(((cells != "") & np.isnan(price)).sum()),
        "zero": int((price == 0).sum()),
        "negative": int((price < 0).sum()),
        "above zero": len(known),
        "mean": known.mean() if len(known) else np.nan,
        "standard deviation": known.std() if len(known) else np.nan,
        "skew of log1p": ((log - log.mean()) ** 3).mean() / deviation**3 if deviation else np.nan,
        f"below the quartile of log1p by {FENCE} interquartile ranges": int(
            (log < low - FENCE * (high - low)).sum()
        ),
        f"above the quartile of log1p by {FENCE} interquartile ranges": int(
            (log > high + FENCE * (high - low)).sum()
        ),
    }


def endings(price: np.ndarray) -> pd.DataFrame:
    """What prices (n,) end with: cents of all, and the last two digits of whole ones; the OFTEN
    most frequent of each."""
    cents = np.round(price * 100)
    whole = cents[cents % 100 == 0] / 100
    kinds = {
        "cents": [f".{c:02.0f}" for c in cents % 100],
        "of whole prices": [f"{w:02.0f}" for w in whole % 100],
    }
    return pd.concat(
        [
            counted(values, "ending")
            .head(OFTEN)
            .assign(part=kind)[["part", "ending", "rows", "share"]]
            for kind, values in kinds.items()
        ],
        ignore_index=True,
    )


def extremes(ids: pd.Series, price: np.ndarray, n: int = 5) -> pd.DataFrame:
    """The n rows with the lowest numbers, be they prices or not, and the n with the highest."""
    order = np.argsort(price, kind="stable")[: int(np.isfinite(price).sum())]
    rows = order if len(order) <= 2 * n else np.concatenate([order[:n], order[-n:]])
    return pd.DataFrame({"id": ids.to_numpy()[rows], "price": price[rows]})


def same_texts(kinds: dict[str, dict[str, pd.Series]], price: np.ndarray) -> pd.DataFrame:
    """`same` of each kind of text, side by side."""
    found = {kind: same(texts, price) for kind, texts in kinds.items()}
    return pd.DataFrame(
        {"what": list(found["text"])}
        | {kind: list(facts.values()) for kind, facts in found.items()},
        dtype=object,
    )


def same(texts: dict[str, pd.Series], price: np.ndarray) -> dict:
    """Label noise: texts that stand in several training rows with a price, and how far their prices
    are from each other.

    The floor is the SMAPE of the best answer that gives equal texts the same price. It is one of
    the group's own prices: between two of them the sum of |p - a| / (p + a), in log p, is concave.
    Over all rows it counts every other text as answered rightly.
    """
    train, known = texts["train"].to_numpy(), (price > 0) & (texts["train"] != "").to_numpy()
    several = (
        known & pd.Series(train).where(known).duplicated(keep=False).to_numpy()
    )  # of 75,000 texts few are, and a group costs 50 µs
    groups = [group.to_numpy() for _, group in pd.Series(price[several]).groupby(train[several])]
    differ = [group for group in groups if np.ptp(group) > 0]
    rows = sum(map(len, groups))
    other = [
        smape(np.delete(group, i), np.full(len(group) - 1, group[i]))
        for group in groups
        for i in range(len(group))
    ]
    least = sum(
        len(group) * min(smape(np.full(len(group), p), group) for p in set(group))
        for group in groups
    )
    return {
        "distinct": len(set(train[known])),
        "in several rows": len(groups),
        "rows of these": rows,
        "with different prices": len(differ),
        "rows with these": sum(map(len, differ)),
        "SMAPE of the price of another row of it": float(np.mean(other)) if other else np.nan,
        "floor of SMAPE on rows of these": least / rows if rows else np.nan,
        "floor of SMAPE on all rows": least / known.sum() if known.any() else np.nan,
        "test rows that train has it of": int(
            ((texts["test"] != "") & texts["test"].isin(set(train[known]))).sum()
        ),
    }


def money(texts: pd.Series, price: np.ndarray) -> dict:
    """How many training texts name amounts of money, and the very price among them: a leak where
    the test texts do so too."""
    known = price > 0
    amounts = [
        {round(number(digits), 2) for digits in PATTERNS["money"].findall(text)}
        for text in texts[known]
    ]
    return {
        "texts that name an amount of money": sum(map(bool, amounts)),
        "texts that name the price itself": sum(
            round(p, 2) in said for p, said in zip(price[known], amounts, strict=True)
        ),
    }


def words(raw: Raw) -> pd.DataFrame:
    """Words of each text column and of all together, in train and in test: empty ones, mean,
    quantiles."""
    rows, text = [], raw.config.data.text
    for split, table in raw.splits.items():
        columns = {c: table[c] for c in text} | (
            {"all": paragraphs(table, text)} if len(text) > 1 else {}
        )
        for name, column in columns.items():
            length = column.str.split().str.len().to_numpy(float)
            rows.append(
                {
                    "split": split,
                    "column": name,
                    "empty": int((length == 0).sum()),
                    "mean": length.mean(),
                    **spread(length),
                }
            )
    return pd.DataFrame(rows)
