"""mlp: a small network on the words of a text, after the winners of Mercari's price challenge; one
per fold, several seeds each."""

import numpy as np

from common.log import log
from common.questions import NUMBER
from common.sections import Count, NonNegative, Positive
from features.ngrams import ngrams_file
from networks.device import use_device
from networks.settings import Training
from texts.ngrams import binned, read_ngrams

ANSWERS = (NUMBER,)
NEEDS_TEXT = True
NETWORK = True
NUMBERS = 0.3  # weight of binned quantities beside n-grams
PRESENCE = (
    0.15  # of whether a name has an n-gram, beside how telling it is: .3 SMAPE better with it
)


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

    words = read_ngrams(ngrams_file(job.paths), rows.id)
    return sparse.hstack(
        [
            words["name"],
            words["text"],
            words["name"].sign() * PRESENCE,
            binned(words["numbers"], NUMBERS),
        ]
    ).tocsr()


def build(v: int, settings):
    """`seeds` networks side by side: words of a text as a bag of v columns → hidden layers → (b,
    seeds)."""
    import torch

    class WordNets(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.nets = torch.nn.ModuleList(word_net(v, settings) for _ in range(settings.seeds))

        def forward(self, column, offset, weight):
            return torch.cat(
                [
                    tail(words(column, offset, per_sample_weights=weight) + tail.bias)
                    for words, tail in self.nets
                ],
                1,
            )

    return WordNets()


def word_net(v: int, settings):
    """One network's embedding of the columns, and the layers after it."""
    import torch

    words = torch.nn.EmbeddingBag(v, settings.width, mode="sum")
    torch.nn.init.normal_(words.weight, std=0.05)
    layers = torch.nn.Linear(settings.width, settings.hidden), torch.nn.Linear(settings.hidden, 1)
    tail = torch.nn.Sequential(torch.nn.ReLU(), layers[0], torch.nn.ReLU(), layers[1])
    tail.register_parameter("bias", torch.nn.Parameter(torch.zeros(settings.width)))
    return torch.nn.ModuleList([words, tail])


def bag(x, rows: np.ndarray, device):
    """The rows (b,) of sparse x as EmbeddingBag takes them: column numbers, where each row begins,
    weights."""
    import torch

    part = x[rows]
    return tuple(
        torch.as_tensor(a, device=device)
        for a in (part.indices.astype(np.int64), part.indptr[:-1].astype(np.int64), part.data)
    )


def fit(job, k: int, rows, file) -> dict:
    """Train mlp_<k> on all labelled rows outside fold k, for mlp.epochs: no row is kept back to
    pick one. Gives the history."""
    import torch

    from networks.training import Trainer, decay_groups
    from networks.weights import save_weights

    settings, run, seed = job.config.mlp, job.config.run, job.config.data.seed
    train = rows.labelled(k)
    x, own = columns(job, rows), rows.target[train, 0]
    middle, spread = float(np.median(own)), float(own.std()) or 1.0
    target = torch.as_tensor((rows.target[:, 0] - middle) / spread, dtype=torch.float32)
    with use_device(run) as device:
        torch.manual_seed(seed + k)
        net = build(x.shape[1], settings).to(device)
        log(member=f"mlp_{k}", train=len(train), columns=x.shape[1])

        def loss(forward, data, part, batch, step):
            return (
                forward(*bag(x, batch[part], device)).float()
                - target[batch[part]].to(device)[:, None]
            ).abs().sum() / len(batch)

        trainer = Trainer(
            net,
            decay_groups(net, settings.lr, settings.weight_decay),
            settings,
            run,
            device,
            seed * 1000 + k,
            job.paths.checkpoint(f"mlp_{k}"),
            job.key(job.paths.model(f"mlp_{k}")),
            rows.task.MODE,
        )
        best, history = trainer.fit(
            train, lambda groups, epoch, first: groups[first:], loss, lambda net: None
        )
        save_weights(best | {"scale": torch.tensor([middle, spread])}, file)
    return {"history": history}


def predict(job, k: int, rows, idx) -> np.ndarray:
    """log1p prices (m, 1) of the rows `idx` (m,): the mean over the networks."""
    import torch

    from networks.weights import load_strict, read_weights

    file, x = job.paths.model(f"mlp_{k}"), columns(job, rows)
    state = read_weights(file)
    middle, spread = state.pop("scale").tolist()
    with use_device(job.config.run) as device, torch.inference_mode():
        net = build(x.shape[1], job.config.mlp).to(device)
        load_strict(net, state, file)
        out = [
            net(*bag(x, idx[i : i + 1024], device)).mean(1, keepdim=True).cpu().numpy()
            for i in range(0, len(idx), 1024)
        ]
    return np.concatenate([np.zeros((0, 1)), *out]) * spread + middle
