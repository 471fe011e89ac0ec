"""The second level: better than its best column, honest about rows it did not learn from, and deaf
to columns that know too much."""

from types import SimpleNamespace

import numpy as np
import pytest

from common.errors import UserError
from metrics.smape import smape
from models.stack import classes
from models.stack.leaks import suspicions
from models.stack.second_level import LEARNERS, fit_linear, fit_predict, forest

NAMES = ["a", "b", "c"]


@pytest.fixture
def columns():
    """Logs of three members' predictions (n, 3) of 3,000 prices: each sees the price through noise
    of its own and of all."""
    rng = np.random.default_rng(0)
    y = rng.normal(2.6, 0.9, 3000)
    shared = rng.normal(0, 0.3, 3000)
    return (
        np.column_stack(
            [2.6 + 0.75 * (y - 2.6 + shared) + rng.normal(0, s, 3000) for s in (0.3, 0.35, 0.4)]
        ),
        y,
        np.arange(3000) % 5,
    )


def test_the_stack_beats_its_columns_and_their_mean_on_rows_it_did_not_learn_from(columns):
    x, y, _ = columns
    made = fit_predict(x[:2000], y[:2000], x[2000:], 0)
    scores = {
        name: smape(np.exp(column), np.exp(y[2000:]))
        for name, column in zip(LEARNERS, made.T, strict=True)
    }
    best = min(smape(np.exp(column), np.exp(y[2000:])) for column in x[2000:].T)
    assert (
        made.shape == (1000, 6)
        and max(scores.values()) < smape(np.exp(x[2000:].mean(1)), np.exp(y[2000:])) < best
    )
    assert scores["stack"] < 0.9 * best
    np.testing.assert_array_equal(made, fit_predict(x[:2000], y[:2000], x[2000:], 0))


def test_the_linear_fit_finds_what_prices_are_made_of_and_is_not_led_by_outliers():
    rng = np.random.default_rng(0)
    x = rng.normal(3, 1, (4000, 2))
    y = 0.7 * x[:, 0] + 0.3 * x[:, 1] + 0.2 + rng.normal(0, 0.05, 4000)
    y[:400] += 8  # a tenth is priced in another currency
    assert fit_linear(x, y) == pytest.approx([0.7, 0.3, 0.2], abs=0.05)


def test_the_forest_gives_the_value_of_least_expected_error_and_not_the_mean():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3000, 2))
    y = np.where(rng.random(3000) < 0.7, 1.0, 4.0)  # nothing to see: the likelier of two
    found = forest(x, y, rng.normal(size=(50, 2)), 0)
    assert np.median(found) == pytest.approx(1, abs=0.05) and y.mean() > 1.8


def test_few_rows_and_constant_columns_do_not_break_it():
    rng = np.random.default_rng(0)
    y = rng.normal(3, 1, 30)
    made = fit_predict(
        np.column_stack([np.full(30, 3.0), y + rng.normal(0, 0.3, 30)]), y, np.zeros((4, 2)), 0
    )
    assert np.isfinite(made).all()


def test_honest_columns_are_not_suspected(columns):
    x, y, fold = columns
    assert suspicions(x, NAMES, y, fold, NAMES) == {}
    order = np.argsort(
        y + np.random.default_rng(1).normal(0, 1, 3000)
    )  # a table in order of something like the price is no leak
    assert suspicions(x[order], NAMES, y[order], fold) == {}


@pytest.mark.parametrize(
    "leak, says",
    [
        (lambda x, y, fold: np.where(fold == 2, x + 0.4 * (y - x), x), "in one fold it is better"),
        (lambda x, y, fold: np.where(np.arange(len(y)) % 12 == 0, y, x), "it has seen the price"),
        (
            lambda x, y, fold: np.where(np.arange(len(y)) < 900, x + 0.6 * (y - x), x),
            "rows at one end were trained on",
        ),
        (lambda x, y, fold: np.where(np.arange(len(y)) % 20 == 0, y, x), "it has seen the price"),
        (lambda x, y, fold: y / 2, "ranks rows within 2 % of the price"),
        (lambda x, y, fold: -np.argsort(np.argsort(y)) / 100, "ranks rows"),
        (
            lambda x, y, fold: y + np.random.default_rng(0).normal(0, 0.15, len(y)),
            "too good to be true",
        ),
    ],
)
def test_a_column_that_knows_too_much_is_named(columns, leak, says):
    x, y, fold = columns
    x = x.copy()
    x[:, 1] = leak(x[:, 1], y, fold)
    found = suspicions(x, NAMES, y, fold, foreign=NAMES)
    assert list(found) == ["b"] and any(says in what for what in found["b"].values()), found


