"""lightgbm: LightGBM on what rows like it say of a row; one a fold.

number    in: 5,000 grams, pack of 1, log1p price of the same brand 2.9, of the nearest rows 3.2, by
          the ridge 3.0 ...
          out: log1p price 3.1; see models.lightgbm.numbers
classes   in: of candidate shirt: by ridge .8, naive Bayes .7, its share in the brand .1, among the
          nearest rows .8, quantities ...; of candidate tshirt ...
          out: probabilities of its classes, e.g. shirt .9, tshirt .1; see models.lightgbm.classes

Its columns are made once a fold by 03: no target of the fold is in them, nor of the row itself.
"""

from typing import Annotated

import numpy as np
from pydantic import Field

from common.log import log, progress
from common.questions import CLASSES, NUMBER
from common.sections import Count, Positive
from features.boosting import booster_arrays, gain_shares, read_boosters, tree_parameters
from features.neighbors import embedding_sources, save_nearest
from features.ngrams import ngrams_file
from features.side_tables import digests, is_category
from features.source import Source
from features.store import read_columns, require_text, write_rows
from models import split_member
from models.lightgbm import classes, numbers
from models.lightgbm.keys import neighbors_file
from models.ridge import row_weights
from networks.settings import Loss
from networks.weights import save_arrays

COLUMNS = {CLASSES: classes.columns, NUMBER: numbers.columns}
ANSWERS = (CLASSES, NUMBER)
NEEDS_TEXT = True


class Settings(Loss):
    """LightGBM on quantities, namesakes, neighbours and a ridge."""

    encoder: str = ""  # of texts, to find neighbours among; a directory or hub name; "" = none
    image: str = ""  # of images, likewise; timm:<name> = a timm encoder
    # table in data.folder of further columns of the training rows (id, columns), numbers or
    # categories; train.csv itself may be one; "" = none
    train: str = ""
    test: str = ""  # the same columns of the test rows
    rounds: Count = 400
    leaves: Annotated[int, Field(ge=2)] = 31
    lr: Positive = 0.05
    seeds: Count = 3  # models per fold, averaged


def evidence(config):
    return ("image", "text", "columns") if config.lightgbm.image else ("text", "columns")


def inputs(config, paths, k):
    return [paths.features(f"lightgbm_{k}")]


def weights(config):
    return embedding_sources(config)


def parameters(settings, seed: int, objective: str = "l1") -> dict:
    """LightGBM's parameters: absolute error on log1p, or "binary" for a candidate class."""
    return tree_parameters(settings, seed) | {
        "objective": objective,
        "max_bin": 127,
    }


def fit(job, k: int, rows, file) -> dict:
    """Train lightgbm_<k> on all labelled rows outside fold k: lightgbm.seeds boosters, of classes
    for each attribute. Returns each column's share of the gain."""
    member = f"lightgbm_{k}"
    x, names = read_columns(job.paths.features(member), rows.id)
    train_idx = rows.labelled(k)
    log(member=member, train=len(train_idx), columns=len(names))

    if rows.task.ASKS == CLASSES:
        return fit_classes(job, rows, x, names, train_idx, file)

    log1p_price = rows.target[train_idx, 0]
    boosters = train(job, x[train_idx], names, log1p_price, objective="l1")
    save_arrays(booster_arrays(boosters), file)
    return {"gain": gain_shares(boosters, names)}


def train(job, x: np.ndarray, names, target: np.ndarray, objective: str, weight=None) -> list:
    """lightgbm.seeds boosters of the target (n,) by the columns x (n, c).
    weight (n,) of the rows; None: 1."""
    import lightgbm

    settings = job.config.lightgbm
    categories = np.flatnonzero(is_category(names)).tolist()
    data = lightgbm.Dataset(
        x, target, weight=weight, categorical_feature=categories, free_raw_data=False
    )

    first_seed = job.config.data.seed * 1000

    boosters = []
    for i in progress(range(settings.seeds), "boosters"):
        params = parameters(settings, first_seed + i, objective)
        if categories:
            params["min_data_per_group"] = params["min_data_in_leaf"]

        booster = lightgbm.train(params, data, settings.rounds)
        boosters.append(booster)

    return boosters


