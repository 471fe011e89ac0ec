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
    draw_cloud,
    make_pose,
    mirror,
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


SHAPES = {
    "bottle": Shape([(0, 0.08), (0.28, 0.08), (0.42, 0.2), (1, 0.2)], 0.12, (0.5, 0.88)),
    "jar": Shape(
        [(0, 0.29), (0.17, 0.29), (0.22, 0.35), (0.95, 0.35), (1, 0.31)], 0.17, (0.38, 0.82)
    ),
    "can": Shape([(0, 0.26), (0.04, 0.29), (0.96, 0.29), (1, 0.26)], 0.04, (0.28, 0.74)),
    "box": Shape([(0, 0.36), (1, 0.36)], 0, (0.2, 0.62)),
    "pouch": Shape([(0, 0.33), (0.09, 0.33), (0.45, 0.38), (1, 0.35)], 0.09, (0.34, 0.78)),
}
COLUMNS = {1: 1, 2: 2, 3: 3, 4: 2, 6: 3, 12: 4, 24: 6}  # items in the pack -> items in a row
SCALES = (0.66, 0.77, 0.88)  # how large small, medium and large items are drawn
TINTS = {  # colours of packs beside those of the scene
    "orange": (232, 138, 38),
    "gold": (212, 168, 52),
    "label": (244, 240, 230),
    "lid": (170, 170, 176),
}


def draw_file(file: Path, product, seed: int) -> float:
    """Draw one product into `file` and return the file's megabytes.

    Of the product it takes k, shape, colour, step (0 to 2, its size), pack and premium. The same
    seed and k draw the same bytes.
    """
    rng = np.random.default_rng([seed, product.k])
    size = rng.integers(190, 225, 2)
    scene = Scene(draw_wall(size, rng), np.zeros((2, 3)))

    columns = COLUMNS[product.pack]
    rows = product.pack // columns
    cell = size / [columns, rows]
    unit = min(cell / [0.8, 1.05]) * SCALES[product.step]
    shape = SHAPES[product.shape]
    tints = pick_tints(product, rng)

    for i in range(product.pack):
        row, column = divmod(i, columns)
        middle = (np.array([column, row]) + 0.5) * cell
        middle += rng.normal(0, 0.015 * unit, 2)
        lean = rng.normal(0, 0.03)
        scene.pose = pose_item(middle, unit, lean)
        draw_item(scene, shape, tints["body"], tints["lid"])
        draw_label(scene, shape, tints["paper"], tints["ink"], product.premium)

    photo = take_photo(scene.image, rng)
    photo.save(file, quality=int(rng.integers(80, 93)))
    return file.stat().st_size / 1e6


def draw_wall(size: np.ndarray, rng) -> Image.Image:
    """A wall of a random colour, or mostly a white one, a little uneven."""
    colour = np.full(3, 250.0)
    if rng.random() < 0.3:
        colour = pick_colour("wall", rng)
    bumps = draw_cloud(size, (2, 2), rng)
    return to_image(colour * (1 + 0.02 * bumps))


def pick_tints(product, rng) -> dict[str, np.ndarray]:
    """The colours (3,) of a product's body, lid, paper and ink."""
    paper = "gold" if product.premium else "label"
    return {
        "body": pick_tint(product.colour, rng),
        "lid": pick_tint("lid", rng),
        "paper": pick_tint(paper, rng),
        "ink": pick_colour("dark", rng),
    }


def pick_tint(name: str, rng) -> np.ndarray:
    """A colour (3,), 0 to 255: near one of TINTS, or of a name that the scene knows."""
    if name in TINTS:
        return TINTS[name] + rng.normal(0, 8, 3)
    return pick_colour(name, rng)


def pose_item(middle, unit: float, angle: float) -> np.ndarray:
    """A pose (2, 3) that puts an item's middle at a pixel, `angle` radians off the vertical."""
    return make_pose(unit, angle, [0, 0.5], middle)


def cut_item(shape: Shape, top: float = 0, bottom: float = 1, share: float = 1) -> np.ndarray:
    """Outline (n, 2) of an item between two heights, with a share of its width."""
    heights, half_widths = np.transpose(shape.outline)
    is_lower = heights > top
    is_higher = heights < bottom
    between = heights[is_lower & is_higher]

    y = np.unique([top, *between, bottom])
    x = share * np.interp(y, heights, half_widths)
    right = np.c_[x, y]
    return np.r_[right, mirror(right)]


def draw_item(scene: Scene, shape: Shape, colour, lid) -> None:
    """Draw an item without its label: its shadow, body and lid. `lid` is a colour (3,)."""
    body = cut_item(shape)
    scene.shadow(body + [0.03, 0.02], blur=0.04)
    scene.fill(body, colour)
    if shape.lid_end:
        scene.fill(cut_item(shape, 0, shape.lid_end), lid)


def draw_label(scene: Scene, shape: Shape, paper, ink, premium: bool) -> None:
    """Draw an item's label: with a star where it is premium, else with two lines of print."""
    top, bottom = shape.label
    height = bottom - top
    label = cut_item(shape, top, bottom, 0.9)
    scene.fill(label, paper, rim=0.15)
    if premium:
        middle = (top + bottom) / 2
        scene.fill(star(0, middle, 0.36 * height, 5, 0.45), ink, rim=0)
        return

    edge = 0.6 * label[:, 0].max()
    for share in (0.3, 0.6):
        y = top + share * height
        scene.line([(-edge, y), (edge, y)], ink, 0.05)
