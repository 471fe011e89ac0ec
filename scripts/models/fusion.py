"""fusion (V2): cross-attention and residual MLPs over cached features of picture and text; one
network per fold."""

from typing import Literal

import numpy as np
from pydantic import model_validator

from common.log import log
from common.questions import NUMBER
from common.sections import Count, NonNegative, Positive, Share
from features.store import FeatureTable, full_name, keys
from networks.device import autocast, precision, use_device
from networks.settings import Training

ANSWERS = (NUMBER,)
NETWORK = True


class Settings(Training):
    """V2: picture and text attend to each other over cached features, residual MLPs, one number.
    Its defaults are the published notebook's."""

    # directory or hub name; timm:<name>; joint:<name> = after text and picture
    image: str = "google/siglip-base-patch16-224"
    text: str = "google/embeddinggemma-300m"  # likewise
    width: Count = 512  # of both sides after projection
    heads: Count = 8
    hidden: Count = 2048  # of the residual MLPs
    blocks: Count = 2
    dropout: Share = 0.1
    attention_dropout: Share = 0.05
    beta: Positive = 0.1  # of SmoothL1 on log1p
    epochs: Count = 60  # 20 + 40: two cycles
    batch: Count = 150
    lr: Positive = 4e-5
    weight_decay: NonNegative = 1e-8
    schedule: Literal["cosine", "plateau", "restarts"] = "restarts"
    warmup: NonNegative = 0.0

    @model_validator(mode="after")
    def one_side_or_two(self):
        if not self.image and not self.text:
            raise ValueError("fusion.image and fusion.text are both empty: name one or both")
        return self


def sources(settings) -> dict[str, str]:
    """{side: source of its features}, e.g. {"image": "image:google/siglip-base-patch16-224"}; a
    side set to "" is left out."""
    found = {"image": settings.image, "text": settings.text}
    return {side: full_name(side, name) for side, name in found.items() if name}


def inputs(config, paths, k):
    return [paths.features(source) for source in sources(config.fusion).values()]


def weights(config):
    return list(sources(config.fusion).values())


def sides(job, rows, device) -> list[FeatureTable]:
    """The features of picture and of text, for every row."""
    found = [sources(job.config.fusion).get(side, "") for side in ("image", "text")]
    return [
        FeatureTable(job.paths.features(source) if source else None, keys(source, rows), device)
        for source in found
    ]


def fit(job, k: int, rows, file) -> dict:
    """Train fusion_<k> on the rows outside fold k and write its best weights. Gives the history."""
    import torch

    from networks.training import Trainer, decay_groups
    from networks.weights import save_weights

    settings, run, seed = job.config.fusion, job.config.run, job.config.data.seed
    train, validation = rows.training(k), rows.validating(k)
    target = torch.as_tensor(rows.target[:, 0], dtype=torch.float32)
    with use_device(run) as device:
        torch.manual_seed(seed + k)
        both = sides(job, rows, device)
        log(
            member=f"fusion_{k}",
            train=len(train),
            validation=len(validation),
            **{
                f"without_{name}": side.missing
                for name, side in zip(("image", "text"), both, strict=True)
            },
        )
        net = build(both, settings).to(device)
        with torch.no_grad():
            net.head.bias.fill_(
                float(np.median(rows.target[train]))
            )  # from the median on: hundreds of steps less

        def load(groups, epoch, first):
            for group in groups[first:]:
                yield [side.take(group) for side in both] + [target[group].to(device)]

        def loss(forward, data, part, batch, step):
            image, text, idx = (x[part] for x in data)
            error = torch.nn.functional.smooth_l1_loss(
                forward(image, text)[:, 0].float(), idx, beta=settings.beta, reduction="sum"
            )
            return error / len(batch)

        trainer = Trainer(
            net,
            decay_groups(net, settings.lr, settings.weight_decay),
            settings,
            run,
            device,
            seed * 1000 + k,
            job.paths.checkpoint(f"fusion_{k}"),
            job.key(job.paths.model(f"fusion_{k}")),
            rows.task.MODE,
        )
        best, history = trainer.fit(
            train,
            load,
            loss,
            lambda net: (
                rows.score(answers(net, both, validation, run, device), validation)
                if len(validation)
                else None
            ),
        )
        save_weights(best, file)
    return {"history": history}


def predict(job, k: int, rows, idx) -> np.ndarray:
    """log1p prices (m, 1) of the rows `idx` (m,)."""
    from networks.weights import load_strict, read_weights

    file = job.paths.model(f"fusion_{k}")
    with use_device(job.config.run) as device:
        both = sides(job, rows, device)
        net = build(both, job.config.fusion).to(device)
        load_strict(net, read_weights(file), file)
        return answers(net, both, idx, job.config.run, device)


def build(both, settings):
    from networks.cross_attention import FusionNet

    return FusionNet(both[0].d, both[1].d, settings)


def answers(net, both, use, run, device, batch: int = 1024) -> np.ndarray:
    """log1p prices (m, 1) float32 of row numbers `use` (m,)."""
    import torch

    net.eval()
    out = [np.zeros((0, 1), np.float32)]
    with torch.inference_mode(), autocast(device, precision(run, device)):
        for i in range(0, len(use), batch):
            out.append(net(*(side.take(use[i : i + batch]) for side in both)).float().cpu().numpy())
    return np.concatenate(out)
