"""The score to expect on the test rows, and how far off it may be.

Three things part it from the out-of-fold score:

size     macro F1 counts every class that occurs as one, and fewer rows hold fewer of the rarest
         (the task's score_at_size)
folds    a training row is answered by one member of a model, a test row by the mean of all folds'
         members, which is better. By how much is seen without a label, in how far the members
         disagree on the test rows: for a squared error that is exact (Krogh and Vedelsby 1995,
         equation 6); for any score see `gain_of_folds`
chance   the training rows are a draw, and so are the test rows: both are drawn anew
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
    idx = np.flatnonzero((rows.target >= 0).any(axis=1))
    target = rows.target[idx]
    score = rows.task.score_at_size(answer[idx], target, rows.outputs, n_test)
    score += gain or 0.0

    # what other training rows and other test rows would change
    group = rows.group[idx]
    n_groups = len(np.unique(group))
    n_drawn = max(1, round(n_groups * n_test / max(len(idx), 1)))
    of_train = bootstrap.draw_replicates(group)
    of_test = bootstrap.draw_replicates(group, seed=1, size=n_drawn)
    deviations = centred(rows.replicates(answer, idx, of_test))
    deviations = deviations - centred(rows.replicates(answer, idx, of_train))
    doubt = np.random.default_rng(2).normal(size=len(deviations))
    deviations += DOUBT * (gain or 0.0) * doubt

    low, high = bootstrap.interval(score, deviations, rows.task.RANGE)
    return Expected(score, low, high, gain)


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


def centred(values: np.ndarray) -> np.ndarray:
    """values less their mean."""
    return values - np.nanmean(values)


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
