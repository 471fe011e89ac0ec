"""Out-of-fold scores of every model, of the ensemble and of the baseline."""

import numpy as np

from common.log import log_table
from common.rows import Rows


class Scores:
    """Scores by name of the model; "ensemble" and the task's BASELINE are among them.

    tables        {name: {output: {score: value}}}
    official      {name: the competition's score}
    at_test_size  {name: the score to expect on as many rows as the test set has}
    """

    def __init__(self, rows: Rows, preds: dict[str, np.ndarray], n_folds: int):
        """preds: {name: (n, K)}, out-of-fold for training rows."""
        self.task = rows.task
        self.outputs = rows.outputs
        self.tables = {}
        self.official = {}
        self.at_test_size = {}

        train = rows.fold >= 0
        target = rows.target[train]
        self.n_test = len(rows.id) - len(target)

        # each row's baseline is fitted on the other folds, as its models are
        baselines = np.stack([rows.baseline(k) for k in range(n_folds)])
        fold = rows.fold[train]
        self.add(self.task.BASELINE, baselines[fold], target)

        for name, pred in preds.items():
            self.add(name, pred[train], target)

    def add(self, name: str, pred: np.ndarray, target: np.ndarray) -> None:
        """Score the predictions (m, K) of labelled rows against their targets (m, a)."""
        task = self.task
        outputs = self.outputs
        answer = task.answer(pred, outputs)

        self.tables[name] = task.table(answer, target, outputs, pred)
        self.official[name] = task.score(answer, target, outputs)
        self.at_test_size[name] = task.score_at_size(answer, target, outputs, self.n_test)

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
            lines[f"on {self.n_test} rows, as test has"] = list(self.at_test_size.values())

        log_table(f"out-of-fold {score}", list(self.tables), lines)
