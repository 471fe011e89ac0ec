"""reader: LightGBM that chooses among the candidate values of a row's text, or none of them; one
per fold.

Its objective is the softmax over a row's candidates, so that the scores are probabilities: their
sum and that of "none" is 1.
"""

from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from common.errors import UserError
from common.files import digest, read_record
from common.log import log, progress
from common.paths import input_folder
from common.questions import VALUE
from common.sections import Count, Positive, Section
from common.tables import read_csv
from features.ocr import ocr_file
from models.ranker.candidates import COLUMNS, Candidates, gather, read_lines, text_lines
from models.ranker.label_stats import (
    SHARES,
    SIMILAR,
    LabelStats,
    group_numbers,
    hash_columns,
    similar_text_columns,
    similar_texts,
    spaces,
)
from networks.weights import read_arrays, save_arrays
from texts import value_codes
from texts.units import UNITS

ANSWERS = (VALUE,)
# candidates from which on threads pay; 10,000 cost one 2 s, and two that wait for each other beside
# other jobs 6 to 92 s
MANY = 100_000
READS = (*COLUMNS, *(f"usual {name}" for name in SHARES), *(f"alike {name}" for name in SIMILAR))
LEAST = 0.2  # cosine of a row whose label is a candidate


class Settings(Section):
    """LightGBM that chooses among the values that a row's text may mean."""

    # a further table of labels in data.folder, for what values are usual; used where it is there;
    # "" = none
    labels: str = ""
    units: Annotated[int, Field(ge=0)] = (
        2  # that a number without one is tried with: the most usual of its group
    )
    values: Annotated[int, Field(ge=0)] = (
        3  # of the most usual of its group that each row may have, whatever its text
    )
    rounds: Count = 300
    leaves: Annotated[int, Field(ge=2)] = 15
    lr: Positive = 0.05
    seeds: Count = 3  # models per fold, averaged


def inputs(config, paths, k):
    return [] if config.data.text else [ocr_file(paths)]


def packages(config):
    return dict.fromkeys(("rapidocr", "onnxruntime"), not config.data.text)


def fit(job, k: int, rows, file) -> dict:
    """Train ranker_<k>, ranker.seeds boosters on all labelled rows outside fold k. Gives each
    column's share of the gain.

    What is usual a training row is told of the labels of the other folds, as the rows of fold k
    are.
    """
    import lightgbm

    settings, train, texts, more = (
        job.config.ranker,
        rows.labelled(k),
        Texts(job, rows),
        further_labels(job.config),
    )
    part = (
        rows.fold
        if len(np.unique(rows.fold[train])) > 2
        else 2 * rows.fold + np.unique(rows.group, return_inverse=True)[1] % 2
    )
    row, found, right = [], [], []
    for f in progress(np.unique(part[train]), "candidates"):
        source, idx = train[part[train] != f], train[part[train] == f]
        candidates, x = columns(
            texts,
            rows,
            idx,
            source,
            LabelStats(*joined(rows.target[source], texts.group[source], more)),
            settings,
        )
        row, found, right = (
            [*row, idx[candidates.row]],
            [*found, x],
            [*right, is_right(candidates, rows.target[idx])],
        )
    row, x, y = (np.concatenate(parts) for parts in (row, found, right))
    log(
        member=f"ranker_{k}",
        train=len(train),
        candidates=len(x),
        found=float(1 - y[ends(row)].mean()),
    )
    data = lightgbm.Dataset(x, y, free_raw_data=False)
    try:
        boosters = [
            lightgbm.train(
                parameters(settings, row, job.config.data.seed * 1000 + i), data, settings.rounds
            )
            for i in progress(range(settings.seeds), "boosters")
        ]
    except lightgbm.basic.LightGBMError as error:
        raise UserError(
            f"{len(train)} rows with {len(x)} candidates are too few to learn from: "
            f"{error}; lower data.n_folds, or give more rows"
        ) from None
    target, group = joined(rows.target[train], texts.group[train], more)
    save_arrays(
        {
            "target": target,
            "group": group,
            **{
                f"booster_{i}": np.frombuffer(booster.model_to_string().encode(), np.uint8)
                for i, booster in enumerate(boosters)
            },
        },
        file,
    )
    gain = sum(booster.feature_importance("gain") for booster in boosters)
    return {
        "raw": raw_labels(job.config),
        "gain": dict(
            sorted(
                zip(READS, (gain / max(gain.sum(), 1e-9)).round(4).tolist(), strict=True),
                key=lambda item: -item[1],
            )
        ),
    }


