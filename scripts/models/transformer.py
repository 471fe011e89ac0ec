"""text: a text encoder fine-tuned end to end on log1p of the price, parsed quantities beside it at
the head; one per fold."""

from typing import Annotated

import numpy as np
from pydantic import Field

from common.log import log, progress
from common.questions import NUMBER
from common.sections import Count, NonNegative, Positive, Share
from networks.device import autocast, precision, use_device
from networks.distributed import all_gather_rows, shard
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
    return [f"text:{config.transformer.model}"]


class Reader:
    """The rows as the network reads them: token ids and standardised quantities, on the device
    batch by batch."""

    def __init__(self, tokenizer, settings, rows, device, use: np.ndarray):
        self.device, self.tokenizer = device, tokenizer
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
            batch["input_ids"].to(self.device),
            batch["attention_mask"].to(self.device),
            torch.as_tensor(self.numbers[use], device=self.device),
        )


def fit(job, k: int, rows, file) -> dict:
    """Train transformer_<k> on the rows outside fold k and write its best weights. Gives the history."""
    from functools import partial

    import torch

    from networks.training import Trainer, length_batches
    from networks.weights import save_weights

    settings, run, seed = job.config.transformer, job.config.run, job.config.data.seed
    train, validation = rows.training(k), rows.validating(k)
    target = torch.as_tensor(rows.target[:, 0], dtype=torch.float32)
    with use_device(run) as device:
        torch.manual_seed(seed + k)
        net, reader, weights = build(
            job, rows, device, np.concatenate([train, validation]), pretrained=True
        )
        with torch.no_grad():
            net.head.bias.fill_(float(np.median(rows.target[train])))
        log(
            member=f"transformer_{k}",
            train=len(train),
            validation=len(validation),
            tokens=float(reader.length[train].mean()),
        )

        def load(groups, epoch, first):
            for group in map(shard, groups[first:]):
                yield (*reader.take(group), target[group].to(device)) if len(group) else ()

        def loss(forward, data, part, batch, step):
            ids, mask, extra, idx = (x[part] for x in data)
            pred = forward(ids, mask, extra)[:, 0].float()
            return torch.nn.functional.smooth_l1_loss(
                pred, idx, beta=settings.beta, reduction="sum"
            ) / len(batch)

        trainer = Trainer(
            net,
            net.groups(settings),
            settings,
            run,
            device,
            seed * 1000 + k,
            job.paths.checkpoint(f"transformer_{k}"),
            job.key(job.paths.model(f"transformer_{k}")),
            rows.task.MODE,
            partial(length_batches, length=reader.length),
        )
        best, history = trainer.fit(
            train,
            load,
            loss,
            lambda net: (
                rows.score(
                    all_gather_rows(answers(net, reader, shard(validation), run, device)),
                    validation,
                )
                if len(validation)
                else None
            ),
        )
        save_weights(best, file)
    return {"history": history, "weights": weights}


def predict(job, k: int, rows, idx) -> np.ndarray:
    """log1p prices (m, 1) of the rows `idx` (m,)."""
    from networks.weights import load_strict, read_weights

    file = job.paths.model(f"transformer_{k}")
    with use_device(job.config.run) as device:
        net, reader, _ = build(job, rows, device, idx, pretrained=False)
        load_strict(net, read_weights(file), file)
        return answers(net, reader, idx, job.config.run, device)


def build(job, rows, device, use, pretrained: bool):
    """A TextNet on the device, a Reader of the rows `use`, and the first weights by name for the
    record."""
    from networks.finetune import load_text_model
    from networks.text import TextNet

    settings = job.config.transformer
    model, tokenizer, weights = load_text_model(settings.model, job.config.run.weights, pretrained)
    reader = Reader(tokenizer, settings, rows, device, use)
    return TextNet(model, reader.numbers.shape[1], settings.dropout).to(device), reader, weights


def answers(net, reader: Reader, use, run, device, batch: int = 64) -> np.ndarray:
    """log1p prices (m, 1) float32 of row numbers `use` (m,), read longest first."""
    import torch

    net.eval()
    order, out = (
        use[np.argsort(-reader.length[use], kind="stable")],
        np.zeros((len(reader.length), 1), np.float32),
    )
    with torch.inference_mode(), autocast(device, precision(run, device)):
        for i in progress(range(0, len(order), batch), "texts"):
            out[order[i : i + batch]] = (
                net(*reader.take(order[i : i + batch])).float().cpu().numpy()
            )
    return out[use]
