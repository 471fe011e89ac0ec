"""The answers of 08 → the submission as the organisers want it, checked by their rules.

Reads   working/<category>/folds.csv, answers/test/merged.npz; the raw test.csv for its order; with
        config concat those categories' submissions
Writes  <submissions_path>/<category>.csv, of other rows to answer <category>-<rows>.csv
            its record has the out-of-fold scores, and the one to expect on the test rows
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
from common.files import load_npz, read_record
from common.log import log
from common.paths import TEST, Paths
from common.tables import read_csv
from pipeline.job import start
from pipeline.scores import SUBMITTED
from pipeline.stops import run
from pipeline.submission import check, concatenated, raw_test, score
from pipeline.tables import log_table
from tasks import load_task

TARGET = "submissions/*.csv"


def needs(config, paths, name):
    if config.concat:
        return [Paths(category).submission for category in config.concat]

    return [paths.folds, paths.table, paths.of("").merged, paths.merged]


def settings(config, paths, name):
    return ["concat", "post.filler"]


def answers(job, record: dict) -> pd.DataFrame:
    """The test rows' answers: a column per output, ids as index. Scores go to the record."""
    rows = job.rows
    training = read_record(job.paths.of("").merged)
    merged = read_record(job.paths.merged)

    record["chosen"] = training["chosen"]
    record["score"] = training["score"]
    record["scores"] = training["scores"][SUBMITTED]
    record["score_at_test_size"] = merged["expected"]["score"]
    record["interval_at_test_size"] = merged["expected"]["interval"]

    tell(job, record, merged)
    arrays = load_npz(job.paths.merged)
    return rows.task.format_answers(arrays["answer"], rows.outputs).set_index(arrays["id"])


def tell(job, record: dict, merged: dict) -> None:
    """Print the scores, and which test rows had no image. merged: the record of their
    merged.npz."""
    category = job.paths.category
    scores = record["scores"]

    lines = {output: list(row.values()) for output, row in scores.items()}
    if len(lines) > 1:
        lines["average"] = np.nanmean(list(lines.values()), axis=0)

    names = list(next(iter(scores.values())))
    log_table("out-of-fold", names, lines)
    log(category=category, submitted=record["chosen"], out_of_fold=record["score"])

    if job.config.data.train_image:
        missing_ids = merged["without_image"]
        examples = ", ".join(missing_ids[:5]) or "none"
        log(category=category, test_rows_without_image=len(missing_ids), e_g=examples)

    n_test = int((job.rows.fold < 0).sum())
    low, high = record["interval_at_test_size"]
    log(
        category=category,
        expected_on_test=record["score_at_test_size"],
        interval=f"{low:.4f} to {high:.4f}",
        test_rows=n_test,
    )


def check_file(job) -> None:
    """--check FILE, and --truth FILE: say what is wrong with a submission, and score it."""
    table = read_csv(job.args.check)
    outputs = check(job, table, job.args.check)

    if job.args.truth:
        columns = load_task(job.config.task).truth_columns(job.config.data)
        truth = read_csv(job.args.truth, columns)
        value, n = score(job, table, truth, outputs)
        log(score=value, over=f"{n} of {len(table)} rows", against=job.args.truth)


def submission(job, record: dict) -> pd.DataFrame:
    """The submission as the organisers want it; of a category that is made of others, theirs."""
    if job.config.concat:
        return concatenated(job)

    task = load_task(job.config.task)
    table = answers(job, record)
    return task.submission(raw_test(job), table, job.config.data, job.config.post)


def main(argv=None):
    file = {"metavar": "FILE", "type": Path}
    job = start(__doc__, argv, ("--check", file), ("--truth", file), joins=True, answers=TEST)
    if job.args.truth and not job.args.check:
        raise errors.UserError("--truth FILE scores what --check FILE names; give both")

    if job.args.check:
        return check_file(job)

    with job.writing(job.paths.submission) as (tmp, record):
        submission(job, record).to_csv(tmp, index=False)
        check(job, read_csv(tmp), job.paths.submission)


if __name__ == "__main__":
    run(main)
