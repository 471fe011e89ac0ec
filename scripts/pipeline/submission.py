"""A submission checked and scored."""

import numpy as np
import pandas as pd

from common import errors
from common.files import read_record
from common.log import log
from common.paths import Paths, input_folder
from common.tables import read_csv, require_distinct
from config import load
from tasks import load_task


def concatenated(job) -> pd.DataFrame:
    """The submissions of config.concat as one, in the order of test.csv."""
    for category in job.config.concat:
        if not Paths(category).submission.exists():
            raise errors.UserError(
                f"no {Paths(category).submission}; run: make every COMPETITION={job.paths.category}"
            )
    tables = [read_csv(Paths(category).submission) for category in job.config.concat]
    test, column = raw_test(job), job.config.data.id
    table = pd.concat(tables, ignore_index=True)
    order = dict(zip(test[column], range(len(test)), strict=True))
    return table.iloc[np.argsort(table[column].map(order).to_numpy(), kind="stable")]


def raw_test(job) -> pd.DataFrame:
    data = job.config.data
    return read_csv(input_folder(data.folder, data.test) / data.test, [data.id])


def check(job, table: pd.DataFrame, name) -> dict:
    """Stop with what is wrong in a submission of this category; log its number of rows when nothing
    is. Gives the outputs."""
    outputs: dict = {}
    for category in job.config.concat or [job.paths.category]:
        outputs |= outputs_of(category)
    data, test = job.config.data, raw_test(job)
    kept = {c for category in job.config.concat for c in load(category).data.categories} or set(
        data.categories
    )
    if kept:
        test = test[test[data.category_column].isin(kept)]
    if wrong := load_task(job.config.task).problems(table, test, outputs, data, job.config.post):
        raise errors.UserError(
            f"{name} is not a valid submission for {job.paths.category}:\n  " + "\n  ".join(wrong)
        )
    log(valid=name, rows=len(table), without_answer=int((table.iloc[:, -1] == "").sum()) or None)
    return outputs


def outputs_of(category: str) -> dict:
    """What there is to answer in a category: as 01 found it, else from the raw files."""
    record, config = read_record(Paths(category).folds) or {}, load(category)
    if "outputs" in record:
        return record["outputs"]
    task = load_task(config.task)
    return task.outputs(
        task.read_rows(config.data, input_folder(config.data.folder, config.data.train))[0]
    )


def score(job, table: pd.DataFrame, truth: pd.DataFrame, outputs: dict) -> tuple[float, int]:
    """The competition's score of a submission against labels in the organisers' columns, joined by
    id, and over how many rows."""
    task, data = load_task(job.config.task), job.config.data
    require_distinct(truth, data.id, job.args.truth)
    table = table[table[data.id].isin(truth[data.id])]
    target = task.encode_table(
        truth.set_index(data.id).loc[table[data.id]].reset_index(), outputs, data
    )
    return task.score(task.read_answers(table, outputs, data), target, outputs), int(
        (target >= 0).any(1).sum()
    )
