"""LightGBM over the other models' out-of-fold predictions, and over tables of predictions from
elsewhere: the second level.

Reads   working/<category>/folds.csv, pred/<member>.npz of every other model; stack.train and
        stack.test in the data folder
Writes  working/<category>/pred/stack_0.npz: id (n,), pred (n, 1) of every row: a training row's by
        a stack fitted on the other folds, a test row's by one fitted on all. Its record holds every
        column's score, NNLS's and ridge's beside it, and what each column weighs in the linear fit
        of all rows
Stops   when a column knows too much: a member that saw its own rows, a price under another name
Run     python scripts/07_stack.py price
"""

import numpy as np

from common.errors import UserError
from common.files import load_npz
from common.log import log, log_table
from features.side_tables import digests
from models import load_model
from pipeline.job import start
from pipeline.merging import merge
from pipeline.stops import run

stack = load_model("stack")
TARGET = "pred/stack_0.npz"


def needs(config, paths, member):
    return [paths.folds, *stack.inputs(config, paths, 0)]


def settings(config, member):
    return stack.PREDICT_SETTINGS


def predictions_of(job, rows) -> dict[str, np.ndarray]:
    """{model: (n, 1)} of every other model of the category, its members merged."""
    merged = {}
    for model in job.config.models:
        if model != "stack":
            members = [f"{model}_{k}" for k in range(job.config.data.n_folds)]
            tables = {member: load_npz(job.paths.pred(member)) for member in members}
            merged[model] = merge(tables, rows)

    return merged


def stacked_prices(job, record: dict) -> dict[str, np.ndarray]:
    """{name: prices (n,)} of every column, of their geometric mean and of each learner of the
    second level; "stack" is the one to use. The linear fit's weights go to the record."""
    rows = job.rows
    numbers, names = stack.first_level(job, rows, predictions_of(job, rows))
    labelled = stack.is_labelled(rows)

    # in logs: a ratio is what SMAPE judges
    x = stack.in_logs(numbers, rows)
    label = np.expm1(rows.target[:, 0])
    y = stack.in_logs(label, rows)
    stack.check_columns(job, rows, x[labelled], names, y[labelled])

    weights = stack.fit_linear(x[labelled], y[labelled])[:-1]  # without the constant
    record["linear"] = dict(zip(names, weights.tolist(), strict=True))

    prices = dict(zip(names, numbers.T, strict=True))
    prices["geometric mean"] = np.exp(x.mean(1))
    log_prices = stack.cross_fitted_logs(x, y, labelled, rows.fold, job.config.data.seed)
    prices |= dict(zip(stack.LEARNERS, np.exp(log_prices).T, strict=True))
    return prices


def scores_of(prices: dict[str, np.ndarray], rows) -> dict[str, float]:
    """{name: the score on the labelled rows}."""
    labelled = stack.is_labelled(rows)
    target = rows.target[labelled]

    scores = {}
    for name, price in prices.items():
        scores[name] = rows.task.score(price[labelled, None], target, rows.outputs)

    return scores


def tell(scores: dict[str, float], score_name: str) -> None:
    """Print every column's score, and a note where one is better than the stack."""
    lines = {name: [score] for name, score in scores.items()}
    log_table("out-of-fold", [score_name], lines)

    best = min(scores, key=scores.get)
    if scores[best] < scores["stack"] - 0.1:
        log(
            note=f"{best} is better than the stack "
            f"({scores[best]:.2f} against {scores['stack']:.2f})"
        )


def main(argv=None):
    job = start(__doc__, argv)
    if "stack" not in job.config.models:
        models = ", ".join(job.config.models)
        raise UserError(f"{job.paths.category} has no stack; its models are: {models}")

    rows = job.rows
    with job.writing(job.paths.pred("stack_0")) as (tmp, record):
        prices = stacked_prices(job, record)
        record["scores"] = scores_of(prices, rows)
        record["raw"] = digests(job.config.data, job.config.stack)
        pred = np.log1p(prices["stack"])[:, None]
        missing_image = np.zeros(len(rows.id), bool)
        np.savez(tmp, id=rows.id, pred=pred, missing_image=missing_image)

    tell(record["scores"], rows.task.SCORE)
    log(out_of_fold=record["scores"]["stack"], columns=len(record["linear"]), rows=len(rows.id))


if __name__ == "__main__":
    run(main)
