"""A submission made, checked and scored."""

import numpy as np
import pandas as pd

from common.errors import UserError
from common.files import read_record
from common.log import log
from common.paths import Paths, input_folder
from common.tables import read_csv
from config import load
from tasks import load_task
from tasks.raw import require_distinct


def concatenated(job) -> pd.DataFrame:
    """The submissions of the categories in config.concat as one, in the order of test.csv."""
    tables = []
    for category in job.config.concat:
        file = Paths(category).submission
        if not file.exists():
            raise UserError(f"no {file}; run: make every COMPETITION={job.paths.category}")

        tables.append(read_csv(file))

    table = pd.concat(tables, ignore_index=True)
    column = job.config.data.id
    position = {row_id: i for i, row_id in enumerate(raw_test(job)[column])}
    order = np.argsort(table[column].map(position).to_numpy(), kind="stable")
    return table.iloc[order]


def raw_test(job) -> pd.DataFrame:
    """The organisers' test.csv."""
    data = job.config.data
    return read_csv(input_folder(data.folder, data.test) / data.test, [data.id])


def check(job, table: pd.DataFrame, name) -> dict:
    """Check a submission of this category, and log its number of rows; gives the outputs.

    name: of the file, for messages. Raises UserError with all that is wrong, a line each.
    """
    data = job.config.data
    outputs = {}
    categories = set()
    for category in job.config.concat:
        outputs |= outputs_of(category)
        categories |= set(load(category).data.categories)

    if not job.config.concat:
        outputs = outputs_of(job.paths.category)

    test = raw_test(job)
    categories = categories or set(data.categories)
    if categories:
        test = test[test[data.category_column].isin(categories)]

    problems = load_task(job.config.task).problems(table, test, outputs, data, job.config.post)
    if problems:
        lines = "\n  ".join(problems)
        raise UserError(f"{name} is not a valid submission for {job.paths.category}:\n  {lines}")

    empty = int((table.iloc[:, -1] == "").sum())
    log(valid=name, rows=len(table), without_answer=empty or None)
    return outputs


def outputs_of(category: str) -> dict:
    """What there is to answer in a category: as 01 found it, else from the raw files."""
    record = read_record(Paths(category).folds) or {}
    if "outputs" in record:
        return record["outputs"]

    config = load(category)
    task = load_task(config.task)
    folder = input_folder(config.data.folder, config.data.train)
    rows, _ = task.read_rows(config.data, folder, splits=["train"])
    return task.outputs(rows)


def score(job, table: pd.DataFrame, truth: pd.DataFrame, outputs: dict) -> tuple[float, int]:
    """The competition's score of a submission, and over how many rows.

    truth: labels in the organisers' columns; rows are matched by id.
    """
    task = load_task(job.config.task)
    data = job.config.data
    require_distinct(truth, data.id, job.args.truth)

    # the rows that have a label, in one order
    table = table[table[data.id].isin(truth[data.id])]
    ids = table[data.id]
    truth = truth.set_index(data.id).loc[ids].reset_index()

    target = task.encode_table(truth, outputs, data)
    answer = task.read_answers(table, outputs, data)
    is_labelled = (target >= 0).any(axis=1)
    return task.score(answer, target, outputs), int(is_labelled.sum())
