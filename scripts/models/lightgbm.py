"""lightgbm: LightGBM on parsed quantities, what namesakes and neighbours cost, and a ridge on
n-grams; one a fold.

in: 5,000 grams, pack of 1, log1p price of the same brand 2.9, of the nearest rows 3.2, by the ridge
3.0 ... → out: log1p price 3.1

Its columns are made once a fold by 03: no target of the fold is in them, nor of the row itself.
"""

from collections.abc import Callable
from typing import Annotated

import numpy as np
from pydantic import Field

from common.errors import UserError
from common.files import load_npz
from common.log import log, progress
from common.questions import NUMBER
from common.sections import Count, Positive, Section
from features.boosting import booster_arrays, gain_shares, read_boosters, tree_parameters
from features.neighbors import embedding_sources, save_nearest, spaces_in
from features.ngrams import ngrams_file
from features.side_tables import digests, read_numbers
from features.source import Source
from features.store import read_columns, require_text, write_rows
from features.target_encoding import encode_out_of_fold, key_encoder, neighbor_encoder
from models import ridge, split_member
from networks.weights import save_arrays
from texts.ngrams import read_ngrams
from texts.quantities import brands, item_names, quantities

ANSWERS = (NUMBER,)
NEEDS_TEXT = True


class Settings(Section):
    """LightGBM on quantities, namesakes, neighbours and a ridge."""

    encoder: str = ""  # of texts, to find neighbours among; a directory or hub name; "" = none
    image: str = ""  # of images, likewise; timm:<name> = a timm encoder
    # table in data.folder of numeric columns of the training rows (id, columns); "" = none
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


def columns(job, k: int, rows) -> tuple[np.ndarray, list[str]]:
    """What LightGBM reads of every row (n, c) float32 as member k may know it, and the columns'
    names."""
    config = job.config
    ngrams = read_ngrams(ngrams_file(job.paths), rows.id)
    _, quantity_names = quantities([])
    side, side_names = read_numbers(config.data, config.lightgbm, rows.id)

    # without targets
    blocks = [ngrams["numbers"], side]
    names = [*quantity_names, *side_names]

    # of other rows' targets
    by_name = encodings(job, rows)
    is_known = rows.target[:, 0] >= 0

    for name, encode in progress(by_name.items(), "columns"):
        block = encode_out_of_fold(encode, rows.fold, is_known, k, rows.group)
        blocks.append(block)

        n_columns = block.shape[1]
        names += [f"{name} {i}" for i in range(n_columns)]

    values = np.concatenate(blocks, 1)
    return values.astype(np.float32), names


def encodings(job, rows) -> dict[str, Callable]:
    """{name: encode for features.target_encoding} of log1p prices by brand, by the last word of
    the name, by nearest rows, and by a ridge."""
    file = neighbors_file(job.paths)
    nearest = load_npz(file)

    if not np.array_equal(nearest["id"], rows.id):
        raise UserError(f"{file} is of other rows than folds.csv; remove it and run make again")

    log1p_price = rows.target[:, 0]
    by_name = {}
    for words in (1, 2, 3):
        brand = brands(rows.text, words)
        by_name[f"brand {words}"] = key_encoder(brand, log1p_price)

    last_word = last_words(rows.text)
    by_name["last word"] = key_encoder(last_word, log1p_price)

    for space in spaces_in(nearest):
        row = nearest[f"{space}.at"]
        cosine = nearest[f"{space}.cosine"]
        by_name[f"near {space}"] = neighbor_encoder(row, cosine, log1p_price)

    x = ridge.columns(job, rows)
    by_name["ridge"] = ridge_encoder(x, log1p_price, job.config.ridge.alpha)
    return by_name


def ridge_encoder(x, log1p_price: np.ndarray, alpha: float) -> Callable:
    """encode for encode_out_of_fold: the predictions of a ridge that is fitted on the source
    rows."""

    def encode(source_idx, idx):
        weight, mean = ridge.solve(x[source_idx], log1p_price[source_idx], alpha)
        predicted = x[idx] @ weight + mean
        return predicted[:, None]

    return encode


def last_words(texts) -> np.ndarray:
    """The last word (n,) of each name that has no digit, often what kind of thing it is; "" without
    one."""
    last = []
    for name in item_names(texts):
        words = name.lower().replace(",", " ").split()
        without_digits = [word for word in words if word.isalpha()]
        if without_digits:
            last.append(without_digits[-1])
        else:
            last.append("")

    return np.array(last, dtype=str)


def parameters(settings, seed: int) -> dict:
    """LightGBM's parameters: absolute error on log1p."""
    return tree_parameters(settings, seed) | {
        "objective": "l1",
        "max_bin": 127,
    }


def fit(job, k: int, rows, file) -> dict:
    """Train lightgbm_<k>, lightgbm.seeds boosters on all labelled rows outside fold k. Returns each
    column's share of the gain."""
    import lightgbm

    settings = job.config.lightgbm
    member = f"lightgbm_{k}"

    x, names = read_columns(job.paths.features(member), rows.id)
    train_idx = rows.labelled(k)
    train_x = x[train_idx]
    log1p_price = rows.target[train_idx, 0]
    data = lightgbm.Dataset(train_x, log1p_price, free_raw_data=False)
    log(member=member, train=len(train_idx), columns=len(names))

    first_seed = job.config.data.seed * 1000
    boosters = []
    for i in progress(range(settings.seeds), "boosters"):
        params = parameters(settings, first_seed + i)
        booster = lightgbm.train(params, data, settings.rounds)
        boosters.append(booster)

    save_arrays(booster_arrays(boosters), file)
    return {"gain": gain_shares(boosters, names)}


def predict(job, k: int, rows, idx) -> np.ndarray:
    """log1p prices (m, 1) of the rows idx (m,): the mean over the boosters."""
    member = f"lightgbm_{k}"
    all_x, _ = read_columns(job.paths.features(member), rows.id)
    x = all_x[idx]

    boosters, _ = read_boosters(job.paths.model(member))
    log1p_prices = [booster.predict(x) for booster in boosters]
    mean = np.mean(log1p_prices, 0)
    return mean[:, None]


def neighbors_file(paths):
    return paths.features("neighbors", ".npz")


def write_neighbors(job, stem: str) -> None:
    """features/neighbors.npz: the nearest training rows of every row, in each space."""
    require_text(job)
    rows = job.rows
    file = neighbors_file(job.paths)

    with job.writing(file) as (tmp, record):
        spaces = save_nearest(job, rows, tmp)
        record["spaces"] = spaces

    log(source="neighbors", rows=len(rows.id), spaces=", ".join(spaces))


def neighbors_needs(config, paths, stem: str) -> list:
    return [paths.folds, ngrams_file(paths), *map(paths.features, embedding_sources(config))]


def write_columns(job, stem: str) -> None:
    """features/lightgbm_<k>.npy: the columns that lightgbm_<k> reads."""
    require_text(job)
    _, k = split_member(stem)
    values, names = columns(job, k, job.rows)

    config = job.config
    record = {
        "columns": names,
        "raw": digests(config.data, config.lightgbm),
    }
    write_rows(job, stem, values, record)


def columns_need(config, paths, stem: str) -> list:
    return [paths.folds, ngrams_file(paths), neighbors_file(paths)]


SOURCES = {
    "neighbors": Source(write_neighbors, neighbors_needs, ("lightgbm.encoder", "lightgbm.image")),
    "lightgbm": Source(write_columns, columns_need, ("ridge", "lightgbm.train", "lightgbm.test")),
}
