"""The rows that a category is made of, read from its raw files: all that is tested, and as many
training rows as are taken."""

from pathlib import Path

import numpy as np
import pandas as pd

from common.files import load_npz, read_record
from common.rows import Rows
from common.sections import Data
from common.tables import align, read_csv
from config import Config
from models import pred_file
from tasks import load_task


def kept_rows(config: Config, folder: Path) -> tuple[pd.DataFrame, list[str]]:
    """The rows that are taken, train then test, and the names of the files read: those of the
    task's read_rows, after `draw_rows`."""
    rows, files = load_task(config.task).read_rows(config.data, folder)
    return sample_rows(rows, config.data), files


def sample_rows(rows: pd.DataFrame, data: Data) -> pd.DataFrame:
    """The rows without the training rows that data.max_train_rows leaves out; numbered anew."""
    train = (rows.split == "train").to_numpy()
    kept = np.flatnonzero(train)[take_rows(train.sum(), data.max_train_rows, data.seed)]
    return rows.iloc[np.r_[kept, np.flatnonzero(~train)]].reset_index(drop=True)


def take_rows(m: int, n: int, seed: int) -> np.ndarray:
    """n of the row numbers 0..m-1, sorted, drawn evenly so that they score as all of them would;
    all where n is 0 or more than m."""
    return (
        np.sort(np.random.default_rng(seed).choice(m, n, replace=False))
        if 0 < n < m
        else np.arange(m)
    )


def load_rows(job) -> Rows:
    """The rows of a job's category."""
    table, task = read_folds(job.paths.folds), load_task(job.config.task)
    outputs = read_record(job.paths.folds)["outputs"]
    return Rows(
        task,
        outputs,
        table.id.to_numpy(str),
        table.fold.to_numpy(),
        table.validation.to_numpy(bool),
        table.image.to_numpy(object),
        task.encode(table, outputs),
        np.where(table.group == "", table.id, table.group),
        **{
            name: table[name].to_numpy(object)
            for name in ("text", "question", "category", "part")
            if name in table
        },
    )


def load_pred(job, rows: Rows, member: str) -> dict[str, np.ndarray]:
    """What a member predicts: id (m,), pred (m, k), bad (m,) bool; a language model's replies as
    the task reads them."""
    file = pred_file(job.paths, member)
    if file.suffix == ".npz":
        return load_npz(file)
    table = read_csv(file, ["id", "reply", "reason"])
    question = rows.question[align(rows.id, table.id)]
    return {
        "id": table.id.to_numpy(str),
        "pred": rows.task.read_replies(table.reply.tolist(), question),
        "missing_image": table.reason.str.startswith("picture: ").to_numpy(),
    }


def read_folds(file: Path) -> pd.DataFrame:
    """folds.csv: id, split, fold (-1 for test rows), validation (0 or 1), part, image, group, text where
    rows have one, the targets as text."""
    return read_csv(file).astype({"fold": int, "validation": int, "part": int})
