"""Every task's score on bootstrap replicates of the rows."""

import numpy as np
import pytest

from tasks import load_task
from views import OUTPUTS, TASKS, draw_rows


@pytest.mark.parametrize("name", TASKS)
def test_a_replicate_is_the_score_of_rows_that_are_repeated(name):
    target, pred = draw_rows(name)
    n = len(target)
    task, outputs = load_task(name), OUTPUTS[name]
    answer = task.answer(pred, outputs)
    rng = np.random.default_rng(1)
    weights = np.stack(
        [
            np.ones(n, int),
            *rng.multinomial(n, np.full(n, 1 / n), 20),
            rng.integers(0, 2, n),
        ]
    ).astype(np.uint16)
    scores = task.score_replicates(answer, target, outputs, weights)
    assert scores[0] == task.score(answer, target, outputs)  # to the last bit
    for row_weights, score in zip(weights, scores, strict=True):
        idx = np.repeat(np.arange(n), row_weights)
        expected = task.score(answer[idx], target[idx], outputs)
        assert score == pytest.approx(expected, rel=1e-12)


def test_a_replicate_without_a_label_has_no_score():
    attributes = load_task("attributes").score_replicates(
        np.zeros((3, 2), int),
        np.full((3, 2), -1),
        OUTPUTS["attributes"],
        np.ones((2, 3), np.uint16),
    )
    assert np.isnan(attributes).all()
    prices = load_task("price").score_replicates(
        np.ones((2, 1)), np.array([[1.0], [-1]]), {}, np.array([[0, 5]], np.uint16)
    )
    assert np.isnan(prices).all()
