"""ranker: LightGBM that chooses among the candidate values of a row's text, or none of them; one
per fold.

    in:  "Net wt 1,000 g (35.3 oz)", asked for item_weight, group 731432
    out: 1000.0 gram with weight .82, 35.3 ounce .11; what lacks to 1 is the weight of "no value"

Its objective is the softmax over a row's candidates, so that the scores are probabilities.
"""

from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from common.errors import UserError
from common.files import read_record
from common.log import log, progress
from common.questions import VALUE
from common.sections import Count, Positive, Section
from features.ocr import ocr_file
from models.ranker.candidates import Candidates, gather
from models.ranker.columns import COLUMNS
from models.ranker.further_labels import further_labels, raw_labels
from models.ranker.label_stats import SHARES, Labels, LabelStats, group_numbers, hash_columns
from models.ranker.lines import read_lines, text_lines
from models.ranker.similar_texts import SIMILAR, similar_text_columns, similar_texts, text_vectors
from models.ranker.softmax import is_right, last_of_rows, parameters, softmax
from networks.weights import read_arrays, save_arrays
from texts.units import UNITS
from texts.value_codes import ALLOWED, ENTITY_NAMES, WIDTH, encode_predictions

ANSWERS = (VALUE,)
# what LightGBM reads of a candidate
READS = (*COLUMNS, *(f"usual {name}" for name in SHARES), *(f"alike {name}" for name in SIMILAR))
UNITS_TRIED = 2  # with a number that has none: the most usual of its group
# of the most usual values of a row's group, and of the labels of similar rows, that are candidates
# whatever the text says
VALUES_TRIED = 3
MIN_COSINE = 0.2  # of a similar row whose label is a candidate


class Settings(Section):
    """LightGBM that chooses among the values that a row's text may mean."""

    # a further table of labels in data.folder, for the label statistics; "" = none
    labels: str = ""
    rounds: Count = 300
    leaves: Annotated[int, Field(ge=2)] = 15
    lr: Positive = 0.05
    seeds: Count = 3  # models per fold, averaged


def inputs(config, paths, k):
    return [] if config.data.text else [ocr_file(paths)]


def packages(config):
    reads_images = not config.data.text
    return {"rapidocr": reads_images, "onnxruntime": reads_images}


def fit(job, k: int, rows, file) -> dict:
    """Train ranker_<k>, ranker.seeds boosters on all labelled rows outside fold k. Returns for the
    record each column's share of the gain."""
    settings = job.config.ranker
    train_idx = rows.labelled(k)
    texts = RowTexts(job, rows)
    further = further_labels(job.config)

    row, x, right = training_candidates(texts, rows, train_idx, further)
    found = 1 - right[last_of_rows(row)].mean()  # rows whose label is a candidate
    log(member=f"ranker_{k}", train=len(train_idx), candidates=len(x), found=float(found))

    boosters = train_boosters(settings, job.config.data.seed, row, x, right, len(train_idx))
    labels = Labels(rows.target[train_idx], texts.group[train_idx])
    labels = labels.concat(further)
    arrays = {"target": labels.target, "group": labels.group}
    for i, booster in enumerate(boosters):
        text = booster.model_to_string().encode()
        arrays[f"booster_{i}"] = np.frombuffer(text, np.uint8)
    save_arrays(arrays, file)
    return {"raw": raw_labels(job.config), "gain": gains(boosters)}


def training_candidates(texts, rows, train_idx, further: Labels):
    """Row numbers, READS (c, columns) and 1.0 where right (c,) of the training rows' candidates.

    Label statistics are cross-fitted: a training row's come from the labels of the other inner
    folds, as those of the rows of fold k come from the labels of the other folds.
    """
    inner_fold = inner_folds(rows, train_idx)
    row, x, right = [], [], []
    for fold in progress(np.unique(inner_fold), "candidates"):
        is_inside = inner_fold == fold
        idx = train_idx[is_inside]
        source_idx = train_idx[~is_inside]

        labels = Labels(rows.target[source_idx], texts.group[source_idx])
        label_stats = LabelStats(*labels.concat(further))
        candidates, columns = build_candidates(texts, rows, idx, source_idx, label_stats)

        row.append(idx[candidates.row])
        x.append(columns)
        right.append(is_right(candidates, rows.target[idx]))
    return map(np.concatenate, (row, x, right))


def inner_folds(rows, train_idx: np.ndarray) -> np.ndarray:
    """The fold of each training row (t,); of two folds or one, each is halved by group."""
    fold = rows.fold[train_idx]
    if len(np.unique(fold)) > 2:
        return fold
    _, group = np.unique(rows.group, return_inverse=True)
    half = group[train_idx] % 2
    return 2 * fold + half


def train_boosters(settings, data_seed: int, row, x, right, n_rows: int) -> list:
    """ranker.seeds boosters. Raises UserError when there are too few candidates."""
    import lightgbm

    data = lightgbm.Dataset(x, right, free_raw_data=False)
    boosters = []
    try:
        for i in progress(range(settings.seeds), "boosters"):
            options = parameters(settings, row, data_seed * 1000 + i)
            boosters.append(lightgbm.train(options, data, settings.rounds))
    except lightgbm.basic.LightGBMError as error:
        raise UserError(
            f"{n_rows} rows with {len(x)} candidates are too few to learn from: {error}; lower "
            "data.n_folds, or give more rows"
        ) from None
    return boosters


