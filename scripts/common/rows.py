"""The rows of a category as arrays, and which of them a member may learn from, select on, and predict."""
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from common.io import load_npz, read_record
from common.cache import Cache
from common.models import load_model
from common.tables import align, read_csv, read_folds
from common.tasks import load_task


@dataclass(frozen=True)
class Rows:
    """All rows of folds.csv: targets (n, a) with -1 where not labelled, what each one reads and where its picture is."""
    task: ModuleType
    outputs: dict[str, list]
    id: np.ndarray        # (n,) "train:12"
    fold: np.ndarray      # (n,) -1 for test rows
    dev: np.ndarray       # (n,) bool
    image: np.ndarray     # (n,) names
    target: np.ndarray    # (n, a)
    group: np.ndarray     # (n,) what stays in one fold together; the id where nothing else does
    text: np.ndarray | None = None  # (n,) str; None where rows have none
    question: np.ndarray | None = None  # (n,) str, what is asked, likewise
    category: np.ndarray | None = None  # (n,) str, likewise
    part: np.ndarray | None = None  # (n,) which of data.parts, likewise

    @property
    def sizes(self) -> list[int]:
        """Columns of a prediction, as the task has them: an attribute's classes, 1 of a number, those of a value's slots."""
        return self.task.sizes(self.outputs)

    def fitting(self, k: int, dev: bool) -> np.ndarray:
        """Row numbers outside fold k with a label: those to learn from, or (dev) those that pick the epoch."""
        return np.flatnonzero((self.fold >= 0) & (self.fold != k) & (self.dev == dev) & (self.target >= 0).any(1))

    def labelled(self, k: int) -> np.ndarray:
        """All labelled row numbers outside fold k, for models that keep no row back to pick an epoch."""
        return np.sort(np.concatenate([self.fitting(k, dev=False), self.fitting(k, dev=True)]))

    def predicted(self, k: int) -> np.ndarray:
        """Row numbers that member k predicts: its own fold, which it never saw, and every test row."""
        return np.flatnonzero((self.fold == k) | (self.fold < 0))

    def answered_by(self, name: str, k: int) -> np.ndarray:
        """Row numbers that the model's member k answers: those of its fold and of the test, of its part, or all."""
        per = load_model(name).PER
        return self.predicted(k) if per == "fold" else np.flatnonzero(self.part == k) if per == "part" else np.arange(len(self.id))

    def prior(self, k: int) -> np.ndarray:
        """What is answered without looking (K,): class frequencies or the median of all rows outside fold k."""
        return self.task.priors(self.target[(self.fold >= 0) & (self.fold != k)], self.outputs)

    def hm(self, pred: np.ndarray, rows: np.ndarray) -> list[float]:
        """HM of each attribute (a,) of probabilities (m, K) for the rows (m,); nan where none of them is labelled."""
        return [row["hm"] for row in self.task.table(self.task.answer(pred, self.outputs), self.target[rows], self.outputs).values()]

    def score(self, pred: np.ndarray, rows: np.ndarray) -> float:
        """The competition's score of predictions (m, K) for the rows (m,)."""
        return self.task.score(self.task.answer(pred, self.outputs), self.target[rows], self.outputs)


def load_rows(job) -> Rows:
    """The rows of a job's category."""
    table, task = read_folds(job.paths.folds), load_task(job.config.task)
    outputs = read_record(job.paths.folds)["outputs"]
    return Rows(task, outputs, table.id.to_numpy(str), table.fold.to_numpy(), table.dev.to_numpy(bool),
                table.image.to_numpy(object), task.encode(table, outputs), np.where(table.group == "", table.id, table.group),
                **{name: table[name].to_numpy(object) for name in ("text", "question", "category", "part") if name in table})


def load_pred(job, rows: Rows, member: str) -> dict[str, np.ndarray]:
    """What a member predicts: id (m,), pred (m, k), bad (m,) bool; a language model's replies as the task reads them."""
    file = job.paths.pred(member)
    if file.suffix == ".npz":
        return load_npz(file)
    table = read_csv(file, ["id", "reply", "reason"])
    question = rows.question[align(rows.id, table.id)]
    return {"id": table.id.to_numpy(str), "pred": rows.task.read_replies(table.reply.tolist(), question), "bad": table.reason.str.startswith("picture: ").to_numpy()}


def load_pictures(job, rows: Rows) -> tuple[Cache, np.ndarray]:
    """The image cache, and the position of each row's picture in it (n,); -1 where the picture is bad."""
    cache = Cache(job.paths.images, job.paths.cache)
    position = align(cache.names, rows.image)
    return cache, np.where((position >= 0) & cache.ok[position], position, -1)
