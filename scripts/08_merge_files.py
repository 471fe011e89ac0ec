"""Members → one prediction per row: folds are averaged, models weighted by what they are worth on
rows they never saw; or stacked, or refined. Or the files of a folder → one csv, checked.

Reads   working/<category>/folds.csv, pred/<member>.npz or .csv of every member
Writes  working/<category>/merged.npz: id (n,), pred (n, k) of the ensemble; out-of-fold rows with
        weights fitted on the other folds, test rows with weights fitted on all; with a stack, the
        stack's. Its record holds every model's out-of-fold scores
Run     python scripts/08_merge_files.py c2
        python scripts/08_merge_files.py --merge parts --to answers.csv     what 01_split_files.py
        --split made, with answers added
"""

import argparse
import json
import sys
from functools import partial
from pathlib import Path

import numpy as np

from common import errors
from common.files import read_record
from common.log import log, log_table
from common.stops import run
from models import split_member
from pipeline import graph
from pipeline.crossfit import cross_fitted
from pipeline.job import start
from pipeline.load import load_pred, load_rows
from pipeline.merging import merge

TARGET = "merged.npz"


def needs(config, paths, name):
    return [paths.folds, *map(paths.pred, graph.members(config))]


def settings(config, name):
    return ["models"]


def merge_folder(argv) -> None:
    """--merge FOLDER --to FILE: the parts of a split csv, whole and in their order."""
    from pipeline.parts import merge_csv

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--merge", metavar="FOLDER", type=Path, required=True)
    parser.add_argument("--to", metavar="FILE", type=Path, required=True)
    parser.add_argument(
        "--pattern",
        default="part_*.csv",
        help="names of the parts there, * for the number (default: %(default)s)",
    )
    args = parser.parse_args(argv)
    log(merged=args.to, **merge_csv(args.merge, args.to, args.pattern))


def main(argv=None):
    argv = sys.argv[1:] if argv is None else argv
    if any(str(word).split("=")[0] == "--merge" for word in argv):
        return merge_folder(argv)
    job = start(__doc__, argv)
    with job.writing(job.paths.merged) as (part, record):
        rows, config = load_rows(job), job.config
        task, outputs, own = rows.task, rows.outputs, rows.fold >= 0
        tables = {member: load_pred(job, rows, member) for member in graph.members(config)}
        preds = {
            model: merge(
                {m: table for m, table in tables.items() if m.rpartition("_")[0] == model}, rows
            )
            for model in config.models
        }
        last = graph.finals(config, job.paths)
        ensemble, weights = cross_fitted(
            partial(task.fit_blend, outputs=outputs),
            partial(task.apply_blend, outputs=outputs),
            np.stack([preds[model] for model in last]),
            rows.target,
            rows.fold,
        )
        baseline = np.stack([rows.prior(k) for k in range(config.data.n_folds)])[rows.fold]
        judged = {task.BASELINE: baseline, **preds, "ensemble": ensemble}
        answers = {name: task.answer(pred[own], outputs) for name, pred in judged.items()}
        scores = {
            name: task.table(answers[name], rows.target[own], outputs, pred[own])
            for name, pred in judged.items()
        }
        at_size = [
            task.score_at_size(answer, rows.target[own], outputs, int((~own).sum()))
            for answer in answers.values()
        ]
        blind = set().union(*(table["id"][table["bad"]] for table in tables.values()))
        if (~own).any() and blind.issuperset(rows.id[~own]):
            raise errors.Stop(
                f"none of the {(~own).sum()} test rows' pictures could be read; "
                f"pred/{graph.members(config)[0]} and its like say "
                "why: put the pictures where data.test_image says, then run the same command again"
            )
        record |= {
            "scores": scores,
            "at_test_size": dict(zip(scores, at_size, strict=True)),
            "without_picture": sorted(blind),
            "weights_of_models": dict(zip(last, weights.tolist(), strict=True)),
        }
        np.savez(part, id=rows.id, pred=ensemble)
    parts = {output: [table[output][task.SCORE] for table in scores.values()] for output in outputs}
    official = [task.score(answer, rows.target[own], outputs) for answer in answers.values()]
    log_table(
        f"out-of-fold {task.SCORE}",
        list(scores),
        parts
        | (
            {"official": official, f"on {(~own).sum()} rows, as test has": at_size}
            if len(outputs) > 1
            else {}
        ),
    )
    for model, weight in zip(last, weights, strict=True):
        log(model=model, mean_weight=float(weight.mean()))
    value = dict(zip(scores, official, strict=True))
    worse = np.less if task.MODE == "max" else np.greater
    for model in (model for model in config.models if worse(value[model], value[task.BASELINE])):
        log(
            note=f"{model} is worse than {task.BASELINE}: look at its learning curve in the "
            "report, or leave it out"
        )
    for model in config.models:
        said = {
            json.dumps((read_record(job.paths.pred(member)) or {}).get("model"))
            for member in graph.members(config)
            if split_member(member)[0] == model
        } - {"null"}
        if len(said) > 1:
            log(
                note=f"the parts of {model} were answered by {len(said)} different models or "
                "servers",
                e_g=" and ".join(sorted(said)[:2]),
            )


if __name__ == "__main__":
    run(main)