def predict(job, k: int, rows, idx) -> np.ndarray:
    """The likeliest values (m, 24) of the rows `idx` (m,), as texts.value_codes has them."""
    import lightgbm

    file = job.paths.model(f"ranker_{k}")
    state = read_arrays(file)
    try:
        usual = LabelStats(state.pop("target"), state.pop("group"))
        boosters = [lightgbm.Booster(model_str=text.tobytes().decode()) for text in state.values()]
    except (KeyError, UnicodeDecodeError, lightgbm.basic.LightGBMError) as error:
        raise UserError(f"cannot read {file}: {error}; remove it and run make again") from None
    candidates, x = columns(Texts(job, rows), rows, idx, rows.labelled(k), usual, job.config.ranker)
    weight = softmax(
        np.mean([booster.predict(x, raw_score=True) for booster in boosters], 0), candidates.row
    )
    values = [[] for _ in idx]
    for i, number, unit, share in zip(
        candidates.row, candidates.number.tolist(), candidates.unit, weight.tolist(), strict=True
    ):
        if unit >= 0:
            values[i].append((number, UNITS[unit], share))
    return value_codes.encode_predictions(values, rows.question[idx])


def missing_image(job, rows) -> np.ndarray:
    """Rows (n,) whose picture could not be read; what is usual is all that they are answered by."""
    bad = {} if rows.text is not None else read_record(ocr_file(job.paths))["reasons"]
    return pd.Index(rows.image).isin(["", *bad]) & (rows.text is None)


class Texts:
    """Of all rows: lines of text, of the row's own text where rows have one, else of its picture;
    entities, groups, and which texts are alike."""

    def __init__(self, job, rows):
        of_image = {} if rows.text is not None else read_lines(ocr_file(job.paths))
        self.lines = (
            [of_image.get(image, []) for image in rows.image]
            if rows.text is None
            else [text_lines(text) for text in rows.text]
        )
        self.entity, self.group = (
            pd.Index(value_codes.ENTITY_NAMES).get_indexer(rows.question),
            group_numbers(rows.category, len(rows.id)),
        )
        self.space, self.key = (
            spaces([" ".join(line.text for line in lines) for lines in self.lines]),
            hash_columns(self.entity, self.group),
        )


def columns(
    texts: Texts, rows, idx, source, usual: LabelStats, settings
) -> tuple[Candidates, np.ndarray]:
    """Candidates of the rows `idx` (m,), and what LightGBM reads of them (c, READS) float32, as
    the labels of the rows `source` and what is usual tell."""
    entity, group = texts.entity[idx], texts.group[idx]
    near, cosine = similar_texts(texts.space, texts.key, source, idx)
    keys, labels = list(zip(entity.tolist(), group.tolist(), strict=True)), rows.target[near]
    units = [[UNITS[unit] for unit in usual.units(*key)[: settings.units]] for key in keys]
    likely = (cosine >= LEAST) & value_codes.ALLOWED[labels[:, :, 1].astype(int)]
    values = [
        list(
            dict.fromkeys(
                [
                    *(
                        (number, int(code) % value_codes.WIDTH)
                        for number, code in label[use][: settings.values].tolist()
                    ),
                    *usual.values(*key, settings.values),
                ]
            )
        )
        for key, label, use in zip(keys, labels, likely, strict=True)
    ]
    candidates = gather([texts.lines[i] for i in idx], rows.question[idx], units, values)
    some, at = candidates.unit >= 0, candidates.row
    code, known = (
        value_codes.WIDTH * entity[at] + candidates.unit,
        np.full((len(at), len(SHARES)), np.nan),
    )
    known[some] = usual.columns(code[some], candidates.number[some], group[at][some])
    said = similar_text_columns(labels, cosine, at, candidates.number, np.where(some, code, -1))
    return candidates, np.column_stack([candidates.x, known, said]).astype(np.float32)


