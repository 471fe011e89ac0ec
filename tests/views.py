"""Categories in memory, of each kind of task, whose models are right now and then: what the report
and the tasks' figures are shown."""

from argparse import Namespace

import numpy as np
import pandas as pd

from common.paths import Paths
from common.rows import Rows
from common.sections import Data
from config import Config
from pipeline.job import Job
from report.view import View
from tasks import load_task
from texts.value_codes import encode_predictions, encode_values

OUTPUTS = {
    "attributes": {"tone": ["dark", "mid", "light", "none"], "coin": ["heads", "tails"]},
    "price": {"price": [0.5, 900.0]},
    "entity": {"item_weight": ["gram", "kilogram"], "height": ["centimetre", "metre"]},
}
MODELS = {
    "attributes": ("net", "knn"),
    "price": ("ridge", "mlp"),
    "entity": ("ranker", "vlm"),
}
LABELS = {"attributes": ("tone", "coin"), "price": ("price",), "entity": ("entity_value",)}
TASKS = sorted(OUTPUTS)
VALUES = np.array(["1.0 gram", "2.0 kilogram", "3.0 gram"])


def draw_rows(task: str, n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Targets (n, a), and a prediction (n, K) that is right now and then."""
    rng = np.random.default_rng(seed)
    if task == "attributes":
        return draw_attributes(rng, n)
    return draw_prices(rng, n) if task == "price" else draw_values(rng, n)


def draw_attributes(rng, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The class "none" is nowhere true."""
    tone, coin = rng.integers(-1, 3, n), rng.integers(-1, 2, n)
    tone_prob, coin_prob = rng.dirichlet(np.ones(4), n), rng.dirichlet(np.ones(2), n)
    return np.stack([tone, coin], axis=1), np.concatenate([tone_prob, coin_prob], axis=1)


def draw_prices(rng, n: int) -> tuple[np.ndarray, np.ndarray]:
    missing = rng.random((n, 1)) < 0.1
    target = np.where(missing, -1, rng.normal(3, 1, (n, 1)).clip(0.5))
    return target, np.abs(target + rng.normal(0, 0.5, (n, 1)))


def draw_values(rng, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The last labels are none, and no one value."""
    questions = np.array(list(OUTPUTS["entity"]))[rng.integers(0, 2, n)]
    labels = [*VALUES[rng.integers(0, 3, n - 2)], "", "[1, 2] gram"]
    parsed = []
    for text, weight in zip(VALUES[rng.integers(0, 3, n)], rng.random(n), strict=True):
        number, unit = text.split()
        parsed.append([(float(number), unit, weight)] if weight > 0.2 else [])
    target = encode_values(pd.Series(labels), questions)
    return target, encode_predictions(parsed, questions)


def rows_of(task: str, target: np.ndarray, group=None, text=None, question=None) -> Rows:
    """Training rows with these targets, in three folds; their images are nowhere."""
    n = len(target)
    ids = np.array([f"train:{i}" for i in range(n)])
    return Rows(
        load_task(task),
        OUTPUTS[task],
        ids,
        np.arange(n) % 3,
        np.zeros(n, bool),
        np.array(["../away.jpg"] * n, object),
        target,
        ids if group is None else group,
        text,
        question,
    )


def view_of(task: str, n: int = 60, **of_rows) -> View:
    """A finished category in memory, of two models that its config knows."""
    target, _ = draw_rows(task, n)
    rows = rows_of(task, target, **of_rows)
    preds = {name: draw_rows(task, n, seed)[1] for seed, name in enumerate(MODELS[task])}
    merged = rows.task.average(np.stack(list(preds.values())))
    data = Data(labels=LABELS[task])
    job = Job(Config(task=task, models=MODELS[task], data=data), Paths("nowhere"), Namespace())
    answer = rows.task.answer(merged, rows.outputs)
    return View(job, rows=rows, preds=preds, merged=merged, answer=answer)
