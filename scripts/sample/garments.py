"""Draw garments whose attributes a network can learn from pixels.

in:  Garment(k=7, category="Tees", labels={"color": "red", "neck": "v-neck", ...})
out: a photograph, 600 to 1000 pixels wide, of a red tee with a V-neck

Pose, light, background and noise are random; the labels decide the cut, the cloth and the details.
Images are drawn at half their size and enlarged: that is quicker, and soft like a photograph.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from sample.cuts import CUTS, LENGTHS, SLEEVES, Cut, Limb, cut_limb, cut_sleeves, cut_torso
from sample.fabric import weave_fabric
from sample.scene import (
    Scene,
    both_sides,
    brightness,
    draw_cloud,
    ellipse,
    make_pose,
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


class Backdrop(NamedTuple):
    """What a wall or a table looks like."""

    bumps: tuple[int, int]  # across and down
    strength: float  # of the bumps


BACKDROPS = (
    Backdrop(bumps=(1, 1), strength=0),  # a plain wall
    Backdrop(bumps=(1, 2), strength=0.2),  # light from above or below
    Backdrop(bumps=(2, 1), strength=0.2),  # light from a side
    Backdrop(bumps=(9, 11), strength=0.06),  # cloth
    Backdrop(bumps=(60, 3), strength=0.05),  # boards
)


class Print(NamedTuple):
    """Where a print is on the chest, and how large."""

    middle: tuple[float, float]  # (x, y)
    radius: tuple[float, float]  # its range


PRINTS = {
    "small": Print(middle=(0.2, 0.32), radius=(0.07, 0.1)),
    "large": Print(middle=(0, 0.47), radius=(0.2, 0.25)),
}
PRINT_INKS = ("red", "yellow", "green", "pink")
CLUTTER = (4, 5, 24)  # corners of a box, a bag, a ball


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
    ratio = rng.uniform(1.2, 1.3)
    height = max(700, int(width * ratio))
    size = np.array([width, height])

    # Drawn at half the size, enlarged as a photograph.
    half = size // 2
    backdrop = draw_backdrop(half, rng)
    pose = pose_garment(half, garment.cut, rng)
    scene = Scene(backdrop, pose)
    draw_garment(scene, garment, rng)

    photo = take_photo(scene.image, rng)
    photo = photo.resize(size.tolist(), Image.BILINEAR)
    quality = int(rng.integers(80, 93))
    photo.save(file, quality=quality)
    return file.stat().st_size / 1e6


def draw_backdrop(size: np.ndarray, rng) -> Image.Image:
    """A wall or a table, with bumps of light or structure."""
    i = rng.integers(len(BACKDROPS))
    backdrop = BACKDROPS[i]
    colour = pick_colour("wall", rng)
    cloud = draw_cloud(size, backdrop.bumps, rng)

    relief = backdrop.strength * cloud
    relief = np.clip(relief, -0.3, 0.3)
    light = 1 + relief
    return to_image(colour * light)


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

    # Through the neck one sees the skin, or the inside of the garment's back.
    neck = garment.cut.neck
    inside = skin
    if skin is None:
        inside = colour * 0.5
        scene.fill(ellipse(0, 0, neck, 0.05), inside)

    fabric = weave_fabric(scene, labels, colour, contrast, rng)
    for piece in pieces:
        scene.fill(piece, fabric)

    print_size = labels.get("print_size", "default")
    draw_print(scene, print_size, contrast, rng)
    if labels.get("belt") == "yes":
        buckle = ellipse(0, 0.645, 0.045, 0.055)
        scene.fill(BELT, contrast)
        scene.fill(buckle, BRASS)

    trim = colour * 0.4 + contrast * 0.6
    neckline = NECKS[labels["neck"]]
    hole = np.array(neckline) * neck
    scene.fill(hole, inside)
    scene.line(hole, trim, 0.04)
    if labels["neck"] == "polo":
        draw_collar(scene, trim, contrast)


def cut_pieces(garment: Garment, angle: float, rng) -> list[np.ndarray]:
    """The outlines of the sleeves, if it has any, and of the torso."""
    cut = garment.cut
    labels = garment.labels

    # Garments of the same class differ a little in length.
    reach = SLEEVES[labels["sleeve_length"]]
    reach *= rng.uniform(0.93, 1.07)
    length = LENGTHS[labels["length"]]
    length *= rng.uniform(0.95, 1.05)

    sleeves = cut_sleeves(cut, reach, angle)
    sleeveless = not sleeves
    skirt = labels.get("fit_shape", "straight")
    torso = cut_torso(cut, length, sleeveless, skirt)
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
        bar = [(-shoulder, 0.12), (0, -0.04), (shoulder, 0.12)]
        scene.line(HOOK, METAL, 0.02)
        scene.line(bar, WOOD, 0.04)

    return None


def draw_clutter(scene: Scene, rng) -> None:
    """Draw something that is not for sale: a box, a bag, a ball."""
    x = rng.choice([-0.9, 0.9])
    y = rng.uniform(0, 1.4)
    wide, high = rng.uniform(0.15, 0.3, 2)

    corners = rng.choice(CLUTTER)
    outline = ellipse(x, y, wide, high, corners)
    colour = pick_colour("thing", rng)
    scene.fill(outline, colour)


def draw_body(scene: Scene, garment: Garment, angle: float, rng):
    """Draw a person, or a mannequin without hair. Return the skin's colour (3,)."""
    skin = SKINS[rng.integers(len(SKINS))]
    hair = pick_colour("hair", rng)
    jeans = pick_colour("jeans", rng)
    legs = skin
    if garment.category == "Tees":
        legs = jeans

    _, shoulder = garment.cut.shoulder
    arm = Limb(
        start=(shoulder * 0.82, 0.12),
        angle=angle * 0.85,
        length=1.1,
        wide=0.17,
        narrow=0.1,
    )
    for side in (-1, 1):
        foot = rng.uniform(0.18, 0.26)
        leg = [(0, 0.7), (0.26, 0.7), (0.26, 1.2), (foot, 2.9), (0.06, 2.9)]
        leg = np.array(leg) * [side, 1]
        scene.fill(leg, legs)
        scene.fill(cut_limb(arm, side), skin)

    # The hair comes first: the head covers all but its rim.
    if skin != MANNEQUIN:
        height = 0.24 + 0.25 * rng.random()
        scene.fill(ellipse(0, -0.33, 0.2, height), hair)

    right = np.array([(0.08, -0.3), (0.09, 0), (shoulder * 0.7, 0.1)])
    neck = both_sides(right)
    head = ellipse(0, -0.34, 0.14, 0.2)
    scene.fill(neck, skin)
    scene.fill(head, skin)
    return skin


# --- details ---


def draw_print(scene: Scene, size: str, colour, rng) -> None:
    """Draw the print on the chest: a star on a disc; "default" is none."""
    name = rng.choice(PRINT_INKS)
    ink = pick_colour(name, rng)

    # A radius is drawn without a print too: the demo's bytes need it.
    large = PRINTS["large"]
    motif = PRINTS.get(size, large)
    radius = rng.uniform(*motif.radius)
    if size == "default":
        return

    x, y = motif.middle
    disc = ellipse(x, y, radius, radius)
    scene.fill(disc, colour, rim=0)

    tips = rng.integers(3, 8)
    dent = rng.uniform(0.35, 0.7)
    outline = star(x, y, 0.9 * radius, tips, dent)
    scene.fill(outline, ink, rim=0)


def draw_collar(scene: Scene, trim, buttons) -> None:
    """Draw a polo's placket, its buttons and its collar."""
    scene.line(PLACKET, trim, 0.09)
    for y in BUTTONS:
        button = ellipse(0, y, 0.014, 0.014)
        scene.fill(button, buttons, rim=0)

    # A wing to either side of the neck.
    right = np.array(COLLAR)
    for side in (-1, 1):
        wing = right * [side, 1]
        scene.fill(wing, trim)
