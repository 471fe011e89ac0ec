"""Training T1 on random images and labels, with the network, loss and trainer of models/net.py but
without an image cache; and V2 on random features. For the GPU tests and the GPU benchmark."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from common.sections import Run
from config import Config
from features.store import FeatureTable, names_file
from models.fusion import Fusion
from models.net import Net
from networks.learner import Learner
from networks.prefetch import prefetch
from tasks import attributes, price

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
        return prefetch(self.arrays(row_batches[first:]), self.device)

    def arrays(self, row_batches):
        for batch in row_batches:
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
            fold=np.zeros(train_rows, int),
            target=labels,
            outputs={str(a): list("abcd") for a in range(size.attributes)},
            task=attributes,
        )
        position = np.arange(train_rows)
        unlabelled = train_rows + position if mmd else None  # as many test rows as training rows
        learner = SyntheticNet(
            self.net, config, 0, table, None, position, device, self.rows, unlabelled
        )
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
        return np.array([float(loss) for loss in losses])


class SyntheticFusion(Fusion):
    """V2 on random features of `rows` rows, which are on the device. folder: for its files.

    is_on_device: what it says of itself, to be trained in the other way.
    """

    def __init__(self, device, folder: Path, rows: int, d: int = 768, width: int = 512, **run):
        import torch

        from networks.cross_attention import FusionNet

        torch.manual_seed(0)
        names = np.arange(rows).astype(str)
        self.tables = []
        for side in ("image", "text"):
            file = folder / f"{side}.npy"
            np.save(file, torch.randn(rows, d).half().numpy())
            np.save(names_file(file), names)
            self.tables.append(FeatureTable(file, names, device))

        settings = Config(task="price", models=("fusion",), fusion={"width": width}).fusion
        target = torch.rand(rows, 1).numpy()
        table = SimpleNamespace(target=target, sizes=[1], outputs={"price": []}, task=price)
        net = FusionNet(d, d, settings, 1).to(device)
        Learner.__init__(self, net, settings, table, Run(**run), device, np.arange(rows))
        self.is_on_device = all(table.is_on_gpu for table in self.tables)

    @property
    def on_device(self) -> bool:
        return self.is_on_device
