"""The price competition's score, and the constants that make it least."""

import numpy as np


def smape(price: np.ndarray, truth: np.ndarray) -> float:
    """100/n Σ |p - a| / ((|a| + |p|) / 2) of prices (n,), 0 to 200, lower is better; a term of two
    zeros is 0."""
    return float(100 * np.mean(terms(price, truth)))


def terms(price: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """|p - a| / ((|a| + |p|) / 2) of each row (n,), 0 to 2."""
    price, truth = np.asarray(price, float), np.asarray(truth, float)
    size = (np.abs(truth) + np.abs(price)) / 2
    return np.abs(price - truth) / np.where(size > 0, size, 1)


def best_shift(pred: np.ndarray, target: np.ndarray) -> float:
    """The number that, added to predicted log1p prices (n,), makes SMAPE on prices least; on a grid
    of .005 up to ±.3."""
    grid = np.arange(-60, 61) * 0.005
    truth = np.expm1(target)
    worth = np.array([smape(np.expm1(np.maximum(pred + shift, 0)), truth) for shift in grid])
    return float(grid[worth.argmin()])


def shift_if_worth(pred: np.ndarray, target: np.ndarray) -> float:
    """best_shift where the shift of either half of the rows (n,) makes SMAPE less on the other
    half; else 0."""

    def loses(own, other):
        shift = best_shift(pred[own], target[own])
        truth = np.expm1(target[other])
        return (
            smape(np.expm1(np.maximum(pred[other] + shift, 0)), truth)
            > smape(np.expm1(pred[other]), truth) - 0.02
        )  # less is noise

    halves = slice(0, None, 2), slice(1, None, 2)
    return (
        0.0
        if len(pred) < 4 or any(loses(own, other) for own, other in (halves, halves[::-1]))
        else best_shift(pred, target)
    )
