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
from common.log import log
from models import pred_file, split_member
from pipeline import graph
from pipeline.crossfit import cross_fitted
from pipeline.job import start
from pipeline.load import load_pred
from pipeline.merging import merge
from pipeline.scores import Scores
from pipeline.stops import run

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
    its_tables = {}
    for member, table in tables.items():
        if split_member(member)[0] == model:
            its_tables[member] = table

    return merge(its_tables, rows)


def without_image(job, tables: dict) -> list[str]:
    """Ids of the rows that a member had no image of. Raises UserError where these are all test
    rows."""
    missing_ids = set()
    for table in tables.values():
        missing_ids.update(table["id"][table["missing_image"]])

    test_ids = job.rows.id[job.rows.fold < 0]
    if len(test_ids) and missing_ids.issuperset(test_ids):
        raise errors.UserError(
            f"none of the {len(test_ids)} test rows' images could be read; "
            f"pred/{next(iter(tables))} and its like say why: put the images where "
            "data.test_image says, then run the same command again"
        )

    return sorted(missing_ids)


def tell_worse(job, scores: Scores) -> None:
    """A note for each model that is worse than the baseline."""
    baseline = scores.task.BASELINE
    for model in job.config.models:
        if scores.is_worse(model, baseline):
            log(
                note=f"{model} is worse than {baseline}: look at its learning curve in the report, "
                "or leave it out"
            )


def tell_mixed(job) -> None:
    """A note for each language model whose parts were answered by different models or servers."""
    answered_by: dict[str, set[str]] = {}
    for member in graph.members(job.config):
        record = read_record(pred_file(job.paths, member)) or {}
        if record.get("model"):
            model, _ = split_member(member)
            answered_by.setdefault(model, set()).add(json.dumps(record["model"]))

    for model, answerers in answered_by.items():
        if len(answerers) > 1:
            log(
                note=f"the parts of {model} were answered by {len(answerers)} different models or "
                "servers",
                e_g=" and ".join(sorted(answerers)[:2]),
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
    with job.writing(job.paths.merged) as (tmp, record):
        rows, config = job.rows, job.config
        tables = {member: load_pred(job, rows, member) for member in graph.members(config)}
        record["without_image"] = without_image(job, tables)
        preds = {model: merge_model(model, tables, rows) for model in config.models}
        last = graph.final_models(config, job.paths)
        ensemble, weights = blend({model: preds[model] for model in last}, rows)
        scores = Scores(rows, {**preds, "ensemble": ensemble}, config.data.n_folds)
        record["scores"] = scores.tables
        record["at_test_size"] = scores.at_test_size
        record["weights_of_models"] = dict(zip(last, weights.tolist(), strict=True))
        np.savez(tmp, id=rows.id, pred=ensemble)

    scores.show()
    for model, weight in zip(last, weights, strict=True):
        log(model=model, mean_weight=float(weight.mean()))

    tell_worse(job, scores)
    tell_mixed(job)


if __name__ == "__main__":
    run(main)
