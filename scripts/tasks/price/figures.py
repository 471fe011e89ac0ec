"""What the report shows of the price task: how prices spread, predicted against true, where the
error comes from, which prices look wrong."""

import numpy as np
import pandas as pd

from metrics.smape import smape, terms
from page import charts
from page.blocks import Figure, Note, Table, Verdict
from tasks.price.analysis import SAME_TEXTS
from tasks.price.read import price_column
from tasks.raw import paragraphs

TENTHS = 10
HEAD = 6  # most frequent prices that are shown
FEW = 50  # the price named in the text of one row in so many may be chance; in more, a leak
NO_PRICE = ("empty", "not a number", "zero", "negative")
LOWEST_PRICE = 0.01  # of ratios; a price below it counts as this one


def data(raw, tables) -> list:
    """Blocks on the raw rows. raw: of tasks.raw; tables: of tasks.price.analysis."""
    blocks = [
        price_histogram(raw, tables),
        Table("Quantiles of the price.", tables["quantiles of the price"]),
    ]
    frequent = tables["most frequent prices"]
    frequent = frequent[frequent.rows > 1]
    if len(frequent):
        blocks.append(Table("The most frequent prices.", frequent.head(HEAD)))

    if raw.config.data.text:
        blocks += text_blocks(raw, tables)

    return blocks


def values_of(table: pd.DataFrame) -> dict:
    """{what: value} of a table of facts."""
    return dict(zip(table.what, table.value, strict=True))


def price_histogram(raw, tables) -> Figure:
    """The training prices, with the cells that are none and the outliers."""
    column = price_column(raw.config.data)
    cells = raw.train[column]
    price = pd.to_numeric(cells, errors="coerce").to_numpy(float)
    facts = values_of(tables["prices"])

    no_price = [f"{name} {facts[name]:,}" for name in NO_PRICE if facts[name]]
    no_price_as_text = ", ".join(no_price) or "none"

    outliers = []
    for name, value in facts.items():
        if "interquartile" in name:
            side, _, _ = name.partition(" the ")
            outliers.append(f"{value:,} {side}")

    outliers_as_text = " and ".join(outliers)
    spread = tables["quantiles of the price"].iloc[0]
    return Figure(
        "Training prices, on a logarithmic axis. Cells that are no price: "
        f"{no_price_as_text}. By Tukey's fence on log1p, outliers are "
        f"{outliers_as_text}.",
        charts.histogram({"train": price}, column, log=True),
        f"Median {spread['median']:,.2f}, half of all between {spread['25 %']:,.2f} and "
        f"{spread['75 %']:,.2f}, {spread['min']:,.2f} to {spread['max']:,.2f}",
    )


def text_blocks(raw, tables) -> list:
    """Lengths of the texts, equal texts at different prices, money named in texts."""
    lengths = {}
    medians = []
    for split, table in raw.splits.items():
        texts = paragraphs(table, raw.config.data.text)
        lengths[split] = np.array([len(text.split()) for text in texts])
        medians.append(f"{split}: median {np.median(lengths[split]):,.0f} words")

    return [
        Figure(
            "Words per text, on a logarithmic axis, in rows of each split. Where test differs "
            "from train, what is learnt from long texts may not serve.",
            charts.histogram(lengths, "words", log=True),
            "; ".join(medians),
        ),
        Table(
            "Label noise: the same text, or name (its first line), at different prices. The floor "
            "is the SMAPE of the best answer that gives equal texts one price: no model of the "
            "text alone is better on these rows.",
            tables[SAME_TEXTS],
        ),
        money_note(tables["money in texts"], len(raw.train)),
    ]


def money_note(table: pd.DataFrame, n: int) -> Note:
    """How many of n training texts name the price: a warning where it may be a leak."""
    facts = values_of(table)
    n_leaks = facts["texts that name the price itself"]
    text = (
        f"{facts['texts that name an amount of money']:,} training texts name an amount of money, "
        f"{n_leaks:,} of them the very price."
    )

    if n_leaks > n / FEW:
        return Note(f"{text} A leak, if the test texts do so too.", "warning")

    return Note(text)


def counts(target: np.ndarray, outputs) -> dict[str, int]:
    """Rows with a price."""
    n_known = int((target[:, 0] >= 0).sum())
    return dict.fromkeys(outputs, n_known)


