"""Folds and parts of rows."""

import numpy as np
import pandas as pd

from common import errors
from common.log import log
from common.tables import read_csv
from tasks import load_task

LARGE = 0.05  # share of the training rows in one group that is warned of


def split_rows(job, rows: pd.DataFrame, outputs: dict) -> tuple[pd.DataFrame, np.ndarray]:
    """The rows with their columns fold (-1 for test rows), validation (1: picks epochs, is never trained
    on) and part; and the training rows' targets (n, a)."""
    data, task = job.config.data, load_task(job.config.task)
    train = (rows.split == "train").to_numpy()
    if data.group == "image":
        rows.loc[train, "group"] = group_by_picture(rows.image[train].to_numpy(), job)
    target = task.encode(rows[train], outputs)
    groups = np.where(rows.group[train] == "", rows.id[train], rows.group[train])
    strata = task.strata(target)
    rows.insert(2, "fold", -1)
    rows.insert(3, "validation", 0)
    rows.insert(4, "part", 0)
    for split in (train, ~train):
        rows.loc[split, "part"] = assign_parts(rows.image[split].to_numpy(object), data.parts)
    rows.loc[train, "fold"] = assign_folds(strata, groups, data.n_folds, data.seed)
    if data.validation:
        shares = round(1 / data.validation)
        share = assign_folds(strata, groups, shares, data.seed + 1, "data.validation")
        rows.loc[train, "validation"] = (share == 0).astype(int)
    return rows, target


def assign_folds(
    strata: np.ndarray, groups: np.ndarray, n_folds: int, seed: int, setting: str = "data.n_folds"
) -> np.ndarray:
    """Fold 0..n_folds-1 of each row (n,): strata (n,) int spread evenly, equal groups (n,) in one
    fold.

    A stratum with fewer rows than folds joins the others that are too small to be spread.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    values, inverse, counts = np.unique(strata, return_inverse=True, return_counts=True)
    small = counts[inverse] < n_folds
    strata = np.where(small, -2 if small.sum() >= n_folds else values[counts.argmax()], strata)
    n_groups = len(set(groups))
    if n_groups < n_folds:
        raise errors.UserError(
            f"{n_groups} rows or groups are too few to be cut in {n_folds}, as {setting} has it"
        )
    if n_groups < len(groups):
        parts = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed).split(
            strata, strata, groups
        )
    else:
        parts = StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(strata, strata)
    fold = np.empty(len(strata), int)
    for k, (_, rows) in enumerate(parts):
        fold[rows] = k
    return fold


def assign_parts(images: np.ndarray, n_parts: int) -> np.ndarray:
    """Part 0..n_parts-1 of each row (n,): equal shares in the order of the table; rows of one
    picture (n,) stay together, so that it is read once."""
    keys = np.where(images == "", np.arange(len(images)).astype(str), images)
    _, first, inverse, counts = np.unique(
        keys, return_index=True, return_inverse=True, return_counts=True
    )
    order = np.argsort(first)
    part = np.empty(len(first), int)
    part[order] = (np.cumsum(counts[order]) - counts[order]) * n_parts // len(images)
    return part[inverse]


def group_by_picture(images: np.ndarray, job) -> np.ndarray:
    """The group of each row (n,) by its picture (n,): the name of the first that is the same or
    nearly, "" where a row has none."""
    table = read_csv(job.paths.images, ["image", "group"])
    found = (
        pd.Series(images)
        .map(dict(zip(table.image, table.group, strict=True)))
        .fillna("")
        .to_numpy(object)
    )
    largest = int(np.unique(found[found != ""].astype(str), return_counts=True)[1].max(initial=0))
    log(
        rows=len(images),
        pictures=len(set(images)),
        groups=len(set(found)),
        rows_in_the_largest=largest,
    )
    if largest > LARGE * len(images):
        log(
            warning=f"{largest} of {len(images)} training rows show what is taken for one "
            "picture, so they are in one fold, and folds may "
            "be uneven: look at those that folds.csv has in one group; data.group= "
            "leaves rows on their own"
        )
    return found
