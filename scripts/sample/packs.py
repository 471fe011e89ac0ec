"""Drawn groceries: the kind's shape and colour, every item of the pack, larger sizes larger,
premium ones labelled in gold.

An item is drawn in units of its height: x to the right from its middle, y down, from 0 at the top
to 1.
"""

from pathlib import Path

import numpy as np

from sample.garments import Stage, draw_cloud, pick_colour, ring, take_photo, to_picture

SHAPES = {  # shape -> (half-width at heights y, where the lid ends, label's top and bottom)
    "bottle": ([(0, 0.08), (0.28, 0.08), (0.42, 0.2), (1, 0.2)], 0.12, (0.5, 0.88)),
    "jar": ([(0, 0.29), (0.17, 0.29), (0.22, 0.35), (0.95, 0.35), (1, 0.31)], 0.17, (0.38, 0.82)),
    "can": ([(0, 0.26), (0.04, 0.29), (0.96, 0.29), (1, 0.26)], 0.04, (0.28, 0.74)),
    "box": ([(0, 0.36), (1, 0.36)], 0, (0.2, 0.62)),
    "pouch": ([(0, 0.33), (0.09, 0.33), (0.45, 0.38), (1, 0.35)], 0.09, (0.34, 0.78)),
}
COLUMNS = {1: 1, 2: 2, 3: 3, 4: 2, 6: 3, 12: 4, 24: 6}  # items in the pack -> in a row
TINTS = {
    "orange": (232, 138, 38),
    "gold": (212, 168, 52),
    "label": (244, 240, 230),
    "lid": (170, 170, 176),
}


def draw_file(file: Path, product, seed: int) -> float:
    """Draws one product (k, shape, colour, step, pack, premium) and photographs it, about 200
    pixels wide and high; gives the file's megabytes. All chance comes from (seed, k)."""
    rng = np.random.default_rng([seed, product.k])
    size = rng.integers(190, 225, 2)
    wall = pick_colour("wall", rng) if rng.random() < 0.3 else np.full(3, 250.0)
    stage = Stage(to_picture(wall * (1 + 0.02 * draw_cloud(size, (2, 2), rng))), np.zeros((2, 3)))
    columns = COLUMNS[product.pack]
    cell = size / [columns, product.pack // columns]
    unit = min(cell / [0.8, 1.05]) * (0.66, 0.77, 0.88)[product.step]
    tints = [
        pick_tint(name, rng)
        for name in (product.colour, "lid", "gold" if product.premium else "label")
    ]
    ink = pick_colour("dark", rng)
    for i in range(product.pack):
        middle = (np.array([i % columns, i // columns]) + 0.5) * cell + rng.normal(
            0, 0.015 * unit, 2
        )
        stage.pose = lean_item(middle, unit, rng.normal(0, 0.03))
        draw_item(stage, product.shape, *tints, ink, product.premium)
    take_photo(stage.picture, rng).save(file, quality=int(rng.integers(80, 93)))
    return file.stat().st_size / 1e6


def pick_tint(name: str, rng) -> np.ndarray:
    """A colour (3,), 0 to 255, within a class of the garments' or near one of the TINTS."""
    return TINTS[name] + rng.normal(0, 8, 3) if name in TINTS else pick_colour(name, rng)


def lean_item(middle, unit: float, angle: float) -> np.ndarray:
    """The matrix (2, 3) from an item's units to pixels: its middle there, `angle` radians off the
    vertical."""
    spin = unit * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.c_[spin, middle - spin @ [0, 0.5]]


def cut_item(shape: str, top: float, bottom: float, share: float = 1) -> np.ndarray:
    """Outline (n, 2) of the shape between two heights, `share` of its width."""
    heights, widths = np.transpose(SHAPES[shape][0])
    y = np.unique([top, *heights[(heights > top) & (heights < bottom)], bottom])
    x = share * np.interp(y, heights, widths)
    return np.r_[np.c_[x, y], np.c_[-x, y][::-1]]


def draw_item(stage: Stage, shape: str, colour, lid, paper, ink, premium: bool):
    """One item: its shadow, body, lid and label; a star on the label if it is a premium one, else
    two lines of print."""
    _, lid_end, (top, bottom) = SHAPES[shape]
    body, middle, height = cut_item(shape, 0, 1), (top + bottom) / 2, bottom - top
    stage.paint(body + [0.03, 0.02], (20, 20, 25), blur=0.04)
    stage.paint(body, colour)
    if lid_end:
        stage.paint(cut_item(shape, 0, lid_end), lid)
    label = cut_item(shape, top, bottom, 0.9)
    stage.paint(label, paper, rim=0.15)
    if premium:
        stage.paint(ring(0, middle, 0.36 * height, 0.36 * height, 10, 0.45), ink, rim=0)
        return
    edge = 0.6 * label[:, 0].max()
    for y in (top + 0.3 * height, top + 0.6 * height):
        stage.paint([(-edge, y), (edge, y)], ink, 0.05)
