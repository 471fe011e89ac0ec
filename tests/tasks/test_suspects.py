"""Labels that look wrong: of those planted, most are among the first, and mending them helps."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from report.suspects import suspects
from report.view import View
from views import TASKS, view_of

SHARE = 0.05  # of the labels are wrong
N = 1500


def out_of_fold(x: np.ndarray, label: np.ndarray, fold: np.ndarray, classes: bool) -> np.ndarray:
    """Predictions (n, K) of neighbours or a linear model that have not seen the row."""
    from sklearn.linear_model import Ridge
    from sklearn.neighbors import KNeighborsClassifier

    pred = np.zeros((len(x), 3 if classes else 1), np.float32)
    for k in np.unique(fold):
        train = fold != k
        if classes:
            model = KNeighborsClassifier(9).fit(x[train], label[train])
            pred[~train] = model.predict_proba(x[~train])
        else:
            pred[~train, 0] = Ridge().fit(x[train], label[train]).predict(x[~train])
    return pred


def planted(task: str):
    """(features (n, d), true labels (n,), labels with some wrong (n,), which are wrong (n,))."""
    rng = np.random.default_rng(0)
    wrong = rng.random(N) < SHARE
    if task == "attributes":
        true = rng.integers(0, 3, N)
        x = np.eye(3)[true] * 2.5 + rng.normal(size=(N, 3))
        return x, true, np.where(wrong, (true + rng.integers(1, 3, N)) % 3, true), wrong
    x = rng.normal(size=(N, 4))
    true = (3 + x @ [1.0, 0.5, 0.3, 0.2] + rng.normal(0, 0.3, N)).clip(0.1)
    return x, true, np.where(wrong, rng.permutation(true), true), wrong


def learn(task: str, x, label) -> tuple[View, pd.DataFrame]:
    """A view of rows with these labels and of one model's answers to them, and its suspects."""
    view = view_of(task, N)
    outputs = {"attributes": {"tone": ["dark", "light", "mid"]}, "price": {"price": [0.1, 1e5]}}
    target = label[:, None].astype(float if task == "price" else int)
    rows = replace(view.rows, target=target, outputs=outputs[task])
    pred = out_of_fold(x, label, rows.fold, task == "attributes")
    answer = rows.task.answer(pred, rows.outputs)
    view = replace(view, rows=rows, preds={"ridge": pred}, merged=pred, answer=answer)
    return view, suspects(view)


@pytest.mark.parametrize("task", ["attributes", "price"])
def test_planted_labels_are_first_and_mending_them_raises_the_true_score(task):
    x, true, label, wrong = planted(task)
    view, table = learn(task, x, label)
    rows = table["id"].astype(int).to_numpy()
    first = rows[: round(SHARE * N)]
    assert wrong[first].mean() >= 5 * SHARE
    assert (np.diff(table["score"]) <= 0).all()

    mended = label.copy()
    mended[first] = true[first]
    better, _ = learn(task, x, mended)
    score_of = view.task.score
    truth = true[:, None].astype(view.rows.target.dtype)
    before = score_of(view.answer, truth, view.rows.outputs)
    after = score_of(better.answer, truth, view.rows.outputs)
    assert after > before if view.task.MODE == "max" else after < before


@pytest.mark.parametrize("task", TASKS)
def test_suspects_name_the_raw_cell_its_label_and_another(task):
    view = view_of(task)
    table = suspects(view)
    assert list(table) == ["id", "column", "value", "suggestion", "score"]
    assert len(table) > 0
    assert set(table["column"]) <= set(view.config.data.labels)
    assert (table["value"].astype(str) != table["suggestion"].astype(str)).all()
    assert not table["id"].str.contains(":").any()
    assert not table.duplicated(["id", "column"]).any()
