"""Folds and parts of rows."""

import numpy as np
import pandas as pd

from common.errors import UserError
from common.log import log
from common.tables import read_csv
from pipeline.twins import Twins, keeps_twins_together
from pipeline.validation_rows import near_share
from tasks import load_task

LARGE = 0.05  # share of the training rows in one group that is warned of


def split_rows(
    job, rows: pd.DataFrame, outputs: dict, twins: Twins
) -> tuple[pd.DataFrame, np.ndarray]:
    """The training rows with their fold, validation (1: picks epochs, is never trained on) and
    part, and their targets (n, a). twins: of these rows, and of others after them."""
    data = job.config.data
    task = load_task(job.config.task)

    if data.group == "image":
        rows["group"] = group_by_image(rows.image.to_numpy(), job)
    elif keeps_twins_together(data, twins):
        rows["group"] = twins.names(rows.id.to_numpy())

    target = task.encode(rows, outputs)
    strata = task.strata(target)
    groups = np.where(rows.group == "", rows.id, rows.group)
    fold = assign_folds(strata, groups, data.n_folds, data.seed)

    validation = 0
    if data.validation:
        is_labelled = (target >= 0).any(axis=1)
        chosen = validation_rows(strata, groups, fold, is_labelled, data)
        validation = chosen.astype(int)

    return insert_columns(rows, fold, validation, data.parts), target


def to_answer(rows: pd.DataFrame, n_parts: int) -> pd.DataFrame:
    """Rows to answer, in the columns of training rows: in no fold, with their part."""
    return insert_columns(rows, -1, 0, n_parts)


def insert_columns(rows: pd.DataFrame, fold, validation, n_parts: int) -> pd.DataFrame:
    """The rows with the columns fold, validation and part after id and split."""
    rows.insert(2, "fold", fold)
    rows.insert(3, "validation", validation)
    rows.insert(4, "part", assign_parts(rows.image.to_numpy(object), n_parts))
    return rows


def validation_rows(
    strata: np.ndarray, groups: np.ndarray, fold: np.ndarray, is_labelled: np.ndarray, data
) -> np.ndarray:
    """Which of the training rows (n,) are validation rows: one share of 1 / data.validation, drawn
    apart from the folds; in groups others where that is not near what every member needs.

    strata, groups, fold (n,) as in `assign_folds`, is_labelled (n,) bool. Raises UserError when
    there is no such choice.
    """
    n_shares = round(1 / data.validation)
    n_groups = len(set(groups))
    has_groups = n_groups < len(groups)

    drawn = None
    if not has_groups or n_groups >= n_shares:
        share = assign_folds(strata, groups, n_shares, data.seed + 1, "data.validation")
        drawn = share == 0

    if not has_groups:
        return drawn

    return near_share(drawn, groups, fold, is_labelled, data)


def assign_folds(
    strata: np.ndarray, groups: np.ndarray, n_folds: int, seed: int, setting: str = "data.n_folds"
) -> np.ndarray:
    """Fold 0..n_folds-1 of each row (n,).

    strata (n,) int are spread evenly over the folds; equal groups (n,) stay in one fold. Strata
    with fewer rows than folds are spread together, as one.
    setting: the key that asks for so many folds, for the error.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    n_groups = len(set(groups))
    if n_groups < n_folds:
        raise UserError(
            f"{n_groups} rows or groups are too few to be cut in {n_folds}, as {setting} has it"
        )

    strata = join_small(strata, n_folds)
    if n_groups < len(groups):
        splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
        splits = splitter.split(strata, strata, groups)
    else:
        splitter = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
        splits = splitter.split(strata, strata)

    fold = np.empty(len(strata), int)
    for k, (_, idx) in enumerate(splits):
        fold[idx] = k

    return fold


def join_small(strata: np.ndarray, n_folds: int) -> np.ndarray:
    """strata (n,) with those of fewer than n_folds rows as one stratum, -2; where even together
    they are too few, they join the largest."""
    values, inverse, counts = np.unique(strata, return_inverse=True, return_counts=True)
    is_small = counts[inverse] < n_folds
    largest = values[counts.argmax()]
    return np.where(is_small, -2 if is_small.sum() >= n_folds else largest, strata)


def assign_parts(images: np.ndarray, n_parts: int) -> np.ndarray:
    """Part 0..n_parts-1 of each row (n,): equal shares in the order of the table.

    Rows of one image (n,) stay together, so that it is read once; "" = no image.
    """
    n = len(images)
    row_numbers = np.arange(n).astype(str)
    keys = np.where(images == "", row_numbers, images)  # a row without an image is alone
    _, first, inverse, counts = np.unique(
        keys, return_index=True, return_inverse=True, return_counts=True
    )

    # images in the order in which they first come; one is in the part of its first row
    order = np.argsort(first)
    counts = counts[order]
    rows_before = np.cumsum(counts) - counts

    part = np.empty(len(order), int)
    part[order] = rows_before * n_parts // n
    return part[inverse]


def group_by_image(images: np.ndarray, job) -> np.ndarray:
    """The group of each row (n,) by its image (n,): the name of the first image that is the same or
    nearly; "" where a row has none."""
    table = read_csv(job.paths.images, ["image", "group"])
    group_of = dict(zip(table.image, table.group, strict=True))
    groups = pd.Series(images).map(group_of).fillna("").to_numpy(object)
    sizes = np.unique(groups[groups != ""].astype(str), return_counts=True)[1]
    largest = int(sizes.max(initial=0))
    log(
        rows=len(images),
        images=len(set(images)),
        groups=len(set(groups)),
        rows_in_the_largest=largest,
    )

    if largest > LARGE * len(images):
        log(
            warning=f"{largest} of {len(images)} training rows show what is taken for one image, "
            "so they are in one fold, and folds may be uneven: look at those that folds.csv has in "
            "one group; data.group= leaves rows on their own"
        )

    return groups
