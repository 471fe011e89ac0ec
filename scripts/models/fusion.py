"""fusion (V2): image and text features of frozen encoders attend to each other; one network a fold.

number    in: SigLIP features (t, 768) of the image, EmbeddingGemma features (u, 768) of
              "Basmati rice 5 kg"
          out: log1p price 3.1
classes   in: the same of an image and of "Nike Men Blue Shirt"
          out: probabilities of its classes, e.g. gender: men .9, women .1; colour: ...
"""

from typing import Literal

import numpy as np
from pydantic import model_validator

from common.questions import CLASSES, NUMBER
from common.sections import Count, NonNegative, Positive, Share
from features.store import FeatureTable, row_names, source_name
from networks.learner import Learner
from networks.settings import Loss, Training

ANSWERS = (CLASSES, NUMBER)
NETWORK = True


class Settings(Loss, Training):
    """V2: image and text attend to each other over cached features, residual MLPs. Its defaults are
    the published notebook's."""

    # directory or hub name; timm:<name>; joint:<name> = after text and image
    image: str = "google/siglip-base-patch16-224"
    text: str = "google/embeddinggemma-300m"  # likewise
    width: Count = 512  # of both sides after projection
    heads: Count = 8
    hidden: Count = 2048  # of the residual MLPs
    blocks: Count = 2
    dropout: Share = 0.1
    attention_dropout: Share = 0.05
    beta: Positive = 0.1  # of a number's SmoothL1, on its log1p
    epochs: Count = 60  # 20 + 40: two cycles
    batch: Count = 150
    lr: Positive = 4e-5
    weight_decay: NonNegative = 1e-8
    schedule: Literal["cosine", "restarts"] = "restarts"
    warmup: NonNegative = 0.0

    @model_validator(mode="after")
    def one_side_or_two(self):
        if not self.image and not self.text:
            raise ValueError("fusion.image and fusion.text are both empty: name one or both")

        return self


def sources(settings) -> dict[str, str]:
    """{side: source of its features}, e.g. {"image": "image:google/siglip-base-patch16-224"}; a
    side set to "" is left out."""
    names = {"image": settings.image, "text": settings.text}
    return {side: source_name(side, name) for side, name in names.items() if name}


def evidence(config):
    return tuple(sources(config.fusion))


def inputs(config, paths, k):
    return [paths.features(source) for source in sources(config.fusion).values()]


def weights(config):
    return list(sources(config.fusion).values())


class Fusion(Learner):
    """A FusionNet over the features of every row."""

    predict_batch = 1024

    def __init__(self, job, rows, device, train_idx: np.ndarray | None = None):
        from networks.cross_attention import FusionNet

        settings = job.config.fusion
        source_of = sources(settings)
        image = feature_table(job, rows, source_of.get("image", ""), device)
        text = feature_table(job, rows, source_of.get("text", ""), device)
        self.tables = [image, text]

        net = FusionNet(image.d, text.d, settings, sum(rows.sizes))
        net.to(device)
        super().__init__(net, settings, rows, job.config.run, device, train_idx)
        self.facts = {
            "without_image": image.missing,
            "without_text": text.missing,
        }

    @property
    def on_device(self) -> bool:
        return all(table.is_on_gpu for table in self.tables)

    def read(self, groups):
        return iter(groups)

    def inputs(self, data, part):
        return [table.take(data[part]) for table in self.tables]


def feature_table(job, rows, source: str, device) -> FeatureTable:
    """The features of a source for every row; "": a side that no row has."""
    file = job.paths.features(source) if source else None
    return FeatureTable(file, row_names(source, rows), device)


def fit(job, k: int, rows, file) -> dict:
    """Train fusion_<k> on the rows outside fold k and write its best weights. Returns the
    history."""
    from networks.training import fit_network

    train_idx = rows.training(k)

    def make_learner(device):
        learner = Fusion(job, rows, device, train_idx)
        learner.objective.start(learner.net.head)
        return learner

    return fit_network(job, "fusion", k, make_learner, train_idx, rows.validating(k), file)


def predict(job, k: int, rows, idx) -> np.ndarray:
    """Probabilities (m, K), or log1p of the number (m, 1), of the rows idx (m,)."""
    from networks.training import predict_network

    def make_learner(device):
        return Fusion(job, rows, device)

    return predict_network(job, "fusion", k, make_learner, idx)
