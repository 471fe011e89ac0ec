"""A number's second level: from prices of the first level to the stack's.

in: prices of a row by ridge, lightgbm and mlp, 21.0 24.5 20.1 → out: log1p price 3.12

A number's unit stands in its name: price, log_price, and log1p_price, which is what every model of
a number predicts.
"""

import numpy as np

from common.errors import UserError
from common.tables import and_more
from features.side_tables import read_numbers
from models.stack.leaks import leak_check
from models.stack.second_level import LEARNERS, fit_linear, fit_predict


def second_level(job, rows, log1p_prices: dict[str, np.ndarray]) -> tuple[dict, dict]:
    """{name: predictions (n, 1)} of every column, of their geometric mean and of each of LEARNERS,
    "stack" the one to use; and the linear fit's weights {column: weight}.

    log1p_prices: see first_level. Raises UserError as first_level and check_columns do.
    """
    numbers, names = first_level(job, rows, log1p_prices)
    labelled = is_labelled(rows)

    # in logs: a ratio is what SMAPE judges
    x = in_logs(numbers, rows)
    label = np.expm1(rows.target[:, 0])
    y = in_logs(label, rows)
    check_columns(job, rows, x[labelled], names, y[labelled])

    weights = fit_linear(x[labelled], y[labelled])[:-1]  # without the constant

    prices = dict(zip(names, numbers.T, strict=True))
    prices["geometric mean"] = np.exp(x.mean(1))
    log_prices = cross_fitted_logs(x, y, labelled, rows.fold, job.config.data.seed)
    prices |= dict(zip(LEARNERS, np.exp(log_prices).T, strict=True))

    preds = {name: np.log1p(price)[:, None] for name, price in prices.items()}
    return preds, dict(zip(names, weights.tolist(), strict=True))


def first_level(job, rows, log1p_prices: dict[str, np.ndarray]) -> tuple[np.ndarray, list[str]]:
    """Predicted prices (n, m) of all rows and their columns' names: every other model's, then those
    of stack.train and stack.test.

    log1p_prices {model: (n, 1)}: the models' predictions; a training row's is out-of-fold, a test
    row's the mean over the folds. Raises UserError on a price that is not positive, and on columns
    that are too few or share a name.
    """
    table, columns = read_numbers(job.config.data, job.config.stack, rows.id)
    require_positive(table, columns, rows.id)
    names = [*log1p_prices, *columns]

    twice = {name for name in names if names.count(name) > 1}
    if twice:
        shared = ", ".join(sorted(twice))
        raise UserError(
            f"{shared} is a model and a column of {job.config.stack.train}; rename the column"
        )

    n_columns = len(names)
    if n_columns < 2:
        raise UserError(
            "a stack needs two columns of predictions or more, and there are "
            f"{n_columns}: name other models before it, or tables in stack.train and stack.test"
        )

    prices = [np.expm1(log1p_price) for log1p_price in log1p_prices.values()]
    prices.append(table)
    return np.concatenate(prices, 1), names


def require_positive(price: np.ndarray, columns: list[str], ids: np.ndarray) -> None:
    """Raises UserError naming a price (n, m) that is not positive, or missing."""
    is_positive = price > 0  # False of nan
    wrong = np.argwhere(~is_positive)
    if not len(wrong):
        return

    row, column = wrong[0]
    first = price[row, column]
    raise UserError(
        f"{columns[column]} is {first} at {ids[row]}{and_more(wrong)} of the "
        "stack's tables; a predicted price is a positive number"
    )


def in_logs(price: np.ndarray, rows) -> np.ndarray:
    """Logs of positive prices; below half of the least training label they are all the same."""
    (lowest, _), *_ = rows.outputs.values()
    price = np.maximum(price, lowest / 2)
    return np.log(price)


def check_columns(job, rows, x: np.ndarray, names: list[str], y: np.ndarray) -> None:
    """Raises UserError when a column of log prices x (n, m) knows too much of the labels' log
    prices y (n,), or is not of prices; both are of the labelled rows among `rows`."""
    config = job.config
    fold = rows.fold[is_labelled(rows)]
    foreign = set(names) - set(config.models)
    leak_check(x, names, y, fold, foreign, config.stack.trust)

    middle = np.median(x, 0)  # (m,)
    log_factors = middle - np.median(y)

    factors = np.exp(log_factors)
    for name, factor in zip(names, factors, strict=True):
        is_like_prices = 1 / 3 < factor < 3
        if not is_like_prices:
            raise UserError(
                f"{name} is {factor:.2g} times the price in the middle: a logarithm, "
                "a rank, another currency? Predictions are to be prices"
            )


def is_labelled(rows) -> np.ndarray:
    """(n,) bool: training rows with a label."""
    return (rows.fold >= 0) & (rows.target[:, 0] >= 0)


def cross_fitted_logs(
    x: np.ndarray, y: np.ndarray, labelled: np.ndarray, fold: np.ndarray, seed: int
) -> np.ndarray:
    """Log prices (n, len(LEARNERS)) of every row, none by a learner that was fitted on its label.

    x (n, m): log prices of the first level. y (n,): log prices of the labels, used where
    labelled (n,) is True, which is True of training rows alone. fold (n,): -1 for test rows.
    A training row's learners are fitted on the other folds, a test row's on all.
    """
    log_price = np.empty((len(x), len(LEARNERS)))
    for k in np.unique(fold):
        # no row is both
        is_predicted = fold == k
        is_fitted = labelled & (fold != k)

        train_x = x[is_fitted]
        train_y = y[is_fitted]
        new_x = x[is_predicted]
        log_price[is_predicted] = fit_predict(train_x, train_y, new_x, seed)

    return log_price
