"""The n-grams and quantities of texts: sparse columns for linear models, and a dense space for
networks and neighbours.

    in:  n texts like "Item Name: Green tea, 20 ct\\nValue: 20.0\\nUnit: Count"
    out: TF-IDF of words and characters (n, v), their main directions (n, d), quantities (n, q)
"""

import re
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.files import load_npz
from common.vectors import unit_rows
from texts.quantities import item_names, quantities, scaled

HEADINGS = re.compile(
    r"^(Item Name|Bullet Point ?\d*|Product Description|Value|Unit):", re.MULTILINE
)
BLOCKS = ("name", "text", "chars")
CSR_ARRAYS = ("data", "indices", "indptr", "shape")


def count_ngrams(texts, settings) -> dict:
    """The n-grams and quantities of n texts, by name; settings: config section ngrams.

    name     TF-IDF of words and pairs of words in the name, sparse (n, v) float32
    text     the same of the whole text
    chars    TF-IDF of the name's character n-grams
    space    (n, d) float32: the first settings.space singular directions of text, and of chars
    numbers  (n, q) float32: the texts' quantities

    They are counted over all rows, test rows too: no label is in them. Raises UserError when no
    n-gram is frequent enough.
    """
    names = item_names(texts)
    whole = [HEADINGS.sub(" ", text) for text in texts]
    min_rows = settings.min_rows
    blocks = {
        "name": tfidf(
            names,
            settings.columns,
            "word is shared by {} of the {} rows' names",
            ngram_range=(1, 2),
            token_pattern=r"[^\s,|()]+",
            min_df=min_rows,
        ),
        "text": tfidf(
            whole,
            settings.columns,
            "word is shared by {} of the {} rows' texts",
            ngram_range=(1, 2),
            min_df=min_rows + 1,
        ),
        "chars": tfidf(
            names,
            settings.columns,
            "n-gram is shared by {} of the {} rows' names",
            analyzer="char_wb",
            ngram_range=(2, 5),
            min_df=min_rows + 1,
        ),
    }
    spaces = [main_directions(blocks[name], settings.space) for name in ("text", "chars")]
    space = np.concatenate(spaces, 1).astype(np.float32)
    return blocks | {"space": space, "numbers": quantities(texts)[0]}


def tfidf(texts: list[str], columns: int, problem: str, **options):
    """TF-IDF of n texts, sparse (n, v) float32, with at most `columns` columns.

    Raises UserError when no n-gram is left; problem: its words, with places for min_df and n.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(
        sublinear_tf=True, dtype=np.float32, max_features=columns, **options
    )

    try:
        return vectorizer.fit_transform(texts).tocsr()
    except ValueError:
        raise UserError(
            f"no {problem.format(options['min_df'], len(texts))}; look at data.text, or set "
            "ngrams.min_rows=1"
        ) from None


def main_directions(matrix, d: int) -> np.ndarray:
    """Rows of a sparse matrix (n, v) in its first d singular directions, scaled to length 1."""
    from sklearn.decomposition import TruncatedSVD

    most = matrix.shape[1] - 1
    d = min(d, most)
    d = max(d, 1)

    svd = TruncatedSVD(d, n_iter=3, random_state=0)
    x = svd.fit_transform(matrix)
    return unit_rows(x)


def save_ngrams(ngrams: dict, ids: np.ndarray, file: Path) -> None:
    """Write count_ngrams's arrays and the ids (n,) of their rows as .npz."""
    arrays = {
        "id": ids,
        "space": ngrams["space"],
        "numbers": ngrams["numbers"],
    }
    for block in BLOCKS:
        matrix = ngrams[block]
        for name in CSR_ARRAYS:
            arrays[f"{block}.{name}"] = getattr(matrix, name)

    np.savez(file, **arrays)


def read_ngrams(file: Path, ids: np.ndarray) -> dict:
    """The arrays of count_ngrams. Raises UserError when the file has other rows than ids (n,)."""
    from scipy.sparse import csr_matrix

    arrays = load_npz(file)
    if not np.array_equal(arrays["id"], ids):
        raise UserError(f"{file} is of other rows than folds.csv; remove it and run make again")

    ngrams = {
        "space": arrays["space"],
        "numbers": arrays["numbers"],
    }
    for block in BLOCKS:
        data, indices, indptr, shape = (arrays[f"{block}.{name}"] for name in CSR_ARRAYS)
        shape = tuple(shape)
        ngrams[block] = csr_matrix((data, indices, indptr), shape)

    return ngrams


def binned(values: np.ndarray, weight: float, bins: int = 20):
    """Quantities (n, q), NaN where missing, for linear models: sparse (n, v) float32.

    The columns are `scaled`, then for each quantity that enough rows have a one-hot code of its
    bin: `bins` equally frequent ones, and one for missing. All are multiplied by weight; TF-IDF
    rows, which they stand beside, have length 1.
    """
    from scipy import sparse

    n = len(values)
    fewest = min(50, n / 10)  # rows that must have a quantity
    inner_quantiles = np.arange(1, bins) / bins

    blocks = [sparse.csr_matrix(scaled(values))]
    for column in values.T:
        known = np.isfinite(column)
        if known.sum() < fewest:
            continue

        edges = np.quantile(column[known], inner_quantiles)
        edges = np.unique(edges)
        missing_bin = len(edges) + 1
        n_bins = missing_bin + 1

        bin_of = np.searchsorted(edges, column)
        bin_of = np.where(known, bin_of, missing_bin)
        one_hot = (np.ones(n), (np.arange(n), bin_of))
        blocks.append(sparse.csr_matrix(one_hot, (n, n_bins)))

    x = sparse.hstack(blocks) * weight
    return x.tocsr().astype(np.float32)
