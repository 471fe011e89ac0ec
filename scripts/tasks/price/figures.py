"""Prices: how they spread, predicted against true, where the error comes from, which prices look
wrong."""

import numpy as np
import pandas as pd

from metrics.smape import smape, terms
from page import charts
from page.blocks import Figure, Note, Table, Verdict
from tasks.price import paragraphs

TENTHS = 10
NAMED = 6  # most frequent prices that are listed


def data(raw, tables) -> list:
    """Prices, the texts' lengths, and label noise. raw, tables: as tasks.price.analysis has
    them."""
    settings = raw.config.data
    price = pd.to_numeric(raw.train[settings.labels[0]], errors="coerce").to_numpy(float)
    facts = dict(zip(tables["prices"].what, tables["prices"].value, strict=True))
    spread = tables["quantiles of the price"].iloc[0]
    odd = (
        ", ".join(
            f"{name} {facts[name]:,}"
            for name in ("empty", "not a number", "zero", "negative")
            if facts[name]
        )
        or "none"
    )
    outside = " and ".join(
        f"{value:,} {name.split(' the ')[0]}"
        for name, value in facts.items()
        if "interquartile" in name
    )
    blocks = [
        Figure(
            f"Training prices, on a logarithmic axis. Cells that are no price: {odd}. By "
            f"Tukey's fence on log1p, outliers are {outside}.",
            charts.histogram({"train": price}, settings.labels[0], log=True),
            f"Median {spread['median']:,.2f}, half of all between {spread['25 %']:,.2f} "
            f"and {spread['75 %']:,.2f}, "
            f"{spread['min']:,.2f} to {spread['max']:,.2f}",
        ),
        Table("Quantiles of the price.", tables["quantiles of the price"]),
    ]
    if len(often := tables["most frequent prices"][lambda table: table.rows > 1]):
        blocks.append(Table("The most frequent prices.", often.head(NAMED)))
    if settings.text:
        blocks += texts(raw, tables)
    return blocks


def texts(raw, tables) -> list:
    """Lengths of the texts, equal texts at different prices, money named in texts."""
    lengths = {
        split: np.array([len(text.split()) for text in paragraphs(table, raw.config.data.text)])
        for split, table in raw.splits.items()
    }
    middle = {split: f"{np.median(n):,.0f}" for split, n in lengths.items()}
    amounts = dict(zip(tables["money in texts"].what, tables["money in texts"].value, strict=True))
    leak = amounts["texts that name the price itself"]
    many = leak > len(raw.train) / 50
    said = (
        f"{amounts['texts that name an amount of money']:,} training texts name an amount of "
        f"money, {leak:,} of them the very price"
    )
    return [
        Figure(
            "Words per text, on a logarithmic axis, in rows of each split. Where test "
            "differs from train, what is learnt from long "
            "texts may not serve.",
            charts.histogram(lengths, "words", log=True),
            "; ".join(f"{split}: median {n} words" for split, n in middle.items()),
        ),
        Table(
            "Label noise: the same text, or name (its first line), at different prices. "
            "The floor is the SMAPE of the best answer "
            "that gives equal texts one price: no model of the text alone is better on these rows.",
            tables["the same text, or name (its first line), in several rows"],
        ),
        Note(
            f"{said}." + (" A leak, if the test texts do so too." if many else ""),
            "warning" if many else "",
        ),
    ]


def counts(target: np.ndarray, outputs) -> dict[str, int]:
    """Rows with a price."""
    return {name: int((target[:, 0] >= 0).sum()) for name in outputs}


def figures(view) -> list:
    """Predicted against true, log ratios, SMAPE by true price, bias by predicted price."""
    if view.answer is None or not len(view.labelled):
        return []
    price, truth = prices(view)
    ratio = log_ratio(price, truth)
    by_truth, by_price = tenths(truth, price, truth), tenths(price, price, truth)
    near = {factor: float((np.abs(ratio) <= np.log(factor)).mean()) for factor in (1.25, 2)}
    hard, low, high = by_truth.loc[by_truth.SMAPE.idxmax()], by_price.iloc[0], by_price.iloc[-1]
    return [
        Figure(
            "Predicted against true price, out-of-fold, both logarithmic; darker where "
            "more rows lie, dashed where both are equal. "
            "Flatter than the dashed line: cheap rows are predicted too dear and dear "
            "ones too cheap, as far as they cannot be told "
            "apart.",
            charts.scatter(truth, price, "true price", "predicted price", log=True, diagonal=True),
            f"Median true {np.median(truth):,.2f}, predicted {np.median(price):,.2f}; "
            "correlation of the logarithms "
            f"{correlation(price, truth):.3f}",
        ),
        Figure(
            "How many times too high (right of 0) or too low: log2 of predicted / true; "
            "1 is twice the price. Within a quarter: "
            f"{near[1.25]:.0%} of the rows, within a factor of two: {near[2]:.0%}. The "
            f"mean is {ratio.mean() / np.log(2):+.3f}.",
            charts.histogram({"rows": ratio / np.log(2)}, "log2 of predicted / true"),
            "Quartiles "
            f"{', '.join(f'{q:+.2f}' for q in np.quantile(ratio / np.log(2), [0.25, 0.5, 0.75]))}",
        ),
        Figure(
            f"SMAPE by tenths of the true price; the worst is {hard['from']:,.2f} to "
            f"{hard['to']:,.2f} with {hard.SMAPE:.1f}.",
            charts.bars(
                spans(by_truth),
                by_truth.SMAPE,
                reference={"all": smape(price, truth)},
                xlabel="SMAPE",
                form="{:.1f}",
            ),
            rows_said(by_truth, "SMAPE"),
        ),
        Table(
            "The same in numbers. Share: of all SMAPE, a tenth each were all alike. "
            "Predicted / true: the median; above 1 for cheap "
            "rows and below for dear ones in any honest prediction, for what cannot be "
            "told apart is put in the middle.",
            by_truth,
        ),
        Figure(
            "Calibration: the median of predicted / true by tenths of the predicted "
            "price. 1 is right; above, such predictions are "
            f"too high. The lowest tenth is at {low['predicted / true']:.2f}, the highest "
            f"at {high['predicted / true']:.2f}: where "
            "that is off on both ends in turn, predictions lie too near or too far apart.",
            charts.bars(
                spans(by_price),
                by_price["predicted / true"],
                reference={"right": 1},
                xlabel="predicted / true",
                form="{:.2f}",
            ),
            rows_said(by_price, "predicted / true"),
        ),
    ]


