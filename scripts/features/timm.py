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
from networks.batches import cut
from networks.compile import LAYERS, WhenToCompile, compile_layers
from networks.device import autocast, precision
from networks.prefetch import prefetch
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
    import torch

    from networks.backbone import create_backbone, stage_means

    config = job.config
    settings = config.features
    name = encoder_of(job, stem)
    size = settings.size or config.images.size
    torch.manual_seed(0)  # random weights are the same for training rows and rows to answer
    encoder, weights = create_backbone(name, settings.pretrained, config.run.weights, size)

    def network(images):
        if settings.stages:
            return stage_means(encoder, images)

        return encoder(images)

    return stream_images(
        job,
        network=network,
        module=encoder,
        backbone=encoder,
        size=size,
        weights=weights,
        device=device,
    )


def encoder_of(job, stem: str) -> str:
    """The timm name whose features are features/<stem>.npy."""
    encoders = job.config.features.encoders
    of_models = [weights.removeprefix(f"{TIMM}:") for weights in job.weights]
    safe = stem.removeprefix(f"{TIMM}--")

    for name in [*encoders, *of_models]:
        if safe_name(name) == safe:
            return name

    there = ", ".join([*encoders, *job.weights])
    raise UserError(f"no source {stem!r} in {job.paths.category}; there are: {there}")


def stream_images(
    job,
    network,
    module,
    backbone,
    size: int,
    weights: dict,
    device,
) -> Stream:
    """Views of every good image through `network`, a function of images (b, 3, size, size).

    module: the torch module that network computes with; backbone: whose mean and deviation images
    are normalised by; weights: for the record.
    """
    import torch

    from networks.backbone import normalize_images

    config = job.config
    settings = config.features
    dtype = precision(config.run, device)
    module.eval()
    module.to(device, memory_format=torch.channels_last)

    def features(images):
        if isinstance(images, np.ndarray):
            images = np.ascontiguousarray(images)

        with torch.inference_mode(), autocast(device, dtype):
            x = normalize_images(images, backbone, device, size)
            return network(x)

    preset = settings.augment if settings.views > 2 else "none"
    seed = (config.data.seed,)
    change = augmenter(preset, config.images.size, seed)

    cache = Cache(job.paths.images, job.paths.cache)
    good = np.flatnonzero(cache.ok)

    run = config.run
    steps = len(good) // run.infer_batch
    when = WhenToCompile(run, device, steps, LAYERS)

    def feature_batches(done: int, size: int):
        groups = cut(good[done:], size)
        arrays = batches(cache, groups, run.workers)
        # augmented views are made of arrays
        for images in prefetch(arrays, device) if change is None else arrays:
            if when.now():
                compile_layers(module)

            views = []
            for v in range(settings.views):
                changed = view(images, v, change, done)
                views.append(features(changed))

            yield torch.stack(views, 1)
            done += len(images)

    # what one image gives, for the shape
    image = cache.read(good[0])
    example = features(image[None])
    shape = (settings.views, *example.shape[1:])

    names = cache.names[good]
    return Stream(names, shape, feature_batches, {"weights": weights})


def view(images, v: int, change, first: int):
    """View v of images (b, s, s, 3), an array or a tensor: 0 as they are, 1 mirrored, 2 and up
    augmented. first: the number of the first image, which the draws depend on."""
    if v == 0:
        return images

    if v == 1 and not isinstance(images, np.ndarray):
        return images.flip(2)

    if v == 1:
        return images[:, :, ::-1]

    changed = []
    for number, image in enumerate(images, first):
        changed.append(change(image, v, number))

    return np.stack(changed)


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