def figures(view) -> list:
    """Predicted against true, log ratios, SMAPE by true price, bias by predicted price."""
    if view.answer is None or not len(view.labelled_idx):
        return []

    price, truth = prices(view)
    by_truth = tenths(truth, price, truth)
    by_price = tenths(price, price, truth)
    return [
        predicted_against_true(price, truth),
        ratio_histogram(price, truth),
        smape_by_truth(by_truth, smape(price, truth)),
        Table(
            "The same in numbers. Share: of all SMAPE, a tenth each were all alike. Predicted / "
            "true: the median; above 1 for cheap rows and below for dear ones in any honest "
            "prediction, for what cannot be told apart is put in the middle.",
            by_truth,
        ),
        ratio_by_price(by_price),
    ]


def predicted_against_true(price: np.ndarray, truth: np.ndarray) -> Figure:
    """A scatter plot of predicted and true prices (n,)."""
    return Figure(
        "Predicted against true price, out-of-fold, both logarithmic; darker where more rows lie, "
        "dashed where both are equal. Flatter than the dashed line: cheap rows are predicted too "
        "dear and dear ones too cheap, as far as they cannot be told apart.",
        charts.scatter(truth, price, "true price", "predicted price", log=True, diagonal=True),
        f"Median true {np.median(truth):,.2f}, predicted {np.median(price):,.2f}; correlation of "
        f"the logarithms {correlation(price, truth):.3f}",
    )


def ratio_histogram(price: np.ndarray, truth: np.ndarray) -> Figure:
    """How many times too high or too low the prices (n,) are."""
    ratio = log_ratio(price, truth)
    size = np.abs(ratio)
    log_two = np.log(2)
    within_quarter = (size <= np.log(1.25)).mean()
    within_double = (size <= log_two).mean()

    # in powers of two
    log2_ratio = ratio / log_two
    log2_mean = ratio.mean() / log_two

    quartiles = np.quantile(log2_ratio, [0.25, 0.5, 0.75])
    quartiles_as_text = ", ".join(f"{quartile:+.2f}" for quartile in quartiles)

    return Figure(
        "How many times too high (right of 0) or too low: log2 of predicted / true; 1 is twice "
        f"the price. Within a quarter: {within_quarter:.0%} of the rows, within a factor of two: "
        f"{within_double:.0%}. The mean is {log2_mean:+.3f}.",
        charts.histogram({"rows": log2_ratio}, "log2 of predicted / true"),
        f"Quartiles {quartiles_as_text}",
    )


def smape_by_truth(table: pd.DataFrame, overall: float) -> Figure:
    """SMAPE by tenths of the true price, beside that of all rows."""
    worst = table.loc[table.SMAPE.idxmax()]
    svg = charts.bars(
        spans(table),
        table.SMAPE,
        reference={"all": overall},
        xlabel="SMAPE",
        form="{:.1f}",
    )
    return Figure(
        f"SMAPE by tenths of the true price; the worst is {worst['from']:,.2f} to "
        f"{worst['to']:,.2f} with {worst.SMAPE:.1f}.",
        svg,
        describe_tenths(table, "SMAPE"),
    )


def ratio_by_price(table: pd.DataFrame) -> Figure:
    """The median of predicted / true by tenths of the predicted price."""
    ratio = table["predicted / true"]
    svg = charts.bars(
        spans(table),
        ratio,
        reference={"right": 1},
        xlabel="predicted / true",
        form="{:.2f}",
    )
    return Figure(
        "Calibration: the median of predicted / true by tenths of the predicted price. 1 is "
        f"right; above, such predictions are too high. The lowest tenth is at {ratio.iloc[0]:.2f}, "
        f"the highest at {ratio.iloc[-1]:.2f}: where that is off on both ends in turn, predictions "
        "lie too near or too far apart.",
        svg,
        describe_tenths(table, "predicted / true"),
    )


def prices(view) -> tuple[np.ndarray, np.ndarray]:
    """Answers and true prices (m,) of the labelled rows."""
    idx = view.labelled_idx
    return view.answer[idx, 0], np.expm1(view.rows.target[idx, 0])


