"""One positive number per row, its price: the Amazon ML Challenge 2025, or any table with a price.

    in:  "Basmati rice 5 kg" and its image
    out: 3.1, which is log1p of the price 21.2

A prediction (n, 1) and a target (n, 1) are log1p of prices, of which averages are taken; a target
of -1 is not known. An answer (n, 1) is the price itself. `outputs` {"price": [lowest, highest]}
holds the least and the highest training price, which bound the answers.

Score: SMAPE, see metrics.smape.
"""

import numpy as np
import pandas as pd

from common.errors import UserError
from common.questions import NUMBER
from common.rows import row_id
from common.tables import id_problems
from metrics.smape import shift_if_worth, smape, terms
from tasks.price.prompts import (  # noqa: F401, verbs
    pattern,
    prompt,
    refine_pattern,
    refine_prompt,
)
from tasks.price.read import is_price, price_column, read_rows  # noqa: F401, read_rows is a verb
from tasks.price.replies import is_clear, read_replies  # noqa: F401, verbs
from tasks.raw import name_cell

ASKS = NUMBER
MODE = "min"
SCORE = "smape"
RANGE = (0, 200)
BASELINE = "median"
SCORES_MEAN = (
    " mae: mean absolute error in the price's unit; log_mae: of log1p prices; bias: "
    "their mean error, above 0 where predictions are high."
)
MARGIN = 2  # of log1p prices, a factor of e²
Outputs = dict[str, list[float]]


def outputs(rows: pd.DataFrame) -> Outputs:
    """{"price": [lowest, highest]} of the training rows.

    Raises UserError when no row has a price, or all have the same.
    """
    price = pd.to_numeric(rows.price[rows.price != ""])
    if price.empty:
        raise UserError("no training row has a price; look at data.labels")

    low = float(price.min())
    high = float(price.max())
    if low == high:
        raise UserError(
            f"every training price is {low:g}: there is nothing to learn; look at data.labels"
        )

    return {"price": [low, high]}


def sizes(outputs: Outputs) -> list[int]:
    """Columns of each output in a prediction: one."""
    return [1]


def encode(rows: pd.DataFrame, outputs: Outputs) -> np.ndarray:
    """log1p of the prices (n, 1) float64, -1 where not known."""
    return log_prices(rows.price)


def encode_table(table: pd.DataFrame, outputs: Outputs, data) -> np.ndarray:
    """log1p prices (n, 1) of a table in the organisers' columns, -1 where a cell is empty.

    Raises UserError on a cell that is no positive number.
    """
    column = price_column(data)
    cells = table[column]
    target = log_prices(cells)

    is_unknown = target[:, 0] < 0
    is_wrong = is_unknown & (cells != "")

    wrong = table[is_wrong]
    if len(wrong):
        cell = name_cell(wrong, column, data.id)
        raise UserError(f"{cell}; it must be a positive number, or empty")

    return target


def log_prices(cells: pd.Series) -> np.ndarray:
    """log1p (n, 1) of prices written as text, -1 where a cell is no positive number."""
    number = pd.to_numeric(cells, errors="coerce").to_numpy(float)
    log = np.log1p(np.maximum(number, 0))
    target = np.where(number > 0, log, -1.0)
    return target[:, None]


def truth_columns(data) -> list[str]:
    """The columns that a table of labels must have."""
    return [data.id, data.labels[0]]


def read_answers(table: pd.DataFrame, outputs: Outputs, data) -> np.ndarray:
    """Prices (n, 1) of a submission."""
    cells = table[data.labels[0]]
    price = pd.to_numeric(cells).to_numpy(float)
    return price[:, None]


def strata(target: np.ndarray) -> np.ndarray:
    """The decile of each row's price (n,), -1 where it is not known.

    Deciles are spread evenly over the folds: each gets as many cheap and dear rows.
    """
    log_price = target[:, 0]
    known = log_price >= 0
    known_prices = log_price[known]

    shares = np.arange(1, 10) / 10
    edges = np.quantile(known_prices, shares)

    decile = np.searchsorted(edges, log_price, side="right")
    return np.where(known, decile, -1)


def baseline(target: np.ndarray, outputs: Outputs) -> np.ndarray:
    """The median (1,) of the known log1p prices; with none, log1p of the middle of the bounds.

    It is what is predicted for a row that cannot be read.
    """
    known = target[target >= 0]
    if len(known):
        median = np.median(known)
        return np.array([median])

    middle = np.mean(outputs["price"])
    return np.array([np.log1p(middle)])


def answer(pred: np.ndarray, outputs: Outputs) -> np.ndarray:
    """Prices (n, 1), none below the least or above the highest training price."""
    low, high = outputs["price"]
    log_low, log_high = np.log1p(outputs["price"])
    price = np.expm1(pred.clip(log_low, log_high))
    return price.clip(low, high)  # expm1 of log1p can be off in the last digit


def average(preds: np.ndarray) -> np.ndarray:
    """The mean (n, 1) of predictions (m, n, 1)."""
    return preds.mean(0)


def fit_blend(pred: np.ndarray, target: np.ndarray, outputs: Outputs) -> np.ndarray:
    """Weights (m, 1) of m models, pred (m, n, 1): least squares on log1p prices.

    None is negative, and they are scaled to sum 1; equal where all are 0.
    """
    from scipy.optimize import nnls

    m = len(pred)
    known = target[:, 0] >= 0
    truth = target[known, 0]

    log_prices = clip_diverged(pred, outputs)[:, known, 0]  # (m, known rows)
    log_prices = log_prices.T.astype(float)
    weights, _ = nnls(log_prices, truth)

    total = weights.sum()
    if total > 0:
        weights = weights / total
    else:
        weights = np.full(m, 1 / m)

    return weights[:, None]


