"""What features can be made of: one function per kind of source, each giving the names of its rows
and their features in order."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from common.errors import Stop
from common.paths import plain
from images.augment import augmenter
from images.cache import Cache, batches
from networks.device import autocast, precision


@dataclass(frozen=True)
class Source:
    """names (n,): of pictures, or ids of rows; shape: of one name's features; stream(done) yields
    tensors (b, *shape) from the done-th name on; record: what the features' record says of how they
    were made."""

    names: np.ndarray
    shape: tuple[int, ...]
    stream: Callable
    record: dict = field(default_factory=dict)


def open_source(job, stem: str, where, load_model, load_rows) -> Source:
    """The source whose file is features/<stem>.npy. Stop when the category has none of that
    name."""

    side, _, rest = stem.partition("--")
    if side in ("text", "image", "joint", "timm") and rest:
        names = {
            plain(name): name
            for model in job.config.models
            for name in load_model(model).weights(job.config)
        }
        if stem not in names:
            raise Stop(
                f"no source {stem!r} in {job.paths.category}; there are: "
                f"{', '.join(names.values()) or 'none'}"
            )
        name = names[stem].partition(":")[2]
        return (
            pictured(job, name, where, load_model, load_rows)
            if side == "timm"
            else encoded(job, side, name, where, load_rows)
        )
    return pictured(job, stem, where, load_model, load_rows)


def pictured(job, stem: str, where, load_model, load_rows) -> Source:
    """Views of every good picture through a timm encoder, pooled, or through the trunk of
    net_<fold>, its map."""
    import torch

    from networks.backbone import normalised

    config, settings = job.config, job.config.features
    network, module, backbone, size, weights = frozen(job, stem, load_model, load_rows)
    module.eval().to(where, memory_format=torch.channels_last)
    cache = Cache(job.paths.images, job.paths.cache)
    good = np.flatnonzero(cache.ok)
    change = augmenter(
        settings.augment if settings.views > 2 else "none", config.images.size, (config.data.seed,)
    )

    def run(pictures):
        with torch.inference_mode(), autocast(where, precision(config.run, where)):
            return network(normalised(np.ascontiguousarray(pictures), backbone, where, size))

    def stream(done: int):
        groups = [
            good[i : i + config.run.infer_batch]
            for i in range(done, len(good), config.run.infer_batch)
        ]
        for pictures in batches(cache, groups, config.run.workers):
            yield torch.stack(
                [run(view(pictures, v, change, done)) for v in range(settings.views)], 1
            )
            done += len(pictures)

    return Source(
        cache.names[good],
        (settings.views, *run(cache.read(good[0])[None]).shape[1:]),
        stream,
        {"weights": weights},
    )


def encoded(job, side: str, name: str, where, load_rows) -> Source:
    """Texts, pictures or both through a transformers encoder; texts longest first, so that a batch
    wastes no padding.

    A row whose text is empty, or whose picture is bad, has no features.
    """
    import torch

    from images.cache import load_pictures
    from networks.encoders import load_encoder

    config, step = job.config, job.config.run.infer_batch
    dtype, rows = precision(config.run, where), load_rows(job)
    cache, position = load_pictures(job, rows) if side != "text" else (None, None)
    if side == "image":
        use = np.flatnonzero(cache.ok)
    else:
        use = (
            np.flatnonzero(rows.text != "" if side == "text" else position >= 0)
            if rows.text is not None
            else np.zeros(0, int)
        )
    if not len(use):
        what, where_from = (
            ("text", "data.text") if side == "text" else ("picture", "data.train_image")
        )
        raise Stop(f"{job.paths.category} has no {what} for {side}:{name}; look at {where_from}")
    encoder = load_encoder(side, name, config.run.weights, config.encode, where, dtype)
    if side != "image":
        use = use[encoder.order([rows.text[i] for i in use])]
    names = cache.names[use] if side == "image" else rows.id[use]
    place = None if side == "text" else use if side == "image" else position[use]

    def stream(done: int):
        groups = range(done, len(use), step)
        pictures = (
            batches(cache, [place[i : i + step] for i in groups], config.run.workers)
            if place is not None
            else iter(lambda: None, 0)
        )
        for i, seen in zip(groups, pictures, strict=True):
            texts = None if side == "image" else [rows.text[row] for row in use[i : i + step]]
            with torch.inference_mode(), autocast(where, dtype):
                yield encoder.encode(texts, seen)

    return Source(
        names, encoder.shape, stream, {"weights": encoder.weights, "encoder": encoder.about}
    )


def frozen(job, source: str, load_model, load_rows):
    """function (pictures (b, 3, s, s)) → features, the module it belongs to, its input size, the
    weights for the record."""
    from networks.backbone import create_backbone, stage_means

    config = job.config
    if source.startswith("net_"):
        net = load_model("net").load(job, int(source.rpartition("_")[2]), load_rows(job))
        return net.trunk, net, net.backbone, config.net.size or config.images.size, {}
    known = [
        *config.features.encoders,
        *(
            name.removeprefix("timm:")
            for model in config.models
            for name in load_model(model).weights(config)
        ),
    ]
    name = next((encoder for encoder in known if plain(encoder) == plain(source)), None)
    if name is None:
        raise Stop(
            f"no source {source!r}; there are: net_<fold>, "
            f"{', '.join(config.features.encoders)} (features.encoders)"
        )
    size = config.features.size or config.images.size
    encoder, weights = create_backbone(name, config.features.pretrained, config.run.weights, size)
    network = (lambda x: stage_means(encoder, x)) if config.features.stages else encoder
    return network, encoder, encoder, size, weights


def view(pictures: np.ndarray, v: int, change, first: int) -> np.ndarray:
    """View v of pictures (b, s, s, 3): 0 as they are, 1 mirrored, 2 and up augmented by their place
    in the table."""
    if v == 0:
        return pictures
    return (
        pictures[:, :, ::-1]
        if v == 1
        else np.stack([change(p, v, first + i) for i, p in enumerate(pictures)])
    )
