"""Draw packs and product pages with print on them: values, and numbers that are something else.

in:  a product with k=7, shape="jar", layout="pack", prints=[("title", "Trail Mix"), ("point",
     "Net Wt 12 oz"), ...]
out: an image, 420 to 640 pixels wide and high, of a jar on whose label that is printed

There are four layouts. A pack is drawn here, with its print on the label; the pages are in
pages.py.
"""

from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from sample.lettering import write
from sample.packs import SHAPES, cut_item, draw_item, pose_item
from sample.pages import lay_points, lay_sheet, lay_sizes
from sample.scene import Scene, brightness, pick_colour, take_photo, to_image

PACKS = tuple(SHAPES)
WHITE_WALL = np.full(3, 252.0)
BLURRED = 0.3  # share of the images that are enlarged thumbnails, as sellers send them
LABELS = {  # shape -> top and bottom of its label
    "bottle": (0.44, 0.93),
    "jar": (0.25, 0.92),
    "can": (0.1, 0.9),
    "box": (0.05, 0.95),
    "pouch": (0.15, 0.95),
}
UPRIGHT = {"box": 0.5, "pouch": 0.3, "jar": 0.2}  # share of the fine print along the pack's edge


class Lines(NamedTuple):
    """Where a kind of print stands on a pack's label."""

    first: float  # the first line's y, as a share of the label's height
    size: float  # of the letters, in units of the pack


LINES = {
    "brand": Lines(0.1, 0.08),
    "title": Lines(0.28, 0.17),
    "claim": Lines(0.48, 0.08),
    "point": Lines(0.68, 0.12),  # this size at most
    "fine": Lines(0.83, 0.06),
}


def draw_file(file: Path, product, seed: int) -> float:
    """Draw one product into `file` and return the file's megabytes.

    Of the product it takes k, shape, layout, facts and prints. The same seed and k draw the same
    bytes.
    """
    rng = np.random.default_rng([seed, product.k, 1])
    width, height = rng.integers(420, 641, 2).tolist()
    wall = WHITE_WALL
    if rng.random() < 0.4:
        wall = pick_colour("wall", rng) * 0.4 + 150
    backdrop = np.broadcast_to(wall, (height, width, 3))
    scene = Scene(to_image(backdrop), np.eye(2, 3))

    prints = defaultdict(list)
    for kind, text in product.prints:
        prints[kind].append(text)
    lay_out = LAYOUTS[product.layout]
    image = lay_out(scene, product, prints, rng)

    if rng.random() < BLURRED:
        share = rng.uniform(0.32, 0.55)
        thumbnail = (int(width * share), int(height * share))
        image = image.resize(thumbnail, Image.BILINEAR)
        image = image.resize((width, height), Image.BICUBIC)

    image.save(file, quality=85)
    return file.stat().st_size / 1e6


class Pack(NamedTuple):
    """How a pack stands in the scene."""

    name: str  # of its shape
    unit: float  # its height in pixels
    lean: float  # radians off the vertical


def lay_pack(scene: Scene, product, prints: dict, rng) -> Image.Image:
    """A pack that leans a little, with its print on the label; photographed."""
    width, height = scene.image.size
    shape = SHAPES[product.shape]
    half_width = max(x for _, x in shape.outline)
    unit = min(0.92 * height, 0.45 * width / half_width)
    lean = rng.normal(0, 0.04)
    middle = np.array([width, height]) / 2
    scene.pose = pose_item(middle, unit, lean)

    # Some packs have no label: their print stands on the pack itself.
    body = pick_colour("thing", rng)
    has_label = rng.random() >= 0.3
    paper = body
    if has_label:
        paper = pick_colour("light", rng)

    is_dark = brightness(paper) < 120
    ink = pick_colour("light" if is_dark else "dark", rng)
    lid = None
    if shape.lid_end:
        lid = pick_colour("dark", rng)

    draw_item(scene, shape, body, lid)
    if has_label:
        top, bottom = LABELS[product.shape]
        label = cut_item(shape, top, bottom) * [0.94, 1]
        scene.fill(label, paper, rim=0.12)

    pack = Pack(product.shape, unit, lean)
    print_label(scene, pack, prints, ink, rng)
    return take_photo(scene.image, rng)


def print_label(scene: Scene, pack: Pack, prints: dict, ink, rng) -> None:
    """Write a pack's print, line below line; some fine print runs upwards along the edge."""
    point_size = rng.uniform(0.04, LINES["point"].size)
    upright = UPRIGHT.get(pack.name, 0)
    for kind, lines in LINES.items():
        size = point_size if kind == "point" else lines.size
        for i, text in enumerate(prints[kind]):
            may_turn = kind == "fine" and i == 0
            is_turned = may_turn and rng.random() < upright
            y = lines.first + 0.1 * i
            position, room = find_room(pack.name, y, is_turned)

            angle = -np.degrees(pack.lean)
            if is_turned:
                angle += 90
            write(
                scene.image,
                text,
                position=scene.pose @ [*position, 1],
                size=size * pack.unit * rng.uniform(0.8, 1.1),
                ink=ink,
                max_width=room * pack.unit,
                bold=kind in ("title", "point"),
                angle=angle,
            )


def find_room(name: str, share: float, is_turned: bool) -> tuple[tuple[float, float], float]:
    """The middle (x, y) of a line at a share of the label's height, and how wide it may be."""
    shape = SHAPES[name]
    top, bottom = LABELS[name]
    height = bottom - top
    y = top + height * share
    edge = shape.half_width(y)

    # Most lines run across the label.
    if not is_turned:
        max_width = 1.48 * edge
        return (0, y), max_width

    # A turned one runs along its right edge.
    x = 0.87 * edge
    middle = (top + bottom) / 2
    max_width = 0.8 * height
    return (x, middle), max_width


LAYOUTS = {"pack": lay_pack, "sizes": lay_sizes, "points": lay_points, "sheet": lay_sheet}
