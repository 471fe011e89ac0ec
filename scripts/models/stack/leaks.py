"""Columns that know too much: a member that saw its own rows, the price under another name."""

import numpy as np

from common import errors
from models import NAMES
from models.stack.second_level import fit_linear


def leak_check(x, names, y, fold, foreign, trusted) -> None:
    """Raises UserError when a column of logs x (n, k) knows more of y (n,) than out-of-fold predictions do.
    What is trusted may know the price; that it saw a fold, or one end of the table, is never
    taken."""
    if unknown := set(trusted) - set(names) - set(NAMES):
        raise errors.UserError(
            f"stack.trust: no column {', '.join(sorted(unknown))}; there are: {', '.join(names)}"
        )
    found = {
        name: [
            text for rule, text in what.items() if name not in trusted or rule in ("fold", "order")
        ]
        for name, what in suspicions(x, names, y, fold, foreign).items()
    }
    if found := {name: what for name, what in found.items() if what}:
        raise errors.UserError(
            "these columns know too much to be out-of-fold predictions:\n  "
            + "\n  ".join(f"{name}: {'; '.join(what)}" for name, what in found.items())
            + "\n  leave them out; where you know why one knows the price and it is "
            f"honest: stack.trust={','.join(found)}"
        )


def suspicions(
    x: np.ndarray, names, y: np.ndarray, fold: np.ndarray, foreign=()
) -> dict[str, dict[str, str]]:
    """{column: {rule: what is wrong}} where a column of logs x (n, k) knows more of y (n,) than
    out-of-fold predictions do.

    Every rule goes by what the other columns do on the same rows, so that a hard fold, an ordered
    table and prices of few values are no leaks. Thresholds lie between what eight honest columns of
    60,000 rows showed and what planted leaks did:
    fold    its error is less in one fold: honest to 3 standard errors of a fold, one fold a tenth
            known 12
    order   its error goes with row order: honest to .005, a first tenth of the rows better by .1:
            .035
    hits    rows within 2 % against rows 10 to 12 % off: honest to 1.14, a twentieth of the rows
            known 3.1
    best    of a column in `foreign`, made elsewhere: it beats the best fit of all others: honest
            1.04 of its error and more, a good model among poor ones .8, the price with 25 % noise
            .6
    """
    order, found = np.arange(len(y)), {}
    error = np.tanh(np.abs(x - y[:, None]) / 2)
    ranked = np.column_stack(
        [on_the_scale_of(y, column) for column in x.T]
    )  # a price is known by its root or its rank too
    hits = {"is": too_many_hits(x, y), "ranks rows": too_many_hits(ranked, y)}
    gaps = [error[:, j] - np.delete(error, j, 1).mean(1) for j in range(len(names))]
    ordered = [correlation(order, gap) for gap in gaps]
    for j, name in enumerate(names):
        gap = gaps[j]
        parts = [gap[fold == f] for f in np.unique(fold)]
        least = min(
            (part.mean() - gap.mean()) / (gap.std() / len(part) ** 0.5 + 1e-12) for part in parts
        )
        seen = [
            f"it {how} within 2 % of the price in {what[j]}: it has seen the price"
            for how, what in hits.items()
            if what[j]
        ]
        coefficients = fit_linear(others := np.delete(x, j, 1), y)
        fitted = np.tanh(np.abs(others @ coefficients[:-1] + coefficients[-1] - y) / 2).mean()
        rules = {
            "fold": (
                least < -5,
                f"in one fold it is better than elsewhere, by {-least:.1f} standard "
                "errors: it was trained on",
            ),
            "order": (
                ordered[j]
                == max(ordered)
                > max(0.02, 5 / len(y) ** 0.5),  # the others' show it too, against this one
                f"its error goes with row order (correlation {ordered[j]:.3f}): rows at "
                "one end were trained on",
            ),
            "hits": (seen, seen[0] if seen else ""),
            "best": (
                name in foreign and error[:, j].mean() < 0.7 * fitted,
                f"alone it has {error[:, j].mean() / fitted:.2f} of the error of all the "
                "others' best fit: too good to be true",
            ),
        }
        found[name] = {rule: what for rule, (wrong, what) in rules.items() if wrong}
    return {name: what for name, what in found.items() if what}


def too_many_hits(x: np.ndarray, y: np.ndarray) -> list[str]:
    """For each column of logs x (n, k) "500 rows, where 130 would be usual", or "": rows within .02
    of y (n,), against those .10 to .12 off and against the other columns' hits."""
    distance, found = np.abs(x - y[:, None]), []
    hits, near = (distance < 0.02).sum(0), ((distance >= 0.1) & (distance < 0.12)).sum(0)
    for j in range(x.shape[1]):
        usual = max(near[j], np.median(np.delete(hits, j)))
        many = hits[j] > 1.5 * usual + 5 * (hits[j] + usual) ** 0.5
        found.append(f"{hits[j]} rows, where {usual:.0f} would be usual" if many else "")
    return found


def on_the_scale_of(y: np.ndarray, column: np.ndarray) -> np.ndarray:
    """The values of y (n,) in the order of the column (n,): what the column would say if it were
    any increasing function."""
    rank = np.empty(len(y), int)
    rank[
        np.argsort(
            column if column.std() == 0 or np.corrcoef(column, y)[0, 1] >= 0 else -column,
            kind="stable",
        )
    ] = np.arange(len(y))
    return np.sort(y)[rank]


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """|Pearson's r| of (n,) and (n,); 0 where one does not vary."""
    return float(abs(np.corrcoef(a, b)[0, 1])) if a.std() and b.std() else 0.0
