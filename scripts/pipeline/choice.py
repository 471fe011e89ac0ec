"""What is submitted: one model or a blend of them, plain or decoded; the simplest that scores as
well as the best does on rows that it was not fitted on.

    in:  {"net": (n, k), "knn": (n, k)}, out-of-fold, and the labels
    out: Choice("knn"): no blend of the two is better by more than chance

All that is fitted on labels beyond the models is in the Choice, and `apply` takes it to any rows.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from types import ModuleType

import numpy as np

from common.rows import Rows
from metrics import bootstrap
from pipeline import blends
from pipeline.crossfit import cross_fitted

REPLICATES = 60  # of the bootstrap behind each comparison
DECODE_ALL = 300_000  # probabilities (n x k) of which every candidate is decoded
MARGIN = 1.0  # standard errors by which something less simple must be better


@dataclass(frozen=True)
class Labelled:
    """n training rows, and how they are judged."""

    task: ModuleType
    outputs: dict
    target: np.ndarray  # (n, a), -1 where not labelled
    fold: np.ndarray  # (n,)
    group: np.ndarray  # (n,) rows of a group are right or wrong together

    @property
    def idx(self) -> np.ndarray:
        """Row numbers (m,) of the rows with a label: those that are scored."""
        return np.flatnonzero((self.target >= 0).any(axis=1))

    def score(self, answer: np.ndarray, idx: np.ndarray) -> float:
        """The competition's score of answers (n, a) over the rows idx (m,)."""
        return self.task.score(answer[idx], self.target[idx], self.outputs)

    def replicates(self, answer: np.ndarray, idx: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The same on bootstrap replicates (b,), weights (b, m)."""
        target = self.target[idx]
        return self.task.score_replicates(answer[idx], target, self.outputs, weights)


def labelled_rows(rows: Rows) -> Labelled:
    """The training rows of a category."""
    train = rows.fold >= 0
    return Labelled(
        rows.task, rows.outputs, rows.target[train], rows.fold[train], rows.group[train]
    )


@dataclass(frozen=True)
class Choice:
    """How models' predictions become answers."""

    name: str  # e.g. "knn", or "mean of net+knn": see Recipe
    models: tuple[str, ...]
    weights: np.ndarray  # (m, w), see pipeline.blends
    decode: np.ndarray | None = None  # what the task's decoding is fitted to; None: plain answers

    @property
    def label(self) -> str:
        return self.name if self.decode is None else f"{self.name}, decoded"

    def record(self) -> dict:
        """The same for JSON."""
        return {
            "name": self.name,
            "models": list(self.models),
            "weights": self.weights.tolist(),
            "decode": None if self.decode is None else self.decode.tolist(),
        }


def read_choice(record: dict) -> Choice:
    """A Choice from what `Choice.record` gave."""
    decode = record["decode"]
    return Choice(
        record["name"],
        tuple(record["models"]),
        np.array(record["weights"], float),
        None if decode is None else np.array(decode, float),
    )


def apply(choice: Choice, preds: dict[str, np.ndarray], task, outputs) -> tuple:
    """(predictions (n, k), answers (n, a)) of any rows, from the models' predictions {model: (n,
    k)}."""
    stacked = np.stack([preds[model] for model in choice.models])
    pred = mix(stacked, choice.weights, task, outputs)

    if choice.decode is None:
        return pred, task.answer(pred, outputs)

    return pred, task.apply_decode(pred, choice.decode, outputs)


def mix(pred: np.ndarray, weights: np.ndarray, task, outputs) -> np.ndarray:
    """One prediction (n, k) of m models' (m, n, k); a single model's as it is."""
    return pred[0] if len(pred) == 1 else task.apply_blend(pred, weights, outputs)


@dataclass(frozen=True)
class Recipe:
    """A way to make one prediction of models', before it is fitted."""

    name: str
    models: tuple[str, ...]
    fit_weights: Callable  # of pipeline.blends
    rank: int  # the lower, the simpler


@dataclass(frozen=True)
class Candidate:
    """A recipe fitted, with plain or decoded answers, and what it makes of the training rows, each
    with parameters that were fitted on the other folds."""

    choice: Choice  # its parameters are fitted on all rows
    rank: int
    pred: np.ndarray  # (n, k)
    answer: np.ndarray  # (n, a)

    @property
    def label(self) -> str:
        return self.choice.label


@dataclass(frozen=True)
class Comparison:
    """What is chosen on some rows, beside what has the best score there."""

    chosen: Candidate
    best: Candidate
    higher: dict[str, float]  # every candidate's score; higher is better, whichever way scores go


@dataclass(frozen=True)
class Fitted:
    """What is chosen, and what it makes of the training rows."""

    choice: Choice
    pred: np.ndarray  # (n, k), of each row by what is chosen and fitted on the other folds
    answer: np.ndarray  # (n, a), likewise
    candidates: list[Candidate]
    comparison: Comparison  # on all rows
    chosen_without: dict[int, str]  # {fold: what is chosen on the others}


def recipes(models, final, rows: Labelled) -> list[Recipe]:
    """Every model alone, and blends of the final ones, and of those that final ones read.

    final: the models whose predictions no other reads; a second-level model is less simple than
    what it reads.
    """
    first = [model for model in models if model not in final]
    listed = []
    for model in models:
        rank = 2 if first and model in final else 0
        listed.append(Recipe(model, (model,), blends.mean, rank))

    for group in (final, first):
        if len(group) > 1:
            listed += blends_of(tuple(group), rows)

    return listed


def blends_of(models: tuple[str, ...], rows: Labelled) -> list[Recipe]:
    """The ways to blend some models, the simplest first."""
    names = "+".join(models)
    listed = [
        Recipe(f"mean of {names}", models, blends.mean, 1),
        Recipe(f"score blend of {names}", models, blends.score, 2),
        Recipe(f"likelihood blend of {names}", models, blends.likelihood, 3),
    ]

    if blends.is_by_output(rows.task, rows.outputs):
        recipe = Recipe(f"score blend by output of {names}", models, blends.output_score, 4)
        listed.append(recipe)

    return listed


def cross_fit(recipe: Recipe, preds: dict[str, np.ndarray], rows: Labelled) -> Candidate:
    """A recipe with plain answers, preds {model: (n, k)}."""
    task = rows.task
    outputs = rows.outputs
    stacked = np.stack([preds[model] for model in recipe.models])
    fit_weights = partial(recipe.fit_weights, task=task, outputs=outputs)
    apply_weights = partial(mix, task=task, outputs=outputs)
    pred, weights = cross_fitted(fit_weights, apply_weights, stacked, rows.target, rows.fold)
    answer = task.answer(pred, outputs)

    choice = Choice(recipe.name, recipe.models, weights)
    return Candidate(choice, recipe.rank, pred, answer)


def decoded(plain: Candidate, rows: Labelled) -> Candidate:
    """The same with decoded answers."""
    task = rows.task
    fit_decode = partial(task.fit_decode, outputs=rows.outputs)
    apply_decode = partial(task.apply_decode, outputs=rows.outputs)
    pred = plain.pred
    answer, fitted = cross_fitted(fit_decode, apply_decode, pred, rows.target, rows.fold)

    choice = replace(plain.choice, decode=fitted)
    return Candidate(choice, plain.rank + 1, pred, answer)


def worth_decoding(candidates: list[Candidate], rows: Labelled) -> list[Candidate]:
    """All; of large predictions the best model and the best blend, as each takes a minute."""
    if candidates[0].pred.size <= DECODE_ALL:
        return candidates

    models = [candidate for candidate in candidates if len(candidate.choice.models) == 1]
    mixed = [candidate for candidate in candidates if len(candidate.choice.models) > 1]

    listed = []
    for kind in (models, mixed):
        scores = [blends.signed(rows.score(one.answer, rows.idx), rows.task) for one in kind]
        if kind:
            listed.append(kind[int(np.argmax(scores))])

    return listed


def compare(candidates: list[Candidate], rows: Labelled, idx: np.ndarray) -> Comparison:
    """The choice on the rows idx (m,): the simplest candidate that the best one does not beat by
    MARGIN standard errors, those of their difference over draws of rows (a one-standard-error rule;
    Breiman et al. 1984, 3.4.3). Of equally simple ones the best."""
    higher = {}
    for one in candidates:
        score = rows.score(one.answer, idx)
        higher[one.label] = blends.signed(score, rows.task)

    def simplest_first(candidate: Candidate) -> tuple:
        return candidate.rank, -higher[candidate.label]

    in_order = sorted(candidates, key=simplest_first)
    best = max(in_order, key=lambda one: higher[one.label])
    weights = bootstrap.draw_replicates(rows.group[idx], REPLICATES)
    of_best = rows.replicates(best.answer, idx, weights)
    last_rank = -1

    for one in in_order:
        if one is best:
            break

        if one.rank == last_rank:  # a better one of this rank was not good enough
            continue

        last_rank = one.rank
        lost = higher[best.label] - higher[one.label]
        replicates = rows.replicates(one.answer, idx, weights)
        if lost <= MARGIN * np.nanstd(of_best - replicates):
            return Comparison(one, best, higher)

    return Comparison(best, best, higher)


def fit(preds: dict[str, np.ndarray], final: list[str], rows: Labelled, decode: bool) -> Fitted:
    """What to submit, of models' out-of-fold predictions {model: (n, k)} of training rows.

    decode: whether decoded answers are tried. The answers of a fold are by what is chosen on the
    other folds, so that their score has no share of the luck of the best of many.
    """
    candidates = [cross_fit(recipe, preds, rows) for recipe in recipes(list(preds), final, rows)]
    if decode:
        candidates += [decoded(plain, rows) for plain in worth_decoding(candidates, rows)]

    comparison = compare(candidates, rows, rows.idx)
    pred = comparison.chosen.pred.copy()
    answer = comparison.chosen.answer.copy()

    chosen_without = {}
    for k in np.unique(rows.fold):
        others = rows.idx[rows.fold[rows.idx] != k]
        chosen = compare(candidates, rows, others).chosen if len(others) else comparison.chosen
        in_fold = rows.fold == k
        pred[in_fold] = chosen.pred[in_fold]
        answer[in_fold] = chosen.answer[in_fold]
        chosen_without[int(k)] = chosen.label

    return Fitted(comparison.chosen.choice, pred, answer, candidates, comparison, chosen_without)
