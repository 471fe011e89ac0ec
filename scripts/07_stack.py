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

from functools import partial

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


def tell(scores: dict[str, float], score_name: str) -> None:
    """Every column's score; and a note where one is better than the stack."""
    log_table("out-of-fold", [score_name], {name: [score] for name, score in scores.items()})
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
        numbers, names = stack.first_level(job, rows, predictions_of(job, rows))
        known = stack.is_labelled(rows)
        x = stack.in_logs(numbers, rows)
        y = stack.in_logs(np.expm1(rows.target[:, 0]), rows)
        stack.check_columns(job, rows, x[known], names, y[known])
        prices = dict(zip(names, numbers.T, strict=True))
        prices["geometric mean"] = np.exp(x.mean(1))
        log_prices = stack.cross_fitted_logs(x, y, known, rows.fold, job.config.data.seed)
        prices |= dict(zip(stack.LEARNERS, np.exp(log_prices).T, strict=True))
        score = partial(rows.task.score, target=rows.target[known], outputs=rows.outputs)
        record["scores"] = {name: score(price[known, None]) for name, price in prices.items()}
        linear = stack.fit_linear(x[known], y[known])[:-1].tolist()
        record["linear"] = dict(zip(names, linear, strict=True))
        record["raw"] = digests(job.config.data, job.config.stack)
        pred = np.log1p(prices["stack"])[:, None]
        np.savez(tmp, id=rows.id, pred=pred, missing_image=np.zeros(len(rows.id), bool))

    tell(record["scores"], rows.task.SCORE)
    log(out_of_fold=record["scores"]["stack"], columns=len(names), rows=len(rows.id))


if __name__ == "__main__":
    run(main)
