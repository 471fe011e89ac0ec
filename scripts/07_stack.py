"""LightGBM over the other models' out-of-fold predictions, and over tables of predictions from
elsewhere: the second level.

Reads   working/<category>/folds.csv, pred/<member>.npz of every other model; stack.train and
        stack.test in the data folder
Writes  working/<category>/pred/stack_0.npz: id (n,), pred (n, 1) of every row: a training row's by
        a stack fitted on the other folds, a test row's by one fitted on all. Its record holds every
        column's score, NNLS's and ridge's beside it, and what each column weighs in the linear fit
        of all rows Stops when a column knows too much: a member that saw its own rows, a price
        under another name
Run     python scripts/07_stack.py price
"""

import numpy as np

from common import errors
from common.log import log, log_table
from common.stops import run
from common.tables import digests
from models import load_model
from models.stack.leaks import leak_check
from models.stack.second_level import PARTS, fit_linear, second_level
from pipeline.crossfit import cross_fitted
from pipeline.job import start
from pipeline.load import load_rows
from pipeline.merging import merge


def main(argv=None):
    job = start(__doc__, argv)
    if "stack" not in job.config.models:
        raise errors.Stop(
            f"{job.paths.category} has no stack; its models are: {', '.join(job.config.models)}"
        )
    with job.writing(job.paths.pred("stack_0")) as (part, record):
        rows, settings = load_rows(job), job.config.stack
        prices, names = load_model("stack").columns(job, rows, merge)
        floor = rows.outputs["price"][0] / 2  # the log of a price below says nothing more
        x, target = np.log(np.maximum(prices, floor)), rows.target[:, 0]
        known = (rows.fold >= 0) & (target >= 0)
        y = np.log(np.maximum(np.expm1(target), floor))
        leak_check(
            x[known],
            names,
            y[known],
            rows.fold[known],
            set(names) - set(job.config.models),
            settings.trust,
        )
        for name, factor in zip(
            names, np.exp(np.median(x[known], 0) - np.median(y[known])), strict=True
        ):
            if not 1 / 3 < factor < 3:
                raise errors.Stop(
                    f"{name} is {factor:.2g} times the price in the middle: a logarithm, "
                    "a rank, another currency? "
                    "Predictions are to be prices"
                )
        made, _ = cross_fitted(
            lambda x, y: (x[y[:, 0] > -np.inf], y[y[:, 0] > -np.inf, 0]),
            lambda z, learnt: second_level(*learnt, z, job.config.data.seed),
            x,
            np.where(known, y, -np.inf)[:, None],
            rows.fold,
        )
        columns = {
            **dict(zip(names, prices.T, strict=True)),
            "geometric mean": np.exp(x.mean(1)),
            **dict(zip(PARTS, np.exp(made).T, strict=True)),
        }
        record |= {
            "scores": {
                name: rows.task.score(column[known, None], target[known, None], rows.outputs)
                for name, column in columns.items()
            },
            "linear": dict(zip(names, fit_linear(x[known], y[known])[:-1].tolist(), strict=True)),
            "raw": digests(job.config.data, settings),
        }
        np.savez(
            part,
            id=rows.id,
            pred=np.log1p(columns["stack"])[:, None],
            bad=np.zeros(len(rows.id), bool),
        )
    log_table(
        "out-of-fold",
        [rows.task.SCORE],
        {name: [score] for name, score in record["scores"].items()},
    )
    best = min(record["scores"], key=record["scores"].get)
    if record["scores"][best] < record["scores"]["stack"] - 0.1:
        log(
            note=f"{best} is better than the stack ({record['scores'][best]:.2f} against "
            f"{record['scores']['stack']:.2f})"
        )
    log(
        member="stack_0",
        out_of_fold=record["scores"]["stack"],
        columns=len(names),
        rows=len(rows.id),
    )


if __name__ == "__main__":
    run(main)
