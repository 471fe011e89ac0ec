"""Members → one prediction per row: folds are averaged, models weighted by what they are worth on rows they never saw.

Reads   working/<category>/folds.csv, pred/<member>.npz of every member
Writes  working/<category>/merged.npz: id (n,), pred (n, k) of the ensemble; out-of-fold rows with weights fitted on the other
        folds, test rows with weights fitted on all. Its record holds every model's out-of-fold scores, attribute by attribute
Run     python scripts/08_merge_files.py c2
"""
from functools import partial

import numpy as np

from common import errors, graph
from common.cli import start
from common.crossfit import cross_fitted
from common.io import load_npz, log, log_table
from common.rows import Rows, load_rows
from common.tables import align


def merge(tables: dict[str, dict], rows: Rows) -> np.ndarray:
    """Predictions (n, k) of one model in the order of the rows: the mean over the members that predict a row.

    tables {member: {id (m,), pred (m, k)}}. Stop unless every training row is predicted by exactly one member, every test row
    by each of them, and nothing else is.
    """
    total, count = np.zeros((len(rows.id), sum(rows.sizes))), np.zeros(len(rows.id), int)
    for member, table in tables.items():
        at, again = align(rows.id, table["id"]), f"run again: python scripts/06_infer.py <category> --member {member}"
        if (at < 0).any():
            raise errors.Stop(f"{member} predicts {table['id'][at < 0][0]}, which is not in folds.csv; {again}")
        if len(np.unique(at)) < len(at):
            raise errors.Stop(f"{member} predicts {table['id'][np.bincount(at)[at] > 1][0]} twice; {again}")
        if not np.isfinite(table["pred"]).all():
            raise errors.Stop(f"{member}: {(~np.isfinite(table['pred'])).any(1).sum()} predictions are not finite; {again}")
        total[at] += table["pred"]
        count[at] += 1
    wrong = np.flatnonzero(count != np.where(rows.fold < 0, len(tables), 1))
    if len(wrong):
        raise errors.Stop(f"{rows.id[wrong[0]]} and {len(wrong) - 1} more are predicted {count[wrong[0]]} times by "
                          f"{', '.join(tables)}; run 06_infer again for these members")
    return total / count[:, None]


def main(argv=None):
    job = start(__doc__, argv)
    with job.writing(job.paths.merged) as (part, record):
        rows, config = load_rows(job), job.config
        task, outputs, own = rows.task, rows.outputs, rows.fold >= 0
        tables = {member: load_npz(job.paths.pred(member)) for member in graph.members(config)}
        preds = {model: merge({m: table for m, table in tables.items() if m.rpartition("_")[0] == model}, rows)
                 for model in config.models}
        stacked = np.stack(list(preds.values()))
        ensemble, weights = cross_fitted(partial(task.fit_blend, outputs=outputs), partial(task.apply_blend, outputs=outputs),
                                         stacked, rows.target, rows.fold)
        majority = np.stack([rows.prior(k) for k in range(config.data.n_folds)])[rows.fold]
        judged = {"majority": majority, **preds, "ensemble": ensemble}
        answers = {name: task.answer(pred[own], outputs) for name, pred in judged.items()}
        scores = {name: task.table(answers[name], rows.target[own], outputs, pred[own]) for name, pred in judged.items()}
        at_size = [task.score_at_size(answer, rows.target[own], outputs, int((~own).sum())) for answer in answers.values()]
        blind = set().union(*(table["id"][table["bad"]] for table in tables.values()))
        record |= {"scores": scores, "at_test_size": dict(zip(scores, at_size)), "answered_by_class_frequencies": sorted(blind), "weights_of_models": dict(zip(config.models, weights.tolist()))}
        np.savez(part, id=rows.id, pred=ensemble.astype(np.float32))
    hm = {output: [scores[name][output]["hm"] for name in scores] for output in outputs}
    official = [task.official_mean({output: row["hm"] for output, row in table.items()}) for table in scores.values()]
    log_table("out-of-fold HM", list(scores), hm | {"official mean": official, f"on {(~own).sum()} rows, as test has": at_size})
    for model, weight in zip(config.models, weights):
        log(model=model, mean_weight=float(weight.mean()))


if __name__ == "__main__":
    errors.run(main)
