"""The score to expect on the test rows, and how far off it may be.

Three things part it from the out-of-fold score:

size     macro F1 counts every class that occurs as one, and fewer rows hold fewer of the rarest
         (the task's score_at_size)
folds    a training row is answered by one member of a model, a test row by the mean of all folds'
         members, which is better. By how much is seen without a label, in how far the members
         disagree on the test rows: for a squared error that is exact (Krogh and Vedelsby 1995,
         equation 6); for any score see `gain_of_folds`
chance   the training rows are a draw, and so are the test rows: as much as two draws of the
         training rows differ, by groups
"""

from dataclasses import dataclass

import numpy as np

from common.rows import Rows
from metrics import bootstrap
from pipeline.blends import signed
from pipeline.choice import Choice, Labelled, apply

DRAWS = 10  # of labels for the test rows
HALVINGS = 12  # of the range of the spread
SPREADS = (0.02, 50.0)
POWERS = (0.25, 1.0)  # of the number of rows, by which a score's variance may fall
DOUBT = 0.5  # standard deviation of the gain of folds, as a share of it


@dataclass(frozen=True)
class Expected:
    """The score to expect on the test rows."""

    score: float
    low: float  # of the 95 % interval
    high: float
    gain_of_folds: float | None  # the share of it that the mean of all folds' members gains

    def record(self) -> dict:
        """The same for JSON."""
        return {
            "score": self.score,
            "interval": [self.low, self.high],
            "gain_of_folds": self.gain_of_folds,
        }


def expect(rows: Labelled, answer: np.ndarray, n_test: int, gain: float | None = None) -> Expected:
    """What to expect of n_test rows, of the out-of-fold answers (n, a) and the gain of folds; a
    gain of None is not known, and counted as 0."""
    idx = rows.idx
    score = rows.task.score_at_size(answer[idx], rows.target[idx], rows.outputs, n_test)
    score += gain or 0.0

    deviations = deviations_of(rows, answer, n_test)
    doubt = np.random.default_rng(2).normal(size=len(deviations))
    deviations += DOUBT * (gain or 0.0) * doubt

    low, high = bootstrap.interval(score, deviations, rows.task.RANGE)
    return Expected(score, low, high, gain)


def deviations_of(rows: Labelled, answer: np.ndarray, n_test: int) -> np.ndarray:
    """By how much (b,) the score of n_test test rows may differ from that of all training rows, of
    their answers (n, a): as much as two sets of training rows without a group in common do, scaled.

    Of a mean over n rows the variance is s² / n. Macro F1's falls more slowly, as more rows bring
    more classes of a row or two; how slowly, is seen from halves and quarters of the rows.
    """
    n = len(np.unique(rows.group[rows.idx]))
    half = max(1, n // 2)
    quarter = max(1, n // 4)
    n_asked = max(1, round(n * n_test / max(1, len(rows.idx))))
    n_second = min(half, n_asked)

    halves = differences(rows, answer, half, half)
    quarters = differences(rows, answer, quarter, quarter)
    slope = np.log(variance(quarters) / variance(halves)) / np.log(half / quarter)
    power = float(np.clip(slope, *POWERS)) if np.isfinite(slope) else 1.0

    drawn = halves if n_second == half else differences(rows, answer, half, n_second)
    asked = n**-power + n_asked**-power
    scale = np.sqrt(asked / (half**-power + n_second**-power))
    return scale * (drawn - np.nanmean(drawn))


def differences(rows: Labelled, answer: np.ndarray, first: int, second: int) -> np.ndarray:
    """What parts the scores (b,) of two random sets of so many groups, which have none in
    common."""
    idx = rows.idx
    in_first, in_second = bootstrap.draw_pairs(rows.group[idx], first, second)
    return rows.replicates(answer, idx, in_second) - rows.replicates(answer, idx, in_first)


def variance(values: np.ndarray) -> float:
    return float(np.nanvar(values)) or np.nan


def label_pattern(rows: Rows, idx: np.ndarray) -> np.ndarray:
    """Which labels (m, a) the rows idx (m,) may have: those of a random training row, of the same
    category where rows have one."""
    rng = np.random.default_rng(0)
    train_idx = np.flatnonzero((rows.fold >= 0) & rows.is_labelled)
    source = rng.choice(train_idx, len(idx))

    if rows.category is not None:
        for category in np.unique(rows.category[idx].astype(str)):
            same = train_idx[rows.category[train_idx] == category]
            of_category = rows.category[idx] == category

            if len(same):
                source[of_category] = rng.choice(same, of_category.sum())

    return rows.target[source] >= 0


def gain_of_folds(
    choice: Choice,
    members: dict[str, np.ndarray],
    rows: Labelled,
    score: float,
    pattern: np.ndarray,
) -> float | None:
    """How much the mean of the folds' members scores beyond one of them on the test rows.

    Labels of the test rows are drawn as the mean of the members says, spread out (the task's
    draw_targets) until one member scores on them what it scores out-of-fold. Then the mean of all
    is scored on the same labels. None where the task draws no labels, a model has no members of
    folds, or no spread fits.

    members {model: (folds, n_test, k)}; score: out-of-fold; pattern (n_test, a) bool: which labels
    a test row has.
    """
    task = rows.task
    outputs = rows.outputs

    if not hasattr(task, "draw_targets"):
        return None

    chosen = {model: members[model] for model in choice.models}
    n_folds = min(len(pred) for pred in chosen.values())
    if n_folds < 2:
        return None

    means = {model: task.average(pred) for model, pred in chosen.items()}
    mean_pred, mean_answer = apply(choice, means, task, outputs)

    answers = []
    for k in range(n_folds):
        one = {model: pred[k] for model, pred in chosen.items()}
        answers.append(apply(choice, one, task, outputs)[1])

    def labels(spread: float, seed: int) -> np.ndarray:
        target = task.draw_targets(mean_pred, spread, outputs, np.random.default_rng(seed))
        return np.where(pattern, target, -1)

    def score_of_one(target: np.ndarray) -> float:
        scores = [signed(task.score(answer, target, outputs), task) for answer in answers]
        return float(np.mean(scores))

    wanted = signed(score, task)
    low, high = np.log(SPREADS)

    for _ in range(HALVINGS):
        middle = (low + high) / 2
        is_too_good = score_of_one(labels(np.exp(middle), 0)) > wanted
        low, high = (middle, high) if is_too_good else (low, middle)

    if not np.log(SPREADS[0]) < low <= high < np.log(SPREADS[1]):
        return None

    gains = []
    for seed in range(DRAWS):
        target = labels(np.exp(middle), seed)
        of_mean = signed(task.score(mean_answer, target, outputs), task)
        gains.append(of_mean - score_of_one(target))

    gain = float(np.mean(gains))
    return gain if task.MODE == "max" else -gain
