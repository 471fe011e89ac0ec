"""One positive number per row, its price, judged by SMAPE: the Amazon ML Challenge 2025, or any
table with a price.

A prediction (n, 1) is log1p of the price, where averages are taken; a target (n, 1) likewise, -1
where not known; an answer (n, 1) is the price itself. `outputs` {column: [lowest, highest]} holds
the bounds that the training prices give to answers.
"""

import numpy as np
import pandas as pd

from common.errors import UserError
from common.questions import NUMBER
from common.rows import row_id
from common.tables import and_more, group_column, id_problems, read_csv, require_distinct
from images.names import image_names
from metrics.smape import shift_if_worth, smape, terms

ASKS, MODE, SCORE, RANGE, BASELINE = NUMBER, "min", "smape", (0, 200), "median"
SCORES_MEAN = (
    " mae: mean absolute error in the price's unit; log_mae: of log1p prices; bias: "
    "their mean error, above 0 where predictions are high."
)
Outputs = dict[str, list[float]]


def read_rows(data, folder) -> tuple[pd.DataFrame, list[str]]:
    """The rows, train then test, and the names of the files read. Columns: id "train:12", split,
    image, group, text, price.

    Raises UserError on a price that is no positive number; an empty one is not known, and its row is predicted
    but not learnt from.
    """
    if len(data.labels) != 1:
        raise UserError(
            f"data.labels is {', '.join(data.labels) or 'empty'}; a price is one column, "
            "e.g. data.labels=price"
        )
    parts, group = [], group_column(data)
    for split, name, pattern in (
        ("train", data.train, data.train_image),
        ("test", data.test, data.test_image),
    ):
        known = split == "train"
        table = read_csv(
            folder / name, [data.id, *data.text, *((*data.labels, *group) if known else ())]
        )
        require_distinct(table, data.id, folder / name)
        if table.empty:
            raise UserError(f"{folder / name} has no row")
        price = table[data.labels[0]] if known else pd.Series("", table.index)
        number = pd.to_numeric(price.where(price != ""), errors="coerce")
        wrong = price[(price != "") & ~((number > 0) & np.isfinite(number))]
        if len(wrong):
            raise UserError(
                f"{folder / name}: {data.labels[0]} is {wrong.iloc[0]!r} at {data.id} "
                f"{table[data.id][wrong.index[0]]}"
                f"{and_more(wrong)}; a price is a positive number: make the cell empty where "
                "it is not known"
            )
        parts.append(
            pd.DataFrame(
                {
                    "id": row_id(split, table[data.id]),
                    "split": split,
                    "image": image_names(table, pattern, folder) if pattern else "",
                    "group": table[data.group] if group and known else "",
                    "text": paragraphs(table, data.text),
                    "price": price,
                }
            )
        )
        if data.text and not (parts[-1].text != "").any():
            raise UserError(
                f"{folder / name}: {', '.join(data.text)} is empty in every row; name the "
                "columns of text in data.text"
            )
    return pd.concat(parts, ignore_index=True), [data.train, data.test]


def paragraphs(table: pd.DataFrame, columns) -> pd.Series:
    """The text columns of each row one below the other, without the empty ones."""
    return pd.Series(
        ["\n".join(filter(None, cells)) for cells in table[list(columns)].itertuples(index=False)],
        table.index,
        dtype=object,
    )


def outputs(rows: pd.DataFrame) -> Outputs:
    """{"price": [lowest, highest]} of the training rows. Raises UserError when no row has a price."""
    price = pd.to_numeric(rows.price[rows.price != ""])
    if price.empty:
        raise UserError("no training row has a price; look at data.labels")
    if price.min() == price.max():
        raise UserError(
            f"every training price is {price.min():g}: there is nothing to learn; look at "
            "data.labels"
        )
    return {"price": [float(price.min()), float(price.max())]}


def sizes(outputs: Outputs) -> list[int]:
    """Columns of each output in a prediction."""
    return [1]


def encode(rows: pd.DataFrame, outputs: Outputs) -> np.ndarray:
    """log1p of the prices (n, 1) float64, -1 where not known."""
    return log_prices(rows.price)


def encode_table(table: pd.DataFrame, outputs: Outputs, data) -> np.ndarray:
    """log1p prices (n, 1) of a table in the organisers' columns; -1 where a cell is empty. Raises UserError on
    one that is no price."""
    found, text = log_prices(table[data.labels[0]]), table[data.labels[0]]
    wrong = table[(found[:, 0] < 0) & (text != "")]
    if len(wrong):
        raise UserError(
            f"{data.labels[0]} is {wrong[data.labels[0]].iloc[0]!r} at {data.id} "
            f"{wrong[data.id].iloc[0]}{and_more(wrong)}; "
            "it must be a positive number, or empty"
        )
    return found


def truth_columns(data) -> list[str]:
    """What a table of labels must have."""
    return [data.id, data.labels[0]]


def read_answers(table: pd.DataFrame, outputs: Outputs, data) -> np.ndarray:
    """Prices (n, 1) of a submission."""
    return pd.to_numeric(table[data.labels[0]]).to_numpy(float)[:, None]


def log_prices(text: pd.Series) -> np.ndarray:
    """log1p (n, 1) of numbers written as text, -1 where there is none or it is not positive."""
    number = pd.to_numeric(text, errors="coerce").to_numpy(float)
    return np.where(number > 0, np.log1p(np.maximum(number, 0)), -1.0)[:, None]


def strata(target: np.ndarray) -> np.ndarray:
    """The decile of each row's price (n,), -1 where it is not known: every fold gets as many cheap
    and dear rows."""
    known = target[:, 0] >= 0
    edges = np.quantile(target[known, 0], np.arange(1, 10) / 10)
    return np.where(known, np.searchsorted(edges, target[:, 0], side="right"), -1)


