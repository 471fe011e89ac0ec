"""Losses: masked cross-entropy of many attributes, SMAPE, and the discrepancy of two samples."""

import torch
import torch.nn.functional as F
from torch import nn


class MaskedLoss(nn.Module):
    """Cross-entropy of the labelled cells: per attribute its mean, then the mean over attributes.

    prior (k,): class frequencies of the training rows, for class weights and logit adjustment.
    """

    def __init__(self, sizes: list[int], prior, settings):
        super().__init__()
        self.sizes, self.smoothing = sizes, settings.label_smoothing
        prior = torch.as_tensor(prior, dtype=torch.float32).clamp(min=1e-6)
        self.register_buffer("adjust", settings.logit_adjustment * prior.log())
        there = (
            prior > 1e-6
        ).float()  # a class that no training row has gets no weight: smoothing would multiply it
        weights = (
            [
                t * p.pow(-settings.class_weight) / (t * p.pow(1 - settings.class_weight)).sum()
                for p, t in zip(prior.split(sizes), there.split(sizes), strict=True)
            ]
            if settings.class_weight
            else [torch.ones_like(prior)]
        )
        self.register_buffer("weight", torch.cat(weights))  # so that the mean weight of a row is 1

    def of(self, a: int, logits, target):
        """Sum over rows of attribute a's loss: logits (b, classes), target (b,), -1 where not
        labelled."""
        start = sum(self.sizes[:a])
        own = slice(start, start + self.sizes[a])
        return F.cross_entropy(
            logits.float() + self.adjust[own],
            target,
            self.weight[own],
            ignore_index=-1,
            reduction="sum",
            label_smoothing=self.smoothing,
        )

    def forward(self, logits, target, counts):
        """logits (b, k), target (b, a) of a micro-batch. counts (a,): labelled rows of the whole
        batch, so that the losses of its micro-batches add up to the batch's."""
        losses = [
            self.of(a, z, target[:, a]) / n
            for a, (z, n) in enumerate(
                zip(logits.split(self.sizes, 1), counts.tolist(), strict=True)
            )
            if n
        ]
        return sum(losses) / len(losses) if losses else logits.sum() * 0


def mmd(x, y):
    """Biased squared maximum mean discrepancy of x (n, d) and y (m, d), Gaussian kernels at 6
    bandwidths around the median.

    MMD² = mean k(x,x) + mean k(y,y) − 2 mean k(x,y) (Gretton et al. 2012); 0 for equal samples. The
    bandwidth follows the median distance of the pooled sample, without a gradient of its own.
    """
    with torch.autocast(
        x.device.type, enabled=False
    ):  # half precision would cancel in |x|² + |y|² - 2xy
        both = torch.cat([x, y]).float()
        norm = both.square().sum(1)
        distance = (norm[:, None] + norm[None] - 2 * both @ both.T).clamp(min=0)
        median = distance.detach().flatten().median().clamp(min=1e-12)
        kernel = (
            sum(torch.exp(-distance / (median * scale)) for scale in (0.125, 0.25, 0.5, 1, 2, 4))
            / 6
        )
    n = len(x)
    return kernel[:n, :n].mean() + kernel[n:, n:].mean() - 2 * kernel[:n, n:].mean()


def probabilities(logits, sizes: list[int]):
    """Softmax attribute by attribute (b, k)."""
    return torch.cat([z.float().softmax(1) for z in logits.split(sizes, 1)], 1)


def smape_loss(price, truth):
    """Sum over rows of |p - a| / (|a| + |p|), SMAPE / 200, of torch tensors (b,) of prices; 200
    tanh(|log p - log a| / 2) for p > 0.

    Bounded and symmetric in log space: a row that is far off pulls no more than one that is near.
    """
    return ((price - truth).abs() / (price.abs() + truth.abs()).clamp(min=1e-6)).sum()
