"""net (T1): one image network per fold, trained end to end, an attention head per attribute."""

from functools import partial
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from common.errors import Stop
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
from networks.device import autocast, device, precision
from networks.distributed import gathered, share
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
        "attention"  # the seed's, or AvgPool-Linear-LayerNorm-ReLU-Dropout-Linear
    )
    width: Annotated[int, Field(ge=32, multiple_of=32)] = 512  # of the head
    size: Annotated[int, Field(ge=0)] = 0  # pixels, square; 0 = images.size
    rows: Literal["all", "complete"] = (
        "all"  # complete = only rows with no label missing, as the seed did
    )
    sampling: NonNegative = (
        0.0  # rows drawn by (frequency of their rarest class)^-this; 0 = each row once an epoch
    )
    augment: Augment = "seed"
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
    train, dev = (
        use[position[use] >= 0] for use in (rows.fitting(k, dev=False), rows.fitting(k, dev=True))
    )
    if settings.rows == "complete":
        train = train[(rows.target[train] >= 0).all(1)]
    if not len(train):
        complete = "every label, as net.rows=complete wants"
        raise Stop(
            f"net_{k} has no row to train on: none with a picture has "
            f"{complete if settings.rows == 'complete' else 'a label'}; look at {job.paths.images}"
        )
    prior = rows.task.priors(rows.target[train], rows.outputs)
    with device(run) as where:
        torch.manual_seed(config.data.seed + k)
        net, source = build(config, rows.sizes, pretrained=settings.pretrained)
        net.to(where, memory_format=torch.channels_last)
        lesson = Lesson(net, config, k, rows, cache, position, dev, prior, where)
        log(member=f"net_{k}", train=len(train), dev=len(dev), unlabelled=len(lesson.unlabelled))
        trainer = Trainer(
            net,
            parameter_groups(net, settings),
            settings,
            run,
            where,
            config.data.seed * 1000 + k,
            job.paths.checkpoint(f"net_{k}"),
            job.key(job.paths.model(f"net_{k}")),
            rows.task.MODE,
            partial(epoch_batches, weight=rarity_weights(rows, train, prior, settings.sampling)),
        )
        best, history = trainer.fit(train, lesson.load, lesson.loss, lesson.evaluate)
        save_weights(best, file)
    return {"history": history, "prior": prior.tolist(), "weights": source, "outputs": rows.outputs}


class Lesson:
    """What the trainer asks of T1: the pictures of each batch, its loss, the score on the dev
    rows."""

    def __init__(self, net, config, k: int, rows, cache, position, dev, prior, where):
        from networks.losses import MaskedLoss

        (
            self.net,
            self.config,
            self.k,
            self.rows,
            self.cache,
            self.position,
            self.dev,
            self.where,
        ) = (net, config, k, rows, cache, position, dev, where)
        self.size = config.net.size or config.images.size
        self.masked = MaskedLoss(rows.sizes, prior, config.net).to(where)
        self.unlabelled = (
            position[(rows.fold < 0) & (position >= 0)] if config.net.mmd else position[:0]
        )

    def load(self, groups, epoch: int, first: int):
        """uint8 pictures of this process's share of each batch of row numbers in groups[first:], as
        many of test rows behind them for MMD. They are drawn and augmented by their place in the
        whole batch."""
        seed, steps, n = self.config.data.seed, len(groups), 2 if len(self.unlabelled) else 1
        wanted = [[self.position[group]] for group in groups]
        if len(self.unlabelled):
            for g, found in enumerate(wanted):
                found.append(
                    np.random.default_rng([seed, self.k, epoch * steps + g]).choice(
                        self.unlabelled, len(found[0])
                    )
                )
        places = [
            np.concatenate([share(place) for place in np.arange(n * len(group)).reshape(n, -1)])
            for group in groups[first:]
        ]
        wanted = [
            np.concatenate(found)[place]
            for found, place in zip(wanted[first:], places, strict=True)
        ]
        change = augmenter(
            self.config.net.augment, self.config.images.size, (seed, self.k, epoch), first
        )
        return batches(
            self.cache,
            wanted,
            self.config.run.workers or cores(),
            change and (lambda picture, g, i: change(picture, g, places[g][i])),
        )

    def loss(self, forward, pictures, part: slice, batch, number: int):
        """The loss of the slice `part` of this process's share of a batch of row numbers, as its
        share of the whole batch's."""
        import torch

        from networks.backbone import normalised
        from networks.losses import mmd

        target = torch.as_tensor(self.rows.target[batch], device=self.where)
        n = len(share(batch))
        own, theirs = pictures[:n][part], pictures[n:][part]
        logits, features = forward(
            normalised(np.concatenate([own, theirs]), self.net.backbone, self.where, self.size)
        )
        total = self.masked(logits[: len(own)], share(target)[part], (target >= 0).sum(0))
        if len(theirs):
            total = total + self.config.net.mmd * mmd(
                features[: len(own)], features[len(own) :]
            ) * len(own) / len(batch)
        return total

    def evaluate(self, net) -> float | None:
        """The competition's score on the dev rows; None when there are none."""
        pred = predict_pictures(
            net,
            self.cache,
            self.position[share(self.dev)],
            self.rows.sizes,
            self.config,
            self.where,
            self.size,
        )
        return self.rows.score(gathered(pred), self.dev) if len(self.dev) else None


def predict(job, k: int, rows, wanted) -> np.ndarray:
    """Probabilities (m, K) for the rows `wanted` (m,), all with pictures."""
    import torch

    config = job.config
    cache, position = load_pictures(job, rows)
    with device(config.run) as where:
        net = load(job, k, rows).to(where, memory_format=torch.channels_last)
        return predict_pictures(
            net,
            cache,
            position[wanted],
            rows.sizes,
            config,
            where,
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


def predict_pictures(net, cache, positions, sizes, config, where, size: int) -> np.ndarray:
    """Probabilities (m, K) float32 of the pictures at `positions` (m,), averaged with their mirror
    images when infer.flip."""
    import torch

    from networks.backbone import normalised
    from networks.losses import probabilities

    net.eval()
    step, dtype, out = config.run.infer_batch, precision(config.run, where), []
    groups = [positions[i : i + step] for i in range(0, len(positions), step)]
    with torch.inference_mode(), autocast(where, dtype):
        for pictures in progress(
            batches(cache, groups, config.run.workers), "pictures", len(groups)
        ):
            x = normalised(pictures, net.backbone, where, size)
            pred = probabilities(net(x)[0], sizes)
            if config.infer.flip:
                pred = (pred + probabilities(net(x.flip(3))[0], sizes)) / 2
            out.append(pred.cpu().numpy())
    return np.concatenate(out) if out else np.zeros((0, sum(sizes)), np.float32)


def open_maps(job, stem: str, where):
    """The trunk's maps (d, h, w) of every good picture: features/net_<k>.npy."""
    net = load(job, split_member(stem)[1], job.rows)
    size = job.config.net.size or job.config.images.size
    return stream_pictures(job, net.trunk, net, net.backbone, size, {}, where)


def write_maps(job, stem: str) -> None:
    write_stream(job, stem, open_maps)


def maps_need(config, paths, stem: str) -> list:
    return [paths.images, paths.model(stem)]


SOURCES = {"net": Source(write_maps, maps_need, PICTURE_SETTINGS, network=True)}
