"""net (T1): one image network per fold, trained end to end, an attention head per attribute."""

from functools import partial
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from common.errors import UserError
from common.log import log, progress
from common.processes import cores
from common.questions import CLASSES
from common.sections import Augment, NonNegative
from features.source import Source
from features.stream import write_stream
from features.timm import PICTURE_SETTINGS, stream_pictures
from images.augment import augmenter
from images.cache import batches, load_pictures
from models import split_member
from networks.device import autocast, precision, use_device
from networks.distributed import all_gather_rows, shard
from networks.settings import FineTuning, Loss

ANSWERS = (CLASSES,)
NEEDS_IMAGE = True
NETWORK = True
DISTRIBUTED = True
PREDICT_SETTINGS = ("infer",)


class Settings(Loss, FineTuning):
    """T1: a backbone trained end to end with a head per attribute."""

    backbone: str = "convnext_base.fb_in22k_ft_in1k_384"  # any timm name
    pretrained: bool = True
    head: Literal["attention", "mlp"] = (
        "attention"  # the published one, or AvgPool-Linear-LayerNorm-ReLU-Dropout-Linear
    )
    width: Annotated[int, Field(ge=32, multiple_of=32)] = 512  # of the head
    size: Annotated[int, Field(ge=0)] = 0  # pixels, square; 0 = images.size
    rows: Literal["all", "complete"] = (
        "all"  # complete = only rows with no label missing, as the published notebook did
    )
    sampling: NonNegative = (
        0.0  # rows drawn by (frequency of their rarest class)^-this; 0 = each row once an epoch
    )
    augment: Augment = "published"
    mmd: NonNegative = 0.1  # weight of the discrepancy to unlabelled test pictures; 0 = off


def inputs(config, paths, k):
    return [paths.images]


def weights(config):
    return [config.net.backbone] if config.net.pretrained else []


def fit(job, k: int, rows, file) -> dict:
    """Train net_<k> outside fold k and write its best weights. Gives history, priors and where the
    first weights came from."""
    import torch

    from networks.training import Trainer, epoch_batches
    from networks.weights import save_weights

    config, settings, run = job.config, job.config.net, job.config.run
    cache, position = load_pictures(job, rows)
    train, validation = (use[position[use] >= 0] for use in (rows.training(k), rows.validating(k)))
    if settings.rows == "complete":
        train = train[(rows.target[train] >= 0).all(1)]
    if not len(train):
        complete = "every label, as net.rows=complete wants"
        raise UserError(
            f"net_{k} has no row to train on: none with a picture has "
            f"{complete if settings.rows == 'complete' else 'a label'}; look at {job.paths.images}"
        )
    prior = rows.task.baseline(rows.target[train], rows.outputs)
    with use_device(run) as device:
        torch.manual_seed(config.data.seed + k)
        net, source = build(config, rows.sizes, pretrained=settings.pretrained)
        net.to(device, memory_format=torch.channels_last)
        lesson = Objective(net, config, k, rows, cache, position, validation, prior, device)
        log(
            member=f"net_{k}",
            train=len(train),
            validation=len(validation),
            unlabelled=len(lesson.unlabelled),
        )
        trainer = Trainer(
            net,
            parameter_groups(net, settings),
            settings,
            run,
            device,
            config.data.seed * 1000 + k,
            job.paths.checkpoint(f"net_{k}"),
            job.key(job.paths.model(f"net_{k}")),
            rows.task.MODE,
            partial(epoch_batches, weight=rarity_weights(rows, train, prior, settings.sampling)),
        )
        best, history = trainer.fit(train, lesson.load, lesson.loss, lesson.evaluate)
        save_weights(best, file)
    return {"history": history, "prior": prior.tolist(), "weights": source, "outputs": rows.outputs}


class Objective:
    """What the trainer asks of T1: the pictures of each batch, its loss, the score on the validation
    rows."""

    def __init__(self, net, config, k: int, rows, cache, position, validation, prior, device):
        from networks.losses import MaskedLoss

        (
            self.net,
            self.config,
            self.k,
            self.rows,
            self.cache,
            self.position,
            self.validation,
            self.device,
        ) = (net, config, k, rows, cache, position, validation, device)
        self.size = config.net.size or config.images.size
        self.masked = MaskedLoss(rows.sizes, prior, config.net).to(device)
        self.unlabelled = (
            position[(rows.fold < 0) & (position >= 0)] if config.net.mmd else position[:0]
        )

    def load(self, groups, epoch: int, first: int):
        """uint8 pictures of this process's share of each batch of row numbers in groups[first:], as
        many of test rows behind them for MMD. They are drawn and augmented by their place in the
        whole batch."""
        seed, steps, n = self.config.data.seed, len(groups), 2 if len(self.unlabelled) else 1
        idx = [[self.position[group]] for group in groups]
        if len(self.unlabelled):
            for g, found in enumerate(idx):
                found.append(
                    np.random.default_rng([seed, self.k, epoch * steps + g]).choice(
                        self.unlabelled, len(found[0])
                    )
                )
        places = [
            np.concatenate([shard(place) for place in np.arange(n * len(group)).reshape(n, -1)])
            for group in groups[first:]
        ]
        idx = [
            np.concatenate(found)[place] for found, place in zip(idx[first:], places, strict=True)
        ]
        change = augmenter(
            self.config.net.augment, self.config.images.size, (seed, self.k, epoch), first
        )
        return batches(
            self.cache,
            idx,
            self.config.run.workers or cores(),
            change and (lambda picture, g, i: change(picture, g, places[g][i])),
        )

    def loss(self, forward, pictures, part: slice, batch, number: int):
        """The loss of the slice `part` of this process's share of a batch of row numbers, as its
        share of the whole batch's."""
        import torch

        from networks.backbone import normalised
        from networks.losses import mmd

        target = torch.as_tensor(self.rows.target[batch], device=self.device)
        n = len(shard(batch))
        own, theirs = pictures[:n][part], pictures[n:][part]
        logits, features = forward(
            normalised(np.concatenate([own, theirs]), self.net.backbone, self.device, self.size)
        )
        total = self.masked(logits[: len(own)], shard(target)[part], (target >= 0).sum(0))
        if len(theirs):
            total = total + self.config.net.mmd * mmd(
                features[: len(own)], features[len(own) :]
            ) * len(own) / len(batch)
        return total

    def evaluate(self, net) -> float | None:
        """The competition's score on the validation rows; None when there are none."""
        pred = predict_pictures(
            net,
            self.cache,
            self.position[shard(self.validation)],
            self.rows.sizes,
            self.config,
            self.device,
            self.size,
        )
        return (
            self.rows.score(all_gather_rows(pred), self.validation)
            if len(self.validation)
            else None
        )


