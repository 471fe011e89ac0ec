"""What training and predicting ask of a model: its network, how rows become the network's inputs,
its loss.

A model's subclass of Learner says these things and nothing about training: networks.training trains
every network. No file of models/ imports torch at its top, so this one does not either.
"""

import numpy as np

from common.log import progress
from common.processes import is_first
from networks.batches import cut, epoch_batches
from networks.compile import LAYERS, WhenToCompile, compile_layers
from networks.device import autocast, precision
from networks.distributed import all_gather_rows, shard
from networks.memory import batches_that_fit
from networks.objectives import objective_of


class Learner:
    """A network on its device, and what it is trained and asked with.

    net: the torch module, whose state dict is what a member saves; settings: how it is trained, a
    networks.settings.Training; rows: all rows (common.rows); run: the config's section; train_idx:
    row numbers (m,) that it is trained on, None where it only predicts.

    A subclass defines `read`. The loss, and what the outputs mean, are networks.objectives' for the
    rows' task; a subclass may have an objective of its own.
    """

    predict_batch = 64  # rows per forward pass of predict
    MIXED_PRECISION = True  # run.amp applies; False = always fp32
    STEP_OFFSET = 0.5  # a step's lr is the schedule's at its middle: neither end of it is at 0
    SCORED_BEFORE = False  # the network as it is before training counts as epoch 0
    ONE_SHAPE = False  # its inputs are always of the same shape, so that they can be compiled for
    COMPILES_PREDICTIONS = False  # run.compile applies to `predict`
    # the data are row numbers, and all that `inputs` looks up by them is on the GPU
    on_device = False

    def __init__(self, net, settings, rows, run, device, train_idx: np.ndarray | None = None):
        self.net, self.settings = net, settings
        self.rows, self.run, self.device = rows, run, device
        self.objective = objective_of(rows, settings, device, train_idx)
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
        output = forward(*self.inputs(data, part))
        idx = shard(batch)[part]
        return self.objective.loss(output, idx, batch)

    def predict(self, net, idx: np.ndarray) -> np.ndarray:
        """Predictions (m, K) of `net`, which is this learner's or an average of it, for row numbers
        idx (m,)."""
        import torch

        net.eval()
        dtype = precision(self.run, self.device) if self.MIXED_PRECISION else None
        steps = len(cut(idx, self.predict_batch))
        when = WhenToCompile(self.run, self.device, steps, LAYERS, self.COMPILES_PREDICTIONS)

        def answers(done: int, size: int):
            groups = cut(idx[done:], size)
            for data in self.read(groups):
                if self.COMPILES_PREDICTIONS and when.now():
                    compile_layers(net)

                yield self.answer(net, data)

        pred = [np.zeros((0, self.objective.columns), np.float32)]
        batches = batches_that_fit(answers, 0, self.predict_batch)

        with torch.inference_mode(), autocast(self.device, dtype):
            for answer in progress(batches, "rows", steps):
                pred.append(answer.cpu().numpy())

        return np.concatenate(pred)

    def answer(self, net, data):
        """The predictions (b, K) float32 of a group's data."""
        output = net(*self.inputs(data, slice(None)))
        return self.objective.answer(output)

    def evaluate(self, net, val_idx: np.ndarray) -> float | list[float] | None:
        """The score of `net` on the validation rows val_idx (m,); None where there are none. Every
        process of torchrun predicts its share."""
        if not len(val_idx):
            return None

        pred = all_gather_rows(self.predict(net, shard(val_idx)))
        return self.rows.score(pred, val_idx)

    def is_better(self, score: float, other: float) -> bool:
        """Whether a score is better than another one; nan never is."""
        return score > other if self.mode == "max" else score < other

    def keep_best(self, state, net, score) -> None:
        """Keep the weights of `net` in a networks.checkpoint.TrainingState where its score is the
        best so far, or where no score can say."""
        best = state.best_score
        if score is not None and best is not None and not self.is_better(score, best):
            return

        state.best_score = score
        state.best_epoch = state.epoch
        state.best = copy_state(net) if is_first() else {}

    def shown(self, score) -> float | str | None:
        """A score as the log shows it."""
        return score


def decay_groups(module, lr: float, weight_decay: float) -> list[dict]:
    """AdamW groups of a module's trained parameters at `lr`; no decay on biases and norms."""
    from timm.optim import param_groups_weight_decay

    groups = param_groups_weight_decay(module, weight_decay)
    return [group | {"lr": lr} for group in groups if group["params"]]


def copy_state(net) -> dict:
    """A copy of the state dict, on the CPU."""
    return {key: value.detach().cpu().clone() for key, value in net.state_dict().items()}
