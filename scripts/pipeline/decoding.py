"""Merged predictions → answers, decoded where that gains on rows that it was not fitted on."""

from functools import partial
from pathlib import Path

import numpy as np

from common.files import load_npz
from common.rows import Rows
from pipeline.crossfit import cross_fitted


def decode(rows: Rows, pred: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """(answers (n, a), what the decoding of test rows was fitted to) of predictions (n, K).

    A training row's answer is decoded as the other folds' labels say. Where decoding does not make
    the out-of-fold score better: (the plain answers, None).
    """
    task = rows.task
    outputs = rows.outputs
    plain = task.answer(pred, outputs)
    fit = partial(task.fit_decode, outputs=outputs)
    apply = partial(task.apply_decode, outputs=outputs)
    decoded, fitted = cross_fitted(fit, apply, pred, rows.target, rows.fold)

    train = rows.fold >= 0
    target = rows.target[train]
    before = task.score(plain[train], target, outputs)
    after = task.score(decoded[train], target, outputs)

    gain = after - before if task.MODE == "max" else before - after
    if gain > 0:
        return decoded, fitted

    return plain, None


def kept_answers(file: Path, rows: Rows, version: str) -> np.ndarray | None:
    """Answers (n, a) as 09 left them in answers.npz; None where they are not those of these rows
    and of this version of merged.npz."""
    if not file.exists():
        return None

    arrays = load_npz(file)
    has_version = str(arrays["of"]) == version
    has_rows = np.array_equal(arrays["id"], rows.id)
    if has_version and has_rows:
        return arrays["answer"]

    return None
