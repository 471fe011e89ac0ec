"""Draw the things that product pages show, in the proportions of their sizes.

A thing is drawn in shares of its width and height: x to the right from its middle, y down, from 0
at the top to 1.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sample.scene import Scene, ellipse, pick_colour, slab


class Thing(NamedTuple):
    """How a thing looks."""

    aspect: float  # its usual width by its height
    boxed: bool  # whether its top and its side are drawn too
    parts: list  # (colour, outline) from back to front; the colours are those of pick_tints


FRONT = ("body", slab(-0.5, 0, 0.5, 1))
FLOOR = slab(-0.5, 0.95, 0.5, 1.03)  # where its shadow lies
TOP = slab(-0.5, 0, 0.5, 0)  # the front's upper edge, pulled back into the thing's top
SIDE = slab(0.5, 0, 0.5, 1)
THINGS = {
    "lamp": Thing(
        aspect=1.3,
        boxed=True,
        parts=[
            FRONT,
            ("dark", slab(-0.42, 0.1, 0.42, 0.9)),
            ("light", slab(-0.36, 0.17, 0.36, 0.83)),
        ],
    ),
    "shelf": Thing(
        aspect=0.6,
        boxed=True,
        parts=[
            FRONT,
            ("dark", slab(-0.45, 0.04, 0.45, 0.24)),
            ("dark", slab(-0.45, 0.28, 0.45, 0.48)),
            ("dark", slab(-0.45, 0.52, 0.45, 0.72)),
            ("dark", slab(-0.45, 0.76, 0.45, 0.96)),
        ],
    ),
    "cabinet": Thing(
        aspect=1.2,
        boxed=True,
        parts=[
            FRONT,
            ("trim", slab(-0.47, 0.05, -0.01, 0.95)),
            ("trim", slab(0.01, 0.05, 0.47, 0.95)),
            ("dark", slab(-0.08, 0.45, -0.04, 0.6)),
            ("dark", slab(0.04, 0.45, 0.08, 0.6)),
        ],
    ),
    "scale": Thing(
        aspect=3,
        boxed=True,
        parts=[FRONT, ("dark", slab(-0.16, 0.2, 0.16, 0.8))],
    ),
    "charger": Thing(
        aspect=0.55,
        boxed=False,
        parts=[
            ("dark", slab(-0.36, 0, 0.36, 0.2)),
            ("body", slab(-0.5, 0.1, 0.5, 0.75)),
            ("trim", slab(-0.3, 0.2, 0.3, 0.3)),
            ("dark", slab(-0.3, 0.75, 0.3, 0.94)),
            ("light", slab(-0.1, 0.94, 0.1, 1)),
        ],
    ),
    "bulb": Thing(
        aspect=0.62,
        boxed=False,
        parts=[
            ("light", ellipse(0, 0.33, 0.5, 0.33)),
            ("light", [(-0.42, 0.48), (0.42, 0.48), (0.26, 0.74), (-0.26, 0.74)]),
            ("trim", slab(-0.26, 0.73, 0.26, 0.94)),
            ("dark", slab(-0.12, 0.93, 0.12, 1)),
        ],
    ),
    "kettle": Thing(
        aspect=1.1,
        boxed=False,
        parts=[
            ("dark", ellipse(0.36, 0.48, 0.14, 0.3)),
            ("wall", ellipse(0.35, 0.48, 0.09, 0.22)),
            ("trim", [(-0.5, 0.2), (-0.2, 0.16), (-0.2, 0.4)]),
            ("body", [(-0.25, 0.12), (0.25, 0.12), (0.38, 0.9), (-0.38, 0.9)]),
            ("dark", slab(-0.38, 0.9, 0.38, 1)),
            ("dark", slab(-0.06, 0.04, 0.06, 0.12)),
        ],
    ),
    "dumbbell": Thing(
        aspect=1.9,
        boxed=False,
        parts=[
            ("trim", slab(-0.3, 0.4, 0.3, 0.6)),
            ("body", slab(-0.36, 0, -0.24, 1)),
            ("body", slab(0.24, 0, 0.36, 1)),
            ("body", slab(-0.47, 0.15, -0.37, 0.85)),
            ("body", slab(0.37, 0.15, 0.47, 0.85)),
        ],
    ),
    "stool": Thing(
        aspect=1.1,
        boxed=False,
        parts=[
            ("dark", [(-0.4, 0.1), (-0.3, 0.1), (-0.42, 1), (-0.5, 1)]),
            ("dark", [(0.3, 0.1), (0.4, 0.1), (0.5, 1), (0.42, 1)]),
            ("trim", slab(-0.38, 0.55, 0.38, 0.63)),
            ("body", slab(-0.48, 0, 0.48, 0.14)),
        ],
    ),
    "seat": Thing(
        aspect=0.9,
        boxed=False,
        parts=[
            ("dark", slab(-0.4, 0.86, 0.46, 1)),
            (
                "body",
                [(-0.44, 0), (-0.08, 0), (0.06, 0.58), (0.5, 0.62), (0.5, 0.88), (-0.34, 0.88)],
            ),
            ("trim", [(-0.3, 0.12), (-0.14, 0.12), (-0.02, 0.6), (-0.16, 0.62)]),
        ],
    ),
}


@dataclass
class Placed:
    """Where a thing is drawn, in pixels (2,)."""

    low: np.ndarray  # left top of its front
    high: np.ndarray  # right bottom of its front
    back: np.ndarray  # how far its back is shifted


def draw_thing(scene: Scene, product, area, rng) -> Placed:
    """Draw the product into an area of pixels (left, top, right, bottom).

    Its proportions are those of its sizes, or the usual ones where it has no size.
    """
    thing = THINGS[product.shape]
    front, back = proportions(thing, product.facts)
    scale, corner = fit(front, back, area)
    size = scale * front

    # x is 0 in the middle of the front.
    half_width = size[0] / 2
    middle = corner + [half_width, 0]
    turn = scale * np.eye(2)
    scene.pose = np.c_[turn, middle]
    tints = pick_tints(scene, rng)

    # The shadow lies midway between the front and the back.
    shift = [back[0] / 2, 0]
    ground = FLOOR * front + shift
    scene.shadow(ground, blur=0.05)

    if thing.boxed:
        draw_box(scene, front, back, tints)
    for tint, outline in thing.parts:
        points = np.asarray(outline) * front
        scene.fill(points, tints[tint], rim=0.15)
    return Placed(low=corner, high=corner + size, back=scale * back)


def draw_box(scene: Scene, front: np.ndarray, back: np.ndarray, tints: dict) -> None:
    """Draw the top and the right side of a thing."""
    top = TOP * front + np.outer([1, 1, 0, 0], back)
    side = SIDE * front + np.outer([0, 1, 1, 0], back)
    scene.fill(top, tints["top"], rim=0)
    scene.fill(side, tints["side"], rim=0)


def fit(front: np.ndarray, back: np.ndarray, area) -> tuple[float, np.ndarray]:
    """Pixels a unit, and the pixel (2,) of the front's left top: as large as the area allows."""
    low, high = np.reshape(area, (2, 2))
    room = high - low
    size = front + abs(back)
    scales = room / size
    scale = min(scales)

    # The thing is in the middle of the area; its back stands out above its front.
    unused = room - scale * size
    margin = unused / 2
    back_height = -scale * back[1]
    shift = [0, back_height]
    corner = low + margin + shift
    return scale, corner


