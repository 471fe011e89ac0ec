"""Augmentations by name: albumentations on uint8, each applied to a picture with probability .5, as
the published notebook did."""

import threading


def pipeline(name: str, size: int):
    """The transforms of a preset for pictures (size, size, 3)."""
    import albumentations as A

    flip, crop = (
        A.HorizontalFlip(p=0.5),
        lambda low: A.RandomResizedCrop((size, size), scale=(low, 1), ratio=(0.8, 1.25)),
    )

    def colour(x):
        return A.ColorJitter(
            brightness=(1 - x, 1 + x),
            contrast=(1 - x, 1 + x),
            saturation=(1 - x, 1 + x),
            hue=(-x / 10, x / 10),
        )

    presets = {
        "light": lambda: [flip, crop(0.8)],
        "medium": lambda: [
            flip,
            crop(0.6),
            A.Affine(rotate=(-10, 10), shear=(-5, 5), p=0.5),
            colour(0.1),
        ],
        "strong": lambda: [
            flip,
            crop(0.4),
            A.Affine(rotate=(-15, 15), shear=(-8, 8), p=0.5),
            colour(0.25),
            A.CoarseDropout(
                num_holes_range=(1, 4),
                hole_height_range=(0.05, 0.2),
                hole_width_range=(0.05, 0.2),
                p=0.5,
            ),
        ],
        "published": lambda: [
            flip,
            A.Affine(rotate=(-5, 5), p=1),
            crop(0.8),
            A.Perspective(scale=(0, 0.1), p=1),
            A.Affine(translate_percent=(-0.15, 0.15), scale=(0.85, 1.15), shear=(-5, 5), p=1),
        ],
    }
    return A.Compose(presets[name](), p=0.5 if name == "published" else 1.0)


def augmenter(name: str, size: int, seed: tuple[int, ...], first: int = 0):
    """change(picture, g, i) for images.batches, g counted from batch `first` of the epoch; None for
    "none".

    A picture's draw depends on (seed, batch, place in it) alone: the same whatever the number of
    threads, and after a resume.
    """
    if name == "none":
        return None
    import os

    os.environ.setdefault(
        "NO_ALBUMENTATIONS_UPDATE", "1"
    )  # it would ask the network for a newer version at import
    import numpy as np

    own = threading.local()  # a pipeline holds generators: one per thread

    def change(picture, g: int, i: int):
        if not hasattr(own, "pipeline"):
            own.pipeline = pipeline(name, size)
        own.pipeline.set_random_seed(
            int(np.random.SeedSequence([*seed, first + g, i]).generate_state(1)[0])
        )
        return own.pipeline(image=picture)["image"]

    return change
