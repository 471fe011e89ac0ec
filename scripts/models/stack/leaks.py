"""Columns that know too much: a member that saw its own rows, the price under another name.

in: logs of a column's prices, of which one fold's are the true ones → out: "in one fold it is
better than elsewhere, by 38.2 standard errors: it was trained on"

Every rule goes by what the other columns do on the same rows, so that a hard fold, an ordered
table and prices of few values are no leaks. The thresholds lie between what eight honest columns of
60,000 rows showed and what planted leaks did.
"""

import numpy as np

from common.errors import UserError
from models import NAMES
from models.stack.second_level import apply_linear, fit_linear

NEVER_TRUSTED = ("fold", "order")  # rules about rows that the column was trained on
# standard errors of a fold; honest to 3, one fold a tenth known 12
FOLD_ERRORS = 5
# correlation with row order; honest to .005, a first tenth of the rows better by .1: .035
ORDER_CORRELATION = 0.02
# rows within 2 % against rows 10 to 12 % off; honest to 1.14, a twentieth of the rows known 3.1
HIT_RATIO = 1.5
# error against that of all others' best fit; honest 1.04 and more, a good model among poor ones .8,
# the price with 25 % noise .6
BEST_RATIO = 0.7


def leak_check(x, names, y, fold, foreign, trusted) -> None:
    """Raises UserError when a column of logs x (n, k) knows more of y (n,) than out-of-fold
    predictions do.

    foreign: the columns made elsewhere. trusted: columns that may know the price; that they saw a
    fold, or one end of the table, is an error all the same.
    """
    unknown = set(trusted) - set(names) - set(NAMES)
    if unknown:
        raise UserError(
            f"stack.trust: no column {', '.join(sorted(unknown))}; there are: {', '.join(names)}"
        )

    suspected = suspicions(x, names, y, fold, foreign)

    lines = {}
    for name, reasons in suspected.items():
        rules = list(reasons)
        if name in trusted:
            rules = [rule for rule in reasons if rule in NEVER_TRUSTED]

        if rules:
            texts = "; ".join(reasons[rule] for rule in rules)
            lines[name] = f"\n  {name}: {texts}"

    if lines:
        raise UserError(
            f"these columns know too much to be out-of-fold predictions:{''.join(lines.values())}"
            "\n  leave them out; where you know why one knows the price and it is "
            f"honest: stack.trust={','.join(lines)}"
        )


def suspicions(
    x: np.ndarray, names, y: np.ndarray, fold: np.ndarray, foreign=()
) -> dict[str, dict[str, str]]:
    """{column: {rule: what is wrong}} of the columns of logs x (n, k) that know more of y (n,) than
    out-of-fold predictions do. foreign: names of the columns made elsewhere."""
    distance = np.abs(x - y[:, None])
    error = np.tanh(distance / 2)  # SMAPE / 200 of each row

    is_foreign = [name in foreign for name in names]
    by_rule = {
        **trained_on(error, fold),
        "hits": has_seen_the_price(x, y),
        "best": better_than_all_others(x, y, error, is_foreign),
    }

    suspected = {}
    for j, name in enumerate(names):
        reasons = {}
        for rule, reason_of in by_rule.items():
            if reason_of[j]:
                reasons[rule] = reason_of[j]

        if reasons:
            suspected[name] = reasons

    return suspected


def require_unseen(error: np.ndarray, names, fold: np.ndarray) -> None:
    """Raises UserError when a column was trained on rows that it predicts; error (n, k) of each
    column on each row, fold (n,)."""
    lines = []
    for reasons in trained_on(error, fold).values():
        for name, reason in zip(names, reasons, strict=True):
            if reason:
                lines.append(f"\n  {name}: {reason}")

    if lines:
        raise UserError(
            f"these models know too much for out-of-fold predictions:{''.join(lines)}"
            "\n  train them again, or leave them out"
        )


def trained_on(error: np.ndarray, fold: np.ndarray) -> dict[str, list[str]]:
    """{rule: for each column what is wrong, or ""} by the rules that tell that a column was trained
    on rows that it predicts; error (n, k), fold (n,)."""
    gaps = []  # how much worse a column is than the others on the row
    for j in range(error.shape[1]):
        others = np.delete(error, j, 1)
        gap = error[:, j] - others.mean(1)
        gaps.append(gap)

    return {
        "fold": [better_in_a_fold(gap, fold) for gap in gaps],
        "order": better_at_one_end(gaps),
    }


