"""Draw groceries: every item of the pack, in the kind's shape and colour, with a label.

in:  a product with k=7, shape="jar", colour="orange", step=2, pack=6, premium=True
out: a photograph, about 200 pixels wide and high, of six large orange jars, a star on gold labels

An item is drawn in units of its height: x to the right from its middle, y down, from 0 at the top
to 1.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from sample.scene import (
    Scene,
    both_sides,
    draw_cloud,
    make_pose,
    pick_colour,
    star,
    take_photo,
    to_image,
)


class Shape(NamedTuple):
    """The shape of a pack."""

    outline: list[tuple[float, float]]  # (y, half-width) from the top down
    lid_end: float  # y where the lid ends; 0: it has none
    label: tuple[float, float]  # the label's top and bottom

    def half_width(self, y):
        """Half the width of the pack at y, a number or numbers."""
        heights, half_widths = np.transpose(self.outline)
        return np.interp(y, heights, half_widths)


SHAPES = {
    "bottle": Shape(
        outline=[(0, 0.08), (0.28, 0.08), (0.42, 0.2), (1, 0.2)],
        lid_end=0.12,
        label=(0.5, 0.88),
    ),
    "jar": Shape(
        outline=[(0, 0.29), (0.17, 0.29), (0.22, 0.35), (0.95, 0.35), (1, 0.31)],
        lid_end=0.17,
        label=(0.38, 0.82),
    ),
    "can": Shape(
        outline=[(0, 0.26), (0.04, 0.29), (0.96, 0.29), (1, 0.26)],
        lid_end=0.04,
        label=(0.28, 0.74),
    ),
    "box": Shape(
        outline=[(0, 0.36), (1, 0.36)],
        lid_end=0,
        label=(0.2, 0.62),
    ),
    "pouch": Shape(
        outline=[(0, 0.33), (0.09, 0.33), (0.45, 0.38), (1, 0.35)],
        lid_end=0.09,
        label=(0.34, 0.78),
    ),
}
WHITE_WALL = np.full(3, 250.0)
COLUMNS = {1: 1, 2: 2, 3: 3, 4: 2, 6: 3, 12: 4, 24: 6}  # items in the pack -> items in a row
SCALES = (0.66, 0.77, 0.88)  # how large small, medium and large items are drawn
TINTS = {  # colours of packs beside those of the scene
    "orange": (232, 138, 38),
    "gold": (212, 168, 52),
    "label": (244, 240, 230),
    "lid": (170, 170, 176),
}


class Tints(NamedTuple):
    """The colours (3,) of a pack."""

    body: np.ndarray
    lid: np.ndarray
    paper: np.ndarray
    ink: np.ndarray


def draw_file(file: Path, product, seed: int) -> float:
    """Draw one product into `file` and return the file's megabytes.

    Of the product it takes k, shape, colour, step (0 to 2, its size), pack and premium. The same
    seed and k draw the same bytes.
    """
    rng = np.random.default_rng([seed, product.k])
    size = rng.integers(190, 225, 2)
    wall = draw_wall(size, rng)
    scene = Scene(wall, np.zeros((2, 3)))

    # Each item has a cell of the image, and room for it: 0.8 wide and 1.05 high.
    columns = COLUMNS[product.pack]
    rows = product.pack // columns
    cell = size / [columns, rows]
    unit = min(cell / [0.8, 1.05])
    unit *= SCALES[product.step]
    shape = SHAPES[product.shape]
    tints = pick_tints(product, rng)

    for i in range(product.pack):
        row, column = divmod(i, columns)
        middle = np.array([column, row]) + 0.5
        middle *= cell
        middle += rng.normal(0, 0.015 * unit, 2)
        lean = rng.normal(0, 0.03)
        scene.pose = pose_item(middle, unit, lean)
        draw_item(scene, shape, tints.body, tints.lid)
        draw_label(scene, shape, tints.paper, tints.ink, product.premium)

    photo = take_photo(scene.image, rng)
    quality = int(rng.integers(80, 93))
    photo.save(file, quality=quality)
    return file.stat().st_size / 1e6


def draw_wall(size: np.ndarray, rng) -> Image.Image:
    """A wall of a random colour, or mostly a white one, a little uneven."""
    colour = WHITE_WALL
    if rng.random() < 0.3:
        colour = pick_colour("wall", rng)

    bumps = draw_cloud(size, (2, 2), rng)
    relief = 1 + 0.02 * bumps
    pixels = colour * relief
    return to_image(pixels)


def pick_tints(product, rng) -> Tints:
    """The colours of a product, whose label is golden where it is premium."""
    paper = "gold" if product.premium else "label"
    return Tints(
        body=pick_tint(product.colour, rng),
        lid=pick_tint("lid", rng),
        paper=pick_tint(paper, rng),
        ink=pick_colour("dark", rng),
    )


def pick_tint(name: str, rng) -> np.ndarray:
    """A colour (3,), 0 to 255: near one of TINTS, or of a name that the scene knows."""
    if name in TINTS:
        return TINTS[name] + rng.normal(0, 8, 3)

    return pick_colour(name, rng)


def pose_item(middle, unit: float, angle: float) -> np.ndarray:
    """A pose (2, 3) that puts an item's middle at a pixel, `angle` radians off the vertical."""
    return make_pose(unit, angle, [0, 0.5], middle)


def cut_item(shape: Shape, top: float = 0, bottom: float = 1) -> np.ndarray:
    """Outline (n, 2) of an item between two heights."""
    heights = [top]
    for y, _ in shape.outline:
        if top < y < bottom:
            heights.append(y)
    heights.append(bottom)

    half_widths = shape.half_width(heights)
    right = np.c_[half_widths, heights]
    return both_sides(right)


def draw_item(scene: Scene, shape: Shape, colour, lid) -> None:
    """Draw an item without its label: its shadow, body and lid. `lid` is a colour (3,)."""
    body = cut_item(shape)
    shadow = body + [0.03, 0.02]
    scene.shadow(shadow, blur=0.04)
    scene.fill(body, colour)

    if shape.lid_end:
        top = cut_item(shape, bottom=shape.lid_end)
        scene.fill(top, lid)


def draw_label(scene: Scene, shape: Shape, paper, ink, premium: bool) -> None:
    """Draw an item's label: with a star where it is premium, else with two lines of print."""
    top, bottom = shape.label
    height = bottom - top
    label = cut_item(shape, top, bottom)
    label = label * [0.9, 1]  # a little of the pack shows at its sides
    scene.fill(label, paper, rim=0.15)

    if premium:
        middle = (top + bottom) / 2
        radius = 0.36 * height
        emblem = star(0, middle, radius, tips=5, dent=0.45)
        scene.fill(emblem, ink, rim=0)
        return

    # Lines as wide as 0.6 of the label.
    edge = label[:, 0].max()
    right = 0.6 * edge
    left = -right
    for share in (0.3, 0.6):
        y = top + share * height
        line = [(left, y), (right, y)]
        scene.line(line, ink, 0.05)