def further_labels(config) -> tuple[np.ndarray, np.ndarray]:
    """Targets (n, 2) and group numbers (n,) of the table ranker.labels, without the rows of
    data.train's and data.test's pictures."""
    data, name = config.data, config.ranker.labels
    if not name:
        return np.zeros((0, 2)), np.zeros(0)
    folder = input_folder(data.folder, data.train)
    if not (folder / name).is_file():
        log(left_out=name, because=f"{folder} has no such file")
        return np.zeros((0, 2)), np.zeros(0)
    if not data.group:
        raise UserError(
            f"ranker.labels={name} needs data.group, the column by which it is kept apart "
            f"from {data.train} and {data.test}"
        )
    category = [data.category_column] if data.category_column else []
    table = read_csv(folder / name, [data.group, data.question, data.labels[0], *category])
    own = {
        value
        for file in (data.train, data.test)
        for value in read_csv(folder / file, [data.group])[data.group]
    }
    table = table[~table[data.group].isin(own) & table[data.question].isin(value_codes.ENTITY_NAMES)]
    log(labels=name, rows=len(table))
    return value_codes.encode_values(table[data.labels[0]], table[data.question]), group_numbers(
        table[category[0]] if category else None, len(table)
    )


def raw_labels(config) -> dict:
    """{ranker.labels: digest, None where there is no such file}, for the record."""
    name = config.ranker.labels
    file = input_folder(config.data.folder, config.data.train) / name if name else None
    return {name: digest(file) if file.is_file() else None} if name else {}


def joined(target, group, more) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate([target, more[0]]), np.concatenate([group, more[1]])


def is_right(candidates: Candidates, target: np.ndarray) -> np.ndarray:
    """1.0 (c,) where a candidate is its row's value; the last of a row where no other is."""
    row, unit = candidates.row, candidates.unit
    right = (
        (unit >= 0) & (candidates.number == target[row, 0]) & (unit == target[row, 1] % value_codes.WIDTH)
    )
    right[ends(row)] = np.bincount(row, right, len(target)) == 0
    return right.astype(float)


def ends(row: np.ndarray) -> np.ndarray:
    """Where each row's last candidate is; row (c,) as they follow each other."""
    return np.flatnonzero(np.append(np.diff(row) != 0, True))


def softmax(score: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Probabilities (c,) of scores (c,) that sum to 1 over each row's candidates."""
    last = ends(row)
    first = np.append(0, last[:-1] + 1)
    count = last - first + 1
    share = np.exp(score - np.repeat(np.maximum.reduceat(score, first), count))
    return share / np.repeat(np.add.reduceat(share, first), count)


def parameters(settings, row: np.ndarray, seed: int) -> dict:
    """LightGBM's for the candidates of the rows `row` (c,): cross-entropy of the softmax over each
    row's candidates."""

    def objective(score, data):
        share = softmax(score, row)
        return share - data.get_label(), (share * (1 - share)).clip(1e-3)

    return {
        "objective": objective,
        "learning_rate": settings.lr,
        "num_leaves": settings.leaves,
        "min_data_in_leaf": 20,
        "lambda_l2": 1.0,
        "feature_fraction": 0.4,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "extra_trees": True,
        "seed": seed,
        "deterministic": True,
        "force_col_wise": True,
        "verbose": -1,
        "num_threads": 1 if len(row) < MANY else 0,
    }
