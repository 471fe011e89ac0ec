"""net (T1): an image network trained end to end, with a head for each attribute; one a fold.

in: the image of a saree → out: probabilities of its classes, e.g. color: blue .7, red .2, green .1;
pattern: ...
in: the image of a bag of rice → out: log1p price 3.1
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from common.errors import UserError
from common.paths import TEST
from common.processes import cores
from common.questions import CLASSES, NUMBER
from common.sections import Augment, CountOrZero, NonNegative
from features.source import Source
from features.stream import write_stream
from features.timm import IMAGE_SETTINGS, stream_images
from images.augment import augmenter
from images.cache import Cache, JoinedCache, batches, open_cache
from models import split_member
from networks.distributed import shard
from networks.learner import Learner, decay_groups
from networks.prefetch import concatenate, prefetch
from networks.settings import FineTuning, Loss, SmoothL1

ANSWERS = (CLASSES, NUMBER)
EVIDENCE = ("image",)
NEEDS_IMAGE = True
NETWORK = True
DISTRIBUTED = True
PREDICT_SETTINGS = ("infer",)


class Settings(Loss, SmoothL1, FineTuning):
    """T1: a backbone trained end to end with a head per attribute, or one for a number."""

    backbone: str = "convnext_base.fb_in22k_ft_in1k_384"  # any timm name
    pretrained: bool = True
    # the published one on the backbone's map, or Linear-LayerNorm-ReLU-Dropout-Linear on its own
    # pooled embedding
    head: Literal["attention", "mlp"] = "attention"
    width: Annotated[int, Field(ge=32, multiple_of=32)] = 512  # of the head
    size: CountOrZero = 0  # pixels, square; 0 = images.size
    # complete = only rows with no label missing, as the published notebook did
    rows: Literal["all", "complete"] = "all"
    augment: Augment = "published"
    # weight of the discrepancy to unlabelled images of the test rows, which are seen in training;
    # 0 = off
    mmd: NonNegative = 0.1


def inputs(config, paths, k):
    learns_from_test = config.net.mmd and not paths.rows
    return [paths.images, paths.of(TEST).images] if learns_from_test else [paths.images]


def weights(config):
    return [config.net.backbone] if config.net.pretrained else []


def weights_to_answer(config):
    return []


@dataclass(frozen=True)
class Share:
    """This process's images of a batch: of its rows, then with MMD of as many test rows."""

    positions: np.ndarray  # in the cache
    places: np.ndarray  # in the whole batch: what an augmentation is drawn by


class Net(Learner):
    """An AttributeNet and the image cache.

    position (n,): each row's image in the cache, -1 where it has none; unlabelled (u,): images of
    test rows in the cache, for MMD.
    """

    ONE_SHAPE = True

    def __init__(
        self,
        net,
        config,
        k: int,
        rows,
        cache,
        position,
        device,
        train_idx=None,
        unlabelled=None,
    ):
        import torch

        net.to(device, memory_format=torch.channels_last)
        super().__init__(net, config.net, rows, config.run, device, train_idx)
        self.config = config
        self.k = k
        self.cache = cache
        self.position = position
        self.size = side(config)

        self.unlabelled = position[:0] if unlabelled is None else unlabelled
        self.facts = {"unlabelled": len(self.unlabelled)}
        self.predict_batch = config.run.infer_batch

    def parameters(self):
        return parameter_groups(self.net, self.settings)

    def load(self, row_batches, epoch, first):
        """Yield uint8 images of this process's share of each batch, augmented."""
        steps_before = epoch * len(row_batches)

        shares = []
        for step, batch in enumerate(row_batches[first:], steps_before + first):
            shares.append(self.share(batch, step))

        config = self.config
        seed = (config.data.seed, self.k, epoch)
        augment = augmenter(self.settings.augment, config.images.size, seed, first)

        # drawn by the place in the whole batch: the same on any number of processes
        # g: the number of the batch, counted from `first`
        def augment_share(image, g: int, i: int):
            place = shares[g].places[i]
            return augment(image, g, place)

        positions = [share.positions for share in shares]
        workers = self.run.workers or cores()
        change = augment_share if augment else None
        images = batches(self.cache, positions, workers, change)
        return prefetch(images, self.device)

    def share(self, batch: np.ndarray, step: int) -> Share:
        """The images of a batch of row numbers; the test rows beside them are drawn by the step."""
        n = len(batch)
        positions = self.position[batch]
        places = shard(np.arange(n))

        if len(self.unlabelled):
            seed = [self.config.data.seed, self.k, step]
            rng = np.random.default_rng(seed)
            drawn = rng.choice(self.unlabelled, n)
            positions = np.concatenate([positions, drawn])
            places = np.concatenate([places, n + places])

        own_positions = positions[places]
        return Share(own_positions, places)

    def read(self, groups):
        positions = [self.position[group] for group in groups]
        images = batches(self.cache, positions, self.run.workers)
        return prefetch(images, self.device)

    def normalize(self, images):
        """float (b, 3, size, size) on the device of uint8 images (b, s, s, 3), an array or a
        tensor."""
        from networks.backbone import normalize_images

        return normalize_images(images, self.net.backbone, self.device, self.size)

    def loss(self, forward, images, part, batch, step):
        from networks.losses import mmd

        # this process's images: of labelled rows first, then as many of test rows
        n = len(shard(batch))
        labelled = images[:n][part]
        unlabelled = images[n:][part]
        b = len(labelled)

        # the rows of a micro-batch stand apart; those of a whole batch are in this order already
        both = images if b == n else concatenate(labelled, unlabelled)
        x = self.normalize(both)
        output, features = forward(x)

        idx = shard(batch)[part]
        loss = self.objective.loss(output[:b], idx, batch)

        if not len(unlabelled):
            return loss

        discrepancy = mmd(features[:b], features[b:])
        weighted = self.settings.mmd * discrepancy
        return loss + weighted * b / len(batch)

    def answer(self, net, data):
        """The predictions (b, K), with infer.flip the mean over the image and its mirror image."""
        x = self.normalize(data)
        output, _ = net(x)
        pred = self.objective.answer(output)

        if not self.config.infer.flip:
            return pred

        output, _ = net(x.flip(3))
        mirrored = self.objective.answer(output)
        return (pred + mirrored) / 2


