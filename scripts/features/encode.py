"""text, image, joint: a transformers encoder of texts, of images, or of both together, frozen.

in: "Basmati rice 5 kg" → out: features (768,) float16, or (tokens, 768)
"""

from dataclasses import dataclass, replace
from itertools import repeat

import numpy as np

from common.errors import UserError
from common.paths import safe_name
from common.sections import Count, Section
from features.source import Source
from features.stream import Stream, write_stream
from images.cache import Cache, batches, open_cache
from networks.compile import LAYERS, WhenToCompile, compile_layers
from networks.device import autocast, precision
from networks.weights import IMAGE, JOINT, TEXT, split_weights


class Settings(Section):
    """What 03 keeps of an encoder of texts, of images, or of both together (joint)."""

    # of a row's features: 1 = pooled (d,), more = at most so many tokens (tokens, d)
    tokens: Count = 1
    max_length: Count = 512  # tokens of a text that are read
    prompt: str = ""  # before every text; "" = the encoder's own


@dataclass(frozen=True)
class Items:
    """What an encoder reads. A row without a text, or without a usable image, is no item."""

    names: np.ndarray  # (n,) of images, or ids of rows
    texts: np.ndarray | None = None  # (n,) str; None for a side without texts
    cache: Cache | None = None  # None for a side without images
    positions: np.ndarray | None = None  # (n,) of the images in the cache

    def take(self, order: np.ndarray) -> "Items":
        """The items in another order."""
        positions = self.positions
        if positions is not None:
            positions = positions[order]

        return replace(
            self,
            names=self.names[order],
            texts=self.texts[order],
            positions=positions,
        )

    def groups(self, done: int, size: int) -> list[slice]:
        """The items from number `done` on, in groups of `size`."""
        starts = range(done, len(self.names), size)
        return [slice(start, start + size) for start in starts]

    def read_texts(self, group: slice) -> list[str] | None:
        if self.texts is None:
            return None

        return list(self.texts[group])

    def read_images(self, groups: list[slice], workers: int):
        """Yield the images uint8 (b, s, s, 3) of each group of items, or None for each."""
        if self.cache is None:
            return repeat(None, len(groups))

        positions = [self.positions[group] for group in groups]
        return batches(self.cache, positions, workers)


def open_stream(job, stem: str, device) -> Stream:
    """Texts, images or both through a transformers encoder; texts longest first, so that batches
    have little padding."""
    import torch

    from networks.encoders import load_encoder

    side, name = encoder_of(job, stem)
    config = job.config
    run = config.run

    items = find_items(job, side)
    if not len(items.names):
        what, setting = ("text", "text") if side == TEXT else ("image", "train_image")
        raise UserError(
            f"{job.paths.category} has no {what} for {side}:{name}; look at data.{setting}"
        )

    dtype = precision(run, device)
    encoder = load_encoder(side, name, run.weights, config.encode, device, dtype)

    if items.texts is not None:
        texts = list(items.texts)
        order = encoder.texts.longest_first(texts)
        items = items.take(order)

    steps = len(items.names) // run.infer_batch
    when = WhenToCompile(run, device, steps, LAYERS)

    def encode_batches(done: int, size: int):
        groups = items.groups(done, size)
        images_of_groups = items.read_images(groups, run.workers)
        for group, images in zip(groups, images_of_groups, strict=True):
            if when.now():
                compile_layers(encoder.model)

            texts = items.read_texts(group)
            with torch.inference_mode(), autocast(device, dtype):
                features = encoder.encode(texts, images)

            yield features

    record = {
        "weights": encoder.weights,
        "encoder": encoder.description(),
    }
    return Stream(items.names, encoder.shape, encode_batches, record)


def find_items(job, side: str) -> Items:
    """What the category has for a side: images of the cache, or rows."""
    if side == IMAGE:
        cache = Cache(job.paths.images, job.paths.cache)
        positions = np.flatnonzero(cache.ok)
        names = cache.names[positions]
        return Items(names, cache=cache, positions=positions)

    rows = job.rows
    if rows.text is None:
        return Items(rows.id[:0])

    if side == TEXT:
        has_text = (rows.text != "") & rows.asked
        return Items(rows.id[has_text], rows.text[has_text])

    cache, position = open_cache(job, rows)
    has_image = (position >= 0) & rows.asked
    return Items(
        names=rows.id[has_image],
        texts=rows.text[has_image],
        cache=cache,
        positions=position[has_image],
    )


def encoder_of(job, stem: str) -> tuple[str, str]:
    """The side and the name of the transformers model whose features are features/<stem>.npy.
    Raises UserError when none of the category's models reads them."""
    for weights in job.weights:
        if safe_name(weights) == stem:
            return split_weights(weights)

    there = ", ".join(job.weights) or "none"
    raise UserError(f"no source {stem!r} in {job.paths.category}; there are: {there}")


def write(job, stem: str) -> None:
    write_stream(job, stem, open_stream)


def needs_rows(config, paths, stem: str) -> list:
    return [paths.folds]


def needs_images(config, paths, stem: str) -> list:
    return [paths.images]


def needs_both(config, paths, stem: str) -> list:
    return [paths.folds, paths.images]


SOURCES = {
    TEXT: Source(write, needs_rows, ("encode",), network=True),
    IMAGE: Source(write, needs_images, ("encode",), network=True),
    JOINT: Source(write, needs_both, ("encode",), network=True),
}
