"""svr: support vectors in the space of words, quantities and embeddings; one per fold. For
thousands of rows, not for hundreds of thousands: its time grows with their square."""

import numpy as np

from common.log import log
from common.questions import NUMBER
from common.sections import Count, Positive, Section
from features.neighbors import encoders, spaces
from features.ngrams import ngrams_file
from networks.weights import read_arrays, save_arrays

ANSWERS = (NUMBER,)
NEEDS_TEXT = True


class Settings(Section):
    """Support vectors on words, quantities and embeddings."""

    rows: Count = 15_000  # trained on at most; minutes grow with its square
    c: Positive = 3.0
    gamma: Positive = 0.5  # of the Gaussian kernel


def inputs(config, paths, k):
    return [ngrams_file(paths), *map(paths.features, encoders(config))]


def weights(config):
    return encoders(config)


def columns(job, rows) -> np.ndarray:
    """All spaces of the rows side by side (n, d); with embeddings there, the words weigh less."""
    found = spaces(job, rows)
    found["words"] = found["words"] * (1.0 if len(found) == 2 else 0.7)
    return np.concatenate(list(found.values()), 1)


def fit(job, k: int, rows, file) -> dict:
    """Fit svr_<k> on the labelled rows outside fold k, on a random svr.rows of them where there are
    more."""
    from sklearn.svm import SVR

    settings, train = job.config.svr, rows.labelled(k)
    if len(train) > settings.rows:
        train = np.sort(
            np.random.default_rng([job.config.data.seed, k]).choice(
                train, settings.rows, replace=False
            )
        )
    log(member=f"svr_{k}", train=len(train))
    x = columns(job, rows)[train]
    model = SVR(C=settings.c, gamma=settings.gamma, epsilon=0.1, cache_size=1000).fit(
        x, rows.target[train, 0]
    )
    save_arrays(
        {
            "vectors": model.support_vectors_,
            "weight": model.dual_coef_[0],
            "bias": model.intercept_,
        },
        file,
    )
    return {"rows": len(train), "vectors": len(model.support_)}


def predict(job, k: int, rows, idx) -> np.ndarray:
    """log1p prices (m, 1) of the rows `idx` (m,)."""
    state = read_arrays(job.paths.model(f"svr_{k}"))
    x, size = columns(job, rows)[idx], (state["vectors"] ** 2).sum(1)
    out = [np.zeros(0)]
    for i in range(0, len(x), 1024):
        part = x[i : i + 1024]
        distance = (part**2).sum(1)[:, None] + size - 2 * part @ state["vectors"].T
        out.append(
            np.exp(-job.config.svr.gamma * np.maximum(distance, 0)) @ state["weight"]
            + state["bias"]
        )
    return np.concatenate(out)[:, None]
