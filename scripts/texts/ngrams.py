"""The n-grams and quantities of texts: sparse columns for linear models, and a dense space for
networks and neighbours.

    in:  n texts like "Item Name: Green tea, 20 ct\\nValue: 20.0\\nUnit: Count"
    out: TF-IDF of words and characters (n, v), their main directions (n, d), quantities (n, q)

`fit_ngrams` learns from the training rows' texts which n-grams there are and how frequent, their
main directions, and how quantities spread; `transform` needs what it returns and no other text.
"""

import re
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.files import load_npz
from common.vectors import unit_rows
from texts.quantities import item_names, moments, quantities, scaled

HEADINGS = re.compile(
    r"^(Item Name|Bullet Point ?\d*|Product Description|Value|Unit):", re.MULTILINE
)
OPTIONS = {
    "name": {"ngram_range": (1, 2), "token_pattern": r"[^\s,|()]+"},
    "text": {"ngram_range": (1, 2)},
    "chars": {"ngram_range": (2, 5), "analyzer": "char_wb"},
}
BLOCKS = tuple(OPTIONS)
SPACES = ("text", "chars")  # blocks whose main directions are found
MORE_ROWS = {"name": 0, "text": 1, "chars": 1}  # that must have an n-gram, beside ngrams.min_rows
PROBLEMS = {
    "name": "word is shared by {} of the {} rows' names",
    "text": "word is shared by {} of the {} rows' texts",
    "chars": "n-gram is shared by {} of the {} rows' names",
}
CSR_ARRAYS = ("data", "indices", "indptr", "shape")
SPARSE = (*BLOCKS, "binned")
DENSE = ("space", "numbers", "scaled")
BINS = 20  # of a quantity, equally frequent


def block_texts(texts) -> dict[str, list[str]]:
    """{block: the n texts that its n-grams are counted in}."""
    names = item_names(texts)
    whole = [HEADINGS.sub(" ", text) for text in texts]
    return {"name": names, "text": whole, "chars": names}


def create_vectorizer(block: str, **options):
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(sublinear_tf=True, dtype=np.float32, **OPTIONS[block], **options)


def fit_ngrams(texts, settings) -> dict[str, np.ndarray]:
    """What `transform` needs, learnt from n texts; settings: config section ngrams.

    <block>.ngrams      the v n-grams, one a line, as UTF-8 bytes
    <block>.idf         (v,) float32, their inverse document frequencies
    <block>.directions  (d, v) float32, the first settings.space singular directions, of SPACES
    moments, edges      of the texts' quantities: see texts.quantities.moments and bin_edges

    No label is in them. Raises UserError when no n-gram is frequent enough.
    """
    fitted = {}
    for block, its_texts in block_texts(texts).items():
        vectorizer, matrix = fit_block(block, its_texts, settings)
        ngrams = "\n".join(vectorizer.get_feature_names_out())

        fitted[f"{block}.ngrams"] = np.frombuffer(ngrams.encode(), np.uint8)
        fitted[f"{block}.idf"] = vectorizer.idf_
        if block in SPACES:
            fitted[f"{block}.directions"] = main_directions(matrix, settings.space)

    values, _ = quantities(texts)
    return fitted | {"moments": moments(values), "edges": bin_edges(values)}


def fit_block(block: str, texts: list[str], settings) -> tuple:
    """A vectorizer of the n-grams of n texts, of settings.columns of them at most, and their TF-IDF
    (n, v). Raises UserError when no n-gram is left."""
    min_rows = settings.min_rows + MORE_ROWS[block]
    vectorizer = create_vectorizer(block, max_features=settings.columns, min_df=min_rows)

    try:
        matrix = vectorizer.fit_transform(texts)
    except ValueError:
        raise UserError(
            f"no {PROBLEMS[block].format(min_rows, len(texts))}; look at data.text, or set "
            "ngrams.min_rows=1"
        ) from None

    return vectorizer, matrix


def main_directions(matrix, d: int) -> np.ndarray:
    """The first d singular directions (d, v) of a sparse matrix (n, v)."""
    from sklearn.decomposition import TruncatedSVD

    most = min(matrix.shape) - 1
    d = min(d, most)
    d = max(d, 1)

    svd = TruncatedSVD(d, n_iter=3, random_state=0)
    svd.fit(matrix)
    return svd.components_.astype(np.float32)


