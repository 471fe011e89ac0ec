"""Merged predictions → answers, decoded where that gains on rows that it was not fitted on."""

from functools import partial

import numpy as np

from common.files import load_npz
from common.rows import Rows
from pipeline.crossfit import cross_fitted


def decode(rows: Rows, pred: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Answers (n, a) of predictions (n, k), each row's decoded as the other folds' labels say, and
    what is fitted for test rows; the plain answers and None where the decoding does not make the
    out-of-fold score better."""
    task, outputs, own = rows.task, rows.outputs, rows.fold >= 0
    plain = task.answer(pred, outputs)
    decoded, fitted = cross_fitted(
        partial(task.fit_decode, outputs=outputs),
        partial(task.apply_decode, outputs=outputs),
        pred,
        rows.target,
        rows.fold,
    )
    before, after = (
        task.score(answer[own], rows.target[own], outputs) for answer in (plain, decoded)
    )
    better = after > before if task.MODE == "max" else after < before
    return (decoded, fitted) if better else (plain, None)


def kept_answers(file, rows: Rows, made: str) -> np.ndarray | None:
    """Answers (n, a) as 09 left them in answers.npz; None where they are not of the merged
    predictions that were `made` then."""
    kept = load_npz(file) if file.exists() else {}
    return (
        kept["answer"]
        if kept and str(kept["of"]) == made and np.array_equal(kept["id"], rows.id)
        else None
    )
