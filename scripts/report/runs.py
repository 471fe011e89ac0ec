"""A run to compare: a category's folder of files and records, wherever it lies.

A run's settings are those of its records: today's config may say others, or may have no such
category at all.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from common.errors import UserError
from common.files import read_record
from common.paths import folder
from common.rows import Rows
from config import categories
from pipeline.load import load_rows
from report.making import flatten
from report.view import load_merged


@dataclass(frozen=True, eq=False)
class Run:
    """What is compared of a run."""

    label: str  # "A" or "B"
    dir: Path
    records: dict[str, dict]  # {"pred/net_0.npz": its record}
    submission: dict  # the record of the submission made of this merged.npz; {} without one

    @property
    def task(self) -> str:
        return self.records["folds.csv"]["settings"]["task"]

    @property
    def merged(self) -> dict:
        """The record of merged.npz."""
        return self.records["merged.npz"]

    @cached_property
    def rows(self) -> Rows:
        paths = SimpleNamespace(rows="", folds=self.dir / "folds.csv")
        config = SimpleNamespace(task=self.task)
        return load_rows(SimpleNamespace(paths=paths, config=config))

    @property
    def is_labelled(self) -> np.ndarray:
        """(n,) bool: training rows with a label."""
        return (self.rows.fold >= 0) & self.rows.is_labelled

    @cached_property
    def answer(self) -> np.ndarray:
        """Answers (n, a), out-of-fold, as they are submitted. Raises UserError as load_merged."""
        _, answer = load_merged(self.dir / "merged.npz", self.rows)
        return answer

    @property
    def settings(self) -> dict:
        """All recorded settings, by key."""
        settings = {}
        for record in [*self.records.values(), self.submission]:
            settings |= flatten(record.get("settings", {}))

        return settings

    @property
    def packages(self) -> dict:
        """The versions of Python, packages and machine, of the last file that says."""
        packages = {}
        for record in self.records.values():
            packages |= record.get("packages", {})

        return packages

    @property
    def seconds(self) -> float:
        """Seconds of work of all files."""
        return sum(record.get("seconds", 0) for record in self.records.values())

    def score(self, idx: np.ndarray) -> float:
        """The score of the rows idx (m,), numbers or a mask."""
        return self.rows.task.score(self.answer[idx], self.rows.target[idx], self.rows.outputs)

    def replicates(self, idx: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The score of the rows idx (m,) on bootstrap replicates, weights (b, m)."""
        return self.rows.task.score_replicates(
            self.answer[idx],
            self.rows.target[idx],
            self.rows.outputs,
            weights,
        )

    def output_scores(self) -> dict[str, float]:
        """{output: score} of the labelled rows."""
        task = self.rows.task
        idx = self.is_labelled
        table = task.table(
            self.answer[idx],
            self.rows.target[idx],
            self.rows.outputs,
        )
        return {output: measures[task.SCORE] for output, measures in table.items()}


def read_run(name: str, label: str) -> Run:
    """A run by its category or its folder. Raises UserError where there is none, or it has nothing
    to compare."""
    directory = run_folder(name)
    records = {}
    for below in ("", "features", "model", "pred"):
        for json in sorted((directory / below).glob("*.json")):
            file = json.with_suffix("")
            record = read_record(file)
            if record:
                records[str(file.relative_to(directory))] = record

    for needed in ("folds.csv", "merged.npz"):
        if needed not in records:
            raise UserError(
                f"{directory} has no {needed}, so there is nothing to compare; run: make all "
                f"CATEGORY={directory.name}"
            )

    version = records["merged.npz"].get("version")

    return Run(label, directory, records, submission_of(directory, version))


def run_folder(name: str) -> Path:
    """The folder of a category, or the folder `name` itself. Raises UserError where there is
    none."""
    if name in categories():
        directory = folder("working") / name
        problem = f"{directory} is missing; run: make all CATEGORY={name}"
    else:
        directory = Path(name).absolute()
        names = ", ".join(categories())
        problem = f"neither a category nor a folder as working/c2; categories: {names}"

    if not directory.is_dir():
        raise UserError(f"no run {name!r}: {problem}")

    return directory


def submission_of(directory: Path, version: str) -> dict:
    """The record of the submission that was made of this version of merged.npz: among today's, or
    in a folder beside the run's; {} where there is none."""
    name = f"{directory.name}.csv"
    beside = directory.parent.parent.glob(f"*/{name}")
    for file in (folder("submissions") / name, *sorted(beside)):
        record = read_record(file) or {}
        versions = record.get("inputs", {}).values()
        if version in versions:
            return record

    return {}