def predict(job, k: int, rows, idx) -> np.ndarray:
    """Probabilities (m, K) for the rows `idx` (m,), all with pictures."""
    import torch

    config = job.config
    cache, position = load_pictures(job, rows)
    with use_device(config.run) as device:
        net = load(job, k, rows).to(device, memory_format=torch.channels_last)
        return predict_pictures(
            net,
            cache,
            position[idx],
            rows.sizes,
            config,
            device,
            config.net.size or config.images.size,
        )


def load(job, k: int, rows):
    """net_<k> with its trained weights, in eval mode."""
    from networks.weights import load_strict, read_weights

    file = job.paths.model(f"net_{k}")
    net, _ = build(job.config, rows.sizes, pretrained=False)
    load_strict(net, read_weights(file), file)
    return net.eval()


def build(config, sizes, pretrained: bool):
    """An AttributeNet, and the weights it starts from by name, for the record."""
    from networks.attributes import AttributeNet
    from networks.backbone import create_backbone

    settings = config.net
    backbone, source = create_backbone(
        settings.backbone, pretrained, config.run.weights, settings.size or config.images.size
    )
    return AttributeNet(backbone, sizes, settings.head, settings.width), source


def parameter_groups(net, settings) -> list[dict]:
    """AdamW groups: the backbone's layers with lr falling by layer_decay, conv and heads at
    head_lr; no decay on biases and norms."""
    from timm.optim import param_groups_layer_decay, param_groups_weight_decay

    layers = param_groups_layer_decay(
        net.backbone, settings.weight_decay, layer_decay=settings.layer_decay
    )
    found = [
        {
            "params": g["params"],
            "weight_decay": g["weight_decay"],
            "lr": settings.lr * g["lr_scale"],
        }
        for g in layers
    ]
    for module in (net.reduce, net.heads):
        found += [
            g | {"lr": settings.head_lr or settings.lr}
            for g in param_groups_weight_decay(module, settings.weight_decay)
        ]
    return found


def rarity_weights(rows, train, prior, power: float):
    """Drawing weights (n,) of the training rows: (frequency of the rarest class that a row is
    labelled with)^-power; None for power 0."""
    if not power:
        return None
    starts = np.cumsum([0] + rows.sizes[:-1])
    rarest = np.where(rows.target[train] >= 0, prior[starts + rows.target[train]], 1).min(1)
    return rarest**-power


def predict_pictures(net, cache, positions, sizes, config, device, size: int) -> np.ndarray:
    """Probabilities (m, K) float32 of the pictures at `positions` (m,), averaged with their mirror
    images when infer.flip."""
    import torch

    from networks.backbone import normalised
    from networks.losses import probabilities

    net.eval()
    step, dtype, out = config.run.infer_batch, precision(config.run, device), []
    groups = [positions[i : i + step] for i in range(0, len(positions), step)]
    with torch.inference_mode(), autocast(device, dtype):
        for pictures in progress(
            batches(cache, groups, config.run.workers), "pictures", len(groups)
        ):
            x = normalised(pictures, net.backbone, device, size)
            pred = probabilities(net(x)[0], sizes)
            if config.infer.flip:
                pred = (pred + probabilities(net(x.flip(3))[0], sizes)) / 2
            out.append(pred.cpu().numpy())
    return np.concatenate(out) if out else np.zeros((0, sum(sizes)), np.float32)


def open_maps(job, stem: str, device):
    """The trunk's maps (d, h, w) of every good picture: features/net_<k>.npy."""
    net = load(job, split_member(stem)[1], job.rows)
    size = job.config.net.size or job.config.images.size
    return stream_pictures(job, net.trunk, net, net.backbone, size, {}, device)


def write_maps(job, stem: str) -> None:
    write_stream(job, stem, open_maps)


def maps_need(config, paths, stem: str) -> list:
    return [paths.images, paths.model(stem)]


SOURCES = {"net": Source(write_maps, maps_need, PICTURE_SETTINGS, network=True)}
