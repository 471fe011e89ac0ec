"""Members → one prediction per row: folds are averaged, models weighted by what they are worth on
rows they never saw; or stacked, or refined. Or the files of a folder → one csv, checked.

Reads   working/<category>/folds.csv, pred/<member>.npz or .csv of every member
Writes  working/<category>/merged.npz: id (n,), pred (n, k) of the ensemble; out-of-fold rows with
        weights fitted on the other folds, test rows with weights fitted on all; with a stack, the
        stack's. Its record holds every model's out-of-fold scores
Run     python scripts/08_merge_files.py c2
        python scripts/08_merge_files.py --merge parts --to answers.csv
            what 01_split_files.py --split made, with answers added
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
from models import pred_file, split_member
from pipeline import graph
from pipeline.crossfit import cross_fitted
from pipeline.job import start
from pipeline.load import load_pred
from pipeline.merging import merge

TARGET = "merged.npz"


def needs(config, paths, name):
    return [paths.folds, *(pred_file(paths, member) for member in graph.members(config))]


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


def merge_model(model: str, tables: dict, rows) -> np.ndarray:
    """A model's predictions (n, K) of all rows, from its members' among `tables`."""
    own = {member: table for member, table in tables.items() if split_member(member)[0] == model}
    return merge(own, rows)


def without_picture(job, tables: dict) -> list[str]:
    """Ids of the rows that a member had no picture of. Raises UserError where these are all test rows."""
    blind = set().union(*(table["id"][table["missing_image"]] for table in tables.values()))
    test = job.rows.id[job.rows.fold < 0]
    if len(test) and blind.issuperset(test):
        raise errors.UserError(
            f"none of the {len(test)} test rows' pictures could be read; "
            f"pred/{next(iter(tables))} and its like say "
            "why: put the pictures where data.test_image says, then run the same command again"
        )
    return sorted(blind)


class Scores:
    """Out-of-fold scores of every model, of the ensemble, and of the baseline before them.

    tables {name: {output: {score: value}}}; official {name: the competition's score}; at_test_size
    {name: the score to expect on as many rows as test has}.
    """

    def __init__(self, rows, preds: dict[str, np.ndarray], n_folds: int):
        self.rows, self.task, own = rows, rows.task, rows.fold >= 0
        baseline = np.stack([rows.baseline(k) for k in range(n_folds)])[rows.fold]
        preds = {self.task.BASELINE: baseline, **preds}
        target, outputs, self.n_test = rows.target[own], rows.outputs, int((~own).sum())
        self.tables, self.official, self.at_test_size = {}, {}, {}
        for name, pred in preds.items():
            answer = self.task.answer(pred[own], outputs)
            self.tables[name] = self.task.table(answer, target, outputs, pred[own])
            self.official[name] = self.task.score(answer, target, outputs)
            self.at_test_size[name] = self.task.score_at_size(answer, target, outputs, self.n_test)

    def show(self) -> None:
        """A line per output, a column per model."""
        score, outputs = self.task.SCORE, self.rows.outputs
        lines = {
            output: [table[output][score] for table in self.tables.values()] for output in outputs
        }
        if len(outputs) > 1:
            lines["official"] = list(self.official.values())
            lines[f"on {self.n_test} rows, as test has"] = list(self.at_test_size.values())
        log_table(f"out-of-fold {score}", list(self.tables), lines)


def warn(job, scores: Scores) -> None:
    """Notes on models that are worse than the baseline, or whose parts were answered by several."""
    task, official = scores.task, scores.official
    worse = np.less if task.MODE == "max" else np.greater
    for model in job.config.models:
        if worse(official[model], official[task.BASELINE]):
            log(
                note=f"{model} is worse than {task.BASELINE}: look at its learning curve in the "
                "report, or leave it out"
            )
    for model in job.config.models:
        members = [m for m in graph.members(job.config) if split_member(m)[0] == model]
        records = [read_record(pred_file(job.paths, member)) or {} for member in members]
        answered = {json.dumps(record["model"]) for record in records if record.get("model")}
        if len(answered) > 1:
            log(
                note=f"the parts of {model} were answered by {len(answered)} different models or "
                "servers",
                e_g=" and ".join(sorted(answered)[:2]),
            )


def blend(preds: dict[str, np.ndarray], rows) -> tuple[np.ndarray, np.ndarray]:
    """The ensemble (n, k) of {model: (n, k)}, and the weights (models, k) that test rows get.

    A training row's weights are fitted on the other folds, a test row's on all folds.
    """
    fit = partial(rows.task.fit_blend, outputs=rows.outputs)
    apply = partial(rows.task.apply_blend, outputs=rows.outputs)
    return cross_fitted(fit, apply, np.stack(list(preds.values())), rows.target, rows.fold)


def main(argv=None):
    argv = sys.argv[1:] if argv is None else argv
    if any(str(word).split("=")[0] == "--merge" for word in argv):
        return merge_folder(argv)
    job = start(__doc__, argv)
    with job.writing(job.paths.merged) as (part, record):
        rows, config = job.rows, job.config
        tables = {member: load_pred(job, rows, member) for member in graph.members(config)}
        record["without_picture"] = without_picture(job, tables)
        preds = {model: merge_model(model, tables, rows) for model in config.models}
        last = graph.final_models(config, job.paths)
        ensemble, weights = blend({model: preds[model] for model in last}, rows)
        scores = Scores(rows, {**preds, "ensemble": ensemble}, config.data.n_folds)
        record["scores"] = scores.tables
        record["at_test_size"] = scores.at_test_size
        record["weights_of_models"] = dict(zip(last, weights.tolist(), strict=True))
        np.savez(part, id=rows.id, pred=ensemble)
    scores.show()
    for model, weight in zip(last, weights, strict=True):
        log(model=model, mean_weight=float(weight.mean()))
    warn(job, scores)


if __name__ == "__main__":
    run(main)
