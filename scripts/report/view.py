"""What a category has come to, as far as it is there: read once, shown by every section."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.files import load_npz, read_record
from common.rows import Rows
from models import pred_file, split_member
from page.blocks import Note
from pipeline import graph
from pipeline.decoding import decode, kept_answers
from pipeline.job import Job
from pipeline.load import load_pred, load_rows
from pipeline.merging import merge, positions

SAID = 4  # files that a note names


@dataclass(frozen=True, eq=False)
class View:
    """A category as it stands on disk, in the order of its rows (n,); None or {} where it is not
    there (yet)."""

    job: Job
    steps: dict[Path, graph.Step] = field(default_factory=dict)
    stale: dict[Path, str] = field(
        default_factory=dict
    )  # files missing or not as today's config says, with the reason
    rows: Rows | None = None
    preds: dict[str, np.ndarray] = field(
        default_factory=dict
    )  # {model: (n, K)}, all of whose members are there
    partial: dict[str, np.ndarray] = field(
        default_factory=dict
    )  # {model: (n, K)}, nan in the rows of members that are not
    merged: np.ndarray | None = None  # (n, K) of merged.npz
    answer: np.ndarray | None = (
        None  # (n, a) of it, out-of-fold; decoded where the submission's are
    )
    decoded: bool = False
    notes: list[Note] = field(default_factory=list)

    @property
    def again(self) -> str:
        """What to type to make all of it."""
        return make_again(self.job)

    @property
    def labelled(self) -> np.ndarray:
        """Numbers (m,) of the training rows with a label: what is scored."""
        return np.flatnonzero((self.rows.fold >= 0) & (self.rows.target >= 0).any(1))


def load_view(job: Job) -> View:
    """All that is there of a job's category. Never raises: what is missing or cannot be read is a
    note."""
    notes: list[Note] = []

    def attempt(read, *args, otherwise=None):
        try:
            return read(*args)
        except Exception as error:  # broken bytes raise anything, and the report is there to say so
            said = (
                str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
            )
            notes.append(
                Note(
                    " ".join(said.split())[:500],
                    "warning",
                )
            )
            return otherwise

    config, paths = job.config, job.paths
    steps = {
        target: step
        for target, step in attempt(graph.steps, config, paths, otherwise={}).items()
        if target != paths.report
    }
    stale = attempt(graph.stale, config, steps, otherwise={})
    notes += freshness(job, steps, stale)
    seen = {"job": job, "steps": steps, "stale": stale, "notes": notes}
    if config.concat or not paths.folds.exists():
        return View(**seen)
    rows = attempt(load_rows, job)
    if rows is None:
        return View(**seen)
    preds, partial = predictions(job, rows, attempt)
    merged = attempt(read_merged, job, rows) if paths.merged.exists() else None
    answer, decoded = (None if merged is None else attempt(answers, job, rows, merged)) or (
        None,
        False,
    )
    return View(
        **seen,
        rows=rows,
        preds=preds,
        partial=partial,
        merged=merged,
        answer=answer,
        decoded=decoded,
    )


def make_again(job: Job) -> str:
    """What to type to make all of it."""
    return f"make all CATEGORY={job.paths.category}" + (
        f' SET="{" ".join(job.overrides)}"' if job.overrides else ""
    )


def freshness(job: Job, steps, stale) -> list[Note]:
    """What is yet to be made, and what is shown though it is of other settings or inputs."""
    old = [f"{target.name} {why}" for target, why in stale.items() if target.exists()]
    missing = [target for target in stale if not target.exists()]
    again, notes = make_again(job), []
    if old:
        notes.append(
            Note(
                "Shown as they are, though no longer what today's config says: "
                f"{listed(old)}. To make them again: {again}",
                "warning",
            )
        )
    if missing:
        notes.append(
            Note(
                f"Not there yet: {len(missing)} of {len(steps)} files, "
                f"{listed([target.name for target in missing])}. To go on: "
                f"{again}",
                "warning",
            )
        )
    return notes


def listed(names: list[str], most: int = SAID) -> str:
    """ "a, b, c, d and 7 more"."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def predictions(job: Job, rows: Rows, attempt) -> tuple[dict, dict]:
    """{model: (n, K)} of the models whose members are all there, and of those of which some are."""
    tables: dict[str, dict] = {}
    for member in graph.members(job.config):
        if not pred_file(job.paths, member).exists():
            continue
        table = attempt(load_pred, job, rows, member)
        if table is not None and attempt(positions, member, table, rows) is not None:
            tables.setdefault(split_member(member)[0], {})[member] = table
    full, partial = {}, {}
    for model, own in tables.items():
        whole = len(own) == sum(
            split_member(member)[0] == model for member in graph.members(job.config)
        )
        pred = attempt(merge if whole else fill, own, rows)
        if pred is not None:
            (full if whole else partial)[model] = pred
    return full, partial


def fill(tables: dict[str, dict], rows: Rows) -> np.ndarray:
    """Predictions (n, K) of some of a model's members, nan where none of them predicts a training
    row."""
    pred = np.full((len(rows.id), sum(rows.sizes)), np.nan)
    for member, table in tables.items():
        pred[positions(member, table, rows)] = table["pred"]
    return pred


def answers(job: Job, rows: Rows, merged: np.ndarray) -> tuple[np.ndarray, bool]:
    """Answers (n, a) of merged predictions (n, K) as 09 left them, and whether decoding made them
    others than the plain ones."""
    plain, own = rows.task.answer(merged, rows.outputs), rows.fold >= 0
    answer = kept_answers(job.paths.answers, rows, read_record(job.paths.merged)["version"])
    if answer is None:  # 09 has not seen these predictions yet
        answer = (
            decode(rows, merged)[0]
            if (read_record(job.paths.submission) or {}).get("fitted")
            else plain
        )
    return answer, not np.array_equal(answer[own], plain[own])


def read_merged(job: Job, rows: Rows) -> np.ndarray:
    """merged.npz's predictions (n, K). Raises UserError when they are of other rows."""
    arrays = load_npz(job.paths.merged)
    if not np.array_equal(arrays["id"], rows.id) or arrays["pred"].shape != (
        len(rows.id),
        sum(rows.sizes),
    ):
        raise UserError(
            f"{job.paths.merged} is of other rows or classes than folds.csv; run make again"
        )
    return arrays["pred"]
