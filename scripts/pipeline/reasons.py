"""Why something was chosen, in words and with intervals."""

from dataclasses import dataclass

import numpy as np

from metrics import bootstrap
from pipeline.choice import REPLICATES, Candidate, Fitted, Labelled


@dataclass(frozen=True)
class Gap:
    """How much better one candidate is than another on the labelled rows; positive is better."""

    value: float
    low: float  # of the 95 % interval
    high: float


def gap(candidate: Candidate, other: Candidate, rows: Labelled) -> Gap:
    """The gap between two candidates, on the same draws of rows."""
    idx = rows.idx
    weights = bootstrap.draw_replicates(rows.group[idx])

    scores = []
    replicates = []
    for answer in (candidate.answer, other.answer):
        scores.append(rows.score(answer, idx))
        replicates.append(rows.replicates(answer, idx, weights))

    sign = 1 if rows.task.MODE == "max" else -1
    value = sign * (scores[0] - scores[1])
    low, high = bootstrap.interval(value, sign * (replicates[0] - replicates[1]))
    return Gap(value, low, high)


def why(fitted: Fitted, rows: Labelled) -> str:
    """The choice and its reason in a sentence, e.g. "heads alone: mean of net+heads is 0.0040
    better out-of-fold, within noise, 95 % interval -0.0060 to 0.0130"."""
    chosen = fitted.comparison.chosen
    best = fitted.comparison.best

    others = [one for one in fitted.candidates if one is not chosen]
    if not others:
        return f"{phrase(chosen)}: there is nothing else to choose"

    reasons = []
    simplest = simplest_model(fitted)
    if simplest is not chosen:
        gain = gap(chosen, simplest, rows)
        reasons.append(f"{gain.value:.4f} better out-of-fold than {phrase(simplest)}, {span(gain)}")

    if best is not chosen:
        gain = gap(best, chosen, rows)
        better = "better still" if reasons else "better out-of-fold"
        reasons.append(f"{phrase(best)} is {gain.value:.4f} {better}, within noise, {span(gain)}")

    if not reasons:
        reasons.append("no blend and no decoding is better out-of-fold")

    return f"{phrase(chosen)}: {'; '.join(reasons)}"


def simplest_model(fitted: Fitted) -> Candidate:
    """The best of the models that stand alone, with plain answers."""
    alone = [one for one in fitted.candidates if one.rank == 0]
    return max(alone, key=lambda one: fitted.comparison.higher[one.label])


def span(gain: Gap) -> str:
    return f"95 % interval {gain.low:.4f} to {gain.high:.4f}"


def phrase(candidate: Candidate) -> str:
    """A candidate's label; "heads alone" of a model with plain answers."""
    is_model = len(candidate.choice.models) == 1 and candidate.choice.decode is None
    return f"{candidate.label} alone" if is_model else candidate.label


def candidate_scores(fitted: Fitted, rows: Labelled) -> dict[str, dict[str, float]]:
    """{candidate: its out-of-fold score, how much better it is than the chosen one, and the
    standard error of that}."""
    idx = rows.idx
    weights = bootstrap.draw_replicates(rows.group[idx], REPLICATES)
    chosen = fitted.comparison.chosen
    of_chosen = rows.replicates(chosen.answer, idx, weights)
    higher = fitted.comparison.higher

    scores = {}
    for one in fitted.candidates:
        replicates = rows.replicates(one.answer, idx, weights)
        scores[one.label] = {
            "score": rows.score(one.answer, idx),
            "gain": higher[one.label] - higher[chosen.label],
            "error": float(np.nanstd(replicates - of_chosen)),
        }

    return scores
