"""The score to expect on test rows: covered by its interval as often as it says, and with what the
mean of all folds' members gains."""

import numpy as np
import pytest

from pipeline import choice
from pipeline.expected import expect, gain_of_folds, label_pattern
from tasks import load_task
from views import rows_of

ATTRIBUTES = load_task("attributes")
PRICE = load_task("price")


def price_rows(rng, n: int, n_groups: int = 0, error: float = 0.4):
    """(rows, answers) of prices; the rows of a group err alike."""
    target = rng.normal(3, 1, (n, 1)).clip(0.2)
    group = rng.integers(0, n_groups, n) if n_groups else np.arange(n)
    of_group = rng.normal(size=(n, 1))[group % n] if n_groups else 0.0
    pred = target + error * (rng.normal(size=(n, 1)) + of_group)
    outputs = {"price": [0.1, 1e4]}
    rows = choice.Labelled(PRICE, outputs, target, group % 5, group)
    return rows, PRICE.answer(pred, outputs)


def halves(rows, answer, rng):
    """(one half of the groups as rows with answers, the other half likewise)."""
    in_first = rng.permutation(rows.group.max() + 1) % 2 == 0
    cut = []
    for idx in (in_first[rows.group], ~in_first[rows.group]):
        half = choice.Labelled(
            rows.task, rows.outputs, rows.target[idx], rows.fold[idx], rows.group[idx]
        )
        cut.append((half, answer[idx]))

    return cut


@pytest.mark.parametrize("n_groups", [0, 60])
def test_the_interval_holds_the_score_of_the_other_half_as_often_as_it_says(n_groups):
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(50):
        rows, answer = price_rows(rng, 600, n_groups)
        (first, its_answer), (second, other_answer) = halves(rows, answer, rng)
        expected = expect(first, its_answer, len(other_answer))
        score = second.score(other_answer, np.arange(len(other_answer)))
        covered += expected.low <= score <= expected.high

    assert covered >= 43  # 95 % of 50 are 47.5; 43 or fewer come once in 50


def test_fewer_test_rows_make_the_interval_wider():
    rows, answer = price_rows(np.random.default_rng(0), 500)
    few = expect(rows, answer, 50)
    many = expect(rows, answer, 50_000)
    assert few.high - few.low > 2 * (many.high - many.low)
    assert few.low < few.score < few.high


def draw_members(rng, n: int, sd: float):
    """(targets, five members' predictions) of prices: all miss alike by .3, each alone by sd."""
    target = rng.normal(3, 1, (n, 1)).clip(0.5)
    shared = target + 0.3 * rng.normal(size=(n, 1))
    members = shared + sd * rng.normal(size=(5, n, 1))
    return target, members


@pytest.mark.parametrize("sd", [0.05, 0.4])
def test_the_gain_of_folds_of_prices_is_what_their_mean_gains(sd):
    rng = np.random.default_rng(1)
    outputs = {"price": [0.1, 1e4]}
    target, members = draw_members(rng, 4000, sd)
    truth, test_members = draw_members(rng, 4000, sd)
    rows = choice.Labelled(PRICE, outputs, target, np.arange(4000) % 5, np.arange(4000))
    one = choice.Choice("m", ("m",), np.ones((1, 1)))
    score = PRICE.score(PRICE.answer(members[0], outputs), target, outputs)
    pattern = np.ones((4000, 1), bool)
    gain = gain_of_folds(one, {"m": test_members}, rows, score, pattern)

    of_mean = PRICE.score(PRICE.answer(test_members.mean(0), outputs), truth, outputs)
    of_one = [PRICE.score(PRICE.answer(pred, outputs), truth, outputs) for pred in test_members]
    assert gain == pytest.approx(of_mean - np.mean(of_one), rel=0.3, abs=0.1)
    assert gain < 0


def test_the_gain_of_folds_of_classes_is_what_their_mean_gains():
    rng = np.random.default_rng(2)
    n = 3000
    outputs = {"shop/0": list("abcd")}

    def draw():
        target = rng.integers(0, 4, (n, 1))
        logits = 2 * np.eye(4)[target[:, 0]] + rng.normal(size=(n, 4))
        members = np.exp(2 * (logits + rng.normal(size=(5, n, 4))))
        return target, members / members.sum(axis=2, keepdims=True)

    target, members = draw()
    truth, test_members = draw()
    rows = choice.Labelled(ATTRIBUTES, outputs, target, np.arange(n) % 5, np.arange(n))
    one = choice.Choice("m", ("m",), np.ones((1, 1)))
    score = ATTRIBUTES.score(ATTRIBUTES.answer(members[0], outputs), target, outputs)
    pattern = np.ones((n, 1), bool)
    gain = gain_of_folds(one, {"m": test_members}, rows, score, pattern)

    def score_of(pred):
        return ATTRIBUTES.score(ATTRIBUTES.answer(pred, outputs), truth, outputs)

    real = score_of(test_members.mean(0)) - np.mean([score_of(pred) for pred in test_members])
    assert real > 0.05
    assert gain == pytest.approx(real, rel=0.3)


def test_members_that_agree_gain_nothing_and_one_member_is_not_told():
    rng = np.random.default_rng(3)
    outputs = {"price": [0.1, 1e4]}
    target, members = draw_members(rng, 500, 0.0)
    rows = choice.Labelled(PRICE, outputs, target, np.arange(500) % 5, np.arange(500))
    one = choice.Choice("m", ("m",), np.ones((1, 1)))
    score = PRICE.score(PRICE.answer(members[0], outputs), target, outputs)
    pattern = np.ones((500, 1), bool)
    assert gain_of_folds(one, {"m": members}, rows, score, pattern) == pytest.approx(0, abs=1e-9)
    assert gain_of_folds(one, {"m": members[:1]}, rows, score, pattern) is None


def test_labels_that_a_category_has_not_are_not_scored():
    target = np.array([[0, -1], [1, -1], [-1, 0], [-1, 1]] * 10)
    rows = rows_of("attributes", target)
    category = np.array(["Tees", "Tees", "Hats", "Hats"] * 10, object)
    object.__setattr__(rows, "category", category)
    pattern = label_pattern(rows, np.arange(4))
    assert pattern.tolist() == [[True, False], [True, False], [False, True], [False, True]]
