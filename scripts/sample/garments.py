"""Draw garments whose attributes a network can learn from pixels.

in:  Garment(k=7, category="Tees", labels={"color": "red", "neck": "v-neck", ...})
out: a photograph, 600 to 1000 pixels wide, of a red tee with a V-neck

Pose, light, background and noise are random; the labels decide the cut, the cloth and the details.
Images are drawn at half their size and enlarged: that is quicker, and soft like a photograph.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from sample.cuts import CUTS, LENGTHS, SLEEVES, Cut, Limb, cut_limb, cut_sleeves, cut_torso
from sample.fabric import weave_fabric
from sample.scene import (
    Scene,
    brightness,
    draw_cloud,
    ellipse,
    make_pose,
    mirror,
    pick_colour,
    star,
    take_photo,
    to_image,
)

NECKS = {  # (x, y) in half-widths of the neck
    "round": [(np.cos(t), 0.75 * np.sin(t)) for t in np.linspace(0, np.pi, 20)],
    "v-neck": [(1, 0), (0, 2.3), (-1, 0)],
    "square": [(1, 0), (0.97, 1.3), (-0.97, 1.3), (-1, 0)],
    "polo": [(1, 0), (0, 0.8), (-1, 0)],
}
MANNEQUIN = (205, 203, 200)
SKINS = [(246, 214, 190), (222, 180, 148), (172, 122, 90), (110, 74, 54), MANNEQUIN]
HOOK = [(0, -0.05), (0, -0.12), (0.06, -0.17), (0.06, -0.24), (0, -0.28), (-0.06, -0.25)]
BELT = [(-0.25, 0.60), (0.25, 0.60), (0.26, 0.69), (-0.26, 0.69)]
PLACKET = [(0, 0.1), (0, 0.42)]
BUTTONS = (0.2, 0.28, 0.36)  # their y
COLLAR = [(0.18, -0.07), (0.29, 0.08), (0.13, 0.26), (0, 0.12)]  # its right side
METAL = (150, 150, 155)
WOOD = (150, 110, 70)
BRASS = (214, 178, 94)
BACKDROPS = [  # (bumps across and down, how strong they are): a plain wall, light, cloth, boards
    ((1, 1), 0),
    ((1, 2), 0.2),
    ((2, 1), 0.2),
    ((9, 11), 0.06),
    ((60, 3), 0.05),
]


@dataclass
class Garment:
    """A product: its number k from 1, its category, and its labels {attribute: class}."""

    k: int
    category: str
    labels: dict[str, str]

    @property
    def cut(self) -> Cut:
        return CUTS[self.category]


def draw_file(file: Path, garment: Garment, seed: int) -> float:
    """Draw one garment into `file` and return the file's megabytes.

    The same seed and k draw the same bytes.
    """
    rng = np.random.default_rng([seed, garment.k])
    width = int(600 + 400 * rng.beta(1, 4))
    height = max(700, int(width * rng.uniform(1.2, 1.3)))
    size = np.array([width, height])
    half = size // 2

    backdrop = draw_backdrop(half, rng)
    pose = pose_garment(half, garment.cut, rng)
    scene = Scene(backdrop, pose)
    draw_garment(scene, garment, rng)

    photo = take_photo(scene.image, rng)
    photo = photo.resize(size.tolist(), Image.BILINEAR)
    photo.save(file, quality=int(rng.integers(80, 93)))
    return file.stat().st_size / 1e6


def draw_backdrop(size: np.ndarray, rng) -> Image.Image:
    """A wall or a table, with bumps of light or structure."""
    bumps, strength = BACKDROPS[rng.integers(len(BACKDROPS))]
    colour = pick_colour("wall", rng)
    relief = np.clip(strength * draw_cloud(size, bumps, rng), -0.3, 0.3)
    return to_image(colour * (1 + relief))


def pose_garment(size: np.ndarray, cut: Cut, rng) -> np.ndarray:
    """A pose (2, 3) with scale 0.75 to 1.1, up to 8 degrees of rotation and a shift."""
    unit = np.dot(cut.scale, size) * rng.uniform(0.75, 1.1)
    angle = np.radians(rng.uniform(-8, 8))
    middle = size * rng.uniform(0.45, 0.55, 2)
    return make_pose(unit, angle, [0, cut.middle], middle)


def draw_garment(scene: Scene, garment: Garment, rng) -> None:
    """Draw what carries the garment, its shadow, and the garment from back to front."""
    labels = garment.labels
    colour = pick_colour(labels["color"], rng)
    angle = rng.uniform(0.3, 0.6)  # of the sleeves, radians off the vertical
    is_bright = brightness(colour) > 110
    contrast = pick_colour("dark" if is_bright else "light", rng)
    pieces = cut_pieces(garment, angle, rng)

    skin = draw_carrier(scene, garment, angle, rng)
    for piece in pieces:
        scene.shadow(piece + [0.03, 0.04], blur=0.06)
    inside = skin
    if skin is None:
        inside = colour * 0.5  # the back of the garment, seen from its inside
        scene.fill(ellipse(0, 0, garment.cut.neck, 0.05), inside)

    fabric = weave_fabric(scene, labels, colour, contrast, rng)
    for piece in pieces:
        scene.fill(piece, fabric)
    draw_print(scene, labels.get("print_size", "default"), contrast, rng)
    if labels.get("belt") == "yes":
        scene.fill(BELT, contrast)
        scene.fill(ellipse(0, 0.645, 0.045, 0.055), BRASS)

    trim = colour * 0.4 + contrast * 0.6
    hole = np.array(NECKS[labels["neck"]]) * garment.cut.neck
    scene.fill(hole, inside)
    scene.line(hole, trim, 0.04)
    if labels["neck"] == "polo":
        draw_collar(scene, trim, contrast)


def cut_pieces(garment: Garment, angle: float, rng) -> list[np.ndarray]:
    """The outlines of the sleeves, if it has any, and of the torso."""
    cut, labels = garment.cut, garment.labels
    reach = SLEEVES[labels["sleeve_length"]] * rng.uniform(0.93, 1.07)
    length = LENGTHS[labels["length"]] * rng.uniform(0.95, 1.05)
    skirt = labels.get("fit_shape", "straight")

    sleeves = cut_sleeves(cut, reach, angle)
    torso = cut_torso(cut, length, not sleeves, skirt)
    return [*sleeves, torso]


# --- what carries the garment ---


def draw_carrier(scene: Scene, garment: Garment, angle: float, rng):
    """Draw a body, a hanger, or nothing on a table. Return the skin's colour (3,), or None."""
    carrier = rng.choice(["body", "hanger", "table"], p=[0.45, 0.2, 0.35])
    if rng.random() < 0.3:
        draw_clutter(scene, rng)
    if carrier == "body":
        return draw_body(scene, garment, angle, rng)
    if carrier == "hanger":
        _, shoulder = garment.cut.shoulder
        scene.line(HOOK, METAL, 0.02)
        scene.line([(-shoulder, 0.12), (0, -0.04), (shoulder, 0.12)], WOOD, 0.04)
    return None


