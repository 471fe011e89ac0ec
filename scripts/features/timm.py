"""timm: a frozen image network's features of every good picture, pooled, in several views."""

from typing import Annotated

import numpy as np
from pydantic import Field

from common.errors import UserError
from common.paths import safe_name
from common.sections import Augment, Count, Names, Section
from features.source import Source
from features.stream import Stream, write_stream
from images.augment import augmenter
from images.cache import Cache, batches
from networks.device import autocast, precision

SECTION = "features"  # of the config


class Settings(Section):
    """What 03 keeps of a frozen network: pooled (d,) of an encoder, the map (d, h, w) of a trained
    net's trunk."""

    encoders: Names = ("convnext_base.fb_in22k_ft_in1k_384",)  # timm names
    pretrained: bool = True
    size: Annotated[int, Field(ge=0)] = 0  # pixels, square; 0 = images.size
    # an encoder's features end with the means of its earlier stages: colour and texture
    stages: bool = False
    views: Count = 1  # 1 the picture, 2 and its mirror image, more: augmented
    augment: Augment = "published"  # of views 3 and up


def open_stream(job, stem: str, device) -> Stream:
    """Pooled features of a timm encoder. Raises UserError when the category has no encoder of that name."""
    from networks.backbone import create_backbone, stage_means

    config, settings = job.config, job.config.features
    name = encoder_of(job, stem)
    size = settings.size or config.images.size
    encoder, weights = create_backbone(name, settings.pretrained, config.run.weights, size)

    def pooled(pictures):
        return stage_means(encoder, pictures) if settings.stages else encoder(pictures)

    return stream_pictures(job, pooled, encoder, encoder, size, weights, device)


def encoder_of(job, stem: str) -> str:
    """The timm name whose features are features/<stem>.npy."""
    encoders = [*job.config.features.encoders, *map(timm_name, job.weights)]
    for encoder in encoders:
        if safe_name(encoder) == stem.removeprefix("timm--"):
            return encoder
    raise UserError(
        f"no source {stem!r} in {job.paths.category}; there are: "
        f"{', '.join([*job.config.features.encoders, *job.weights])}"
    )


def timm_name(weights: str) -> str:
    return weights.removeprefix("timm:")


def stream_pictures(job, network, module, backbone, size: int, weights: dict, device) -> Stream:
    """Views of every good picture through `network`, a function of pictures (b, 3, s, s).

    module: what it belongs to; backbone: whose mean and deviation pictures are normalised by;
    size: of the pictures it takes; weights: for the record.
    """
    import torch

    from networks.backbone import normalised

    config, settings = job.config, job.config.features
    module.eval().to(device, memory_format=torch.channels_last)
    cache = Cache(job.paths.images, job.paths.cache)
    good = np.flatnonzero(cache.ok)
    preset = settings.augment if settings.views > 2 else "none"
    change = augmenter(preset, config.images.size, (config.data.seed,))
    batch = config.run.infer_batch

    def run(pictures):
        with torch.inference_mode(), autocast(device, precision(config.run, device)):
            return network(normalised(np.ascontiguousarray(pictures), backbone, device, size))

    def stream(done: int):
        groups = [good[i : i + batch] for i in range(done, len(good), batch)]
        for pictures in batches(cache, groups, config.run.workers):
            views = [run(view(pictures, v, change, done)) for v in range(settings.views)]
            yield torch.stack(views, 1)
            done += len(pictures)

    shape = run(cache.read(good[0])[None]).shape[1:]
    return Stream(cache.names[good], (settings.views, *shape), stream, {"weights": weights})


def view(pictures: np.ndarray, v: int, change, first: int) -> np.ndarray:
    """View v of pictures (b, s, s, 3): 0 as they are, 1 mirrored, 2 and up augmented by their place
    in the table."""
    if v == 0:
        return pictures
    if v == 1:
        return pictures[:, :, ::-1]
    return np.stack([change(picture, v, first + i) for i, picture in enumerate(pictures)])


def write(job, stem: str) -> None:
    write_stream(job, stem, open_stream)


def needs(config, paths, stem: str) -> list:
    return [paths.images]


# the settings of a trained net's maps, too
PICTURE_SETTINGS = tuple(
    f"features.{key}" for key in ("size", "stages", "views", "augment", "pretrained")
)
SOURCES = {"timm": Source(write, needs, PICTURE_SETTINGS, network=True)}
