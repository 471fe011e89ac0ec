"""Cross-fitting: each fold gets parameters that were fitted on the other folds alone."""

import numpy as np


def cross_fitted(fit, apply, pred: np.ndarray, target: np.ndarray, fold: np.ndarray):
    """Results (n, ...) of every training row, each by parameters fitted on the other folds, and the
    parameters fitted on all folds, for rows to answer.

    pred (n, K), or (models, n, K) where several are blended; target (n, outputs); fold (n,).
    fit(pred, target) gives parameters, apply(pred, parameters) results (rows, ...).
    """
    results = {}
    for k in np.unique(fold):
        others = fold != k
        parameters = fit(pred[..., others, :], target[others])
        results[k] = apply(pred[..., fold == k, :], parameters)

    first = next(iter(results.values()))
    joined = np.empty((len(fold), *first.shape[1:]), first.dtype)

    for k, result in results.items():
        joined[fold == k] = result

    return joined, fit(pred, target)
