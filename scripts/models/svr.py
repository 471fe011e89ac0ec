"""svr: support vectors in the space of words, quantities and embeddings; one a fold. For thousands
of rows, not for hundreds of thousands: its time grows with their square.

in: "Basmati rice 5 kg" as n-grams' singular directions, quantities and an embedding
out: log1p price 3.1
"""

import numpy as np

from common.log import log
from common.questions import NUMBER
from common.sections import Count, Positive, Section
from features.neighbors import embedding_sources, spaces
from features.ngrams import ngrams_file
from networks.batches import cut
from networks.weights import read_arrays, save_arrays

ANSWERS = (NUMBER,)
EVIDENCE = ("text",)
NEEDS_TEXT = True
EPSILON = 0.1  # log1p prices this near cost nothing
WORDS = 0.7  # weight of the words' space beside embeddings
PREDICT_BATCH = 1024


class Settings(Section):
    """Support vectors on words, quantities and embeddings."""

    rows: Count = 15_000  # trained on at most; minutes grow with its square
    c: Positive = 3.0
    gamma: Positive = 0.5  # of the Gaussian kernel


def inputs(config, paths, k):
    return [ngrams_file(paths), *map(paths.features, embedding_sources(config))]


def weights(config):
    return embedding_sources(config)


def columns(job, rows) -> np.ndarray:
    """All spaces of the rows side by side (n, d); with embeddings there, the words weigh less."""
    by_name = spaces(job, rows)
    has_embeddings = len(by_name) > 2  # beside "words" and "numbers"
    by_name["words"] = by_name["words"] * (WORDS if has_embeddings else 1.0)
    return np.concatenate(list(by_name.values()), 1)


def fit(job, k: int, rows, file) -> dict:
    """Fit svr_<k> on the labelled rows outside fold k, on a random svr.rows of them where there are
    more."""
    from sklearn.svm import SVR

    settings = job.config.svr
    train_idx = rows.labelled(k)
    if len(train_idx) > settings.rows:
        seed = [job.config.data.seed, k]
        rng = np.random.default_rng(seed)
        drawn = rng.choice(train_idx, settings.rows, replace=False)
        train_idx = np.sort(drawn)

    log(member=f"svr_{k}", train=len(train_idx))

    x = columns(job, rows)[train_idx]
    log1p_price = rows.target[train_idx, 0]
    model = SVR(
        C=settings.c,
        gamma=settings.gamma,
        epsilon=EPSILON,
        cache_size=1000,  # MB
    )
    model.fit(x, log1p_price)

    state = {
        "vectors": model.support_vectors_,
        "weight": model.dual_coef_[0],
        "bias": model.intercept_,
    }
    save_arrays(state, file)
    return {"rows": len(train_idx), "vectors": len(model.support_)}


def predict(job, k: int, rows, idx) -> np.ndarray:
    """log1p prices (m, 1) of the rows idx (m,)."""
    gamma = job.config.svr.gamma
    state = read_arrays(job.paths.model(f"svr_{k}"))
    vectors = state["vectors"]
    weight = state["weight"]
    bias = state["bias"]

    x = columns(job, rows)[idx]
    log1p_prices = [np.zeros(0)]  # so that no row at all is (0, 1)

    for batch in cut(x, PREDICT_BATCH):
        kernel = gaussian_kernel(batch, vectors, gamma)
        log1p_prices.append(kernel @ weight + bias)

    log1p_price = np.concatenate(log1p_prices)
    return log1p_price[:, None]


def gaussian_kernel(x: np.ndarray, vectors: np.ndarray, gamma: float) -> np.ndarray:
    """exp(-gamma |x - v|²) (b, v) of rows x (b, d) and vectors (v, d)."""
    x_norm = (x**2).sum(1)
    vector_norm = (vectors**2).sum(1)

    # |x - v|² = |x|² + |v|² - 2 xv
    norms = x_norm[:, None] + vector_norm
    inner = 2 * x @ vectors.T
    distance = norms - inner
    distance = np.maximum(distance, 0)  # rounding makes it negative

    exponent = -gamma * distance
    return np.exp(exponent)
