"""The price competition's score, SMAPE, and the shift of log prices that makes it least.

SMAPE = 100 / n * sum of |p - a| / ((|a| + |p|) / 2), of predicted prices p and true prices a. It
lies between 0 and 200, and lower is better.
"""

import numpy as np

SHIFTS = np.arange(-60, 61) * 0.005  # of log1p prices
MIN_GAIN = 0.02  # of SMAPE; less is noise
MIN_ROWS = 4  # two for each half


def smape(price: np.ndarray, truth: np.ndarray) -> float:
    """SMAPE of predicted prices (n,) against true ones (n,), from 0 to 200."""
    return float(100 * np.mean(terms(price, truth)))


def terms(price: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """|p - a| / ((|a| + |p|) / 2) of each row (n,), from 0 to 2; 0 where both prices are 0."""
    price = np.asarray(price, float)
    truth = np.asarray(truth, float)
    mean_size = (np.abs(truth) + np.abs(price)) / 2
    return np.abs(price - truth) / np.where(mean_size > 0, mean_size, 1)


def best_shift(pred: np.ndarray, target: np.ndarray) -> float:
    """The one of SHIFTS that makes SMAPE least when added to pred (n,); both are log1p prices."""
    truth = np.expm1(target)
    losses = [smape(shifted_price(pred, shift), truth) for shift in SHIFTS]
    return float(SHIFTS[np.argmin(losses)])


def shift_if_worth(pred: np.ndarray, target: np.ndarray) -> float:
    """best_shift of log1p prices (n,), or 0 where it does not hold on rows it was not fitted on.

    The shift of each half of the rows must lower SMAPE on the other half by MIN_GAIN or more.
    """
    if len(pred) < MIN_ROWS:
        return 0.0

    even = slice(0, None, 2)
    odd = slice(1, None, 2)

    # fitted on each half, checked on the other
    for fit, check in ((even, odd), (odd, even)):
        shift = best_shift(pred[fit], target[fit])

        truth = np.expm1(target[check])
        plain_price = np.expm1(pred[check])
        price = shifted_price(pred[check], shift)

        plain = smape(plain_price, truth)
        shifted = smape(price, truth)
        if shifted > plain - MIN_GAIN:
            return 0.0

    return best_shift(pred, target)


def shifted_price(pred: np.ndarray, shift: float) -> np.ndarray:
    """Prices (n,) of log1p prices with `shift` added; never below 0."""
    return np.expm1(np.maximum(pred + shift, 0))