def better_in_a_fold(gap: np.ndarray, fold: np.ndarray) -> str:
    """What is wrong where the column's gap (n,) is far less in one fold than in all; else ""."""
    deviations = []  # in standard errors
    for k in np.unique(fold):
        in_fold = gap[fold == k]
        standard_error = gap.std() / len(in_fold) ** 0.5 + 1e-12
        deviation = in_fold.mean() - gap.mean()
        deviations.append(deviation / standard_error)

    least = min(deviations)
    if least >= -FOLD_ERRORS:
        return ""

    return (
        f"in one fold it is better than elsewhere, by {-least:.1f} standard errors: "
        "it was trained on"
    )


def better_at_one_end(gaps: list[np.ndarray]) -> list[str]:
    """For each column what is wrong where its gap (n,) goes with row order; else "".

    Only the column whose gap does most: the others' show it too, against this one.
    """
    n = len(gaps[0])
    order = np.arange(n)
    correlations = [correlation(order, gap) for gap in gaps]

    most = max(correlations)
    noise = 5 / n**0.5
    if most <= max(ORDER_CORRELATION, noise):
        return [""] * len(gaps)

    reason = (
        f"its error goes with row order (correlation {most:.3f}): rows at one end were trained on"
    )
    return [reason if value == most else "" for value in correlations]


def has_seen_the_price(x: np.ndarray, y: np.ndarray) -> list[str]:
    """For each column of logs x (n, k) what is wrong where it hits y (n,) too often; else ""."""
    hits = too_many_hits(x, y)

    # a price is known by its root or its rank too
    matched = [in_order_of(column, y) for column in x.T]

    rank_hits = too_many_hits(np.column_stack(matched), y)

    reasons = []
    for near, near_by_rank in zip(hits, rank_hits, strict=True):
        reason = ""
        if near:
            reason = f"it is within 2 % of the price in {near}: it has seen the price"
        elif near_by_rank:
            reason = (
                f"it ranks rows within 2 % of the price in {near_by_rank}: it has seen the price"
            )

        reasons.append(reason)

    return reasons


def better_than_all_others(x: np.ndarray, y: np.ndarray, error: np.ndarray, is_foreign) -> list:
    """For each column what is wrong where it is foreign and its error (n, k) is far less than that
    of the best fit of all others; else ""."""
    reasons = []
    for j, foreign in enumerate(is_foreign):
        reason = ""
        if foreign:
            others = np.delete(x, j, 1)
            ratio = error[:, j].mean() / error_of_best_fit(others, y)
            if ratio < BEST_RATIO:
                reason = (
                    f"alone it has {ratio:.2f} of the error of all the others' best fit: "
                    "too good to be true"
                )

        reasons.append(reason)

    return reasons


def error_of_best_fit(x: np.ndarray, y: np.ndarray) -> float:
    """The mean error of the linear fit of y (n,) on x (n, k)."""
    fitted = apply_linear(x, fit_linear(x, y))
    d = np.abs(fitted - y)
    return np.tanh(d / 2).mean()


def too_many_hits(x: np.ndarray, y: np.ndarray) -> list[str]:
    """For each column of logs x (n, k) "500 rows, where 130 would be usual", or "".

    Hits are rows within .02 of y (n,). As many are usual as are .10 to .12 off, or as the other
    columns hit.
    """
    distance = np.abs(x - y[:, None])
    is_hit = distance < 0.02
    is_miss = (distance >= 0.1) & (distance < 0.12)
    hits = is_hit.sum(0)  # (k,)
    misses = is_miss.sum(0)

    texts = []
    for j, n_hits in enumerate(hits):
        others = np.delete(hits, j)
        usual = max(misses[j], np.median(others))
        noise = (n_hits + usual) ** 0.5

        limit = HIT_RATIO * usual + 5 * noise

        text = ""
        if n_hits > limit:
            text = f"{n_hits} rows, where {usual:.0f} would be usual"

        texts.append(text)

    return texts


def in_order_of(column: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The values of y (n,) in the order of the column (n,), quantile by quantile: so a monotone
    transform of y, rising or falling, becomes y."""
    is_falling = column.std() > 0 and np.corrcoef(column, y)[0, 1] < 0
    if is_falling:
        column = -column

    # the least of the column becomes the least of y, and so on
    order = np.argsort(column, kind="stable")
    matched = np.empty(len(y))
    matched[order] = np.sort(y)
    return matched


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """|Pearson's r| of (n,) and (n,); 0 where one does not vary."""
    if not a.std() or not b.std():
        return 0.0

    return float(abs(np.corrcoef(a, b)[0, 1]))
