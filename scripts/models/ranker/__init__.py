"""ranker: LightGBM that chooses among the candidate values of a row's text, or none of them; one
per fold.

    in:  "Net wt 1,000 g (35.3 oz)", asked for item_weight, group 731432
    out: 1000.0 gram with weight .82, 35.3 ounce .11; what lacks to 1 is the weight of "no value"

Its objective is the softmax over a row's candidates, so that the scores are probabilities.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from common.errors import UserError
from common.files import read_record
from common.log import log, progress
from common.questions import VALUE
from common.sections import Count, Positive, Section
from features.boosting import booster_arrays, gain_shares, read_boosters
from features.ocr import ocr_file
from features.target_encoding import inner_folds
from models.ranker.build import READS, RowTexts, build_candidates, ocr_files
from models.ranker.further_labels import further_labels, raw_labels
from models.ranker.label_stats import Labels, LabelStats
from models.ranker.softmax import is_right, last_of_rows, parameters, softmax
from networks.weights import save_arrays
from texts.units import UNITS
from texts.value_codes import encode_predictions

ANSWERS = (VALUE,)


class Settings(Section):
    """LightGBM that chooses among the values that a row's text may mean."""

    # a further table of labels in data.folder, for the label statistics; "" = none
    labels: str = ""
    rounds: Count = 300
    leaves: Annotated[int, Field(ge=2)] = 15
    lr: Positive = 0.05
    seeds: Count = 3  # models per fold, averaged


def evidence(config):
    return ("text",) if config.data.text else ("image",)  # what OCR reads in it


def inputs(config, paths, k):
    return [] if config.data.text else ocr_files(paths)


def packages(config):
    reads_images = not config.data.text
    return {"rapidocr": reads_images, "onnxruntime": reads_images}


def fit(job, k: int, rows, file) -> dict:
    """Train ranker_<k>: ranker.seeds boosters on all labelled rows outside fold k.

    Returns for the record what raw files it read, and each column's share of the gain.
    """
    train_idx = rows.labelled(k)
    texts = RowTexts(job, rows)
    further = further_labels(job.config)
    data = training_data(texts, rows, train_idx, further)
    log(
        member=f"ranker_{k}",
        train=len(train_idx),
        candidates=len(data.x),
        found=data.share_found(),
    )

    boosters = train_boosters(job.config, data, len(train_idx))

    labels = labels_of(rows, texts, train_idx).concat(further)
    save_model(labels, boosters, file)

    raw = raw_labels(job.config)
    return {"raw": raw, "gain": gain_shares(boosters, READS)}


@dataclass(frozen=True)
class TrainingData:
    """The candidates of the training rows."""

    row: np.ndarray  # (c,) row numbers; a row's candidates follow each other
    x: np.ndarray  # (c, READS)
    right: np.ndarray  # (c,) 1.0 where the candidate is right

    def share_found(self) -> float:
        """Share of the rows whose label is a candidate: of the others "no answer" is right."""
        none_found = self.right[last_of_rows(self.row)]
        return float(1 - none_found.mean())


def training_data(texts: RowTexts, rows, train_idx, further: Labels) -> TrainingData:
    """The candidates of the training rows.

    Label statistics are cross-fitted: a training row's come from the labels of the other inner
    folds, as those of the rows of fold k come from the labels of the other folds.
    """
    inner_fold = inner_folds(rows.fold, rows.group, train_idx)

    # of the inner folds, as in TrainingData
    row = []
    x = []
    right = []
    for fold in progress(np.unique(inner_fold), "candidates"):
        is_inside = inner_fold == fold
        idx = train_idx[is_inside]
        source_idx = train_idx[~is_inside]

        labels = labels_of(rows, texts, source_idx).concat(further)
        label_stats = LabelStats(labels.target, labels.group)
        candidates, columns = build_candidates(texts, rows, idx, source_idx, label_stats)

        row.append(idx[candidates.row])
        x.append(columns)
        right.append(is_right(candidates, rows.target[idx]))

    return TrainingData(
        np.concatenate(row),
        np.concatenate(x),
        np.concatenate(right),
    )


def labels_of(rows, texts: RowTexts, idx: np.ndarray) -> Labels:
    """The labels of the rows idx."""
    return Labels(rows.target[idx], texts.group[idx])


def train_boosters(config, data: TrainingData, n_rows: int) -> list:
    """ranker.seeds boosters. Raises UserError when there are too few candidates."""
    import lightgbm

    settings = config.ranker
    dataset = lightgbm.Dataset(data.x, data.right, free_raw_data=False)

    boosters = []
    try:
        for i in progress(range(settings.seeds), "boosters"):
            seed = config.data.seed * 1000 + i
            options = parameters(settings, data.row, seed)
            boosters.append(lightgbm.train(options, dataset, settings.rounds))
    except lightgbm.basic.LightGBMError as error:
        raise UserError(
            f"{n_rows} rows with {len(data.x)} candidates are too few to learn from: {error}; "
            "lower data.n_folds, or give more rows"
        ) from None

    return boosters


def save_model(labels: Labels, boosters: list, file) -> None:
    """Write the labels that statistics are of, and LightGBM's texts of the boosters."""
    arrays = {
        "target": labels.target,
        "group": labels.group,
    }
    arrays |= booster_arrays(boosters)
    save_arrays(arrays, file)


def read_model(file) -> tuple[LabelStats, list]:
    """The label statistics and boosters of save_model. Raises UserError when it cannot."""
    boosters, arrays = read_boosters(file, "target", "group")
    label_stats = LabelStats(arrays["target"], arrays["group"])
    return label_stats, boosters


def predict(job, k: int, rows, idx) -> np.ndarray:
    """The likeliest values (m, 24) of the rows `idx` (m,), as texts.value_codes has them."""
    file = job.paths.model(f"ranker_{k}")
    label_stats, boosters = read_model(file)

    texts = RowTexts(job, rows)
    source_idx = rows.labelled(k)
    candidates, x = build_candidates(texts, rows, idx, source_idx, label_stats)

    scores = [booster.predict(x, raw_score=True) for booster in boosters]
    score = np.mean(scores, axis=0)
    probability = softmax(score, candidates.row)  # (c,)

    # each row's values; "no answer" is what their weights lack to 1
    values = [[] for _ in idx]

    is_value = candidates.unit >= 0
    for i in np.flatnonzero(is_value):
        number = float(candidates.number[i])
        unit = candidates.unit[i]
        weight = float(probability[i])
        value = (number, UNITS[unit], weight)

        row = candidates.row[i]
        values[row].append(value)

    return encode_predictions(values, rows.question[idx])


def missing_image(job, rows) -> np.ndarray:
    """(n,) bool: True where OCR could not read the row's image, and only usual values answer."""
    if rows.text is not None:
        return np.zeros(len(rows.image), bool)

    record = read_record(ocr_file(job.paths))
    reasons = record["reasons"]  # {image: why OCR could not read it}
    unreadable = ["", *reasons]  # "": the row has no image

    images = pd.Index(rows.image)
    return images.isin(unreadable)
