"""mlp: small networks on the words of a text, after the winners of Mercari's price challenge;
several seeds side by side, one such set a fold.

number    in: "Basmati rice 5 kg" as n-grams and binned quantities → out: log1p price 3.1
classes   in: "Nike Men Blue Shirt", likewise
          out: probabilities of its classes, e.g. gender: men .9, women .1; colour: ...
"""

import numpy as np

from common.questions import CLASSES, NUMBER
from common.sections import Count, NonNegative, Positive
from features.ngrams import load_ngrams, ngrams_file
from networks.device import autocast
from networks.distributed import shard
from networks.learner import Learner
from networks.objectives import Number
from networks.settings import Loss, Training

ANSWERS = (CLASSES, NUMBER)
EVIDENCE = ("text",)
NEEDS_TEXT = True
NETWORK = True
NUMBERS = 0.3  # weight of binned quantities beside n-grams
# of whether a name has an n-gram, beside how telling it is: .3 SMAPE better with it
PRESENCE = 0.15


class Settings(Loss, Training):
    """A small network on n-grams and binned quantities."""

    width: Count = 128  # of the words' embeddings
    hidden: Count = 64
    seeds: Count = 2  # networks per fold, averaged
    epochs: Count = 4
    batch: Count = 128
    lr: Positive = 1e-2
    weight_decay: NonNegative = 0.0


def inputs(config, paths, k):
    return [ngrams_file(paths)]


def columns(job, rows):
    """The sparse columns (n, v) of all rows: n-grams of name and text, whether a name has an n-gram
    at all, binned quantities."""
    from scipy import sparse

    ngrams = load_ngrams(job, rows)
    blocks = [
        ngrams["name"],
        ngrams["text"],
        ngrams["name"].sign() * PRESENCE,
        ngrams["binned"] * NUMBERS,
    ]
    return sparse.hstack(blocks).tocsr()


def build(v: int, k: int, settings):
    """`seeds` networks side by side: bags of v columns → hidden layers → (b, seeds, k)."""
    import torch

    class WordNets(torch.nn.Module):
        def __init__(self):
            super().__init__()
            nets = [word_net(v, k, settings) for _ in range(settings.seeds)]
            self.nets = torch.nn.ModuleList(nets)

        def forward(self, column, offset, weight):
            outputs = []
            for words, tail in self.nets:
                embedding = words(column, offset, per_sample_weights=weight)
                outputs.append(tail(embedding + tail.bias))

            return torch.stack(outputs, 1)

    return WordNets()


def word_net(v: int, k: int, settings):
    """One network's embedding of the columns, and the layers after it."""
    from torch import nn, zeros

    width = settings.width
    words = nn.EmbeddingBag(v, width, mode="sum")
    nn.init.normal_(words.weight, std=0.05)

    tail = nn.Sequential(
        nn.ReLU(),
        nn.Linear(width, settings.hidden),
        nn.ReLU(),
        nn.Linear(settings.hidden, k),
    )
    bias = nn.Parameter(zeros(width))  # of the embedding, before the first ReLU
    tail.register_parameter("bias", bias)

    return nn.ModuleList([words, tail])


class ScaledNumber(Number):
    """log1p prices, which the networks give in standard deviations from the median of the training
    rows'; the loss is the absolute error. This scale is saved with the weights, as the buffer
    `scale`."""

    def __init__(self, net, rows, settings, device, train_idx: np.ndarray | None):
        import torch

        super().__init__(rows, settings, device, train_idx)
        scale = torch.tensor([0.0, 1.0], device=device)
        net.register_buffer("scale", scale)
        self.net = net

        self.log1p_price = rows.target[:, 0]
        self.train_idx = train_idx

    def start(self, head):
        """Set the scale, and what the networks should give for every row."""
        import torch

        train_price = self.log1p_price[self.train_idx]
        median = float(np.median(train_price))
        std = float(train_price.std()) or 1.0
        self.net.scale.copy_(torch.tensor([median, std]))

        scaled = (self.log1p_price - median) / std
        self.scaled = torch.as_tensor(scaled, dtype=torch.float32)

    def loss(self, output, idx, batch):
        target = self.scaled[idx].to(self.device)
        error = (output[:, 0] - target).abs()
        return error.sum() / len(batch)

    def answer(self, output):
        """log1p prices (b, 1) float64 of the outputs (b, 1)."""
        median, std = self.net.scale.tolist()
        return output.double() * std + median


class WordLearner(Learner):
    """WordNets, and the columns of every row.

    train_idx: row numbers (m,) that they are trained on; None: their weights are to be loaded.
    """

    predict_batch = 1024

    def __init__(self, job, rows, device, train_idx: np.ndarray | None = None):
        config = job.config
        settings = config.mlp
        self.columns = columns(job, rows)
        v = self.columns.shape[1]

        net = build(v, sum(rows.sizes), settings)
        net.to(device)
        super().__init__(net, settings, rows, config.run, device, train_idx)

        self.facts = {"columns": v}

        self.is_number = rows.task.ASKS == NUMBER
        if self.is_number:
            self.objective = ScaledNumber(net, rows, settings, device, train_idx)

    def start(self) -> None:
        """Let each network begin at the training rows' median or frequencies."""
        for _, tail in self.net.nets:
            head = tail[-1]
            self.objective.start(head)

    def read(self, groups):
        return groups

    def inputs(self, data, part):
        """The rows data[part] as EmbeddingBag takes them: column numbers, where each row begins,
        weights."""
        import torch

        idx = data[part]

        bag = self.columns[idx]
        column = bag.indices.astype(np.int64)
        offset = bag.indptr[:-1].astype(np.int64)

        inputs = []
        for array in (column, offset, bag.data):
            inputs.append(torch.as_tensor(array, device=self.device))

        return inputs

    def loss(self, forward, data, part, batch, step):
        """The loss summed over the networks: they share no weights."""
        inputs = self.inputs(data, part)
        output = forward(*inputs)  # (b, seeds, K)
        output = output.float()

        # a row for each network's output
        idx = shard(batch)[part]
        idx = np.repeat(idx, self.settings.seeds)
        return self.objective.loss(output.flatten(0, 1), idx, batch)

    def answer(self, net, data):
        """The mean over the networks (b, K), of their probabilities or their numbers, in fp32."""
        inputs = self.inputs(data, slice(None))
        with autocast(self.device, None):
            output = net(*inputs)  # (b, seeds, K)

        if self.is_number:
            return self.objective.answer(output.mean(1))

        pred = self.objective.answer(output.flatten(0, 1))
        return pred.view(output.shape).mean(1)


def fit(job, k: int, rows, file) -> dict:
    """Train mlp_<k> on all labelled rows outside fold k, for mlp.epochs: no row is kept back to
    pick one. Returns the history."""
    from networks.training import fit_network

    train_idx = rows.labelled(k)

    def make_learner(device):
        learner = WordLearner(job, rows, device, train_idx)
        learner.start()
        return learner

    no_rows = train_idx[:0]
    return fit_network(job, "mlp", k, make_learner, train_idx, no_rows, file)


def predict(job, k: int, rows, idx) -> np.ndarray:
    """Probabilities (m, K), or log1p of the number (m, 1), of the rows idx (m,): the mean over the
    networks."""
    from networks.training import predict_network

    def make_learner(device):
        return WordLearner(job, rows, device)

    return predict_network(job, "mlp", k, make_learner, idx)
