"""Members' files → one table per model: the same for every model, since all it reads is ids."""

import numpy as np

from common.errors import UserError
from common.rows import Rows
from common.tables import align, and_more
from models import load_model, split_member


def merge(tables: dict[str, dict], rows: Rows) -> np.ndarray:
    """Predictions (n, k) of one model in the order of the rows: the task's average over the members
    that predict a row.

    tables {member: {id (m,), pred (m, k)}}. Raises UserError unless every member predicts its own rows and no
    others. A training row is then predicted by one member; a test row by one too, that of its part,
    or by all of them, each of another fold.
    """
    total, count, found = np.zeros((len(rows.id), sum(rows.sizes))), np.zeros(len(rows.id), int), []
    for member, table in tables.items():
        at = positions(member, table, rows)
        total[at], count[at] = table["pred"], count[at] + 1
        found.append((at, table["pred"]))
    if not count.all():
        raise UserError(
            f"{rows.id[count == 0][0]}{and_more(rows.id[count == 0])} is predicted by none of "
            f"{', '.join(tables)}"
        )
    if len(shared := np.flatnonzero(count > 1)):
        total[shared] = rows.task.average(np.stack([pred[align(at, shared)] for at, pred in found]))
    return total


def positions(member: str, table: dict, rows: Rows) -> np.ndarray:
    """Row numbers (m,) of a member's predictions. UserError, saying what to run again, unless they are
    its own rows, each once, and finite."""
    at, own = (
        align(rows.id, table["id"]),
        rows.answered_by(load_model(split_member(member)[0]).PER, split_member(member)[1]),
    )
    if (at < 0).any():
        wrong = f"predicts {table['id'][at < 0][0]}, which is not in folds.csv"
    elif len(np.unique(at)) < len(at):
        wrong = f"predicts {table['id'][np.bincount(at)[at] > 1][0]} twice"
    elif len(foreign := np.setdiff1d(at, own)):
        wrong = f"predicts {rows.id[foreign[0]]}{and_more(foreign)} of another fold or part"
    elif len(missing := np.setdiff1d(own, at)):
        wrong = f"does not predict {rows.id[missing[0]]}{and_more(missing)}"
    elif not np.isfinite(table["pred"]).all():
        wrong = f"has {(~np.isfinite(table['pred'])).any(1).sum()} predictions that are not finite"
    else:
        return at
    raise UserError(
        f"{member} {wrong}; run again: python scripts/06_infer.py <category> --member {member}"
    )
