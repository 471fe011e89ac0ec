"""timm: a frozen image network's features of every good image, pooled, in several views.

in: an image uint8 (512, 512, 3) → out: features (views, 1024) float16
"""

import numpy as np

from common.errors import UserError
from common.paths import safe_name
from common.sections import Augment, Count, CountOrZero, Names, Section
from features.source import Source
from features.stream import Stream, write_stream
from images.augment import augmenter
from images.cache import Cache, batches
from networks.device import autocast, precision
from networks.weights import TIMM

SECTION = "features"  # of the config


class Settings(Section):
    """What 03 keeps of a frozen network: pooled (d,) of an encoder, the map (d, h, w) of a trained
    net's trunk."""

    encoders: Names = ("convnext_base.fb_in22k_ft_in1k_384",)  # timm names
    pretrained: bool = True
    size: CountOrZero = 0  # pixels, square; 0 = images.size
    # an encoder's features end with the means of its earlier stages: colour and texture
    stages: bool = False
    views: Count = 1  # 1 the image, 2 and its mirror image, more: augmented
    augment: Augment = "published"  # of views 3 and up


def open_stream(job, stem: str, device) -> Stream:
    """Pooled features of a timm encoder. Raises UserError when the category has no encoder of that
    name."""
    from networks.backbone import create_backbone, stage_means

    config, settings = job.config, job.config.features
    name = encoder_of(job, stem)
    size = settings.size or config.images.size
    encoder, weights = create_backbone(name, settings.pretrained, config.run.weights, size)

    def network(images):
        return stage_means(encoder, images) if settings.stages else encoder(images)

    return stream_images(job, network, encoder, encoder, size, weights, device)


def encoder_of(job, stem: str) -> str:
    """The timm name whose features are features/<stem>.npy."""
    encoders = job.config.features.encoders
    of_models = [weights.removeprefix(f"{TIMM}:") for weights in job.weights]
    for name in [*encoders, *of_models]:
        if safe_name(name) == stem.removeprefix(f"{TIMM}--"):
            return name

    raise UserError(
        f"no source {stem!r} in {job.paths.category}; there are: "
        f"{', '.join([*encoders, *job.weights])}"
    )


def stream_images(job, network, module, backbone, size: int, weights: dict, device) -> Stream:
    """Views of every good image through `network`, a function of images (b, 3, size, size).

    module: the torch module that network computes with; backbone: whose mean and deviation images
    are normalised by; weights: for the record.
    """
    import torch

    from networks.backbone import normalize_images

    config, settings = job.config, job.config.features
    module.eval().to(device, memory_format=torch.channels_last)
    cache = Cache(job.paths.images, job.paths.cache)
    good = np.flatnonzero(cache.ok)
    preset = settings.augment if settings.views > 2 else "none"
    change = augmenter(preset, config.images.size, (config.data.seed,))
    dtype = precision(config.run, device)

    def features(images):
        with torch.inference_mode(), autocast(device, dtype):
            x = normalize_images(np.ascontiguousarray(images), backbone, device, size)
            return network(x)

    def feature_batches(done: int):
        batch = config.run.infer_batch
        groups = [good[start : start + batch] for start in range(done, len(good), batch)]
        for images in batches(cache, groups, config.run.workers):
            views = []
            for v in range(settings.views):
                views.append(features(view(images, v, change, done)))

            yield torch.stack(views, 1)
            done += len(images)

    example = features(cache.read(good[0])[None])
    shape = (settings.views, *example.shape[1:])
    return Stream(cache.names[good], shape, feature_batches, {"weights": weights})


def view(images: np.ndarray, v: int, change, first: int) -> np.ndarray:
    """View v of images (b, s, s, 3): 0 as they are, 1 mirrored, 2 and up augmented. first: the
    number of the first image, which the draws depend on."""
    if v == 0:
        return images

    if v == 1:
        return images[:, :, ::-1]

    return np.stack([change(image, v, first + i) for i, image in enumerate(images)])


def write(job, stem: str) -> None:
    write_stream(job, stem, open_stream)


def needs(config, paths, stem: str) -> list:
    return [paths.images]


# the settings of a trained net's maps, too
IMAGE_SETTINGS = (
    "features.size",
    "features.stages",
    "features.views",
    "features.augment",
    "features.pretrained",
)
SOURCES = {TIMM: Source(write, needs, IMAGE_SETTINGS, network=True)}