def baseline(target: np.ndarray, outputs: Outputs) -> np.ndarray:
    """The median (1,) of the known rows: the answer for a row that cannot be read, and the
    baseline."""
    known = target[target >= 0]
    return np.array([np.median(known) if len(known) else np.log1p(np.mean(outputs["price"]))])


def answer(pred: np.ndarray, outputs: Outputs) -> np.ndarray:
    """Prices (n, 1), within those of the training rows."""
    return np.expm1(pred.clip(*np.log1p(outputs["price"]))).clip(*outputs["price"])


def average(preds: np.ndarray) -> np.ndarray:
    """The mean (n, 1) of predictions (m, n, 1)."""
    return preds.mean(0)


def fit_blend(pred: np.ndarray, target: np.ndarray, outputs: Outputs) -> np.ndarray:
    """Weights (m, 1) of m models, pred (m, n, 1): those of least squares on log1p that are not
    negative, brought to sum 1."""
    from scipy.optimize import nnls

    pred, known = within(pred, outputs), target[:, 0] >= 0
    weights = nnls(pred[:, known, 0].T.astype(float), target[known, 0])[0]
    return (weights / weights.sum() if weights.sum() > 0 else np.full(len(pred), 1 / len(pred)))[
        :, None
    ]


def apply_blend(pred: np.ndarray, weights: np.ndarray, outputs: Outputs) -> np.ndarray:
    """Weighted mean (n, 1) of models' predictions (m, n, 1)."""
    return np.einsum("mnk,mk->nk", within(pred, outputs), weights)


def within(pred: np.ndarray, outputs: Outputs) -> np.ndarray:
    """Predictions no further than e² times outside the training prices: of a model that diverged,
    least squares would take a grain so small that it is none, and that still is a fortune."""
    low, high = np.log1p(outputs["price"])
    return pred.clip(low - 2, high + 2)


def fit_decode(pred: np.ndarray, target: np.ndarray, outputs: Outputs) -> np.ndarray:
    """The shift (1,) of log1p prices that makes SMAPE least on the known rows; 0 where it would
    lose on rows it was not fitted on."""
    known = target[:, 0] >= 0
    return np.array([shift_if_worth(pred[known, 0], target[known, 0])])


def apply_decode(pred: np.ndarray, fitted: np.ndarray, outputs: Outputs) -> np.ndarray:
    """Prices (n, 1) with the shift of fit_decode."""
    return answer(pred + fitted, outputs)


def score(answer: np.ndarray, target: np.ndarray, outputs: Outputs) -> float:
    """SMAPE of prices (n, 1), 0 to 200, lower is better, over the rows whose price is known."""
    known = target[:, 0] >= 0
    return smape(answer[known, 0], np.expm1(target[known, 0]))


def score_at_size(answer: np.ndarray, target: np.ndarray, outputs: Outputs, n: int) -> float:
    """What to expect of a test set of n rows: SMAPE is a mean over rows, so the same."""
    return score(answer, target, outputs)


def score_replicates(
    answer: np.ndarray, target: np.ndarray, outputs: Outputs, weights: np.ndarray
) -> np.ndarray:
    """SMAPE (b,) where row i counts weights[:, i] times (b, n); nan where no row with a price
    counts."""
    known = target[:, 0] >= 0
    term = terms(answer[known, 0], np.expm1(target[known, 0]))
    counts = (weight[known].astype(float) for weight in weights)
    return np.array(
        [100 * ((count * term).sum() / count.sum()) if count.any() else np.nan for count in counts]
    )


def table(
    answer: np.ndarray, target: np.ndarray, outputs: Outputs, pred: np.ndarray | None = None
) -> dict[str, dict]:
    """{price: {smape, mae, log_mae, bias}}: mean absolute error in the price's unit and in log1p,
    and the mean error in log1p."""
    known = target[:, 0] >= 0
    price, truth = answer[known, 0], np.expm1(target[known, 0])
    error = np.log1p(price) - target[known, 0]
    return {
        "price": {
            "smape": smape(price, truth),
            "mae": float(np.abs(price - truth).mean()),
            "log_mae": float(np.abs(error).mean()),
            "bias": float(error.mean()),
        }
    }


def format_answers(answer: np.ndarray, outputs: Outputs) -> pd.DataFrame:
    """The answers (n, 1) as a submission writes them."""
    return pd.DataFrame({"price": answer[:, 0]})


def submission(test: pd.DataFrame, answers: pd.DataFrame, data, post) -> pd.DataFrame:
    """id and price in the order of test.csv. answers: `format_answers`'s table with the rows' ids as its
    index."""
    return pd.DataFrame(
        {
            data.id: test[data.id],
            data.labels[0]: answers.price.reindex(row_id("test", test[data.id])).to_numpy(),
        }
    )


def problems(table: pd.DataFrame, test: pd.DataFrame, outputs: Outputs, data, post) -> list[str]:
    """What the organisers would refuse in a submission read as text, a line each; [] when it is
    right."""
    columns = [data.id, data.labels[0]]
    if list(table) != columns:
        return [f"columns are {','.join(table)}; they must be {','.join(columns)}"]
    number = pd.to_numeric(table[columns[1]], errors="coerce")
    wrong = table[~((number > 0) & np.isfinite(number))]
    found = (
        [
            f"{columns[1]} is {wrong[columns[1]].iloc[0]!r} at {data.id} "
            f"{wrong[data.id].iloc[0]}{and_more(wrong)}; "
            "it must be a positive number"
        ]
        if len(wrong)
        else []
    )
    return id_problems(table[data.id], test[data.id], data.id) + found
