"""Nothing is fitted on rows it is scored on."""

import numpy as np


def cross_fitted(fit, apply, pred: np.ndarray, target: np.ndarray, fold: np.ndarray):
    """apply(rows of each fold, fit(all other folds)); for test rows, fold -1, what was fitted on
    all folds.

    pred (..., n, k), target (n, a), fold (n,). fit(pred, target) → parameters; apply(pred,
    parameters) → (m, ...). Gives the rows' results (n, ...) and the parameters that test rows get.
    """
    final = fit(pred[..., fold >= 0, :], target[fold >= 0])
    out = {
        f: (
            np.flatnonzero(fold == f),
            final
            if f < 0
            else fit(pred[..., (fold >= 0) & (fold != f), :], target[(fold >= 0) & (fold != f)]),
        )
        for f in np.unique(fold)
    }
    parts = [apply(pred[..., rows, :], parameters) for rows, parameters in out.values()]
    result = np.empty((len(fold), *parts[0].shape[1:]), parts[0].dtype)
    for (rows, _), part in zip(out.values(), parts, strict=True):
        result[rows] = part
    return result, final
