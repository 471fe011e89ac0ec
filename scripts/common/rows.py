"""The rows of a category as arrays, and which of them a member may train on, validate on, and
predict.

What a member may see is decided here alone. Rows that it predicts out-of-fold are never among those
that it is trained or validated on:

    training(k), validating(k)    labelled rows of the other folds; no row is in both
    predicted(k)                  rows of fold k; where there are rows to answer, these alone
"""

from dataclasses import dataclass
from types import ModuleType

import numpy as np


def row_id(split: str, ids):
    """The id of folds.csv, e.g. "train:12": both raw files may count from 0. ids: str or Series."""
    return split + ":" + ids


def split_of(id: str) -> str:
    """The split of a row's id: "train" of "train:12"."""
    return id.partition(":")[0]


@dataclass(frozen=True)
class Rows:
    """All n rows of folds.csv, and of a rows.csv where rows are to be answered.

    text, question, category and part are None where the table has no such column.
    """

    task: ModuleType
    outputs: dict[str, list]
    id: np.ndarray  # (n,) str, "train:12"
    fold: np.ndarray  # (n,) int, -1 for rows to answer
    validation: np.ndarray  # (n,) bool, rows that pick the epoch and are never trained on
    image: np.ndarray  # (n,) str, names of images
    target: np.ndarray  # (n, a), -1 where not labelled
    group: np.ndarray  # (n,) str, rows of a group stay in one fold; the id where a row is alone
    text: np.ndarray | None = None  # (n,) str
    question: np.ndarray | None = None  # (n,) str, what is asked of the row
    category: np.ndarray | None = None  # (n,) str
    part: np.ndarray | None = None  # (n,) int, which of data.parts

    @property
    def sizes(self) -> list[int]:
        """Columns of each output in a prediction, e.g. the number of an attribute's classes."""
        return self.task.sizes(self.outputs)

    @property
    def is_labelled(self) -> np.ndarray:
        """(n,) bool: True where the row has at least one label."""
        return (self.target >= 0).any(axis=1)

    def outside(self, k: int) -> np.ndarray:
        """(n,) bool: training rows of the other folds, labelled or not."""
        return (self.fold >= 0) & (self.fold != k)

    def training(self, k: int) -> np.ndarray:
        """Row numbers that member k is trained on."""
        return np.flatnonzero(self.outside(k) & self.is_labelled & ~self.validation)

    def validating(self, k: int) -> np.ndarray:
        """Row numbers that member k picks its epoch on."""
        return np.flatnonzero(self.outside(k) & self.is_labelled & self.validation)

    def labelled(self, k: int) -> np.ndarray:
        """Row numbers for models without epochs, which need no validation rows: both of the
        above."""
        return np.flatnonzero(self.outside(k) & self.is_labelled)

    @property
    def asked(self) -> np.ndarray:
        """(n,) bool: rows to be predicted: those to answer where there are some, else all."""
        to_answer = self.fold < 0
        return to_answer if to_answer.any() else ~to_answer

    def predicted(self, k: int) -> np.ndarray:
        """Row numbers that member k predicts: all rows to answer, or else its own fold."""
        is_own = (self.fold == k) | (self.fold < 0)
        return np.flatnonzero(is_own & self.asked)

    def answered_by(self, per: str, k: int) -> np.ndarray:
        """Row numbers that member k of a model answers; per: the model's PER."""
        if per == "fold":
            return self.predicted(k)

        if per == "part":
            return np.flatnonzero((self.part == k) & self.asked)

        return np.flatnonzero(self.asked)

    def baseline(self, k: int) -> np.ndarray:
        """The baseline prediction (K,) for fold k, fitted on the other folds: class frequencies or
        the median."""
        return self.task.baseline(self.target[self.outside(k)], self.outputs)

    def baselines(self, idx: np.ndarray) -> np.ndarray:
        """The baseline predictions (m, K) of the row numbers idx (m,): each row's is fitted on the
        other folds, a test row's on all."""
        fold = self.fold[idx]
        pred = np.empty((len(fold), sum(self.sizes)))

        for k in np.unique(fold):
            pred[fold == k] = self.baseline(k)

        return pred

    def score(self, pred: np.ndarray, idx: np.ndarray) -> float:
        """The competition's score of predictions (m, K) for the row numbers idx (m,)."""
        answer = self.task.answer(pred, self.outputs)
        return self.task.score(answer, self.target[idx], self.outputs)
