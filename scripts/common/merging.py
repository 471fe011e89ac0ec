"""Members' files → one table per model: the same for every model, since all it reads is ids."""
import numpy as np

from common.errors import Stop
from common.rows import Rows
from common.tables import align


def merge(tables: dict[str, dict], rows: Rows) -> np.ndarray:
    """Predictions (n, k) of one model in the order of the rows: the mean over the members that predict a row.

    tables {member: {id (m,), pred (m, k)}}. Stop unless every training row is predicted by exactly one member, every test row
    by each of them, and nothing else is.
    """
    total, count = np.zeros((len(rows.id), sum(rows.sizes))), np.zeros(len(rows.id), int)
    for member, table in tables.items():
        at, again = align(rows.id, table["id"]), f"run again: python scripts/06_infer.py <category> --member {member}"
        if (at < 0).any():
            raise Stop(f"{member} predicts {table['id'][at < 0][0]}, which is not in folds.csv; {again}")
        if len(np.unique(at)) < len(at):
            raise Stop(f"{member} predicts {table['id'][np.bincount(at)[at] > 1][0]} twice; {again}")
        if not np.isfinite(table["pred"]).all():
            raise Stop(f"{member}: {(~np.isfinite(table['pred'])).any(1).sum()} predictions are not finite; {again}")
        total[at] += table["pred"]
        count[at] += 1
    wrong = np.flatnonzero(count != np.where(rows.fold < 0, len(tables), 1))
    if len(wrong):
        raise Stop(f"{rows.id[wrong[0]]} and {len(wrong) - 1} more are predicted {count[wrong[0]]} times by "
                          f"{', '.join(tables)}; run 06_infer again for these members")
    return total / count[:, None]
