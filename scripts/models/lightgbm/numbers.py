"""What lightgbm reads of a row to answer a number: quantities, columns of side tables, and what
other rows with the same brand or last word, the nearest rows and a ridge say of it.

in: "Basmati rice 5 kg" → out: 5,000 grams, pack of 1, log1p price of the same brand .4 below the
mean, of the nearest rows 3.2, by the ridge 3.0 ...
"""

from collections.abc import Callable

import numpy as np

from common.log import progress
from features.target_encoding import encode_out_of_fold, key_encoder, neighbor_encoder
from models import ridge
from models.lightgbm.keys import last_words, read_neighbors
from models.lightgbm.own import own_columns
from texts.quantities import brands


def columns(job, k: int, rows) -> tuple[np.ndarray, list[str]]:
    """What LightGBM reads of every row (n, c) float32 as member k may know it, and the columns'
    names."""
    own, names = own_columns(job, rows)
    blocks = [own]

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
    log1p_price = rows.target[:, 0]
    by_name = {}
    for words in (1, 2, 3):
        brand = brands(rows.text, words)
        by_name[f"brand {words}"] = key_encoder(brand, log1p_price)

    last_word = last_words(rows.text)
    by_name["last word"] = key_encoder(last_word, log1p_price)

    for space, (row, cosine) in read_neighbors(job, rows).items():
        by_name[f"near {space}"] = neighbor_encoder(row, cosine, log1p_price)

    x = ridge.columns(job, rows, with_training=True)
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