def prices(view) -> tuple[np.ndarray, np.ndarray]:
    """Answers and true prices (m,) of the labelled rows."""
    return view.answer[view.labelled, 0], np.expm1(view.rows.target[view.labelled, 0])


def log_ratio(price: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """log predicted / true (n,); a price of 0 or less counts as a hundredth."""
    return np.log(np.maximum(price, 0.01)) - np.log(np.maximum(truth, 0.01))


def correlation(price: np.ndarray, truth: np.ndarray) -> float:
    varied = len(price) > 1 and np.ptp(price) > 0 and np.ptp(truth) > 0
    return float(np.corrcoef(np.log1p(price), np.log1p(truth))[0, 1]) if varied else np.nan


def tenths(by: np.ndarray, price: np.ndarray, truth: np.ndarray) -> pd.DataFrame:
    """Rows in tenths of `by` (n,), equal values in one: from, to, rows, SMAPE, share of all SMAPE,
    median of predicted / true."""
    edges = np.unique(np.quantile(by, np.arange(1, TENTHS) / TENTHS))
    table = pd.DataFrame(
        {
            "tenth": np.searchsorted(edges, by, side="left"),
            "by": by,
            "term": 100 * terms(price, truth),
            "ratio": np.exp(log_ratio(price, truth)),
        }
    )
    found = (
        table.groupby("tenth")
        .agg(
            **{
                "from": ("by", "min"),
                "to": ("by", "max"),
                "rows": ("by", "size"),
                "SMAPE": ("term", "mean"),
                "share": ("term", "sum"),
                "predicted / true": ("ratio", "median"),
            }
        )
        .reset_index(drop=True)
    )
    return found.assign(share=found.share / max(found.share.sum(), 1e-12))


def spans(table: pd.DataFrame) -> list[str]:
    return [
        f"{low:,.2f} to {high:,.2f}" for low, high in zip(table["from"], table["to"], strict=True)
    ]


def rows_said(table: pd.DataFrame, column: str) -> str:
    return "; ".join(
        f"{span}: {value:.3g}" for span, value in zip(spans(table), table[column], strict=True)
    )


def verdict(view) -> Verdict:
    """loss: a row's term of SMAPE. suspicion: how far off, in logs, the nearest of all models is,
    where all are on one side and off by more than a factor of two."""
    use, (price, truth) = view.labelled, prices(view)
    every = {
        name: view.rows.task.answer(pred[use], view.rows.outputs)[:, 0]
        for name, pred in view.preds.items()
    } or {"merged": price}
    off = np.stack([log_ratio(said, truth) for said in every.values()])
    nearest = np.where((off > 0).all(0) | (off < 0).all(0), np.abs(off).min(0), 0)
    suspicion = np.where(nearest > np.log(2), nearest, 0)

    def facts(i: int) -> dict[str, str]:
        high, low = max(price[i], truth[i]), max(min(price[i], truth[i]), 0.01)
        side = "high" if price[i] > truth[i] else "low"
        found = {
            "price": f"{truth[i]:,.2f}",
            "predicted": f"{price[i]:,.2f}",
            "off by": f"{high / low:.3g} times too {side}",
        }
        return found | (
            {"models": ", ".join(f"{name} {said[i]:,.2f}" for name, said in every.items())}
            if len(every) > 1
            else {}
        )

    return Verdict(
        use,
        terms(price, truth),
        suspicion,
        facts,
        "By the row's share of SMAPE (200 at most).",
        f"By how far off the nearest of {len(every)} models is, of rows that "
        f"{'all of them put' if len(every) > 1 else 'the model puts'} on one side of the "
        "price, by more than a factor of two. A price a hundred times too "
        "high is cents taken for units; a pack sold as one piece is another such.",
    )
