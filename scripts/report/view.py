"""What there is of a category so far: read once, shown by every section of the report."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.files import load_npz, read_record
from common.paths import TEST
from common.rows import Rows
from models import pred_file, split_member
from page.blocks import Note
from page.formats import list_names
from pipeline import graph, staleness
from pipeline.job import Job
from pipeline.load import load_pred, load_rows
from pipeline.merging import merge, positions

LONGEST_MESSAGE = 500  # characters


@dataclass(frozen=True, eq=False)
class View:
    """A category as it is on disk, in the order of its n rows; None or {} for what is not there
    (yet)."""

    job: Job
    steps: dict[Path, graph.Step] = field(default_factory=dict)  # of every file but the report
    stale: dict[Path, str] = field(default_factory=dict)  # {file to be made: the reason}
    rows: Rows | None = None
    # {model: (n, K)} of the models whose members are all there
    preds: dict[str, np.ndarray] = field(default_factory=dict)
    # {model: (n, K)} of those of which some are, nan in the rows of the others
    partial: dict[str, np.ndarray] = field(default_factory=dict)
    merged: np.ndarray | None = None  # (n, K) of merged.npz
    answer: np.ndarray | None = None  # (n, a) of it, out-of-fold, as it is submitted
    notes: list[Note] = field(default_factory=list)

    @property
    def config(self):
        return self.job.config

    @property
    def paths(self):
        return self.job.paths

    @property
    def task(self):
        """The module of tasks/ that answers are judged by."""
        return self.rows.task

    @cached_property
    def merged_record(self) -> dict:
        """The record of merged.npz; {} before there is one."""
        return read_record(self.paths.merged) or {}

    @cached_property
    def test_record(self) -> dict:
        """The record of the test rows' merged.npz; {} before there is one."""
        return read_record(self.paths.of(TEST).merged) or {}

    @cached_property
    def records(self) -> dict[Path, dict]:
        """The records of all files that have one."""
        records = {target: read_record(target) for target in self.steps}
        return {target: record for target, record in records.items() if record}

    @property
    def labelled_idx(self) -> np.ndarray:
        """Row numbers (m,) of the training rows with a label: those that are scored."""
        return np.flatnonzero((self.rows.fold >= 0) & self.rows.is_labelled)


class Attempts:
    """Calls what may fail on broken files, and keeps the errors as notes."""

    def __init__(self):
        self.notes: list[Note] = []

    def call(self, function, *args, default=None):
        """function(*args); the default where it raises."""
        try:
            return function(*args)
        except UserError as error:
            message = str(error)
        except Exception as error:  # broken bytes raise anything, and the report is there to say so
            message = f"{type(error).__name__}: {error}"

        message = " ".join(message.split())
        self.notes.append(Note(message[:LONGEST_MESSAGE], "warning"))

        return default


def load_view(job: Job) -> View:
    """All there is of a job's category. Never raises: what is missing or cannot be read is a
    note."""
    attempts = Attempts()
    config = job.config
    paths = job.paths
    steps = attempts.call(graph.steps, config, paths, default={})
    steps.pop(paths.report, None)
    stale = attempts.call(staleness.stale, config, steps, default={})
    attempts.notes += staleness_notes(job, steps, stale)
    view = View(job, steps, stale, notes=attempts.notes)

    if config.concat or not paths.folds.exists():
        return view

    rows = attempts.call(load_rows, job)
    if rows is None:
        return view

    preds, partial = load_preds(job, rows, attempts)
    merged = None
    answer = None
    if paths.merged.exists():
        merged, answer = attempts.call(load_merged, paths.merged, rows, default=(None, None))

    return replace(
        view,
        rows=rows,
        preds=preds,
        partial=partial,
        merged=merged,
        answer=answer,
    )


def staleness_notes(job: Job, steps: dict, stale: dict) -> list[Note]:
    """Which files are missing, and which are shown though they are of other settings or inputs."""
    command = job.make_command("all")
    old = []
    missing = []
    for target, reason in stale.items():
        if target.exists():
            old.append(f"{target.name} {reason}")
        else:
            missing.append(target.name)

    notes = []
    if old:
        text = (
            f"Shown as they are, though no longer what today's config says: {list_names(old)}. "
            f"To make them again: {command}"
        )
        notes.append(Note(text, "warning"))

    if missing:
        text = (
            f"Not there yet: {len(missing)} of {len(steps)} files, {list_names(missing)}. "
            f"To go on: {command}"
        )
        notes.append(Note(text, "warning"))

    return notes


def load_preds(job: Job, rows: Rows, attempts: Attempts) -> tuple[dict, dict]:
    """({model: (n, K)} whose members are all there, {model: (n, K)} of which some are)."""
    full: dict[str, np.ndarray] = {}
    partial: dict[str, np.ndarray] = {}
    for model, members in members_by_model(job).items():
        tables = load_members(job, rows, members, attempts)
        if not tables:
            continue

        is_full = len(tables) == len(members)
        pred = attempts.call(merge if is_full else merge_some, tables, rows)
        if pred is not None:
            by_model = full if is_full else partial
            by_model[model] = pred

    return full, partial


def members_by_model(job: Job) -> dict[str, list[str]]:
    """{"net": ["net_0", "net_1"], ...} in the config's order."""
    groups: dict[str, list[str]] = {}
    for member in graph.members(job.config):
        model, _ = split_member(member)
        group = groups.setdefault(model, [])
        group.append(member)

    return groups


def load_members(job: Job, rows: Rows, members: list[str], attempts: Attempts) -> dict[str, dict]:
    """{member: its predictions} of those that are there, and of their own rows."""
    tables = {}
    for member in members:
        if not pred_file(job.paths, member).exists():
            continue

        table = attempts.call(load_pred, job, rows, member)
        if table is None:
            continue

        idx = attempts.call(positions, member, table, rows)
        if idx is not None:
            tables[member] = table

    return tables


def merge_some(tables: dict[str, dict], rows: Rows) -> np.ndarray:
    """Predictions (n, K) of some of a model's members, nan in rows that none of them predicts."""
    n_columns = sum(rows.sizes)
    pred = np.full((len(rows.id), n_columns), np.nan)

    for member, table in tables.items():
        idx = positions(member, table, rows)
        pred[idx] = table["pred"]

    return pred


def load_merged(file: Path, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """(predictions (n, K), answers (n, a)) of a merged.npz. Raises UserError when they are of other
    rows, or there are no answers."""
    arrays = load_npz(file)
    shape = (len(rows.id), sum(rows.sizes))
    has_rows = np.array_equal(arrays["id"], rows.id)
    if not has_rows or arrays["pred"].shape != shape:
        raise UserError(f"{file} is of other rows or classes than folds.csv; run make again")

    if "answer" not in arrays:
        raise UserError(f"{file} has no answers: it is of older code; run make again")

    return arrays["pred"], arrays["answer"]