def test_a_hard_fold_and_prices_of_few_values_are_no_leaks(columns):
    x, y, fold = columns
    hard = x + np.where(fold == 3, 0.5, 0)[:, None]
    assert suspicions(hard, NAMES, y, fold) == {}
    levels = np.log(np.arange(5, 50, 5) - 0.01)

    def nearest(v):
        return levels[np.abs(np.atleast_2d(v).T - levels).argmin(1)]

    assert (
        suspicions(np.column_stack([nearest(column) for column in x.T]), NAMES, nearest(y), fold)
        == {}
    )


@pytest.fixture
def readers():
    """Rows of two attributes, of 4 and 2 classes, in five folds and a test set, and predictions of
    two models: `sees` is unsure and right, `guesses` is too sure; a tenth of the labels is
    missing."""
    rng = np.random.default_rng(0)
    n = 1500
    truth = np.column_stack([rng.integers(0, 4, n), rng.integers(0, 2, n)])
    target = np.where(rng.random((n, 2)) < 0.1, -1, truth)

    def model(sees: float, sure: float) -> np.ndarray:
        probs = []
        for a, size in enumerate((4, 2)):
            seen = sees * np.eye(size)[truth[:, a]] + rng.normal(0, 1, (n, size))
            probs.append(classes.softmax(sure * seen))
        return np.concatenate(probs, 1)

    rows = SimpleNamespace(
        fold=np.where(np.arange(n) < 1200, np.arange(n) % 5, -1),
        target=target,
        sizes=[4, 2],
        is_labelled=(target >= 0).any(1),
    )
    job = SimpleNamespace(config=SimpleNamespace(stack=SimpleNamespace(train="")))
    return job, rows, {"sees": model(2.5, 0.5), "guesses": model(0.8, 4)}, truth


def loss_of(pred, truth, rows):
    """The mean -log p of the true classes of test rows, which no fit has seen."""
    test = np.flatnonzero(rows.fold < 0)
    losses = []
    for prob, column in zip(np.split(pred[test], [4], 1), truth[test].T, strict=True):
        losses.append(-np.log(prob[np.arange(len(test)), column]).mean())
    return np.mean(losses)


def test_a_stack_of_classes_weighs_what_is_sure_and_right(readers):
    job, rows, preds, truth = readers
    made, weights = classes.second_level(job, rows, preds)
    loss = {name: loss_of(pred, truth, rows) for name, pred in made.items()}
    assert loss["stack"] < min(loss[name] for name in ("sees", "guesses", "geometric mean")) - 0.02
    assert weights["sees"] > 1 > 0.5 > weights["guesses"]  # one too unsure, one too sure
    assert np.allclose(made["stack"].sum(1), 2)


def test_a_stack_of_classes_never_sees_the_labels_of_a_rows_own_fold(readers):
    job, rows, preds, _ = readers
    before, _ = classes.second_level(job, rows, preds)
    in_fold = rows.fold == 2
    rows.target[in_fold] = (rows.target[in_fold] + 1) % 2
    after, _ = classes.second_level(job, rows, preds)
    np.testing.assert_array_equal(after["stack"][in_fold], before["stack"][in_fold])
    assert (after["stack"][rows.fold < 0] != before["stack"][rows.fold < 0]).any()


def test_few_labels_leave_a_stack_of_classes_at_the_geometric_mean(readers):
    job, rows, preds, _ = readers
    rows.target[10:] = -1
    rows.target[:, 1] = -1
    rows.is_labelled = (rows.target >= 0).any(1)
    made, _ = classes.second_level(job, rows, preds)
    away = np.abs(made["stack"] - made["geometric mean"])
    assert away[:, :4].mean() < 0.1
    assert away[:, 4:].max() < 1e-9


def test_a_model_of_classes_that_saw_a_fold_is_named(readers):
    job, rows, preds, truth = readers
    is_seen = (rows.fold == 3)[:, None]
    known = np.concatenate([np.eye(4)[truth[:, 0]], np.eye(2)[truth[:, 1]]], 1)
    preds["sees"] = np.where(is_seen, 0.4 * preds["sees"] + 0.6 * known, preds["sees"])
    with pytest.raises(UserError, match="sees: in one fold it is better than elsewhere"):
        classes.second_level(job, rows, preds)
