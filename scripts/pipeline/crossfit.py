"""Cross-fitting: each fold gets parameters that were fitted on the other folds alone."""

import numpy as np


def cross_fitted(fit, apply, pred: np.ndarray, target: np.ndarray, fold: np.ndarray):
    """Results (n, ...) of every row, and the parameters that the test rows get.

    A training row's result is apply(its predictions, parameters fitted on the other folds); a test
    row's, fold -1, comes from parameters fitted on all folds.
    pred (n, K), or (models, n, K) where several are blended; target (n, outputs); fold (n,), -1 for
    test rows. fit(pred, target) gives parameters, apply(pred, parameters) results (rows, ...).
    """
    is_train = fold >= 0
    for_test = fit(pred[..., is_train, :], target[is_train])

    results = {}
    for k in np.unique(fold):
        parameters = for_test
        if k >= 0:
            others = is_train & (fold != k)
            parameters = fit(pred[..., others, :], target[others])

        results[k] = apply(pred[..., fold == k, :], parameters)

    first = next(iter(results.values()))
    joined = np.empty((len(fold), *first.shape[1:]), first.dtype)

    for k, result in results.items():
        joined[fold == k] = result

    return joined, for_test