def apply_blend(pred: np.ndarray, weights: np.ndarray, outputs: Outputs) -> np.ndarray:
    """Weighted mean (n, 1) of models' predictions (m, n, 1), weights (m, 1)."""
    log_prices = clip_diverged(pred, outputs)
    return np.einsum("mnk,mk->nk", log_prices, weights)


def clip_diverged(pred: np.ndarray, outputs: Outputs) -> np.ndarray:
    """Predictions at most MARGIN outside of the training prices.

    Of a model that diverged, least squares would else take a weight that looks like 0, and its
    share in the mean would still be huge.
    """
    log_low, log_high = np.log1p(outputs["price"])
    return pred.clip(log_low - MARGIN, log_high + MARGIN)


def fit_decode(pred: np.ndarray, target: np.ndarray, outputs: Outputs) -> np.ndarray:
    """The shift (1,) of log1p prices that makes SMAPE least on the known rows.

    0 where it would not lower SMAPE on rows it was not fitted on.
    """
    known = target[:, 0] >= 0
    log_price = clip_diverged(pred, outputs)[known, 0]
    log_truth = target[known, 0]

    shift = shift_if_worth(log_price, log_truth)
    return np.array([shift])


def apply_decode(pred: np.ndarray, fitted: np.ndarray, outputs: Outputs) -> np.ndarray:
    """Prices (n, 1) with the shift (1,) of fit_decode."""
    return answer(pred + fitted, outputs)


def draw_targets(pred: np.ndarray, spread: float, outputs: Outputs, rng) -> np.ndarray:
    """Targets (n, 1) drawn around predicted log1p prices (n, 1), their errors Student's with 4
    degrees of freedom (a few large ones, as prices have), times `spread`; none beyond the least and
    the highest training price."""
    low, high = np.log1p(outputs["price"])
    error = spread * rng.standard_t(4, size=pred.shape)
    return (pred + error).clip(low, high)


def score(answer: np.ndarray, target: np.ndarray, outputs: Outputs) -> float:
    """SMAPE of prices (n, 1) over the rows whose price is known, 0 to 200, lower is better."""
    known = target[:, 0] >= 0
    price = answer[known, 0]
    truth = np.expm1(target[known, 0])
    return smape(price, truth)


def score_at_size(answer: np.ndarray, target: np.ndarray, outputs: Outputs, n: int) -> float:
    """The score to expect on n rows: SMAPE is a mean over rows, so it is the same."""
    return score(answer, target, outputs)


def score_replicates(
    answer: np.ndarray,
    target: np.ndarray,
    outputs: Outputs,
    weights: np.ndarray,
) -> np.ndarray:
    """SMAPE (b,) of bootstrap replicates: row i counts weights[:, i] times, weights (b, n).

    nan where no row with a price counts.
    """
    known = target[:, 0] >= 0
    price = answer[known, 0]
    truth = np.expm1(target[known, 0])
    term = terms(price, truth)

    scores = np.full(len(weights), np.nan)

    for j, weight in enumerate(weights):
        count = weight[known].astype(float)
        if count.any():
            total = (count * term).sum()
            mean = total / count.sum()
            scores[j] = 100 * mean

    return scores


def table(
    answer: np.ndarray,
    target: np.ndarray,
    outputs: Outputs,
    pred: np.ndarray | None = None,
) -> dict[str, dict]:
    """{price: {smape, mae, log_mae, bias}} over the rows whose price is known; see SCORES_MEAN."""
    known = target[:, 0] >= 0
    price = answer[known, 0]
    log_truth = target[known, 0]
    truth = np.expm1(log_truth)

    error = price - truth
    log_error = np.log1p(price) - log_truth
    scores = {
        "smape": smape(price, truth),
        "mae": float(np.abs(error).mean()),
        "log_mae": float(np.abs(log_error).mean()),
        "bias": float(log_error.mean()),
    }
    return {"price": scores}


def format_answers(answer: np.ndarray, outputs: Outputs) -> pd.DataFrame:
    """The answers (n, 1) as a submission writes them."""
    return pd.DataFrame({"price": answer[:, 0]})


def submission(test: pd.DataFrame, answers: pd.DataFrame, data, post) -> pd.DataFrame:
    """id and price in the order of test.csv, the raw table `test`.

    answers: the table of `format_answers` with the rows' ids as its index.
    """
    ids = test[data.id]
    column = data.labels[0]
    price = answers.price.reindex(row_id("test", ids))
    return pd.DataFrame({data.id: ids, column: price.to_numpy()})


def problems(table: pd.DataFrame, test: pd.DataFrame, outputs: Outputs, data, post) -> list[str]:
    """What the organisers would refuse in a submission read as text, a line each; [] if nothing."""
    column = data.labels[0]
    columns = [data.id, column]
    if list(table) != columns:
        return [f"columns are {','.join(table)}; they must be {','.join(columns)}"]

    lines = id_problems(table[data.id], test[data.id], data.id)

    is_right = is_price(table[column])

    wrong = table[~is_right]
    if len(wrong):
        cell = name_cell(wrong, column, data.id)
        lines.append(f"{cell}; it must be a positive number")

    return lines
