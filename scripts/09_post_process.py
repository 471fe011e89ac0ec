"""Merged predictions → the submission as the organisers want it, checked by their rules.

Reads   working/<category>/folds.csv, merged.npz; the raw test.csv for its order; with config concat,
        those categories' submissions
Writes  <submissions_path>/<category>.csv
            its record has the honest gain of the decoding
        working/<category>/answers.npz
            id (n,), answer (n, a) of every row, each training row's decoded as the other folds'
            labels say
        working/<category>/mistakes.csv, where the task lists them
            the labelled rows that were answered wrong
Run     python scripts/09_post_process.py c2
        python scripts/09_post_process.py c2 --check submissions/c2.csv
            only says what is wrong with a file
        python scripts/09_post_process.py c2 --check my.csv --truth labels.csv
            and scores it, where you hold labels back
"""

from pathlib import Path

import numpy as np
import pandas as pd

from common import errors
from common.files import load_npz, read_record, replacing
from common.log import log, log_table
from common.paths import Paths
from common.stops import run
from common.tables import read_csv
from pipeline.decoding import decode
from pipeline.job import start
from pipeline.load import read_folds
from pipeline.submission import check, concatenated, raw_test, score
from tasks import load_task

TARGET = "submissions/*.csv"


def needs(config, paths, name):
    if config.concat:
        return [Paths(category).submission for category in config.concat]
    return [paths.folds, paths.merged]


def settings(config, name):
    return ["concat", "post"]


def answers(job, record: dict) -> pd.DataFrame:
    """The test rows' answers, decoded, a column per output, ids as index; what the decoding gains
    on out-of-fold rows goes to the record."""
    rows, merged = job.rows, load_npz(job.paths.merged)
    task, outputs, target, own = rows.task, rows.outputs, rows.target, rows.fold >= 0
    answer = task.answer(merged["pred"], outputs)
    record["score"] = record["plain"] = task.score(answer[own], target[own], outputs)
    if job.config.post.decode == "fitted":
        answer, fitted = decode(rows, merged["pred"])
        if fitted is not None:  # else it is left as it was
            record["score"] = task.score(answer[own], target[own], outputs)
            record["fitted"] = fitted.tolist()
    # for people and the report: decoding a hundred classes anew takes a minute
    with replacing(job.paths.answers) as part:
        np.savez(part, id=rows.id, answer=answer, of=read_record(job.paths.merged)["version"])
    record["scores"] = table = task.table(answer[own], target[own], outputs, merged["pred"][own])
    lines = {name: list(row.values()) for name, row in table.items()}
    if len(lines) > 1:
        lines["average"] = np.nanmean(list(lines.values()), axis=0)
    log_table("out-of-fold", list(next(iter(table.values()))), lines)
    record["score_at_test_size"] = task.score_at_size(
        answer[own], target[own], outputs, int((~own).sum())
    )
    log(
        category=job.paths.category,
        out_of_fold=record["score"],
        gain_of_decoding=abs(record["score"] - record["plain"]),
    )
    if hasattr(task, "mistakes"):
        list_mistakes(job, rows, answer)
    blind = [i for i in read_record(job.paths.merged)["without_picture"] if i.startswith("test:")]
    if job.config.data.train_image:
        log(
            category=job.paths.category,
            test_rows_without_picture=len(blind),
            e_g=", ".join(blind[:5]) or "none",
        )
    log(
        category=job.paths.category,
        expected_on_test=record["score_at_test_size"],
        test_rows=int((~own).sum()),
    )
    return task.format_answers(answer[~own], outputs).set_index(rows.id[~own])


def list_mistakes(job, rows, answer) -> None:
    """mistakes.csv: the labelled rows that are wrong."""
    own = np.flatnonzero(rows.fold >= 0)
    wrong = rows.task.mistakes(
        answer[own], rows.target[own], rows.outputs, read_folds(job.paths.folds).iloc[own]
    )
    with replacing(job.paths.mistakes) as part:
        wrong.to_csv(part, index=False)
    log(mistakes=len(wrong), listed_in=job.paths.mistakes)


def check_file(job) -> None:
    """--check FILE, and --truth FILE: say what is wrong with a submission, and score it."""
    table = read_csv(job.args.check)
    outputs = check(job, table, job.args.check)
    if job.args.truth:
        columns = load_task(job.config.task).truth_columns(job.config.data)
        value, n = score(job, table, read_csv(job.args.truth, columns), outputs)
        log(score=value, over=f"{n} of {len(table)} rows", against=job.args.truth)


def submission(job, record: dict) -> pd.DataFrame:
    """The submission's table, of a category that joins others theirs."""
    if job.config.concat:
        return concatenated(job)
    task = load_task(job.config.task)
    table = answers(job, record)
    return task.submission(raw_test(job), table, job.config.data, job.config.post)


def main(argv=None):
    file = {"metavar": "FILE", "type": Path}
    job = start(__doc__, argv, ("--check", file), ("--truth", file), joins=True)
    if job.args.truth and not job.args.check:
        raise errors.UserError("--truth FILE scores what --check FILE names; give both")
    if job.args.check:
        return check_file(job)
    with job.writing(job.paths.submission) as (part, record):
        submission(job, record).to_csv(part, index=False)
        check(job, read_csv(part), job.paths.submission)


if __name__ == "__main__":
    run(main)