def fit_classes(job, rows, x: np.ndarray, names, train_idx: np.ndarray, file) -> dict:
    """Write the boosters of all attributes, and the attribute (b,) of each."""
    own, blocks, line_names = classes.split_columns(x, names, rows)
    boosters = []
    attribute = []
    for a, block in enumerate(blocks):
        label = rows.target[train_idx, a]
        labelled_idx = train_idx[label >= 0]
        label = label[label >= 0]
        candidates = block[labelled_idx, :, 0]

        is_it = (candidates == label[:, None]).ravel()
        if is_it.all() or not is_it.any():  # one class, or no label: the baseline answers
            continue

        weight = row_weights(label, job.config.lightgbm.class_weight)
        weight = np.repeat(weight, candidates.shape[1])
        lines = classes.lines(own[labelled_idx], block[labelled_idx])
        its_boosters = train(job, lines, line_names, is_it, "binary", weight)
        boosters += its_boosters
        attribute += [a] * len(its_boosters)

    save_arrays({"attribute": np.array(attribute), **booster_arrays(boosters)}, file)
    return {"gain": gain_shares(boosters, line_names) if boosters else {}}


def predict(job, k: int, rows, idx) -> np.ndarray:
    """log1p prices (m, 1) or probabilities (m, K) of the rows idx (m,): the mean over the
    boosters."""
    member = f"lightgbm_{k}"
    x, names = read_columns(job.paths.features(member), rows.id[idx])
    file = job.paths.model(member)

    if rows.task.ASKS == CLASSES:
        return predict_classes(rows, x, names, rows.baseline(k), file)

    boosters, _ = read_boosters(file)
    log1p_prices = [booster.predict(x) for booster in boosters]
    mean = np.mean(log1p_prices, 0)
    return mean[:, None]


def predict_classes(rows, x: np.ndarray, names, baseline: np.ndarray, file) -> np.ndarray:
    """Probabilities (m, K) of the rows whose columns are x (m, c); those of an attribute without
    boosters are the baseline (K,)."""
    boosters, others = read_boosters(file, "attribute")
    own, blocks, _ = classes.split_columns(x, names, rows)
    ends = np.cumsum(rows.sizes)

    preds = np.split(np.tile(baseline, (len(x), 1)), ends[:-1], 1)

    for a in np.unique(others["attribute"]):
        block = blocks[a]
        lines = classes.lines(own, block)
        of_attribute = np.flatnonzero(others["attribute"] == a)
        is_it = np.mean([boosters[i].predict(lines) for i in of_attribute], 0)

        candidates = block[..., 0].astype(int)
        is_it = is_it.reshape(candidates.shape)
        preds[a] = classes.probabilities(is_it, candidates, rows.sizes[a])

    return np.concatenate(preds, 1)


def write_neighbors(job, stem: str) -> None:
    """features/neighbors.npz: the nearest training rows of every row, in each space."""
    require_text(job)
    rows = job.rows

    file = neighbors_file(job.paths)
    with job.writing(file) as (tmp, record):
        spaces = save_nearest(job, rows, tmp)
        record["spaces"] = spaces

    log(source="neighbors", rows=int(rows.asked.sum()), spaces=", ".join(spaces))


def neighbors_needs(config, paths, stem: str) -> list:
    files = [paths.folds]
    for own in with_training(paths):
        files += [own.table, ngrams_file(own), *map(own.features, embedding_sources(config))]

    return files


def with_training(paths) -> list:
    """The paths of the training rows, and of the rows to answer where there are some."""
    return [paths.of(""), paths] if paths.rows else [paths]


def write_columns(job, stem: str) -> None:
    """features/lightgbm_<k>.npy: the columns that lightgbm_<k> reads."""
    require_text(job)
    _, k = split_member(stem)
    columns = COLUMNS[job.rows.task.ASKS]
    values, names = columns(job, k, job.rows)

    config = job.config
    record = {
        "columns": names,
        "raw": digests(job, config.lightgbm),
    }
    write_rows(job, stem, values, record)


def columns_need(config, paths, stem: str) -> list:
    ngrams = [ngrams_file(own) for own in with_training(paths)]
    return [paths.folds, paths.table, *ngrams, neighbors_file(paths)]


SOURCES = {
    "neighbors": Source(write_neighbors, neighbors_needs, ("lightgbm.encoder", "lightgbm.image")),
    "lightgbm": Source(write_columns, columns_need, ("ridge", "lightgbm.train", "lightgbm.test")),
}
