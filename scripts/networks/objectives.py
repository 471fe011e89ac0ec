"""What a network's outputs mean for the kind of question that a task asks: their loss, and the
predictions that they are.

classes: logits (b, 5), of attributes of 3 and of 2 classes → probabilities (b, 5)
number:  outputs (b, 1) → log1p of the number (b, 1)
"""

import numpy as np

from common.questions import CLASSES, NUMBER

MIN_PRIOR = 1e-6  # of a class


class Objective:
    """The loss of a network's outputs (b, K), the predictions (b, K) that they are, and where their
    biases start.

    rows: common.rows.Rows; settings: the network's, of which the loss reads networks.settings;
    train_idx: row numbers (m,) that the network is trained on; None: there is no loss.
    """

    def __init__(self, rows, settings, device, train_idx: np.ndarray | None = None):
        import torch

        self.sizes = rows.sizes  # columns of each output
        self.columns = sum(rows.sizes)
        self.settings = settings
        self.device = device

        # (n, a), -1 where not labelled
        self.target = torch.as_tensor(rows.target)

        self.baseline = None  # (K,) class frequencies or the median of the rows train_idx
        if train_idx is not None:
            self.baseline = rows.task.baseline(rows.target[train_idx], rows.outputs)

    def output_loss(self, a: int, output, target):
        """The loss of output a, e.g. an attribute, summed over rows: output (b, columns of a),
        target (b,)."""
        raise NotImplementedError

    def loss(self, output, idx: np.ndarray, batch: np.ndarray):
        """The loss of the outputs (b, K) of the rows idx (b,), as their share of the loss of the
        whole batch of row numbers: the shares of all its rows add up to it.

        It is the mean over labelled rows of each output, e.g. an attribute, then the mean over
        outputs. 0, with a gradient of 0, where nothing is labelled.
        """
        counts = (self.target[batch] >= 0).sum(0)
        target = self.target[idx].to(self.device)
        columns = output.split(self.sizes, 1)

        losses = []
        for a, count in enumerate(counts.tolist()):
            if count:
                loss = self.output_loss(a, columns[a], target[:, a])
                losses.append(loss / count)

        if not losses:
            return output.sum() * 0

        return sum(losses) / len(losses)

    def answer(self, output):
        """The predictions (b, K) float32 that the outputs (b, K) are."""
        raise NotImplementedError

    def start(self, head) -> None:
        """Set the bias of a network's last nn.Linear so that an untrained network answers the
        baseline: hundreds of steps fewer."""
        raise NotImplementedError


class Classes(Objective):
    """One of several classes for each of several attributes: cross-entropy of the labelled cells,
    softmax attribute by attribute.

    With settings.class_weight a class weighs its frequency^-class_weight.
    """

    def __init__(self, rows, settings, device, train_idx: np.ndarray | None = None):
        import torch

        super().__init__(rows, settings, device, train_idx)

        if train_idx is None:
            return

        prior = torch.as_tensor(self.baseline, dtype=torch.float32)
        self.prior = prior.clamp(min=MIN_PRIOR)  # (K,)
        self.weight = torch.ones_like(self.prior)

        if settings.class_weight:
            per_attribute = self.prior.split(self.sizes)
            weights = [class_weights(p, settings.class_weight) for p in per_attribute]
            self.weight = torch.cat(weights)

        self.weight = self.weight.to(device)

    def output_loss(self, a, output, target):
        from torch.nn.functional import cross_entropy

        start = sum(self.sizes[:a])
        stop = start + self.sizes[a]
        weight = self.weight[start:stop]
        return cross_entropy(output.float(), target, weight, ignore_index=-1, reduction="sum")

    def answer(self, output):
        import torch

        columns = output.split(self.sizes, 1)
        return torch.cat([logits.float().softmax(1) for logits in columns], 1)

    def start(self, head):
        import torch

        frequency = self.prior.to(self.device) * self.weight

        with torch.no_grad():
            head.bias.copy_(frequency.clamp(min=MIN_PRIOR).log())


class Number(Objective):
    """One number a row: the output is log1p of it. A row that is trained on has its number."""

    def __init__(self, rows, settings, device, train_idx: np.ndarray | None = None):
        super().__init__(rows, settings, device, train_idx)
        self.target = self.target.float()

    def output_loss(self, a, output, target):
        return self.error(output[:, 0].float(), target)

    def error(self, output, target):
        """The loss of outputs (b,) and targets (b,), summed over rows: SmoothL1 of
        settings.beta."""
        from torch.nn.functional import smooth_l1_loss

        return smooth_l1_loss(output, target, beta=self.settings.beta, reduction="sum")

    def answer(self, output):
        return output.float()

    def start(self, head):
        from torch import nn

        nn.init.constant_(head.bias, float(self.baseline[0]))


def objective_of(rows, settings, device, train_idx: np.ndarray | None = None) -> Classes | Number:
    """The objective of a network for the rows' task.

    train_idx: row numbers (m,) that class weights and biases come from; None: nothing is trained.
    """
    asks = rows.task.ASKS
    if asks == CLASSES:
        return Classes(rows, settings, device, train_idx)

    assert asks == NUMBER, asks
    return Number(rows, settings, device, train_idx)


def class_weights(prior, exponent: float):
    """Weights (classes,) = frequency^-exponent of one attribute, scaled so that the mean weight of
    a training row is 1; 0 for a class without rows."""
    has_rows = (prior > MIN_PRIOR).float()
    mean = (has_rows * prior.pow(1 - exponent)).sum()
    return has_rows * prior.pow(-exponent) / mean
