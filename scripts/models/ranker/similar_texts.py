"""Labels of the rows with the most similar texts: often another image of the same product.

in:  a row's candidate 454 gram, and the labels of 8 rows with similar text, two of them 454 gram
out: the nearer one's cosine, and the share of the two by similarity (SIMILAR)
"""

import numpy as np

SIMILAR = ("cosine of same", "share of same", "share of unit", "nearest")
NEAR = 8  # similar rows that are looked at
POWER = 4  # a similar row counts by this power of its cosine
CHUNK = 1024  # rows compared at a time, for memory


def text_vectors(texts: list[str], is_training: np.ndarray):
    """TF-IDF of words and pairs of words, sparse unit rows (n, v); None where no word is in two
    training texts, which is_training (n,) says: words are counted in these alone."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, dtype=np.float32)

    training_texts = [texts[i] for i in np.flatnonzero(is_training)]

    try:
        vectorizer.fit(training_texts)
    except ValueError:
        return None

    return vectorizer.transform(texts)


def similar_texts(
    vectors, key: np.ndarray, source_idx: np.ndarray, idx: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The most similar rows of each row idx (m,): row numbers and cosines (m, NEAR), nearest first.

    They are among source_idx, and have the same key (n,). A cosine of 0 means none.
    """
    shape = (len(idx), NEAR)
    similar_idx = np.zeros(shape, int)
    cosine = np.zeros(shape, np.float32)

    if vectors is None or not len(source_idx):
        return similar_idx, cosine

    # sorted by key, the sources of a row are source_idx[starts:ends]
    order = np.argsort(key[source_idx], kind="stable")
    source_idx = source_idx[order]
    source_key = key[source_idx]
    row_key = key[idx]
    starts = np.searchsorted(source_key, row_key)
    ends = np.searchsorted(source_key, row_key, "right")

    has_source = ends > starts
    for start in np.unique(starts[has_source]):
        is_of_key = (starts == start) & has_source
        of_key = np.flatnonzero(is_of_key)
        end = ends[of_key[0]]
        sources = source_idx[start:end]
        source_vectors = vectors[sources].T.tocsc()
        top = min(NEAR, len(sources))

        for i in range(0, len(of_key), CHUNK):
            chunk = of_key[i : i + CHUNK]
            row_vectors = vectors[idx[chunk]]
            cosines = row_vectors @ source_vectors
            cosines = cosines.toarray()  # (chunk, sources)

            best = largest(cosines, top)  # (chunk, top)
            similar_idx[chunk, :top] = sources[best]
            cosine[chunk, :top] = np.take_along_axis(cosines, best, 1)

    # the nearest first
    order = np.argsort(-cosine, axis=1, kind="stable")
    similar_idx = np.take_along_axis(similar_idx, order, 1)
    cosine = np.take_along_axis(cosine, order, 1)
    return similar_idx, cosine


def largest(x: np.ndarray, top: int) -> np.ndarray:
    """Columns (m, top) of the largest of each row of x (m, s), in any order."""
    if top == x.shape[1]:
        return np.argsort(-x, axis=1, kind="stable")

    return np.argpartition(-x, top - 1, 1)[:, :top]


def similar_text_columns(
    target: np.ndarray, cosine: np.ndarray, row: np.ndarray, number: np.ndarray, code: np.ndarray
) -> np.ndarray:
    """SIMILAR (c, 4) of candidates: row, number, code (c,). target (m, NEAR, 2) and cosine
    (m, NEAR) are of the rows similar to each row."""
    # of the rows similar to each candidate's row, (c, NEAR)
    cosine = cosine[row]
    similar_number = target[row, :, 0]
    similar_code = target[row, :, 1]

    same_number = similar_number == number[:, None]
    same_code = similar_code == code[:, None]
    is_similar = cosine > 0
    same_unit = same_code & is_similar
    same_value = same_unit & same_number
    cosine_of_same = cosine * same_value

    weight = cosine**POWER
    weight_of_same = weight * same_value
    weight_of_unit = weight * same_unit
    total = weight.sum(1) + 1e-3  # (c,)

    columns = [
        cosine_of_same.max(1),
        weight_of_same.sum(1) / total,
        weight_of_unit.sum(1) / total,
        cosine[:, 0],
    ]
    return np.column_stack(columns)
