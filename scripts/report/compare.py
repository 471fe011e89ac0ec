"""Two runs side by side: what changed in settings and versions, and what that did to the scores,
fold by fold and output by output."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

from common.errors import UserError
from common.files import load_npz, read_record
from common.paths import folder
from common.rows import Rows
from config import categories
from metrics import bootstrap
from page import charts
from page.blocks import Figure, Note, Section, Table
from pipeline.decoding import decode, kept_answers
from pipeline.load import load_rows
from report.making import flat, shown


@dataclass(frozen=True, eq=False)
class Run:
    """A category's folder of files and records, wherever it lies; `label` tells it from the
    other."""

    label: str
    place: Path
    records: dict[str, dict]  # {"pred/net_0.npz": its record}
    submission: dict  # the submission's record where one was made of this merged.npz, else {}

    @cached_property
    def rows(self) -> Rows:
        return load_rows(
            SimpleNamespace(
                paths=SimpleNamespace(folds=self.place / "folds.csv"),
                config=SimpleNamespace(task=self.task),
            )
        )

    @property
    def task(self) -> str:
        return self.records["folds.csv"]["settings"]["task"]

    @property
    def merged(self) -> dict:
        return self.records["merged.npz"]

    @cached_property
    def answer(self) -> np.ndarray:
        """What it answers out-of-fold (n, a) as 09 left it; decoded as 09 does where it left
        nothing."""
        arrays = load_npz(self.place / "merged.npz")
        if not np.array_equal(arrays["id"], self.rows.id):
            raise UserError(
                f"{self.place / 'merged.npz'} is of other rows than folds.csv beside it; "
                "run make all there again"
            )
        answer = kept_answers(self.place / "answers.npz", self.rows, self.merged.get("version"))
        return decode(self.rows, arrays["pred"])[0] if answer is None else answer

    @property
    def labelled(self) -> np.ndarray:
        """Whether each row (n,) is a training row with a label."""
        return (self.rows.fold >= 0) & (self.rows.target >= 0).any(1)

    @property
    def settings(self) -> dict:
        """All recorded settings, by key."""
        return {
            key: value
            for record in [*self.records.values(), self.submission]
            for key, value in flat(record.get("settings", {})).items()
        }

    @property
    def packages(self) -> dict:
        return {
            key: value
            for record in self.records.values()
            for key, value in record.get("packages", {}).items()
        }

    def score(self, use: np.ndarray) -> float:
        """Of the rows `use`, numbers or a mask."""
        return self.rows.task.score(self.answer[use], self.rows.target[use], self.rows.outputs)


def read_run(name: str, label: str) -> Run:
    """A run by its category or its folder. Raises UserError where there is none, or nothing in it to
    compare."""
    known = name in categories()
    place = folder("working") / name if known else Path(name).absolute()
    if not place.is_dir():
        raise UserError(
            f"no run {name!r}: "
            + (
                f"{place} is missing; run: make all CATEGORY={name}"
                if known
                else "neither a category nor a folder as working/c2; categories: "
                f"{', '.join(categories())}"
            )
        )
    records = {
        str(file.relative_to(place)): record
        for part in ("", "features", "model", "pred")
        for file in (json.with_suffix("") for json in sorted((place / part).glob("*.json")))
        if (record := read_record(file))
    }
    if missing := [file for file in ("folds.csv", "merged.npz") if file not in records]:
        raise UserError(
            f"{place} has no {missing[0]}, so there is nothing to compare; run: make all "
            f"CATEGORY={place.name}"
        )
    made = records["merged.npz"].get("version")
    others = [
        read_record(file) or {}
        for file in (
            folder("submissions") / f"{place.name}.csv",
            *sorted(place.parent.parent.glob(f"*/{place.name}.csv")),
        )
    ]
    submission = next(
        (record for record in others if made in record.get("inputs", {}).values()), {}
    )
    return Run(label, place, records, submission)


def compare(first: str, second: str) -> tuple[list, list[Section]]:
    """The lead and the sections of the page that compares two runs. Raises UserError where they cannot be."""
    a, b = read_run(first, "A"), read_run(second, "B")
    if a.task != b.task:
        raise UserError(
            f"{first} is a task of kind {a.task}, {second} of kind {b.task}: their scores "
            "cannot be compared"
        )
    names = Table(
        "The runs",
        pd.DataFrame(
            {
                "run": ["A", "B"],
                "folder": [str(a.place), str(b.place)],
                "merged": [str(r.merged.get("created", "–"))[:19] for r in (a, b)],
            }
        ),
    )
    return [*paired(a, b), names], [
        Section("What changed", "changed", changes(a, b)),
        Section("Scores", "scores", scores(a, b)),
    ]


def side_by_side(caption: str, rows: dict[str, tuple], mode: str = "") -> list:
    """A table of {what: (of A, of B)} with the differences, and which is better; [] without
    rows."""
    frame = pd.DataFrame(
        [(what, a, b, b - a) for what, (a, b) in rows.items()], columns=["", "A", "B", "B less A"]
    )
    if mode:
        gain = frame["B less A"] * (1 if mode == "max" else -1)
        frame["better"] = np.where(gain > 1e-12, "B", np.where(gain < -1e-12, "A", ""))
    return [Table(caption, frame)] if rows else []


def common_rows(a: Run, b: Run) -> tuple[np.ndarray, np.ndarray]:
    """Numbers in A and in B of the labelled rows that both have, in A's order."""
    place = pd.Index(b.rows.id).get_indexer(a.rows.id)
    use = np.flatnonzero((place >= 0) & a.labelled)
    use = use[b.labelled[place[use]]]
    return use, place[use]


