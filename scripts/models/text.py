"""text: a text encoder fine-tuned end to end on log1p of the price, parsed quantities beside it at
the head; one per fold."""

from typing import Annotated

import numpy as np
from pydantic import Field

from common.log import log, progress
from common.questions import NUMBER
from common.sections import Count, NonNegative, Positive, Share
from networks.device import autocast, device, precision
from networks.distributed import gathered, share
from networks.settings import FineTuning
from texts.quantities import quantities, scaled

ANSWERS = (NUMBER,)
NEEDS_TEXT = True
NETWORK = True
DISTRIBUTED = True


class Settings(FineTuning):
    """A text encoder fine-tuned end to end on log1p of the price."""

    model: str = "microsoft/deberta-v3-base"
    max_length: Count = 192  # tokens
    quantities: bool = True  # parsed quantities beside the text, at the head
    dropout: Share = 0.0
    beta: Positive = 0.1  # of SmoothL1 on log1p
    epochs: Count = 4
    lr: Positive = 2e-5
    head_lr: NonNegative = 1e-3
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 0.9
    warmup: NonNegative = 0.2


def weights(config):
    return [f"text:{config.text.model}"]


class Reader:
    """The rows as the network reads them: token ids and standardised quantities, on the device
    batch by batch."""

    def __init__(self, tokenizer, settings, rows, where, use: np.ndarray):
        self.where, self.tokenizer = where, tokenizer
        texts = [rows.text[i] for i in use]
        ids = self.tokenizer(texts, truncation=True, max_length=settings.max_length, verbose=False)[
            "input_ids"
        ]
        self.ids = dict(zip(use.tolist(), ids, strict=True))
        self.length = np.zeros(len(rows.id), int)
        self.length[use] = [len(i) for i in ids]
        self.numbers = (
            scaled(quantities(rows.text)[0])
            if settings.quantities
            else np.zeros((len(rows.id), 0), np.float32)
        )

    def take(self, use: np.ndarray) -> tuple:
        """Token ids and mask (b, t), quantities (b, q)."""
        import torch

        batch = self.tokenizer.pad(
            {"input_ids": [self.ids[i] for i in use.tolist()]}, return_tensors="pt"
        )
        return (
            batch["input_ids"].to(self.where),
            batch["attention_mask"].to(self.where),
            torch.as_tensor(self.numbers[use], device=self.where),
        )


def fit(job, k: int, rows, file) -> dict:
    """Train text_<k> on the rows outside fold k and write its best weights. Gives the history."""
    from functools import partial

    import torch

    from networks.training import Trainer, length_batches
    from networks.weights import save_weights

    settings, run, seed = job.config.text, job.config.run, job.config.data.seed
    train, dev = rows.fitting(k, dev=False), rows.fitting(k, dev=True)
    target = torch.as_tensor(rows.target[:, 0], dtype=torch.float32)
    with device(run) as where:
        torch.manual_seed(seed + k)
        net, reader, weights = build(
            job, rows, where, np.concatenate([train, dev]), pretrained=True
        )
        with torch.no_grad():
            net.head.bias.fill_(float(np.median(rows.target[train])))
        log(
            member=f"text_{k}",
            train=len(train),
            dev=len(dev),
            tokens=float(reader.length[train].mean()),
        )

        def load(groups, epoch, first):
            for group in map(share, groups[first:]):
                yield (*reader.take(group), target[group].to(where)) if len(group) else ()

        def loss(forward, data, part, batch, step):
            ids, mask, extra, wanted = (x[part] for x in data)
            pred = forward(ids, mask, extra)[:, 0].float()
            return torch.nn.functional.smooth_l1_loss(
                pred, wanted, beta=settings.beta, reduction="sum"
            ) / len(batch)

        trainer = Trainer(
            net,
            net.groups(settings),
            settings,
            run,
            where,
            seed * 1000 + k,
            job.paths.checkpoint(f"text_{k}"),
            job.key(job.paths.model(f"text_{k}")),
            rows.task.MODE,
            partial(length_batches, length=reader.length),
        )
        best, history = trainer.fit(
            train,
            load,
            loss,
            lambda net: (
                rows.score(gathered(answers(net, reader, share(dev), run, where)), dev)
                if len(dev)
                else None
            ),
        )
        save_weights(best, file)
    return {"history": history, "weights": weights}


def predict(job, k: int, rows, wanted) -> np.ndarray:
    """log1p prices (m, 1) of the rows `wanted` (m,)."""
    from networks.weights import load_strict, read_weights

    file = job.paths.model(f"text_{k}")
    with device(job.config.run) as where:
        net, reader, _ = build(job, rows, where, wanted, pretrained=False)
        load_strict(net, read_weights(file), file)
        return answers(net, reader, wanted, job.config.run, where)


def build(job, rows, where, use, pretrained: bool):
    """A TextNet on the device, a Reader of the rows `use`, and the first weights by name for the
    record."""
    from networks.finetune import load_text_model
    from networks.text import TextNet

    settings = job.config.text
    model, tokenizer, weights = load_text_model(settings.model, job.config.run.weights, pretrained)
    reader = Reader(tokenizer, settings, rows, where, use)
    return TextNet(model, reader.numbers.shape[1], settings.dropout).to(where), reader, weights


def answers(net, reader: Reader, use, run, where, batch: int = 64) -> np.ndarray:
    """log1p prices (m, 1) float32 of row numbers `use` (m,), read longest first."""
    import torch

    net.eval()
    order, out = (
        use[np.argsort(-reader.length[use], kind="stable")],
        np.zeros((len(reader.length), 1), np.float32),
    )
    with torch.inference_mode(), autocast(where, precision(run, where)):
        for i in progress(range(0, len(order), batch), "texts"):
            out[order[i : i + batch]] = (
                net(*reader.take(order[i : i + batch])).float().cpu().numpy()
            )
    return out[use]
