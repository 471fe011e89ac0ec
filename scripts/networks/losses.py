"""Losses that are no objective of their own: SMAPE, and the discrepancy of two samples."""

import torch

BANDWIDTHS = (0.125, 0.25, 0.5, 1, 2, 4)  # of mmd's kernels, times the median distance


def mmd(x, y):
    """Squared maximum mean discrepancy of two samples x (n, d) and y (m, d): 0 for equal samples.

    MMD² = mean k(x,x) + mean k(y,y) − 2 mean k(x,y), biased (Gretton et al. 2012), with the mean of
    Gaussian kernels at 6 bandwidths around the median distance of the pooled sample. The bandwidths
    have no gradient.
    """
    # not in half precision: |x|² + |y|² - 2xy would cancel
    with torch.autocast(x.device.type, enabled=False):
        both = torch.cat([x, y]).float()
        kernel = mean_kernel(squared_distances(both))

    n = len(x)
    within_x = kernel[:n, :n].mean()
    within_y = kernel[n:, n:].mean()
    between = kernel[:n, n:].mean()
    return within_x + within_y - 2 * between


def squared_distances(x):
    """Squared Euclidean distance (n, n) of each row of x (n, d) to each."""
    norm = x.square().sum(1)
    distance = norm[:, None] + norm[None] - 2 * x @ x.T
    return distance.clamp(min=0)


def mean_kernel(distance):
    """Mean (n, n) of Gaussian kernels of squared distances, around their median."""
    median = distance.detach().flatten().median().clamp(min=1e-12)
    kernels = [torch.exp(-distance / (median * scale)) for scale in BANDWIDTHS]
    return sum(kernels) / len(kernels)


def smape_loss(price, truth):
    """Sum over rows of |p - a| / (|a| + |p|), of prices (b,): SMAPE / 200.

    For p > 0 a row's share is tanh(|log p - log a| / 2): bounded and symmetric in log space, so a
    row that is far off pulls no more than one that is near.
    """
    difference = (price - truth).abs()
    size = (price.abs() + truth.abs()).clamp(min=1e-6)
    return (difference / size).sum()