def proportions(thing: Thing, facts: dict) -> tuple[np.ndarray, np.ndarray]:
    """Width and height (2,) of the front, of height 1, and the shift (2,) of the back."""
    width = first_number(facts, "width")
    height = first_number(facts, "height")
    depth = first_number(facts, "depth")
    if height is None:
        height = (width or 1) / thing.aspect

    aspect = thing.aspect
    if width is not None:
        aspect = width / height
    aspect = min(aspect, 3)
    front = np.array([aspect, 1])
    if not thing.boxed:
        return front, np.zeros(2)

    # The back is shifted to the right and up, by more the deeper the thing is.
    relative_depth = 0.8
    if depth is not None:
        relative_depth = depth / height
    shift = np.array([0.7, -0.45])
    relative_depth = np.clip(relative_depth, 0.2, 1.5)
    back = shift * relative_depth
    return front, back


def first_number(facts: dict, entity: str) -> float | None:
    """The number of a fact (numbers, unit), the lower one of a range; None where it has none."""
    if entity not in facts:
        return None

    numbers, _ = facts[entity]
    return numbers[0]


def pick_tints(scene: Scene, rng) -> dict:
    """The colours of a thing's parts; "wall" is that of the wall behind it."""
    body = pick_colour("thing", rng)
    return {
        "body": body,
        "dark": pick_colour("dark", rng),
        "light": pick_colour("yellow", rng),
        "trim": 0.6 * body + 90,
        "top": 0.7 * body + 60,
        "side": 0.6 * body,
        "wall": scene.image.getpixel((2, scene.image.height - 2)),
    }