def fit(job, k: int, rows, file) -> dict:
    """Train net_<k> outside fold k and write its best weights. Returns the history, the baseline,
    e.g. the classes' frequencies, and the weights that it started from."""
    from networks.attributes import last_linear
    from networks.training import fit_network

    config = job.config
    cache, position = open_cache(job, rows)
    has_image = position >= 0
    unlabelled = position[:0]

    if config.net.mmd:
        cache, unlabelled = with_test_images(job, cache)

    train_idx = rows.training(k)
    train_idx = train_idx[has_image[train_idx]]
    val_idx = rows.validating(k)
    val_idx = val_idx[has_image[val_idx]]

    label = "a label"

    if config.net.rows == "complete":
        label = "every label, as net.rows=complete wants"
        is_complete = (rows.target[train_idx] >= 0).all(1)
        train_idx = train_idx[is_complete]

    if not len(train_idx):
        raise UserError(
            f"net_{k} has no row to train on: none with an image has {label}; "
            f"look at {job.paths.images}"
        )

    def make_learner(device):
        net, source = build(config, rows.sizes, config.net.pretrained)
        learner = Net(net, config, k, rows, cache, position, device, train_idx, unlabelled)

        if rows.task.ASKS == NUMBER:
            learner.objective.start(last_linear(net.heads[0]))

        learner.record = {
            "prior": learner.objective.baseline.tolist(),
            "weights": source,
            "outputs": rows.outputs,
            "unlabelled_test_images": len(unlabelled),
        }
        return learner

    return fit_network(job, "net", k, make_learner, train_idx, val_idx, file)


def with_test_images(job, cache) -> tuple:
    """(a cache of the training images and then those of the test rows, the positions (u,) of the
    latter), which MMD compares with the training images, without labels."""
    test = job.paths.of(TEST)
    test_cache = Cache(test.images, test.cache)
    positions = len(cache.names) + np.flatnonzero(test_cache.ok)
    return JoinedCache(cache, test_cache), positions


def predict(job, k: int, rows, idx) -> np.ndarray:
    """Probabilities or log1p of the number (m, K) for the rows idx (m,), all with images."""
    from networks.training import predict_network

    cache, position = open_cache(job, rows)

    def make_learner(device):
        net, _ = build(job.config, rows.sizes, pretrained=False)
        return Net(net, job.config, k, rows, cache, position, device)

    return predict_network(job, "net", k, make_learner, idx)


def load(job, k: int, rows):
    """net_<k> with its trained weights, in eval mode."""
    from networks.weights import load_strict, read_weights

    net, _ = build(job.config, rows.sizes, pretrained=False)
    file = job.paths.model(f"net_{k}")
    weights = read_weights(file)
    load_strict(net, weights, file)
    return net.eval()


def build(config, sizes, pretrained: bool):
    """An AttributeNet, and the weights it starts from by name, for the record."""
    from networks.attributes import AttributeNet
    from networks.backbone import create_backbone

    settings = config.net
    size = side(config)
    backbone, source = create_backbone(settings.backbone, pretrained, config.run.weights, size)
    net = AttributeNet(backbone, sizes, settings.head, settings.width)
    return net, source


def side(config) -> int:
    """Pixels of the square that the network sees."""
    return config.net.size or config.images.size


def parameter_groups(net, settings) -> list[dict]:
    """AdamW groups: the backbone's layers with lr falling by layer_decay, conv and heads at
    head_lr; no decay on biases and norms."""
    from timm.optim import param_groups_layer_decay

    decay = settings.weight_decay
    groups = []
    for layer in param_groups_layer_decay(net.backbone, decay, layer_decay=settings.layer_decay):
        groups.append(
            {
                "params": layer["params"],
                "weight_decay": layer["weight_decay"],
                "lr": settings.lr * layer["lr_scale"],
            }
        )

    head_lr = settings.head_lr or settings.lr
    for module in (net.reduce, net.heads):
        groups += decay_groups(module, head_lr, decay)

    return groups


def open_maps(job, stem: str, device):
    """What the heads of net_<k> read of every good image, maps (d, h, w) or embeddings (d,):
    features/net_<k>.npy."""
    _, k = split_member(stem)
    net = load(job, k, job.rows)
    return stream_images(
        job,
        network=net.trunk,
        module=net,
        backbone=net.backbone,
        size=side(job.config),
        weights={},
        device=device,
    )


def write_maps(job, stem: str) -> None:
    write_stream(job, stem, open_maps)


def maps_need(config, paths, stem: str) -> list:
    return [paths.images, paths.model(stem)]


SOURCES = {"net": Source(write_maps, maps_need, IMAGE_SETTINGS, network=True)}
