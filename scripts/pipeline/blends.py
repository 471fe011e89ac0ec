"""Weights with which several models' predictions become one.

    in:  probabilities (m, n, k) of m models, and the labels of the n rows
    out: weights (m, w), e.g. net .7, knn .3; w = 1, or one column per output where a task blends
         output by output

mean          every model as much as any other: nothing is fitted
likelihood    the task's own fit_blend: the labels are likeliest
score         the competition's score is best, the same weights for every output
output_score  the same, output by output, starting from `score`
"""

import numpy as np

STEPS = 10  # models added one by one: weights are tenths
MAX_ROWS = 10_000  # enough labelled rows for a handful of weights


def mean(pred: np.ndarray, target: np.ndarray, task, outputs) -> np.ndarray:
    """Equal weights (m, w)."""
    m = len(pred)
    return np.full((m, n_columns(task, outputs)), 1 / m)


def likelihood(pred: np.ndarray, target: np.ndarray, task, outputs) -> np.ndarray:
    """The task's own weights (m, w)."""
    return task.fit_blend(pred, target, outputs=outputs)


def score(pred: np.ndarray, target: np.ndarray, task, outputs) -> np.ndarray:
    """Weights (m, w), the same in every column, by greedy selection with replacement (Caruana et
    al. 2004): the model that helps the score most is added once more, until none helps."""
    pred, target = sample(pred, target)
    counts = greedy_counts(pred, target, task, outputs)
    weights = counts / counts.sum()
    return np.repeat(weights[:, None], n_columns(task, outputs), axis=1)


def output_score(pred: np.ndarray, target: np.ndarray, task, outputs) -> np.ndarray:
    """Weights (m, a): `score`'s, worth STEPS models, and up to as many more that each output adds
    for its own score. So an output moves half of the way at most, and an output of few rows, which
    is told apart from the others by chance alone, no further than that."""
    pred, target = sample(pred, target)
    counts = greedy_counts(pred, target, task, outputs)
    shared = STEPS * counts / counts.sum()
    counts = np.repeat(shared[:, None], len(outputs), axis=1)  # (m, a)
    best = output_scores(pred, counts, target, task, outputs)

    for _ in range(STEPS):
        trials = []
        for i in range(len(pred)):
            more = counts.copy()
            more[i] += 1
            trials.append(output_scores(pred, more, target, task, outputs))

        added = np.argmax(trials, axis=0)  # the model that each output would add
        value = np.max(trials, axis=0)

        helps = np.flatnonzero(value > best)
        if not len(helps):
            break

        counts[added[helps], helps] += 1
        best[helps] = value[helps]

    return counts / counts.sum(axis=0)


def is_by_output(task, outputs) -> bool:
    """Whether the task's weights are output by output."""
    return len(task.sizes(outputs)) == len(outputs) > 1


def n_columns(task, outputs) -> int:
    """Columns w of a task's weights: an output each where predictions have columns of each, else
    one."""
    return len(task.sizes(outputs))


def sample(pred: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Predictions (m, n, k) and targets (n, a) of at most MAX_ROWS rows, drawn at random."""
    n = len(target)
    if n <= MAX_ROWS:
        return pred, target

    idx = np.random.default_rng(0).choice(n, MAX_ROWS, replace=False)
    return pred[:, idx], target[idx]


def greedy_counts(pred: np.ndarray, target: np.ndarray, task, outputs) -> np.ndarray:
    """How often each model (m,) is taken, at most STEPS in all."""
    m = len(pred)
    counts = np.zeros(m)
    best = -np.inf

    for _ in range(STEPS):
        trials = []
        for i in range(m):
            more = counts.copy()
            more[i] += 1
            trials.append(total_score(pred, more, target, task, outputs))

        added = int(np.argmax(trials))
        if not trials[added] > best:
            break

        counts[added] += 1
        best = trials[added]

    return counts if counts.any() else np.ones(m)


def total_score(pred: np.ndarray, counts: np.ndarray, target, task, outputs) -> float:
    """The score of a blend with weights counts (m,), higher is better; -inf where it is none."""
    weights = np.repeat(counts[:, None], n_columns(task, outputs), axis=1) / counts.sum()
    blend = task.apply_blend(pred, weights, outputs)
    value = task.score(task.answer(blend, outputs), target, outputs)
    return signed(value, task)


def output_scores(pred: np.ndarray, counts: np.ndarray, target, task, outputs) -> np.ndarray:
    """The score of each output (a,) of a blend with weights counts (m, a), higher is better."""
    blend = task.apply_blend(pred, counts / counts.sum(axis=0), outputs)
    table = task.table(task.answer(blend, outputs), target, outputs)
    values = [signed(line[task.SCORE], task) for line in table.values()]
    return np.array(values)


def signed(value: float, task) -> float:
    """A score so that higher is better, whichever way the task's goes; -inf for nan."""
    if np.isnan(value):
        return -np.inf

    return value if task.MODE == "max" else -value
