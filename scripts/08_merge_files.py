"""Members → one prediction and one answer per row. Folds are averaged; then the best model or blend
of models is chosen, plain or decoded, by what it is worth on rows that it was not fitted on. Or the
files of a folder → one csv, checked.

Reads   working/<category>/folds.csv, pred/<member>.npz or .csv of every member
Writes  working/<category>/merged.npz: id (n,), pred (n, k), answer (n, a) of the training rows,
        each by what was chosen and fitted on the other folds. Its record holds the choice with all
        that was fitted on labels (pipeline.choice), why it was chosen, and every candidate's and
        model's out-of-fold score
        working/<category>/mistakes.csv, where the task lists them: the labelled rows that were
        answered wrong
        working/<category>/answers/<rows>/merged.npz: the same of rows to answer, by that choice;
        its record has the score to expect on them
Run     python scripts/08_merge_files.py c2
        python scripts/08_merge_files.py c2 --rows test
        python scripts/08_merge_files.py --merge parts --to answers.csv
            what 01_split_files.py --split made, with answers added
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from common import errors
from common.files import load_npz, read_record, replacing
from common.log import log
from models import pred_file, split_member
from pipeline import choice, graph
from pipeline.expected import Expected, expect, gain_of_folds, label_pattern
from pipeline.job import start
from pipeline.load import load_pred, read_folds
from pipeline.merging import fold_members, merge
from pipeline.reasons import candidate_scores, why
from pipeline.scores import SUBMITTED, Scores
from pipeline.stops import run
from pipeline.tables import log_table

TARGET = "merged.npz"


def needs(config, paths, name):
    preds = [pred_file(paths, member) for member in graph.members(config)]
    if paths.rows:
        return [paths.folds, paths.of("").merged, paths.table, *preds]

    return [paths.folds, *preds]


def settings(config, paths, name):
    return [] if paths.rows else ["models", "post.decode"]


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


def choose(job, preds: dict[str, np.ndarray], record: dict) -> choice.Fitted:
    """What to submit, of the models' out-of-fold predictions {model: (n, k)}; what was chosen and
    why goes to the record."""
    labelled = choice.labelled_rows(job.rows)
    final = graph.final_models(job.config, job.paths)
    fitted = choice.fit(preds, final, labelled, job.config.post.decode == "fitted")

    record["choice"] = fitted.choice.record()
    record["chosen"] = fitted.choice.label
    record["why"] = why(fitted, labelled)
    record["chosen_without_fold"] = fitted.chosen_without
    record["candidates"] = candidate_scores(fitted, labelled)
    return fitted


def expected_score(rows, chosen: choice.Choice, tables: dict, answer: np.ndarray) -> Expected:
    """The score to expect on the rows to answer; answer (t, a): of the training rows,
    out-of-fold."""
    to_answer = np.flatnonzero(rows.asked)
    labelled = choice.labelled_rows(rows)
    members = {model: fold_members(model, tables, rows) for model in chosen.models}
    plain = expect(labelled, answer, len(to_answer))
    pattern = label_pattern(rows, to_answer)
    gain = gain_of_folds(chosen, members, labelled, plain.score, pattern)
    return expect(labelled, answer, len(to_answer), gain) if gain else plain


def tell_choice(record: dict, score_name: str) -> None:
    """Print every candidate's score, what is chosen and why."""
    lines = {label: list(values.values()) for label, values in record["candidates"].items()}
    log_table("to choose from", [score_name, "better than the chosen", "standard error"], lines)
    log(submitted=record["why"])
    log(out_of_fold=record["score"])


def list_mistakes(job, answer: np.ndarray) -> None:
    """mistakes.csv: the labelled rows whose answer (n, a) is wrong."""
    rows = job.rows
    table = read_folds(job.paths.folds)
    wrong = rows.task.mistakes(answer, rows.target, rows.outputs, table)

    with replacing(job.paths.mistakes) as tmp:
        wrong.to_csv(tmp, index=False)

    log(mistakes=len(wrong), listed_in=job.paths.mistakes)


def merge_training(job) -> None:
    """merged.npz of the training rows, and what is chosen by them."""
    rows, config = job.rows, job.config
    with job.writing(job.paths.merged) as (tmp, record):
        tables = {member: load_pred(job, rows, member) for member in graph.members(config)}
        record["without_image"] = without_image(job, tables)
        preds = {model: merge_model(model, tables, rows) for model in config.models}
        fitted = choose(job, preds, record)
        scores = Scores(rows, preds, config.data.n_folds)
        scores.add(SUBMITTED, fitted.pred, fitted.answer)
        record["score"] = scores.official[SUBMITTED]
        record["official"] = scores.official
        record["scores"] = scores.tables
        np.savez(tmp, id=rows.id, pred=fitted.pred, answer=fitted.answer)

        if hasattr(rows.task, "mistakes"):
            list_mistakes(job, fitted.answer)

    scores.show()
    tell_choice(record, rows.task.SCORE)
    tell_worse(job, scores)
    tell_mixed(job)


def merge_answers(job) -> None:
    """merged.npz of rows to answer, by what was chosen on the training rows."""
    rows = job.rows
    training = job.paths.of("").merged
    chosen = choice.read_choice(read_record(training)["choice"])

    with job.writing(job.paths.merged) as (tmp, record):
        members = graph.members(job.config)
        tables = {member: load_pred(job, rows, member) for member in members}
        record["without_image"] = without_image(job, tables)
        preds = {model: merge_model(model, tables, rows)[rows.asked] for model in chosen.models}
        pred, answer = choice.apply(chosen, preds, rows.task, rows.outputs)
        expected = expected_score(rows, chosen, tables, load_npz(training)["answer"])
        record["expected"] = expected.record()
        record["rows"] = len(pred)
        np.savez(tmp, id=rows.id[rows.asked], pred=pred, answer=answer)

    log(
        rows=job.paths.rows,
        answered=len(pred),
        by=chosen.label,
        expected=expected.score,
        interval=f"{expected.low:.4f} to {expected.high:.4f}",
        gain_of_the_mean_of_folds=expected.gain_of_folds,
    )


def main(argv=None):
    argv = sys.argv[1:] if argv is None else argv
    if any(str(word).split("=")[0] == "--merge" for word in argv):
        return merge_folder(argv)

    job = start(__doc__, argv, answers="")
    if job.paths.rows:
        return merge_answers(job)

    merge_training(job)


if __name__ == "__main__":
    run(main)