def gains(boosters) -> dict[str, float]:
    """Each column's share of the boosters' gain, the largest first."""
    gain = sum(booster.feature_importance("gain") for booster in boosters)
    shares = (gain / max(gain.sum(), 1e-9)).round(4).tolist()
    by_column = zip(READS, shares, strict=True)
    return dict(sorted(by_column, key=lambda item: -item[1]))


def predict(job, k: int, rows, idx) -> np.ndarray:
    """The likeliest values (m, 24) of the rows `idx` (m,), as texts.value_codes has them."""
    label_stats, boosters = read_model(job.paths.model(f"ranker_{k}"))
    texts = RowTexts(job, rows)
    source_idx = rows.labelled(k)
    candidates, x = build_candidates(texts, rows, idx, source_idx, label_stats)

    scores = [booster.predict(x, raw_score=True) for booster in boosters]
    score = np.mean(scores, axis=0)
    probability = softmax(score, candidates.row)

    values = [[] for _ in idx]
    for i in np.flatnonzero(candidates.unit >= 0):
        number = float(candidates.number[i])
        unit = UNITS[candidates.unit[i]]
        weight = float(probability[i])
        values[candidates.row[i]].append((number, unit, weight))
    return encode_predictions(values, rows.question[idx])


def read_model(file) -> tuple[LabelStats, list]:
    """The label statistics and boosters that fit saved. Raises UserError when it cannot."""
    import lightgbm

    arrays = read_arrays(file)
    try:
        label_stats = LabelStats(arrays.pop("target"), arrays.pop("group"))
        texts = [array.tobytes().decode() for array in arrays.values()]
        return label_stats, [lightgbm.Booster(model_str=text) for text in texts]
    except (KeyError, UnicodeDecodeError, lightgbm.basic.LightGBMError) as error:
        raise UserError(f"cannot read {file}: {error}; remove it and run make again") from None


def missing_image(job, rows) -> np.ndarray:
    """(n,) bool: True where OCR could not read the row's image; only usual values answer it."""
    if rows.text is not None:
        return np.zeros(len(rows.image), bool)
    unreadable = read_record(ocr_file(job.paths))["reasons"]
    return pd.Index(rows.image).isin(["", *unreadable])


class RowTexts:
    """All n rows' texts, in the forms that candidates are made from."""

    def __init__(self, job, rows):
        if rows.text is not None:
            self.lines = [text_lines(text) for text in rows.text]
        else:
            of_image = read_lines(ocr_file(job.paths))
            self.lines = [of_image.get(image, []) for image in rows.image]
        self.entity = pd.Index(ENTITY_NAMES).get_indexer(rows.question)
        self.group = group_numbers(rows.category, len(rows.id))
        # only texts of rows with the same entity and group are compared
        self.key = hash_columns(self.entity, self.group)
        texts = [" ".join(line.text for line in lines) for lines in self.lines]
        self.vectors = text_vectors(texts)


def build_candidates(
    texts: RowTexts, rows, idx, source_idx, label_stats: LabelStats
) -> tuple[Candidates, np.ndarray]:
    """Candidates of the rows idx (m,), and what LightGBM reads of them (c, READS) float32.

    source_idx: the rows whose labels may be known; label_stats: of these labels, and of others.
    """
    entity, group = texts.entity[idx], texts.group[idx]
    similar_idx, cosine = similar_texts(texts.vectors, texts.key, source_idx, idx)
    similar_target = rows.target[similar_idx]

    units, values = usual_answers(label_stats, entity, group, similar_target, cosine)
    lines = [texts.lines[i] for i in idx]
    candidates = gather(lines, rows.question[idx], units, values)

    row, number, unit = candidates.row, candidates.number, candidates.unit
    code = np.where(unit >= 0, WIDTH * entity[row] + unit, -1)
    shares = usual_columns(label_stats, code, number, group[row])
    of_similar = similar_text_columns(similar_target, cosine, row, number, code)
    x = np.column_stack([candidates.x, shares, of_similar])
    return candidates, x.astype(np.float32)


def usual_answers(label_stats: LabelStats, entity, group, similar_target, cosine):
    """The units that each row's bare numbers are tried with, names, and its usual values, (number,
    unit's place); of rows (m,), whose similar rows have the labels (m, NEAR, 2)."""
    units, values = [], []
    for i, key in enumerate(zip(entity.tolist(), group.tolist(), strict=True)):
        of_group = label_stats.units(*key)[:UNITS_TRIED]
        units.append([UNITS[unit] for unit in of_group])

        of_similar = similar_values(similar_target[i], cosine[i])
        of_group = label_stats.values(*key, VALUES_TRIED)
        distinct = dict.fromkeys(of_similar + of_group)
        values.append(list(distinct))
    return units, values


def similar_values(target: np.ndarray, cosine: np.ndarray) -> list[tuple[float, int]]:
    """Number and unit's place of the labels of a row's most similar rows, at most VALUES_TRIED;
    target (NEAR, 2), cosine (NEAR,)."""
    code = target[:, 1].astype(int)
    is_near = (cosine >= MIN_COSINE) & ALLOWED[code]
    labels = target[is_near][:VALUES_TRIED]
    return [(number, int(code) % WIDTH) for number, code in labels.tolist()]


def usual_columns(label_stats: LabelStats, code, number, group) -> np.ndarray:
    """SHARES (c, 11) of candidates (c,); nan of "no answer", whose code is -1."""
    shape = (len(code), len(SHARES))
    out = np.full(shape, np.nan)
    is_value = code >= 0
    values = (code[is_value], number[is_value], group[is_value])
    out[is_value] = label_stats.columns(*values)
    return out
