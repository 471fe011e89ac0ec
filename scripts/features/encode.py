"""text, image, joint: a transformers encoder of texts, of pictures, or of both together, frozen."""

from itertools import repeat

import numpy as np

from common.errors import UserError
from common.paths import safe_name
from common.sections import Count, Section
from features.source import Source
from features.stream import Stream, write_stream
from images.cache import batches, open_cache
from networks.device import autocast, precision


class Settings(Section):
    """What 03 keeps of an encoder of texts, of pictures, or of both together (joint)."""

    # of a row's features: 1 = pooled (d,), more = at most so many tokens (tokens, d)
    tokens: Count = 1
    max_length: Count = 512  # tokens of a text that are read
    prompt: str = ""  # before every text; "" = the encoder's own


def open_stream(job, stem: str, device) -> Stream:
    """Texts, pictures or both through a transformers encoder; texts longest first, so that a batch
    wastes no padding.

    A row whose text is empty, or whose picture is bad, has no features.
    """
    import torch

    from networks.encoders import load_encoder

    side, _, _ = stem.partition("--")
    name = encoder_of(job, stem)
    config, step = job.config, job.config.run.infer_batch
    dtype, rows = precision(config.run, device), job.rows
    cache, position = open_cache(job, rows) if side != "text" else (None, None)
    if side == "image":
        use = np.flatnonzero(cache.ok)
    elif rows.text is None:
        use = np.zeros(0, int)
    else:
        use = np.flatnonzero(rows.text != "" if side == "text" else position >= 0)
    if not len(use):
        what, setting = ("text", "text") if side == "text" else ("picture", "train_image")
        raise UserError(
            f"{job.paths.category} has no {what} for {side}:{name}; look at data.{setting}"
        )
    encoder = load_encoder(side, name, config.run.weights, config.encode, device, dtype)
    if side != "image":
        use = use[encoder.texts.longest_first([rows.text[i] for i in use])]
    names = cache.names[use] if side == "image" else rows.id[use]
    places = None  # of the pictures in the cache
    if side != "text":
        places = use if side == "image" else position[use]

    def stream(done: int):
        groups = [slice(i, i + step) for i in range(done, len(use), step)]
        pictures = repeat(None, len(groups))
        if places is not None:
            pictures = batches(cache, [places[group] for group in groups], config.run.workers)
        for group, seen in zip(groups, pictures, strict=True):
            texts = None if side == "image" else [rows.text[row] for row in use[group]]
            with torch.inference_mode(), autocast(device, dtype):
                yield encoder.encode(texts, seen)

    return Stream(
        names, encoder.shape, stream, {"weights": encoder.weights, "encoder": encoder.description()}
    )


def encoder_of(job, stem: str) -> str:
    """The transformers model whose features are features/<stem>.npy. Raises UserError when none of the
    category's models reads them."""
    for weights in job.weights:
        if safe_name(weights) == stem:
            return weights.partition(":")[2]
    raise UserError(
        f"no source {stem!r} in {job.paths.category}; there are: {', '.join(job.weights) or 'none'}"
    )


def write(job, stem: str) -> None:
    write_stream(job, stem, open_stream)


def needs_rows(config, paths, stem: str) -> list:
    return [paths.folds]


def needs_pictures(config, paths, stem: str) -> list:
    return [paths.images]


def needs_both(config, paths, stem: str) -> list:
    return [paths.folds, paths.images]


SOURCES = {
    "text": Source(write, needs_rows, ("encode",), network=True),
    "image": Source(write, needs_pictures, ("encode",), network=True),
    "joint": Source(write, needs_both, ("encode",), network=True),
}
