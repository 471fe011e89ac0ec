"""Presets of augmentation: albumentations on uint8, most of them applied with probability 0.5, as
the published notebook did."""

import os
import threading


def pipeline(name: str, size: int):
    """The transforms of a preset for images (size, size, 3)."""
    import albumentations as A

    presets = {"light": light, "medium": medium, "strong": strong, "published": published}
    transforms = presets[name](A, size)
    probability = 0.5 if name == "published" else 1.0
    return A.Compose(transforms, p=probability)


def light(A, size: int) -> list:
    return [A.HorizontalFlip(p=0.5), crop(A, size, 0.8)]


def medium(A, size: int) -> list:
    return [
        A.HorizontalFlip(p=0.5),
        crop(A, size, 0.6),
        A.Affine(rotate=(-10, 10), shear=(-5, 5), p=0.5),
        jitter(A, 0.1),
    ]


def strong(A, size: int) -> list:
    return [
        A.HorizontalFlip(p=0.5),
        crop(A, size, 0.4),
        A.Affine(rotate=(-15, 15), shear=(-8, 8), p=0.5),
        jitter(A, 0.25),
        A.CoarseDropout(
            num_holes_range=(1, 4),
            hole_height_range=(0.05, 0.2),
            hole_width_range=(0.05, 0.2),
            p=0.5,
        ),
    ]


def published(A, size: int) -> list:
    """The augmentation of the published notebook."""
    return [
        A.HorizontalFlip(p=0.5),
        A.Affine(rotate=(-5, 5), p=1),
        crop(A, size, 0.8),
        A.Perspective(scale=(0, 0.1), p=1),
        A.Affine(
            translate_percent=(-0.15, 0.15),
            scale=(0.85, 1.15),
            shear=(-5, 5),
            p=1,
        ),
    ]


def crop(A, size: int, least: float):
    """A crop of at least this share of the area, made (size, size) again."""
    return A.RandomResizedCrop((size, size), scale=(least, 1), ratio=(0.8, 1.25))


def jitter(A, strength: float):
    spread = (1 - strength, 1 + strength)
    hue = (-strength / 10, strength / 10)
    return A.ColorJitter(brightness=spread, contrast=spread, saturation=spread, hue=hue)


def augmenter(name: str, size: int, seed: tuple[int, ...], first: int = 0):
    """change(image, g, i) for images.cache.batches, where g counts from batch `first` of the epoch;
    None for preset "none".

    The random draw of an image depends on (seed, batch, its place in the batch) alone: it is the
    same whatever the number of threads, and after a resume.
    """
    if name == "none":
        return None

    # It would ask the network for a newer version at import.
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    import numpy as np

    thread = threading.local()  # a pipeline holds generators: one per thread

    def change(image, g: int, i: int):
        if not hasattr(thread, "pipeline"):
            thread.pipeline = pipeline(name, size)

        sequence = np.random.SeedSequence([*seed, first + g, i])
        state = sequence.generate_state(1)[0]
        thread.pipeline.set_random_seed(int(state))
        augmented = thread.pipeline(image=image)
        return augmented["image"]

    return change
