"""The rows that a category is made of, read from its raw files: all that is tested, and as many training rows as are taken."""
from pathlib import Path

import numpy as np
import pandas as pd

from common.config import Config, Data
from common.tasks import load_task


def kept_rows(config: Config, folder: Path) -> tuple[pd.DataFrame, list[str]]:
    """The rows that are taken, train then test, and the names of the files read: those of the task's read_rows, after `draw_rows`."""
    rows, files = load_task(config.task).read_rows(config.data, folder)
    return draw_rows(rows, config.data), files


def draw_rows(rows: pd.DataFrame, data: Data) -> pd.DataFrame:
    """The rows without the training rows that data.val_rows leaves out; numbered anew."""
    train = (rows.split == "train").to_numpy()
    kept = np.flatnonzero(train)[take_rows(train.sum(), data.val_rows, data.seed)]
    return rows.iloc[np.r_[kept, np.flatnonzero(~train)]].reset_index(drop=True)


def take_rows(m: int, n: int, seed: int) -> np.ndarray:
    """n of the row numbers 0..m-1, sorted, drawn evenly so that they score as all of them would; all where n is 0 or more than m."""
    return np.sort(np.random.default_rng(seed).choice(m, n, replace=False)) if 0 < n < m else np.arange(m)
