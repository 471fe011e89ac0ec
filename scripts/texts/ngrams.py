"""The words and quantities of texts: sparse columns, and a dense space, that linear models,
networks and neighbours read."""

import re
from pathlib import Path

import numpy as np

from common.errors import UserError
from texts.quantities import item_names, quantities, scaled

HEADINGS = re.compile(
    r"^(Item Name|Bullet Point ?\d*|Product Description|Value|Unit):", re.MULTILINE
)
BLOCKS = ("name", "text", "chars")


def count_ngrams(texts, settings) -> dict:
    """TF-IDF of n texts {block: sparse (n, v) float32}: words and pairs of words of the name, of
    the whole text, and the name's character n-grams; "space" (n, d) float32, the first
    settings.space singular directions of text and of chars each; and
    "numbers" (n, q) float32, the texts' quantities.

    They are counted over all rows, test rows too: no label is in them. settings: config section
    words.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    names, whole = item_names(texts), [HEADINGS.sub(" ", text) for text in texts]
    common = dict(sublinear_tf=True, dtype=np.float32, max_features=settings.columns)
    found = {}
    for block, source, options in (
        (
            "name",
            names,
            dict(ngram_range=(1, 2), token_pattern=r"[^\s,|()]+", min_df=settings.min_rows),
        ),
        ("text", whole, dict(ngram_range=(1, 2), min_df=settings.min_rows + 1)),
        (
            "chars",
            names,
            dict(analyzer="char_wb", ngram_range=(2, 5), min_df=settings.min_rows + 1),
        ),
    ):
        try:
            found[block] = TfidfVectorizer(**common, **options).fit_transform(source).tocsr()
        except ValueError:  # no term is left
            raise UserError(
                f"no {'n-gram' if block == 'chars' else 'word'} is shared by "
                f"{options['min_df']} of the {len(names)} rows' "
                f"{'texts' if block == 'text' else 'names'}; look at data.text, or set "
                "ngrams.min_rows=1"
            ) from None
    parts = []
    for block in ("text", "chars"):
        d = max(1, min(settings.space, found[block].shape[1] - 1))
        part = TruncatedSVD(d, n_iter=3, random_state=0).fit_transform(found[block])
        parts.append(part / np.linalg.norm(part, axis=1, keepdims=True).clip(1e-9))
    return found | {
        "space": np.concatenate(parts, 1).astype(np.float32),
        "numbers": quantities(texts)[0],
    }


def save_ngrams(words: dict, ids: np.ndarray, file: Path) -> None:
    """The blocks and the ids (n,) of their rows, as plain arrays."""
    arrays = {
        f"{block}.{part}": getattr(words[block], part)
        for block in BLOCKS
        for part in ("data", "indices", "indptr", "shape")
    }
    np.savez(file, id=ids, space=words["space"], numbers=words["numbers"], **arrays)


def read_ngrams(file: Path, ids: np.ndarray) -> dict:
    """The blocks of count_ngrams, in the order of ids (n,)."""
    from scipy.sparse import csr_matrix

    from common.files import load_npz

    arrays = load_npz(file)
    if not np.array_equal(arrays["id"], ids):
        raise UserError(f"{file} is of other rows than folds.csv; remove it and run make again")

    def parts(block):
        return [arrays[f"{block}.{part}"] for part in ("data", "indices", "indptr")]

    return {
        block: csr_matrix(tuple(parts(block)), tuple(arrays[f"{block}.shape"])) for block in BLOCKS
    } | {name: arrays[name] for name in ("space", "numbers")}


def binned(values: np.ndarray, weight: float, bins: int = 20):
    """Quantities (n, q), NaN where not there, as a linear model can use them: sparse (n, v),
    scaled, and of each column which of `bins` equally frequent bins it is in, or that it is not
    there. weight: of an entry, against TF-IDF rows of length 1."""
    from scipy import sparse

    n, parts = len(values), [scaled(values)]
    for column in values.T:
        there = np.isfinite(column)
        if there.sum() >= min(50, n / 10):
            edges = np.unique(np.quantile(column[there], np.arange(1, bins) / bins))
            bin_of = np.where(there, np.searchsorted(edges, column), len(edges) + 1)
            parts.append(
                sparse.csr_matrix((np.ones(n), (np.arange(n), bin_of)), (n, len(edges) + 2))
            )
    return (
        (sparse.hstack([sparse.csr_matrix(part) for part in parts]) * weight)
        .tocsr()
        .astype(np.float32)
    )
