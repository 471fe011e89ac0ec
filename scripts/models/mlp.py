"""mlp: small networks on the words of a text, after the winners of Mercari's price challenge;
several seeds side by side, one such set a fold.

in: "Basmati rice 5 kg" as n-grams and binned quantities → out: log1p price 3.1
"""

import numpy as np

from common.questions import NUMBER
from common.sections import Count, NonNegative, Positive
from features.ngrams import ngrams_file
from networks.batches import cut
from networks.distributed import shard
from networks.learner import Learner
from networks.settings import Training
from texts.ngrams import binned, read_ngrams

ANSWERS = (NUMBER,)
EVIDENCE = ("text",)
NEEDS_TEXT = True
NETWORK = True
NUMBERS = 0.3  # weight of binned quantities beside n-grams
# of whether a name has an n-gram, beside how telling it is: .3 SMAPE better with it
PRESENCE = 0.15


class Settings(Training):
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

    ngrams = read_ngrams(ngrams_file(job.paths), rows.id)
    blocks = [
        ngrams["name"],
        ngrams["text"],
        ngrams["name"].sign() * PRESENCE,
        binned(ngrams["numbers"], NUMBERS),
    ]
    return sparse.hstack(blocks).tocsr()


def build(v: int, settings):
    """`seeds` networks side by side: a text as a bag of v columns → hidden layers → (b, seeds)."""
    import torch

    class WordNets(torch.nn.Module):
        def __init__(self):
            super().__init__()
            nets = [word_net(v, settings) for _ in range(settings.seeds)]
            self.nets = torch.nn.ModuleList(nets)
            # median and standard deviation of the training rows' log1p prices
            self.register_buffer("scale", torch.tensor([0.0, 1.0]))

        def forward(self, column, offset, weight):
            outputs = []
            for words, tail in self.nets:
                embedding = words(column, offset, per_sample_weights=weight)
                outputs.append(tail(embedding + tail.bias))

            return torch.cat(outputs, 1)

    return WordNets()


def word_net(v: int, settings):
    """One network's embedding of the columns, and the layers after it."""
    from torch import nn, zeros

    width = settings.width
    words = nn.EmbeddingBag(v, width, mode="sum")
    nn.init.normal_(words.weight, std=0.05)

    tail = nn.Sequential(
        nn.ReLU(),
        nn.Linear(width, settings.hidden),
        nn.ReLU(),
        nn.Linear(settings.hidden, 1),
    )
    bias = nn.Parameter(zeros(width))  # of the embedding, before the first ReLU
    tail.register_parameter("bias", bias)

    return nn.ModuleList([words, tail])


class WordLearner(Learner):
    """WordNets, which give log1p prices in standard deviations from the median, and the columns of
    every row."""

    predict_batch = 1024

    def __init__(self, job, rows, device):
        config = job.config
        self.columns = columns(job, rows)
        v = self.columns.shape[1]

        net = build(v, config.mlp)
        net.to(device)
        super().__init__(net, config.mlp, rows, config.run, device)
        self.facts = {"columns": v}

    def standardise(self, log1p_price: np.ndarray) -> None:
        """Set the scale by the training rows' log1p prices (m,), and what the networks should give
        for every row."""
        import torch

        median = float(np.median(log1p_price))
        std = float(log1p_price.std()) or 1.0
        scale = torch.tensor([median, std])
        self.net.scale.copy_(scale)

        all_prices = self.rows.target[:, 0]
        standardised = (all_prices - median) / std
        self.target = torch.as_tensor(standardised, dtype=torch.float32)

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
        inputs = self.inputs(data, part)
        output = forward(*inputs)  # (b, seeds)
        output = output.float()

        idx = shard(batch)[part]
        target = self.target[idx]
        target = target.to(self.device)

        difference = output - target[:, None]
        error = difference.abs()
        return error.sum() / len(batch)

    def predict(self, net, idx):
        """log1p prices (m, 1) of the rows idx (m,): the mean over the networks, in fp32."""
        import torch

        all_rows = slice(None)

        outputs = [np.zeros((0, 1))]  # so that no row at all is (0, 1)
        with torch.inference_mode():
            for group in cut(idx, self.predict_batch):
                inputs = self.inputs(group, all_rows)
                output = net(*inputs)
                mean = output.mean(1, keepdim=True)
                outputs.append(mean.cpu().numpy())

        standardised = np.concatenate(outputs)
        median, std = net.scale.tolist()
        return standardised * std + median


def fit(job, k: int, rows, file) -> dict:
    """Train mlp_<k> on all labelled rows outside fold k, for mlp.epochs: no row is kept back to
    pick one. Returns the history."""
    from networks.training import fit_network

    train_idx = rows.labelled(k)

    def make_learner(device):
        learner = WordLearner(job, rows, device)
        learner.standardise(rows.target[train_idx, 0])
        return learner

    no_rows = train_idx[:0]
    return fit_network(job, "mlp", k, make_learner, train_idx, no_rows, file)


def predict(job, k: int, rows, idx) -> np.ndarray:
    """log1p prices (m, 1) of the rows idx (m,): the mean over the networks."""
    from networks.training import predict_network

    def make_learner(device):
        return WordLearner(job, rows, device)

    return predict_network(job, "mlp", k, make_learner, idx)
