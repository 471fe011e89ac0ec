"""Members' predictions → one table per model: the same for every model, since it goes by ids
alone."""

import numpy as np

from common.errors import UserError
from common.rows import Rows
from common.tables import align, and_more
from models import load_model, split_member


def merge(tables: dict[str, dict], rows: Rows) -> np.ndarray:
    """Predictions (n, K) of one model in the order of the rows.

    tables: {member: {id (m,), pred (m, K)}}. Every training row is predicted by one member, which
    never saw it. A test row is predicted by one member, that of its part, or by the members of all
    folds: then the task averages them.
    Raises UserError unless every member predicts its own rows, each once, and all rows are there.
    """
    merged = np.zeros((len(rows.id), sum(rows.sizes)))
    count = np.zeros(len(rows.id), int)

    idx_of = {}
    for member, table in tables.items():
        idx = positions(member, table, rows)
        merged[idx] = table["pred"]
        count[idx] += 1
        idx_of[member] = idx

    missing_ids = rows.id[(count == 0) & rows.asked]
    if len(missing_ids):
        raise UserError(
            f"{missing_ids[0]}{and_more(missing_ids)} is predicted by none of {', '.join(tables)}"
        )

    shared = np.flatnonzero(count > 1)
    if len(shared):
        preds = [tables[member]["pred"][align(idx, shared)] for member, idx in idx_of.items()]
        merged[shared] = rows.task.average(np.stack(preds))

    return merged


def fold_members(model: str, tables: dict[str, dict], rows: Rows) -> np.ndarray:
    """Predictions (m, n_test, K) of the test rows by each member of a model; one where the model
    has no members of folds."""
    test_idx = np.flatnonzero(rows.fold < 0)
    its_tables = {name: table for name, table in tables.items() if split_member(name)[0] == model}

    if load_model(model).PER != "fold":
        return merge(its_tables, rows)[None, test_idx]

    preds = []
    for member, table in its_tables.items():
        idx = positions(member, table, rows)
        preds.append(table["pred"][align(idx, test_idx)])

    return np.stack(preds)


def positions(member: str, table: dict, rows: Rows) -> np.ndarray:
    """Row numbers (m,) of a member's predictions. Raises UserError with the command to run again
    where they are not its own rows, each once, with finite numbers."""
    idx = align(rows.id, table["id"])
    problem = prediction_problem(member, table, idx, rows)
    if problem:
        rows_option = " --rows <rows>" if (rows.fold < 0).any() else ""
        command = f"python scripts/06_infer.py <category> --member {member}{rows_option}"
        raise UserError(f"{member} {problem}; run again: {command}")

    return idx


def prediction_problem(member: str, table: dict, idx: np.ndarray, rows: Rows) -> str:
    """What is wrong with a member's predictions, or "". idx (m,): their row numbers, -1 = none."""
    name, k = split_member(member)
    expected = rows.answered_by(load_model(name).PER, k)

    is_unknown = idx < 0
    if is_unknown.any():
        return f"predicts {table['id'][is_unknown][0]}, which is not in folds.csv"

    is_doubled = np.bincount(idx)[idx] > 1
    if is_doubled.any():
        return f"predicts {table['id'][is_doubled][0]} twice"

    foreign = np.setdiff1d(idx, expected)
    if len(foreign):
        return f"predicts {rows.id[foreign[0]]}{and_more(foreign)} of another fold or part"

    missing = np.setdiff1d(expected, idx)
    if len(missing):
        return f"does not predict {rows.id[missing[0]]}{and_more(missing)}"

    is_finite = np.isfinite(table["pred"]).all(axis=1)
    if not is_finite.all():
        return f"has {(~is_finite).sum()} predictions that are not finite"

    return ""
