"""Training T1 on random images and labels, with the network, loss and trainer of models/net.py but
without an image cache. For the GPU tests and the GPU benchmark."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from config import Config
from models.net import Net
from tasks import attributes

STEPS = 6  # training steps per epoch
CLASSES = 4  # classes per attribute


@dataclass(frozen=True)
class Size:
    """How large a training run is."""

    backbone: str  # timm name
    side: int  # pixels
    batch: int  # labelled images per step; MMD adds as many images of test rows
    attributes: int
    width: int  # of the attention heads


TINY = Size("test_convnext", side=32, batch=4, attributes=3, width=32)
SMALL = Size("convnext_atto", side=224, batch=32, attributes=10, width=128)
PUBLISHED = Size("convnext_base", side=512, batch=32, attributes=10, width=512)


class SyntheticNet(Net):
    """T1 whose images are arrays in memory, `images` (2 n, s, s, 3): those of n training rows, then
    of as many test rows."""

    def load(self, row_batches, epoch, first):
        for batch in row_batches[first:]:
            positions = batch
            if len(self.unlabelled):
                positions = np.concatenate([batch, len(self.images) // 2 + batch])
            yield self.images[positions]


class SyntheticTraining:
    """One network with its trainer. The same Size always gives the same weights, images and labels.

    mmd, ema: settings of section net. run_settings: settings of section run.
    """

    def __init__(
        self,
        device,
        size: Size,
        checkpoint: Path,
        mmd: float = 0.1,
        ema: float = 0.0,
        **run_settings,
    ):
        import timm
        import torch

        from networks.attributes import AttributeNet
        from networks.training import Trainer

        torch.manual_seed(0)
        config = Config(
            task="attributes",
            models=("net",),
            images={"size": size.side},
            net={
                "batch": size.batch,
                "epochs": 2,
                "lr": 1e-4,
                "head_lr": 1e-3,
                "mmd": mmd,
                "ema": ema,
            },
            run=run_settings,
        )
        classes = [CLASSES] * size.attributes
        backbone = timm.create_model(size.backbone, num_classes=0)
        self.net = AttributeNet(backbone, classes, width=size.width)
        train_rows = STEPS * size.batch
        rng = np.random.default_rng(0)
        labels = rng.integers(-1, CLASSES, (train_rows, size.attributes))
        images = rng.integers(0, 256, (2 * train_rows, size.side, size.side, 3), np.uint8)
        self.rows = np.arange(train_rows)
        table = SimpleNamespace(
            sizes=classes,
            fold=np.repeat([0, -1], train_rows),  # as many test rows as training rows
            target=labels,
            outputs={str(a): list("abcd") for a in range(size.attributes)},
            task=attributes,
        )
        position = np.arange(2 * train_rows)
        learner = SyntheticNet(self.net, config, 0, table, None, position, device, self.rows)
        self.learner = learner
        self.learner.images = images
        self.trainer = Trainer(self.learner, 1, checkpoint, "key")

    def train_steps(self, count: int) -> np.ndarray:
        """Train the first `count` steps of an epoch. Returns their losses (count,)."""
        self.trainer.resume(STEPS)
        batches = self.learner.batches(self.rows, 1, 0)[:count]
        losses = []
        for step, images in enumerate(self.learner.load(batches, 0, 0)):
            losses.append(self.trainer.step(images, batches[step], step))
        return np.array(losses)
