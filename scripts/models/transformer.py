"""transformer: a text encoder fine-tuned end to end; one a fold. Quantities parsed from the text
stand beside it at the head.

number    in: "Basmati rice 5 kg" → out: log1p price 3.1
classes   in: "Nike Men Blue Shirt" → out: probabilities of its classes, e.g. gender: men .9,
          women .1; colour: ...
"""

from functools import cached_property
from typing import Annotated

import numpy as np
from pydantic import Field

from common.questions import CLASSES, NUMBER
from common.sections import Count, NonNegative, Positive, Share
from networks.batches import length_batches
from networks.learner import Learner
from networks.settings import FineTuning, Loss
from texts.quantities import moments, quantities, scaled

ANSWERS = (CLASSES, NUMBER)
EVIDENCE = ("text",)
NEEDS_TEXT = True
NETWORK = True
DISTRIBUTED = True


class Settings(Loss, FineTuning):
    """A text encoder fine-tuned end to end."""

    model: str = "microsoft/deberta-v3-base"
    max_length: Count = 192  # tokens
    quantities: bool = True  # parsed quantities beside the text, at the head
    dropout: Share = 0.0
    beta: Positive = 0.1  # of a number's SmoothL1, on its log1p
    epochs: Count = 4
    lr: Positive = 2e-5
    head_lr: NonNegative = 1e-3
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 0.9
    warmup: NonNegative = 0.2


def weights(config):
    return [f"text:{config.transformer.model}"]


class Transformer(Learner):
    """A TextNet, and the token ids and quantities of the rows idx (m,).

    train_idx: the rows among them that it is trained on; None: its weights are random, and to be
    loaded.
    """

    def __init__(self, job, rows, device, idx: np.ndarray, train_idx: np.ndarray | None = None):
        from networks.finetune import load_text_model
        from networks.transformer import TextNet

        settings = job.config.transformer
        run = job.config.run
        is_pretrained = train_idx is not None
        loaded = load_text_model(settings.model, run.weights, is_pretrained)
        encoder, self.tokenizer, source = loaded

        n_quantities = 0
        if settings.quantities:
            self.quantities, names = quantities(rows.text)
            n_quantities = len(names)

        self.tokenize(rows.text, idx, settings.max_length)

        net = TextNet(encoder, n_quantities, settings.dropout, sum(rows.sizes))
        net.to(device)
        super().__init__(net, settings, rows, run, device, train_idx)
        self.record = {"weights": source}

    def start(self, train_idx: np.ndarray) -> None:
        """Set what the network has from its training rows before a step is made: the moments of
        their quantities, and its head's bias."""
        import torch

        self.objective.start(self.net.head)

        if self.settings.quantities:
            train_moments = moments(self.quantities[train_idx])
            self.net.moments.copy_(torch.as_tensor(train_moments))

    @cached_property
    def scaled(self) -> np.ndarray:
        """The quantities of all rows (n, 2 q) as the network takes them; q may be 0. Made once, for
        the moments come from the device."""
        if not self.settings.quantities:
            return np.zeros((len(self.rows.id), 0), np.float32)

        train_moments = self.net.moments.cpu().numpy()
        return scaled(self.quantities, train_moments)

    def tokenize(self, texts, idx: np.ndarray, max_length: int) -> None:
        """The token ids of the rows idx (m,), and each row's number of them, 0 for other rows."""
        tokens = self.tokenizer(
            [texts[i] for i in idx],
            truncation=True,
            max_length=max_length,
            verbose=False,
        )
        ids_of_rows = tokens["input_ids"]

        self.ids = {}
        self.length = np.zeros(len(texts), int)

        for i, ids in zip(idx.tolist(), ids_of_rows, strict=True):
            self.ids[i] = ids
            self.length[i] = len(ids)

    def parameters(self):
        return self.net.groups(self.settings)

    def batches(self, idx, seed, epoch):
        return length_batches(idx, self.settings.batch, seed, epoch, self.length)

    def read(self, groups):
        for group in groups:
            yield self.inputs_of(group) if len(group) else ()

    def inputs_of(self, idx: np.ndarray) -> tuple:
        """Token ids and mask (b, t), quantities (b, 2 q) of the rows idx (b,), on the device."""
        import torch

        ids = [self.ids[i] for i in idx.tolist()]
        padded = self.tokenizer.pad({"input_ids": ids}, return_tensors="pt")
        ids = padded["input_ids"].to(self.device)
        mask = padded["attention_mask"].to(self.device)

        values = self.scaled[idx]
        values = torch.as_tensor(values, device=self.device)
        return ids, mask, values

    def predict(self, net, idx):
        """Predictions (m, K) of the rows idx (m,), made for the longest texts first."""
        length = self.length[idx]
        order = np.argsort(-length, kind="stable")
        ordered = super().predict(net, idx[order])

        # back in the order of idx
        pred = np.empty_like(ordered)
        pred[order] = ordered
        return pred


def fit(job, k: int, rows, file) -> dict:
    """Train transformer_<k> on the rows outside fold k and write its best weights. Returns the
    history and the weights that it started from."""
    from networks.training import fit_network

    train_idx = rows.training(k)
    val_idx = rows.validating(k)
    idx = np.concatenate([train_idx, val_idx])

    def make_learner(device):
        learner = Transformer(job, rows, device, idx, train_idx)
        learner.start(train_idx)

        length = learner.length[train_idx]  # tokens
        learner.facts = {"tokens": float(length.mean())}
        return learner

    return fit_network(job, "transformer", k, make_learner, train_idx, val_idx, file)


def predict(job, k: int, rows, idx) -> np.ndarray:
    """Probabilities (m, K), or log1p of the number (m, 1), of the rows idx (m,)."""
    from networks.training import predict_network

    def make_learner(device):
        return Transformer(job, rows, device, idx)

    return predict_network(job, "transformer", k, make_learner, idx)
