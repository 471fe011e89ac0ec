"""The rows that a category is made of, and members' predictions, from files."""

from pathlib import Path

import numpy as np
import pandas as pd

from common.files import load_npz, read_record
from common.rows import Rows
from common.tables import align, read_csv
from models import pred_file
from tasks import load_task


def raw_rows(job) -> tuple[pd.DataFrame, list[str]]:
    """The rows of a job as the raw table has them, and the names of the raw files read: the rows to
    answer, or of the training rows data.max_train_rows."""
    data = job.config.data
    read_rows = load_task(job.config.task).read_rows

    if job.paths.rows:
        return read_rows(data, job.input_folder, splits=["test"])

    rows, files = read_rows(data, job.input_folder, splits=["train"])
    sample = draw(len(rows), data.max_train_rows, data.seed)
    kept = rows.iloc[sample]
    return kept.reset_index(drop=True), files


def draw(n: int, size: int, seed: int) -> np.ndarray:
    """`size` of the numbers 0..n-1, sorted, each as likely as any other; all where size is 0 or too
    many."""
    if not 0 < size < n:
        return np.arange(n)

    return np.sort(np.random.default_rng(seed).choice(n, size, replace=False))


def load_rows(job) -> Rows:
    """The training rows of a job's category, and with --rows those to answer after them."""
    task = load_task(job.config.task)
    outputs = read_record(job.paths.folds)["outputs"]
    table = read_folds(job.paths.folds)

    if job.paths.rows:
        to_answer = read_folds(job.paths.table)
        table = pd.concat([table, to_answer], ignore_index=True).fillna("")

    optional = {}
    for name in ("text", "question", "category", "part"):
        if name in table:
            optional[name] = table[name].to_numpy(object)

    return Rows(
        task=task,
        outputs=outputs,
        id=table.id.to_numpy(str),
        fold=table.fold.to_numpy(),
        validation=table.validation.to_numpy(bool),
        image=table.image.to_numpy(object),
        target=task.encode(table, outputs),
        group=np.where(table.group == "", table.id, table.group),
        **optional,
    )


def load_pred(job, rows: Rows, member: str) -> dict[str, np.ndarray]:
    """A member's predictions: id (m,), pred (m, K), missing_image (m,) bool.

    A language model's replies are read by the task.
    """
    file = pred_file(job.paths, member)
    if file.suffix == ".npz":
        return load_npz(file)

    table = read_csv(file, ["id", "reply", "reason"])
    idx = align(rows.id, table.id)
    return {
        "id": table.id.to_numpy(str),
        "pred": rows.task.read_replies(table.reply.tolist(), rows, idx),
        "missing_image": table.reason.str.startswith("image: ").to_numpy(),
    }


def read_folds(file: Path) -> pd.DataFrame:
    """folds.csv: id, split, fold, validation (0 or 1), part, image, group, text where rows have
    one, and the targets as text; or the rows.csv of rows to answer, fold -1 and without targets."""
    return read_csv(file).astype({"fold": int, "validation": int, "part": int})
