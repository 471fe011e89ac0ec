"""Losses: masked cross-entropy of many attributes, SMAPE, and the discrepancy of two samples."""

import torch
import torch.nn.functional as F
from torch import nn

MIN_PRIOR = 1e-6
BANDWIDTHS = (0.125, 0.25, 0.5, 1, 2, 4)  # of mmd's kernels, times the median distance


class MaskedLoss(nn.Module):
    """Cross-entropy of the labelled cells: the mean over rows of each attribute, then the mean over
    attributes.

    sizes: classes of each attribute; prior (k,): class frequencies of the training rows, all
    attributes side by side; settings: networks.settings.Loss.
    """

    def __init__(self, sizes: list[int], prior, settings):
        super().__init__()
        self.sizes = sizes
        prior = torch.as_tensor(prior, dtype=torch.float32)
        prior = prior.clamp(min=MIN_PRIOR)

        weight = torch.ones_like(prior)

        if settings.class_weight:
            per_attribute = prior.split(sizes)
            weights = [class_weights(p, settings.class_weight) for p in per_attribute]
            weight = torch.cat(weights)

        self.register_buffer("weight", weight)

    def attribute_loss(self, a: int, logits, target):
        """The loss of attribute a, summed over rows: logits (b, classes), target (b,), -1 where not
        labelled."""
        start = sum(self.sizes[:a])
        stop = start + self.sizes[a]
        weight = self.weight[start:stop]
        return F.cross_entropy(logits.float(), target, weight, ignore_index=-1, reduction="sum")

    def forward(self, logits, target, counts):
        """The loss of a micro-batch: logits (b, k), target (b, a), -1 where not labelled.

        counts (a,): labelled rows of the whole batch, so that the losses of its micro-batches add
        up to the batch's. 0, with a gradient of 0, where nothing is labelled.
        """
        losses = []
        per_attribute = logits.split(self.sizes, 1)

        for a, count in enumerate(counts.tolist()):
            if count:
                loss = self.attribute_loss(a, per_attribute[a], target[:, a])
                losses.append(loss / count)

        if not losses:
            return logits.sum() * 0

        return sum(losses) / len(losses)


def class_weights(prior, exponent: float):
    """Weights (classes,) = frequency^-exponent of one attribute, scaled so that the mean weight of
    a training row is 1; 0 for a class without rows."""
    has_rows = (prior > MIN_PRIOR).float()
    mean = (has_rows * prior.pow(1 - exponent)).sum()
    return has_rows * prior.pow(-exponent) / mean


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


def probabilities(logits, sizes: list[int]):
    """Softmax (b, k) of logits (b, k), attribute by attribute."""
    per_attribute = logits.split(sizes, 1)
    return torch.cat([z.float().softmax(1) for z in per_attribute], 1)


def smape_loss(price, truth):
    """Sum over rows of |p - a| / (|a| + |p|), of prices (b,): SMAPE / 200.

    For p > 0 a row's share is tanh(|log p - log a| / 2): bounded and symmetric in log space, so a
    row that is far off pulls no more than one that is near.
    """
    difference = (price - truth).abs()
    size = (price.abs() + truth.abs()).clamp(min=1e-6)
    return (difference / size).sum()