def log_ratio(price: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """log of predicted / true (n,), of prices of LOWEST_PRICE or more."""
    log_price = np.log(np.maximum(price, LOWEST_PRICE))
    log_truth = np.log(np.maximum(truth, LOWEST_PRICE))
    return log_price - log_truth


def correlation(price: np.ndarray, truth: np.ndarray) -> float:
    """Of log1p prices (n,); nan where one of the two does not vary."""
    if len(price) < 2 or np.ptp(price) == 0 or np.ptp(truth) == 0:
        return np.nan

    return float(np.corrcoef(np.log1p(price), np.log1p(truth))[0, 1])


def tenths(by: np.ndarray, price: np.ndarray, truth: np.ndarray) -> pd.DataFrame:
    """A row per tenth of `by` (n,): from, to, rows, SMAPE, its share of all SMAPE, and the median
    of predicted / true. Equal values are in one tenth."""
    shares = np.arange(1, TENTHS) / TENTHS
    edges = np.unique(np.quantile(by, shares))
    rows = pd.DataFrame(
        {
            "tenth": np.searchsorted(edges, by, side="left"),
            "by": by,
            "term": 100 * terms(price, truth),
            "ratio": np.exp(log_ratio(price, truth)),
        }
    )

    columns = {
        "from": ("by", "min"),
        "to": ("by", "max"),
        "rows": ("by", "size"),
        "SMAPE": ("term", "mean"),
        "share": ("term", "sum"),
        "predicted / true": ("ratio", "median"),
    }
    table = rows.groupby("tenth").agg(**columns).reset_index(drop=True)

    total = max(table.share.sum(), 1e-12)
    table["share"] /= total
    return table


def spans(table: pd.DataFrame) -> list[str]:
    """ "3.50 to 7.25" of each row of `tenths`."""
    ends = zip(table["from"], table["to"], strict=True)
    return [f"{low:,.2f} to {high:,.2f}" for low, high in ends]


def describe_tenths(table: pd.DataFrame, column: str) -> str:
    """Alt text: a column of `tenths` in words."""
    cells = zip(spans(table), table[column], strict=True)
    return "; ".join(f"{span}: {value:.3g}" for span, value in cells)


def verdict(view) -> Verdict:
    """How wrong each labelled row is, and how likely its price is wrong.

    loss: the row's term of SMAPE. suspicion: how far off, in logs, the nearest of all models is,
    where all are on one side and off by more than a factor of two; else 0.
    """
    idx = view.labelled_idx
    outputs = view.rows.outputs
    price, truth = prices(view)

    answers = {}
    for name, pred in view.preds.items():
        answer = view.rows.task.answer(pred[idx], outputs)
        answers[name] = answer[:, 0]

    if not answers:
        answers = {"merged": price}

    # suspect: every model is on the same side, and off by more than a factor of two
    ratios = np.stack([log_ratio(answer, truth) for answer in answers.values()])  # (models, m)
    all_above = (ratios > 0).all(axis=0)
    all_below = (ratios < 0).all(axis=0)
    nearest = np.abs(ratios).min(axis=0)
    is_suspect = (all_above | all_below) & (nearest > np.log(2))
    suspicion = np.where(is_suspect, nearest, 0)

    def facts(i: int) -> dict[str, str]:
        answers_to_row = {name: answers[name][i] for name in answers}
        return row_facts(price[i], truth[i], answers_to_row)

    who = "all of them put" if len(answers) > 1 else "the model puts"
    return Verdict(
        idx,
        terms(price, truth),
        suspicion,
        facts,
        "By the row's share of SMAPE (200 at most).",
        f"By how far off the nearest of {len(answers)} models is, of rows that {who} on one side "
        "of the price, by more than a factor of two. A price a hundred times too high is cents "
        "taken for units; a pack sold as one piece is another such.",
    )


def row_facts(price: float, truth: float, answers: dict[str, float]) -> dict[str, str]:
    """A row's true and predicted price, and each model's where there are several."""
    side = "high" if price > truth else "low"
    low, high = sorted([price, truth])
    factor = high / max(low, LOWEST_PRICE)

    facts = {
        "price": f"{truth:,.2f}",
        "predicted": f"{price:,.2f}",
        "off by": f"{factor:.3g} times too {side}",
    }

    if len(answers) > 1:
        texts = [f"{name} {answer:,.2f}" for name, answer in answers.items()]
        facts["models"] = ", ".join(texts)

    return facts
