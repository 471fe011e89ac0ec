"""Out-of-fold scores of the baseline, of every model and of what is submitted."""

import numpy as np

from common.rows import Rows
from pipeline.tables import log_table

SUBMITTED = "submitted"


class Scores:
    """Scores by name of the model; SUBMITTED and the task's BASELINE are among them.

    tables    {name: {output: {score: value}}}
    official  {name: the competition's score}
    """

    def __init__(self, rows: Rows, preds: dict[str, np.ndarray], n_folds: int):
        """rows: the training rows; preds: {name: (n, K)}, out-of-fold."""
        self.task = rows.task
        self.outputs = rows.outputs
        self.target = rows.target
        self.tables = {}
        self.official = {}

        # each row's baseline is fitted on the other folds, as its models are
        baselines = np.stack([rows.baseline(k) for k in range(n_folds)])
        self.add(self.task.BASELINE, baselines[rows.fold])

        for name, pred in preds.items():
            self.add(name, pred)

    def add(self, name: str, pred: np.ndarray, answer: np.ndarray | None = None) -> None:
        """Score predictions (n, K), or answers (n, a) where these are others than the predictions
        say."""
        task = self.task
        outputs = self.outputs
        target = self.target
        answer = task.answer(pred, outputs) if answer is None else answer

        self.tables[name] = task.table(answer, target, outputs, pred)
        self.official[name] = task.score(answer, target, outputs)

    def is_worse(self, name: str, other: str) -> bool:
        """Whether a model scores worse than another."""
        gain = self.official[name] - self.official[other]
        return gain < 0 if self.task.MODE == "max" else gain > 0

    def show(self) -> None:
        """Print a line per output, a column per model."""
        score = self.task.SCORE
        lines = {}
        for output in self.outputs:
            lines[output] = [table[output][score] for table in self.tables.values()]

        if len(self.outputs) > 1:
            lines["official"] = list(self.official.values())

        log_table(f"out-of-fold {score}", list(self.tables), lines)
