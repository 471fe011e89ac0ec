"""Members → one prediction per row: folds are averaged, models weighted by what they are worth on rows they never saw; or stacked.

Reads   working/<category>/folds.csv, pred/<member>.npz of every member
Writes  working/<category>/merged.npz: id (n,), pred (n, k) of the ensemble; out-of-fold rows with weights fitted on the other
        folds, test rows with weights fitted on all; with a stack, the stack's. Its record holds every model's out-of-fold scores
Run     python scripts/08_merge_files.py c2
"""
from functools import partial

import numpy as np

from common import errors, graph
from common.cli import start
from common.crossfit import cross_fitted
from common.io import load_npz, log, log_table
from common.merging import merge
from common.models import load_model
from common.rows import load_rows


def main(argv=None):
    job = start(__doc__, argv)
    with job.writing(job.paths.merged) as (part, record):
        rows, config = load_rows(job), job.config
        task, outputs, own = rows.task, rows.outputs, rows.fold >= 0
        tables = {member: load_npz(job.paths.pred(member)) for member in graph.members(config)}
        preds = {model: merge({m: table for m, table in tables.items() if m.rpartition("_")[0] == model}, rows)
                 for model in config.models}
        last = [model for model in config.models if load_model(model).PREDICT == "07_stack"] or list(config.models)
        ensemble, weights = cross_fitted(partial(task.fit_blend, outputs=outputs), partial(task.apply_blend, outputs=outputs),
                                         np.stack([preds[model] for model in last]), rows.target, rows.fold)
        baseline = np.stack([rows.prior(k) for k in range(config.data.n_folds)])[rows.fold]
        judged = {task.BASELINE: baseline, **preds, "ensemble": ensemble}
        answers = {name: task.answer(pred[own], outputs) for name, pred in judged.items()}
        scores = {name: task.table(answers[name], rows.target[own], outputs, pred[own]) for name, pred in judged.items()}
        at_size = [task.score_at_size(answer, rows.target[own], outputs, int((~own).sum())) for answer in answers.values()]
        blind = set().union(*(table["id"][table["bad"]] for table in tables.values()))
        record |= {"scores": scores, "at_test_size": dict(zip(scores, at_size)), "without_picture": sorted(blind),
                   "weights_of_models": dict(zip(last, weights.tolist()))}
        np.savez(part, id=rows.id, pred=ensemble.astype(np.float32))
    parts = {output: [table[output][task.SCORE] for table in scores.values()] for output in outputs}
    official = [task.official_mean({output: row[task.SCORE] for output, row in table.items()}) for table in scores.values()]
    log_table(f"out-of-fold {task.SCORE}", list(scores), parts | ({"official mean": official, f"on {(~own).sum()} rows, as test has": at_size}
                                                                if len(outputs) > 1 else {}))
    for model, weight in zip(last, weights):
        log(model=model, mean_weight=float(weight.mean()))


if __name__ == "__main__":
    errors.run(main)