def paired(a: Run, b: Run) -> list:
    """How much better B is on the rows that both have, with its interval: the same draws of rows
    for both."""
    own, other = common_rows(a, b)
    task = a.rows.task
    if not len(own):
        return [
            Note(
                "The runs have no labelled row in common: their scores are of other "
                "rows, and no difference between them is tested.",
                "warning",
            )
        ]
    weights = bootstrap.draw_replicates(a.rows.group[own])
    draws = [
        task.score_replicates(run.answer[use], run.rows.target[use], run.rows.outputs, weights)
        for run, use in ((a, own), (b, other))
    ]
    gain = (b.score(other) - a.score(own)) * (
        sign := 1 if task.MODE == "max" else -1
    ) + 0.0  # no -0
    low, high = (end + 0.0 for end in bootstrap.interval(gain, sign * (draws[1] - draws[0])))
    verdict = "B is better" if low > 0 else "A is better" if high < 0 else "that may be chance"
    text = (
        f"On the {len(own):,} labelled rows that both have, out-of-fold "
        f"{task.SCORE.upper()} is {a.score(own):.4f} in A and {b.score(other):.4f} in B: "
        f"B gains {gain:+.4f} (95 % interval {low:+.4f} to {high:+.4f}, the same "
        f"{bootstrap.REPLICATES} draws of rows for both): {verdict}."
    )
    return [Note(text), *unlike(a, b, own, other)]


def unlike(a: Run, b: Run, own: np.ndarray, other: np.ndarray) -> list[Note]:
    """In what the rows of the two differ."""
    found = [
        f"{(run.labelled).sum() - len(own):,} labelled rows are in {run.label} alone"
        for run in (a, b)
        if run.labelled.sum() > len(own)
    ]
    if not np.array_equal(a.rows.fold[own], b.rows.fold[other]):
        found.append(
            "the folds are others, so scores per fold are of other rows, and part of a "
            "difference is that of the draw"
        )
    if a.rows.target.shape[1] != b.rows.target.shape[1] or not np.array_equal(
        a.rows.target[own], b.rows.target[other]
    ):
        found.append("labels or classes are others, each run is scored by its own")
    return [Note("Not all is alike: " + "; ".join(found) + ".", "warning")] * bool(found)


def changes(a: Run, b: Run) -> list:
    """Recorded settings, overrides and versions that differ."""
    blocks = []
    for caption, one, two in (
        (
            "Settings, from the records of the files; those of files that only one run "
            "has count too",
            a.settings,
            b.settings,
        ),
        ("Versions and machines, of the last file that says", a.packages, b.packages),
    ):
        rows = [
            (key, shown(one[key]) if key in one else "–", shown(two[key]) if key in two else "–")
            for key in {**one, **two}
            if one.get(key) != two.get(key)
        ]
        blocks.append(
            Table(caption, pd.DataFrame(rows, columns=["what", "A", "B"]))
            if rows
            else Note(f"{caption.partition(',')[0]}: no difference.")
        )
    return blocks


def scores(a: Run, b: Run) -> list:
    """Both scores as they were submitted, by fold, by model, by output, and the time they took."""
    task, mode = a.rows.task, a.rows.task.MODE
    name = task.SCORE.upper()
    rows = {"out-of-fold, as submitted": (a.score(a.labelled), b.score(b.labelled))}
    if {"score_at_test_size"} <= a.submission.keys() & b.submission.keys():
        rows["expected on the test rows"] = (
            a.submission["score_at_test_size"],
            b.submission["score_at_test_size"],
        )
    own, other = common_rows(a, b)
    if len(own) and np.array_equal(a.rows.fold[own], b.rows.fold[other]):
        rows |= {
            f"fold {k}, rows that both have": (
                a.score(own[a.rows.fold[own] == k]),
                b.score(other[a.rows.fold[own] == k]),
            )
            for k in np.unique(a.rows.fold[own])
        }
    models = {
        m: (value, b.merged["at_test_size"][m])
        for m, value in a.merged.get("at_test_size", {}).items()
        if m in b.merged.get("at_test_size", {})
    }
    tables = [
        run.rows.task.table(
            run.answer[run.labelled], run.rows.target[run.labelled], run.rows.outputs
        )
        for run in (a, b)
    ]
    outputs = {
        output: (row[task.SCORE], tables[1][output][task.SCORE])
        for output, row in tables[0].items()
        if output in tables[1]
    }
    only = [
        f"{', '.join(names)} in {run.label} alone"
        for run, against in ((a, b), (b, a))
        if (
            names := [
                m for m in run.merged.get("scores", {}) if m not in against.merged.get("scores", {})
            ]
        )
    ]
    seconds = {
        "seconds of work, all files": tuple(
            sum(record.get("seconds", 0) for record in run.records.values()) for run in (a, b)
        )
    }
    return [
        *side_by_side(f"{name}, {'higher' if mode == 'max' else 'lower'} is better", rows, mode),
        *side_by_side(f"{name} of each model, at the test's number of rows", models, mode),
        *[Note("Models: " + "; ".join(only) + ".")] * bool(only),
        *side_by_side(f"{name} of each output", outputs, mode) * (len(outputs) > 1),
        *[difference(name, outputs)] * (len(outputs) > 1),
        *side_by_side("Time", seconds),
    ]


def difference(name: str, outputs: dict) -> Figure:
    """B less A of each output as bars."""
    gains = [b - a for a, b in outputs.values()]
    return Figure(
        f"{name} of B less that of A, output by output.",
        charts.bars(list(outputs), gains, xlabel=f"{name}, B less A", form="{:+.4f}"),
        "; ".join(f"{output} {gain:+.4f}" for output, gain in zip(outputs, gains, strict=True)),
    )