def draw_clutter(scene: Scene, rng) -> None:
    """Draw something that is not for sale: a box, a bag, a ball."""
    x = rng.choice([-0.9, 0.9])
    y = rng.uniform(0, 1.4)
    wide, high = rng.uniform(0.15, 0.3, 2)
    corners = rng.choice([4, 5, 24])

    outline = ellipse(x, y, wide, high, corners)
    colour = pick_colour("thing", rng)
    scene.fill(outline, colour)


def draw_body(scene: Scene, garment: Garment, angle: float, rng):
    """Draw a person, or a mannequin without hair. Return the skin's colour (3,)."""
    skin = SKINS[rng.integers(len(SKINS))]
    hair = pick_colour("hair", rng)
    jeans = pick_colour("jeans", rng)
    legs = jeans if garment.category == "Tees" else skin
    _, shoulder = garment.cut.shoulder
    arm = Limb((shoulder * 0.82, 0.12), angle * 0.85, 1.1, 0.17, 0.1)

    for side in (-1, 1):
        foot = rng.uniform(0.18, 0.26)
        leg = [(0, 0.7), (0.26, 0.7), (0.26, 1.2), (foot, 2.9), (0.06, 2.9)]
        scene.fill(np.array(leg) * [side, 1], legs)
        scene.fill(cut_limb(arm, side), skin)

    if skin != MANNEQUIN:
        height = 0.24 + 0.25 * rng.random()
        scene.fill(ellipse(0, -0.33, 0.2, height), hair)

    neckline = np.array([(0.08, -0.3), (0.09, 0), (shoulder * 0.7, 0.1)])
    scene.fill(np.r_[neckline, mirror(neckline)], skin)
    head = ellipse(0, -0.34, 0.14, 0.2)
    scene.fill(head, skin)
    return skin


# --- details ---


def draw_print(scene: Scene, size: str, colour, rng) -> None:
    """Draw the print on the chest: a star on a disc; "default" is none."""
    ink = pick_colour(rng.choice(["red", "yellow", "green", "pink"]), rng)
    if size == "small":
        x, y = 0.2, 0.32
        radius = rng.uniform(0.07, 0.1)
    else:
        x, y = 0, 0.47
        radius = rng.uniform(0.2, 0.25)
    if size == "default":
        return

    scene.fill(ellipse(x, y, radius, radius), colour, rim=0)
    tips = rng.integers(3, 8)
    dent = rng.uniform(0.35, 0.7)
    scene.fill(star(x, y, 0.9 * radius, tips, dent), ink, rim=0)


def draw_collar(scene: Scene, trim, buttons) -> None:
    """Draw a polo's placket, its buttons and its collar."""
    scene.line(PLACKET, trim, 0.09)
    for y in BUTTONS:
        button = ellipse(0, y, 0.014, 0.014)
        scene.fill(button, buttons, rim=0)
    for side in (-1, 1):
        wing = np.array(COLLAR) * [side, 1]
        scene.fill(wing, trim)
