"""LightGBM trained to choose one of each row's candidates: its objective and its parameters."""

import numpy as np

from features.boosting import tree_parameters
from models.ranker.candidates import Candidates
from texts.value_codes import WIDTH

# Candidates from which on threads pay. Below it one booster takes 2 s; with threads, beside other
# jobs that use the same cores, 6 to 92 s (10,000 candidates).
THREADS_FROM = 100_000


def last_of_rows(row: np.ndarray) -> np.ndarray:
    """Where each row's last candidate is; row (c,) in order."""
    return np.flatnonzero(np.append(np.diff(row) != 0, True))


def softmax(score: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Probabilities (c,) of scores (c,) that sum to 1 over each row's candidates."""
    last = last_of_rows(row)
    first = last[:-1] + 1
    first = np.append(0, first)
    count = last - first + 1  # (rows,)

    # less the row's highest score, so that exp does not overflow
    highest = np.maximum.reduceat(score, first)
    highest = np.repeat(highest, count)  # (c,)
    exp = np.exp(score - highest)

    total = np.add.reduceat(exp, first)
    total = np.repeat(total, count)  # (c,)
    return exp / total


def is_right(candidates: Candidates, target: np.ndarray) -> np.ndarray:
    """1.0 (c,) where a candidate is its row's value, or is "no answer" where no other is right.

    target (rows, 2); "no answer" is the last candidate of each row.
    """
    row = candidates.row
    row_target = target[row]  # (c, 2)
    number, code = row_target.T
    unit = code % WIDTH

    is_value = candidates.unit >= 0
    same_number = candidates.number == number
    same_unit = candidates.unit == unit
    right = is_value & same_number & same_unit

    last = last_of_rows(row)
    n_right = np.bincount(row, right, len(target))  # (rows,)
    right[last] = n_right == 0
    return right.astype(float)


def parameters(settings, row: np.ndarray, seed: int) -> dict:
    """LightGBM's parameters for the candidates of the rows `row` (c,): cross-entropy of the softmax
    over each row's candidates."""

    def objective(score, data):
        probability = softmax(score, row)
        gradient = probability - data.get_label()
        hessian = probability * (1 - probability)
        return gradient, hessian.clip(1e-3)

    return tree_parameters(settings, seed) | {
        "objective": objective,
        "num_threads": 1 if len(row) < THREADS_FROM else 0,
    }
