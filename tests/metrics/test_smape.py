"""SMAPE by hand, and the shift of log prices that makes it least."""

import numpy as np
import pytest

from metrics.smape import best_shift, shift_if_worth, smape
from networks.losses import smape_loss


@pytest.mark.parametrize(
    "price, truth, expected",
    [
        ([100], [100], 0),
        ([50], [100], 200 / 3),
        ([150], [100], 40),
        ([0], [5], 200),
        ([0], [0], 0),
        ([1, 3], [3, 3], 50),
        ([10, 20, 30], [12, 18, 33], 100 / 3 * (2 / 11 + 2 / 19 + 3 / 31.5)),
    ],
)
def test_smape_by_hand(price, truth, expected):
    assert smape(np.array(price), np.array(truth)) == pytest.approx(expected, rel=1e-15)


def test_a_term_of_smape_is_a_tanh_of_the_log_ratio():
    rng = np.random.default_rng(0)
    price = rng.lognormal(2, 1, 500)
    truth = rng.lognormal(2, 1, 500)
    terms = np.tanh(np.abs(np.log(price) - np.log(truth)) / 2)
    assert smape(price, truth) == pytest.approx(200 * terms.mean())


def test_the_loss_of_networks_is_smape():
    import torch

    rng = np.random.default_rng(0)
    price = rng.lognormal(2, 1, 500)
    truth = rng.lognormal(2, 1, 500)
    loss = float(smape_loss(torch.tensor(price), torch.tensor(truth)))
    assert loss * 200 / 500 == pytest.approx(smape(price, truth))

    zeros = torch.tensor([3.0, 0.0, -1.0], requires_grad=True)
    smape_loss(zeros, torch.tensor([2.0, 2.0, 2.0])).backward()
    assert torch.isfinite(zeros.grad).all()
    assert zeros.grad[0] > 0


def test_the_shift_finds_a_bias_and_leaves_what_is_right():
    rng = np.random.default_rng(0)
    target = np.log1p(rng.lognormal(2.5, 0.9, 4000))
    assert best_shift(target - 0.1, target) == pytest.approx(0.1, abs=0.01)
    assert shift_if_worth(target - 0.1, target) == pytest.approx(0.1, abs=0.01)
    assert best_shift(target, target) == 0
    assert shift_if_worth(target, target) == 0


def test_a_shift_found_in_noise_is_not_taken():
    rng = np.random.default_rng(0)
    targets = np.log1p(rng.lognormal(2.5, 0.9, (40, 60)))
    preds = targets + rng.normal(0, 0.7, targets.shape)
    pairs = list(zip(preds, targets, strict=True))
    n_found = sum(best_shift(pred, target) != 0 for pred, target in pairs)
    n_taken = sum(shift_if_worth(pred, target) != 0 for pred, target in pairs)
    assert n_found > 30
    assert n_taken < 20


def test_few_rows_are_not_shifted():
    target = np.log1p(np.array([1.0, 2, 3]))
    assert shift_if_worth(target - 0.1, target) == 0
