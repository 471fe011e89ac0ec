"""The second level, over the other models' out-of-fold predictions, and of a number over tables of
predictions from elsewhere.

Reads   working/<category>/folds.csv, pred/<member>.npz or .csv of every other model; stack.train
        and stack.test in the data folder
Writes  working/<category>/pred/stack_0.npz: id (n,), pred (n, K) of every training row, by a stack
        fitted on the other folds; of rows to answer in answers/<rows>/pred/, by one fitted on all.
        Its record holds every
        column's score, simpler learners' beside it, and what each column weighs in the linear fit
        of all rows
Stops   when a column knows too much: a member that saw its own rows, a price under another name
Run     python scripts/07_stack.py price
        python scripts/07_stack.py price --rows test
"""

from dataclasses import replace

import numpy as np

from common.errors import UserError
from common.log import log
from features.side_tables import digests
from models import count_members, load_model
from pipeline.job import start
from pipeline.load import load_pred
from pipeline.merging import merge
from pipeline.stops import run
from pipeline.tables import log_table

stack = load_model("stack")
TARGET = "pred/stack_0.npz"
CLEAR = 1 / 2000  # of the score's range: .1 SMAPE, .0005 HM


def needs(config, paths, member):
    return [paths.folds, *stack.inputs(config, paths, 0)]


def settings(config, paths, member):
    return stack.PREDICT_SETTINGS


def predictions_of(job, rows) -> dict[str, np.ndarray]:
    """{model: (n, K)} of every other model of the category, its members merged; beside rows to
    answer the training rows' are there, too, out-of-fold."""
    merged = {}
    for model in job.config.models:
        if model != "stack":
            members = [f"{model}_{k}" for k in range(count_members(model, job.config.data))]
            tables = {member: load_pred(job, rows, member) for member in members}
            merged[model] = merge(tables, rows)

    if job.paths.rows:
        training = replace(job, paths=job.paths.of(""))
        of_training = predictions_of(training, training.rows)
        for model, pred in of_training.items():
            merged[model][: len(pred)] = pred

    return merged


def scores_of(preds: dict[str, np.ndarray], rows) -> dict[str, float]:
    """{name: the score on the labelled training rows} of predictions {name: (n, K)}."""
    idx = np.flatnonzero((rows.fold >= 0) & rows.is_labelled)
    return {name: rows.score(pred[idx], idx) for name, pred in preds.items()}


def tell(scores: dict[str, float], task) -> None:
    """Print every column's score, and a note where one is clearly better than the stack."""
    lines = {name: [score] for name, score in scores.items()}
    log_table("out-of-fold", [task.SCORE], lines)

    pick = max if task.MODE == "max" else min
    best = pick(scores, key=scores.get)
    lowest, highest = task.RANGE

    clear = (highest - lowest) * CLEAR
    if abs(scores[best] - scores["stack"]) > clear:
        log(
            note=f"{best} is better than the stack "
            f"({scores[best]:.4g} against {scores['stack']:.4g})"
        )


def main(argv=None):
    job = start(__doc__, argv, answers="")
    if "stack" not in job.config.models:
        models = ", ".join(job.config.models)
        raise UserError(f"{job.paths.category} has no stack; its models are: {models}")

    rows = job.rows
    with job.writing(job.paths.pred("stack_0")) as (tmp, record):
        preds, record["linear"] = stack.second_level(job, rows, predictions_of(job, rows))
        record["scores"] = scores_of(preds, rows)
        record["raw"] = digests(job, job.config.stack)
        ids = rows.id[rows.asked]
        missing_image = np.zeros(len(ids), bool)
        np.savez(tmp, id=ids, pred=preds["stack"][rows.asked], missing_image=missing_image)

    if job.paths.rows:
        return log(rows=job.paths.rows, answered=len(ids))

    tell(record["scores"], rows.task)
    log(out_of_fold=record["scores"]["stack"], columns=len(record["linear"]), rows=len(rows.id))


if __name__ == "__main__":
    run(main)
