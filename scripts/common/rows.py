"""The rows of a category as arrays, and which of them a member may learn from, select on, and
predict."""

from dataclasses import dataclass
from types import ModuleType

import numpy as np


@dataclass(frozen=True)
class Rows:
    """All rows of folds.csv: targets (n, a) with -1 where not labelled, what each one reads and
    where its picture is."""

    task: ModuleType
    outputs: dict[str, list]
    id: np.ndarray  # (n,) "train:12"
    fold: np.ndarray  # (n,) -1 for test rows
    dev: np.ndarray  # (n,) bool
    image: np.ndarray  # (n,) names
    target: np.ndarray  # (n, a)
    group: np.ndarray  # (n,) what stays in one fold together; the id where nothing else does
    text: np.ndarray | None = None  # (n,) str; None where rows have none
    question: np.ndarray | None = None  # (n,) str, what is asked, likewise
    category: np.ndarray | None = None  # (n,) str, likewise
    part: np.ndarray | None = None  # (n,) which of data.parts, likewise

    @property
    def sizes(self) -> list[int]:
        """Columns of a prediction, as the task has them: an attribute's classes, 1 of a number,
        those of a value's slots."""
        return self.task.sizes(self.outputs)

    def fitting(self, k: int, dev: bool) -> np.ndarray:
        """Row numbers outside fold k with a label: those to learn from, or (dev) those that pick
        the epoch."""
        return np.flatnonzero(
            (self.fold >= 0) & (self.fold != k) & (self.dev == dev) & (self.target >= 0).any(1)
        )

    def labelled(self, k: int) -> np.ndarray:
        """All labelled row numbers outside fold k, for models that keep no row back to pick an
        epoch."""
        return np.sort(np.concatenate([self.fitting(k, dev=False), self.fitting(k, dev=True)]))

    def predicted(self, k: int) -> np.ndarray:
        """Row numbers that member k predicts: its own fold, which it never saw, and every test
        row."""
        return np.flatnonzero((self.fold == k) | (self.fold < 0))

    def answered_by(self, per: str, k: int) -> np.ndarray:
        """Row numbers that the model's member k answers: those of its fold and of the test, of its
        part, or all."""
        if per == "fold":
            return self.predicted(k)
        if per == "part":
            return np.flatnonzero(self.part == k)
        return np.arange(len(self.id))

    def prior(self, k: int) -> np.ndarray:
        """What is answered without looking (K,): class frequencies or the median of all rows
        outside fold k."""
        return self.task.priors(self.target[(self.fold >= 0) & (self.fold != k)], self.outputs)

    def score(self, pred: np.ndarray, rows: np.ndarray) -> float:
        """The competition's score of predictions (m, K) for the rows (m,)."""
        return self.task.score(
            self.task.answer(pred, self.outputs), self.target[rows], self.outputs
        )