def transform(fitted: dict[str, np.ndarray], texts) -> dict:
    """The n-grams and quantities of n texts, by name; fitted: of fit_ngrams.

    name     TF-IDF of words and pairs of words in the name, sparse (n, v) float32
    text     the same of the whole text
    chars    TF-IDF of the name's character n-grams
    space    (n, d) float32: text in its main directions, and chars, each at length 1
    numbers  (n, q) float32: the texts' quantities, NaN where missing
    scaled   (n, 2 q) float32: see texts.quantities.scaled
    binned   sparse (n, b) float32: see binned

    A row does not depend on the other texts.
    """
    blocks = {}
    spaces = []
    for block, its_texts in block_texts(texts).items():
        ngrams = fitted[f"{block}.ngrams"].tobytes().decode()
        vectorizer = create_vectorizer(block, vocabulary=ngrams.split("\n"))
        vectorizer.idf_ = fitted[f"{block}.idf"]

        blocks[block] = vectorizer.transform(its_texts).tocsr()
        if block in SPACES:
            x = blocks[block] @ fitted[f"{block}.directions"].T
            spaces.append(unit_rows(x))

    values, _ = quantities(texts)
    numbers = scaled(values, fitted["moments"])
    return blocks | {
        "space": np.concatenate(spaces, 1).astype(np.float32),
        "numbers": values,
        "scaled": numbers,
        "binned": binned(values, numbers, fitted["edges"]),
    }


def save_ngrams(ngrams: dict, ids: np.ndarray, file: Path) -> None:
    """Write transform's arrays and the ids (n,) of their rows as .npz."""
    arrays = {"id": ids}
    for name in DENSE:
        arrays[name] = ngrams[name]

    for block in SPARSE:
        matrix = ngrams[block]
        for name in CSR_ARRAYS:
            arrays[f"{block}.{name}"] = getattr(matrix, name)

    np.savez(file, **arrays)


def read_ngrams(file: Path, ids: np.ndarray) -> dict:
    """The arrays of transform. Raises UserError when the file has other rows than ids (n,)."""
    from scipy.sparse import csr_matrix

    arrays = load_npz(file)
    if not np.array_equal(arrays["id"], ids):
        raise UserError(f"{file} is of other rows than today's; remove it and run make again")

    ngrams = {name: arrays[name] for name in DENSE}
    for block in SPARSE:
        data, indices, indptr, shape = (arrays[f"{block}.{name}"] for name in CSR_ARRAYS)
        shape = tuple(shape)
        ngrams[block] = csr_matrix((data, indices, indptr), shape)

    return ngrams


def stack_ngrams(first: dict, second: dict) -> dict:
    """transform's arrays of some texts, then of others."""
    from scipy import sparse

    ngrams = {name: np.concatenate([first[name], second[name]]) for name in DENSE}

    for block in SPARSE:
        ngrams[block] = sparse.vstack([first[block], second[block]]).tocsr()

    return ngrams


def empty_ngrams(like: dict, n: int) -> dict:
    """Arrays as transform's for n rows that say nothing, with the columns of `like`."""
    from scipy.sparse import csr_matrix

    ngrams = {name: np.zeros((n, like[name].shape[1]), np.float32) for name in DENSE}

    for block in SPARSE:
        ngrams[block] = csr_matrix((n, like[block].shape[1]), dtype=np.float32)

    return ngrams


def bin_edges(values: np.ndarray, bins: int = BINS) -> np.ndarray:
    """The edges (q, bins - 1) between equally frequent bins of quantities (n, q).

    A quantity is NaN where it is missing. Where edges coincide, NaN stands after the last one; a
    quantity that few rows have has no edge but NaN.
    """
    n, q = values.shape
    fewest = min(50, n / 10)  # rows that must have a quantity
    inner_quantiles = np.arange(1, bins) / bins

    edges = np.full((q, bins - 1), np.nan)

    for j, column in enumerate(values.T):
        known = np.isfinite(column)
        if known.sum() < fewest:
            continue

        quantiles = np.quantile(column[known], inner_quantiles)
        distinct = np.unique(quantiles)
        edges[j, : len(distinct)] = distinct

    return edges


def binned(values: np.ndarray, scaled_values: np.ndarray, edges: np.ndarray):
    """Quantities (n, q), NaN where missing, for linear models: sparse (n, b) float32.

    The columns are scaled_values (n, 2 q), then for each quantity that has edges (q, bins - 1) a
    one-hot code of its bin, the last one of which stands for missing. Who puts them beside TF-IDF
    rows, which have length 1, gives them a weight.
    """
    from scipy import sparse

    n = len(values)
    blocks = [sparse.csr_matrix(scaled_values)]

    for column, its_edges in zip(values.T, edges, strict=True):
        known_edges = its_edges[np.isfinite(its_edges)]
        if not len(known_edges):
            continue

        missing_bin = len(known_edges) + 1
        n_bins = missing_bin + 1

        bin_of = np.searchsorted(known_edges, column)
        bin_of = np.where(np.isfinite(column), bin_of, missing_bin)
        one_hot = (np.ones(n), (np.arange(n), bin_of))
        blocks.append(sparse.csr_matrix(one_hot, (n, n_bins)))

    return sparse.hstack(blocks).tocsr().astype(np.float32)
