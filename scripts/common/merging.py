"""Members' files → one table per model: the same for every model, since all it reads is ids."""
import numpy as np

from common.errors import Stop
from common.models import split_member
from common.rows import Rows
from common.tables import align, more


def merge(tables: dict[str, dict], rows: Rows) -> np.ndarray:
    """Predictions (n, k) of one model in the order of the rows: the task's average over the members that predict a row.

    tables {member: {id (m,), pred (m, k)}}. Stop unless every member predicts its own rows and no others: every training row is then
    predicted by one member, every test row by one of each part or one of each fold.
    """
    layers: list[np.ndarray] = []  # the first prediction of every row, the second, ...
    count = np.zeros(len(rows.id), int)
    for member, table in tables.items():
        at, again = align(rows.id, table["id"]), f"run again: python scripts/06_infer.py <category> --member {member}"
        own = rows.answered_by(*split_member(member))
        if (at < 0).any():
            raise Stop(f"{member} predicts {table['id'][at < 0][0]}, which is not in folds.csv; {again}")
        if len(np.unique(at)) < len(at):
            raise Stop(f"{member} predicts {table['id'][np.bincount(at)[at] > 1][0]} twice; {again}")
        if len(foreign := np.setdiff1d(at, own)):
            raise Stop(f"{member} predicts {rows.id[foreign[0]]}{more(foreign)} of another fold or part; {again}")
        if len(missing := np.setdiff1d(own, at)):
            raise Stop(f"{member} does not predict {rows.id[missing[0]]}{more(missing)}; {again}")
        if not np.isfinite(table["pred"]).all():
            raise Stop(f"{member}: {(~np.isfinite(table['pred'])).any(1).sum()} predictions are not finite; {again}")
        for layer in np.unique(count[at]):
            if layer == len(layers):
                layers.append(np.zeros((len(rows.id), sum(rows.sizes))))
            here = count[at] == layer
            layers[layer][at[here]] = table["pred"][here]
        count[at] += 1
    if not count.all():
        raise Stop(f"{rows.id[count == 0][0]}{more(rows.id[count == 0])} is predicted by none of {', '.join(tables)}")
    total = np.zeros((len(rows.id), sum(rows.sizes)))
    for n in np.unique(count):
        total[count == n] = rows.task.average(np.stack([layer[count == n] for layer in layers[:n]]))
    return total
