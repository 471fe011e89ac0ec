"""What training and predicting ask of a model: its network, how rows become the network's inputs,
its loss.

A model's subclass of Learner says these things and nothing about training: networks.training trains
every network. No file of models/ imports torch at its top, so this one does not either.
"""

import numpy as np

from common.log import progress
from common.processes import is_first
from networks.batches import cut, epoch_batches
from networks.device import autocast, precision
from networks.distributed import all_gather_rows, shard


class Learner:
    """A network on its device, and what it is trained and asked with.

    net: the torch module, whose state dict is what a member saves; settings: how it is trained, a
    networks.settings.Training; rows: all rows (common.rows); run: the config's section.

    A subclass defines `read` and `loss`; NumberLearner has the loss of one number a row.
    """

    predict_batch = 64  # rows per forward pass of predict
    MIXED_PRECISION = True  # run.amp applies; False = always fp32
    STEP_OFFSET = 0.5  # a step's lr is the schedule's at its middle: neither end of it is at 0
    SCORED_BEFORE = False  # the network as it is before training counts as epoch 0

    def __init__(self, net, settings, rows, run, device):
        self.net, self.settings = net, settings
        self.rows, self.run, self.device = rows, run, device
        self.facts = {}  # what the log says of the member beside the numbers of its rows
        self.record = {}  # what the member's record has beside the history

    @property
    def mode(self) -> str:
        """Whether the best score is the "max" or the "min"."""
        return self.rows.task.MODE

    def parameters(self) -> list[dict]:
        """AdamW groups with their peak lr and weight decay."""
        return decay_groups(self.net, self.settings.lr, self.settings.weight_decay)

    def batches(self, idx: np.ndarray, seed: int, epoch: int) -> list[np.ndarray]:
        """The batches of an epoch, of the row numbers idx (n,)."""
        return epoch_batches(idx, self.settings.batch, seed, epoch)

    def load(self, batches: list[np.ndarray], epoch: int, first: int):
        """Yield the data of each batch in batches[first:], of this process's share of its rows."""
        return self.read([shard(batch) for batch in batches[first:]])

    def read(self, groups: list[np.ndarray]):
        """Yield the data of each group of row numbers (b,): what `inputs` takes a part of."""
        raise NotImplementedError

    def inputs(self, data, part: slice):
        """The network's inputs, on the device, of the rows `part` of a group's data."""
        return tuple(array[part] for array in data)

    def loss(self, forward, data, part: slice, batch: np.ndarray, step: int):
        """The loss of the rows `part` of this process's share of a batch of row numbers, as its
        share of the whole batch's loss.

        A tensor (), or (heads,) where heads share no weights: their gradients are added, their mean
        is shown. forward: the network, perhaps compiled; step: counted over all epochs.
        """
        raise NotImplementedError

    def predict(self, net, idx: np.ndarray) -> np.ndarray:
        """Predictions (m, K) of `net`, which is this learner's or an average of it, for row numbers
        idx (m,)."""
        import torch

        net.eval()
        dtype = precision(self.run, self.device) if self.MIXED_PRECISION else None
        groups = cut(idx, self.predict_batch)
        columns = sum(self.rows.sizes)
        pred = [np.zeros((0, columns), np.float32)]

        with torch.inference_mode(), autocast(self.device, dtype):
            for data in progress(self.read(groups), "rows", len(groups)):
                answer = self.answer(net, data)
                pred.append(answer.cpu().numpy())

        return np.concatenate(pred)

    def answer(self, net, data):
        """The predictions (b, K) float32 of a group's data."""
        return net(*self.inputs(data, slice(None))).float()

    def evaluate(self, net, val_idx: np.ndarray) -> float | list[float] | None:
        """The score of `net` on the validation rows val_idx (m,); None where there are none. Every
        process of torchrun predicts its share."""
        if not len(val_idx):
            return None

        pred = all_gather_rows(self.predict(net, shard(val_idx)))
        return self.rows.score(pred, val_idx)

    def keep_best(self, state, net, score) -> None:
        """Keep the weights of `net` in a networks.checkpoint.TrainingState where its score is the
        best so far, or where no score can say."""
        best = state.best_score
        if score is not None and best is not None:
            is_better = score > best if self.mode == "max" else score < best
            if not is_better:
                return

        state.best_score = score
        state.best_epoch = state.epoch
        state.best = copy_state(net) if is_first() else {}

    def shown(self, score) -> float | str | None:
        """A score as the log shows it."""
        return score


class NumberLearner(Learner):
    """A network that gives one number a row: log1p of it, by SmoothL1 of `settings.beta` unless a
    subclass has another `error`."""

    def __init__(self, net, settings, rows, run, device):
        import torch

        super().__init__(net, settings, rows, run, device)
        # (n,) log1p of the number; -1 where not labelled
        self.target = torch.as_tensor(rows.target[:, 0], dtype=torch.float32)

    def start_at_median(self, train_idx: np.ndarray) -> None:
        """Let the bias of the network's head be the median of the training rows: hundreds of steps
        fewer."""
        from torch import nn

        median = float(np.median(self.rows.target[train_idx]))
        nn.init.constant_(self.net.head.bias, median)

    def error(self, output, target):
        """The loss summed over rows: of the network's outputs (b,) and the rows' targets (b,)."""
        from torch.nn.functional import smooth_l1_loss

        return smooth_l1_loss(output, target, beta=self.settings.beta, reduction="sum")

    def loss(self, forward, data, part, batch, step):
        output = forward(*self.inputs(data, part))[:, 0].float()
        idx = shard(batch)[part]
        target = self.target[idx].to(self.device)
        return self.error(output, target) / len(batch)


def decay_groups(module, lr: float, weight_decay: float) -> list[dict]:
    """AdamW groups of a module's trained parameters at `lr`; no decay on biases and norms."""
    from timm.optim import param_groups_weight_decay

    groups = param_groups_weight_decay(module, weight_decay)
    return [group | {"lr": lr} for group in groups if group["params"]]


def copy_state(net) -> dict:
    """A copy of the state dict, on the CPU."""
    return {key: value.detach().cpu().clone() for key, value in net.state_dict().items()}
