"""table: LightGBM on parsed quantities, what namesakes and neighbours cost, and a ridge on n-grams;
one per fold.

Its columns are made once per fold by 03: no target of the fold, and of no row its own, is in them.
"""

from typing import Annotated

import numpy as np
from pydantic import Field

from common.errors import UserError
from common.files import load_npz
from common.log import log, progress
from common.questions import NUMBER
from common.sections import Count, Positive, Section
from features.neighbors import encoders, save_nearest, spaces_in
from features.ngrams import ngrams_file
from features.side_tables import digests, read_numbers
from features.source import Source
from features.store import read_columns, require_text, write_rows
from features.target_encoding import namesakes, neighbours, nested
from models import ridge, split_member
from networks.weights import read_arrays, save_arrays
from texts.ngrams import read_ngrams
from texts.quantities import brands, item_names, quantities

ANSWERS = (NUMBER,)
NEEDS_TEXT = True


class Settings(Section):
    """LightGBM on quantities, namesakes, neighbours and a ridge."""

    encoder: str = ""  # of texts, to find neighbours among; a directory or hub name; "" = none
    image: str = ""  # of pictures, likewise; timm:<name> = a timm encoder
    # table in data.folder of numeric columns of the training rows (id, columns); "" = none
    train: str = ""
    test: str = ""  # the same columns of the test rows
    rounds: Count = 400
    leaves: Annotated[int, Field(ge=2)] = 31
    lr: Positive = 0.05
    seeds: Count = 3  # models per fold, averaged


def inputs(config, paths, k):
    return [paths.features(f"lightgbm_{k}")]


def weights(config):
    return encoders(config)


def columns(job, k: int, rows) -> tuple[np.ndarray, list[str]]:
    """What LightGBM reads of every row (n, c) float32 as member k may know it, and the columns'
    names."""
    config, near = job.config, load_npz(neighbors_file(job.paths))
    if not np.array_equal(near["id"], rows.id):
        raise UserError(
            f"{neighbors_file(job.paths)} is of other rows than folds.csv; remove it and run make again"
        )
    target, known = rows.target[:, 0], rows.target[:, 0] >= 0
    values, names = read_ngrams(ngrams_file(job.paths), rows.id)["numbers"], quantities([])[1]
    more, more_names = read_numbers(config.data, config.lightgbm, rows.id)
    x = ridge.columns(job, rows)
    made = {f"brand {words}": namesakes(brands(rows.text, words), target) for words in (1, 2, 3)}
    made |= {"last word": namesakes(last_words(rows.text), target)}
    made |= {
        f"near {name}": neighbours(near[f"{name}.at"], near[f"{name}.cosine"], target)
        for name in spaces_in(near)
    }
    made |= {"ridge": lambda source, row: linear(x, target, source, row, config.ridge.alpha)}
    found, names = [values, more], [*names, *more_names]
    for name, encode in progress(made.items(), "columns"):
        found.append(nested(encode, rows.fold, known, k, rows.group))
        names += [f"{name} {i}" for i in range(found[-1].shape[1])]
    return np.concatenate(found, 1).astype(np.float32), names


def linear(x, target, source, row, alpha: float) -> np.ndarray:
    """Predictions (m, 1) for the rows `row` of a ridge on the rows `source`."""
    coefficients, mean = ridge.solve(x[source], target[source], alpha)
    return (x[row] @ coefficients + mean)[:, None]


def last_words(texts) -> np.ndarray:
    """The last word of each name (n,) without digits: often what kind of thing it is."""
    split = (
        [word for word in name.lower().replace(",", " ").split() if word.isalpha()]
        for name in item_names(texts)
    )
    return np.array([words[-1] if words else "" for words in split], dtype=str)


def parameters(settings, seed: int) -> dict:
    """LightGBM's: absolute error on log1p, trees that try one random split per column
    (extra_trees), few columns each."""
    return {
        "objective": "l1",
        "learning_rate": settings.lr,
        "num_leaves": settings.leaves,
        "min_data_in_leaf": 20,
        "lambda_l2": 1.0,
        "feature_fraction": 0.4,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "extra_trees": True,
        "max_bin": 127,
        "seed": seed,
        "deterministic": True,
        "force_col_wise": True,
        "verbose": -1,
    }


def fit(job, k: int, rows, file) -> dict:
    """Train lightgbm_<k>, lightgbm.seeds boosters on all labelled rows outside fold k. Gives each
    column's share of the gain."""
    import lightgbm

    settings, train = job.config.lightgbm, rows.labelled(k)
    x, names = read_columns(job.paths.features(f"lightgbm_{k}"), rows.id)
    log(member=f"lightgbm_{k}", train=len(train), columns=len(names))
    data = lightgbm.Dataset(x[train], rows.target[train, 0], free_raw_data=False)
    boosters = [
        lightgbm.train(parameters(settings, job.config.data.seed * 1000 + i), data, settings.rounds)
        for i in progress(range(settings.seeds), "boosters")
    ]
    save_arrays(
        {
            f"booster_{i}": np.frombuffer(booster.model_to_string().encode(), np.uint8)
            for i, booster in enumerate(boosters)
        },
        file,
    )
    gain = sum(booster.feature_importance("gain") for booster in boosters)
    return {
        "gain": dict(
            sorted(
                zip(names, (gain / max(gain.sum(), 1e-9)).round(4).tolist(), strict=True),
                key=lambda item: -item[1],
            )
        )
    }


def predict(job, k: int, rows, idx) -> np.ndarray:
    """log1p prices (m, 1) of the rows `idx` (m,): the mean over the boosters."""
    import lightgbm

    x, _ = read_columns(job.paths.features(f"lightgbm_{k}"), rows.id)
    state = read_arrays(job.paths.model(f"lightgbm_{k}"))
    try:
        boosters = [lightgbm.Booster(model_str=text.tobytes().decode()) for text in state.values()]
    except (UnicodeDecodeError, lightgbm.basic.LightGBMError) as error:
        raise UserError(
            f"cannot read {job.paths.model(f'lightgbm_{k}')}: {error}; remove it and run make again"
        ) from None
    return np.mean([booster.predict(x[idx]) for booster in boosters], 0)[:, None]


def neighbors_file(paths):
    return paths.features("neighbors", ".npz")


def write_neighbors(job, stem: str) -> None:
    """features/neighbors.npz: the nearest training rows of every row, in each space."""
    require_text(job)
    with job.writing(neighbors_file(job.paths)) as (part, record):
        record["spaces"] = save_nearest(job, job.rows, part)
    log(source="neighbors", rows=len(job.rows.id), spaces=", ".join(record["spaces"]))


def neighbors_needs(config, paths, stem: str) -> list:
    return [paths.folds, ngrams_file(paths), *map(paths.features, encoders(config))]


def write_columns(job, stem: str) -> None:
    """features/lightgbm_<k>.npy: the columns that lightgbm_<k> reads."""
    require_text(job)
    _, k = split_member(stem)
    values, names = columns(job, k, job.rows)
    record = {"columns": names, "raw": digests(job.config.data, job.config.lightgbm)}
    write_rows(job, stem, values, record)


def columns_need(config, paths, stem: str) -> list:
    return [paths.folds, ngrams_file(paths), neighbors_file(paths)]


SOURCES = {
    "neighbors": Source(write_neighbors, neighbors_needs, ("lightgbm.encoder", "lightgbm.image")),
    "lightgbm": Source(write_columns, columns_need, ("ridge", "lightgbm.train", "lightgbm.test")),
}
