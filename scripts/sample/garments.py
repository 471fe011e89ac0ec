"""Drawn garments whose attributes a network learns from pixels: pose, light, background and noise
change, the cut tells.

Garments are cut in garment units: x to the right, y down, the neck at (0, 0), shoulders about one
unit wide; a stage's pose turns them into pixels. Pictures are drawn at half their size and
enlarged: quicker, and soft like photographs.
"""

import colorsys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

# class or thing -> hue in degrees, its jitter, lowest and highest saturation, lowest and highest
# value
COLOURS = {
    "white": (40, 40, 0, 0.07, 0.9, 1),
    "black": (230, 60, 0, 0.25, 0.07, 0.17),
    "red": (356, 8, 0.78, 0.95, 0.62, 0.85),
    "navy blue": (226, 8, 0.55, 0.8, 0.22, 0.36),
    "blue": (212, 12, 0.6, 0.85, 0.6, 0.9),
    "yellow": (49, 6, 0.65, 0.9, 0.88, 1),
    "green": (138, 24, 0.45, 0.8, 0.35, 0.65),
    "pink": (336, 10, 0.28, 0.5, 0.88, 1),
    "multicolor": (0, 180, 0.5, 0.8, 0.7, 0.95),
    "dark": (0, 180, 0, 0.5, 0.15, 0.45),
    "light": (0, 180, 0, 0.5, 0.85, 1),
    "wall": (0, 180, 0, 0.25, 0.55, 0.97),
    "thing": (0, 180, 0.3, 0.9, 0.3, 0.9),
    "hair": (22, 10, 0.4, 0.6, 0.1, 0.4),
    "jeans": (220, 30, 0.2, 0.6, 0.15, 0.4),
}
SKINS = [
    (246, 214, 190),
    (222, 180, 148),
    (172, 122, 90),
    (110, 74, 54),
    (205, 203, 200),
]  # the last is a mannequin
LENGTHS = {
    "crop": 0.74,
    "regular": 1.06,
    "long": 1.42,
    "mini": 1.02,
    "knee length": 1.45,
    "maxi": 2.02,
}  # neck to hem
SLEEVES = {
    "sleeveless": 0,
    "short sleeves": 0.36,
    "three-quarter sleeves": 0.70,
    "long sleeves": 1.04,
}  # to the cuff
# category -> torso as (y, half-width), pixels per unit as shares of the picture's width and height,
# middle y
CUTS = {
    "Tees": ([(0, 0.20), (0.09, 0.50), (0.44, 0.42), (0.75, 0.40), (1.5, 0.45)], (0.51, 0), 0.60),
    "Dresses": (
        [(0, 0.18), (0.08, 0.36), (0.36, 0.30), (0.62, 0.235), (0.80, 0.30)],
        (0, 0.40),
        0.92,
    ),
}
SKIRTS = {  # (way from hip, 0, to hem, 1; half-width gained there)
    "a-line": [(0, 0), (1, 0.38)],
    "straight": [(0, 0), (1, 0.02)],
    "mermaid": [(0, 0), (0.62, 0.01), (1, 0.30)],
}
NECKS = {  # (x, y) in half-widths of the neck
    "round": [(np.cos(t), 0.75 * np.sin(t)) for t in np.linspace(0, np.pi, 20)],
    "v-neck": [(1, 0), (0, 2.3), (-1, 0)],
    "square": [(1, 0), (0.97, 1.3), (-0.97, 1.3), (-1, 0)],
    "polo": [(1, 0), (0, 0.8), (-1, 0)],
}
BACKDROPS = [
    ((1, 1), 0),
    ((1, 2), 0.2),
    ((2, 1), 0.2),
    ((9, 11), 0.06),
    ((60, 3), 0.05),
]  # bumps across, down; strength


def draw_file(k: int, file: Path, category: str, look: dict, seed: int) -> float:
    """Draws one product and photographs it; gives the file's megabytes. All chance comes from
    (seed, k)."""
    rng = np.random.default_rng([seed, k])
    width = int(600 + 400 * rng.beta(1, 4))
    size = np.array([width, max(700, int(width * rng.uniform(1.2, 1.3)))])
    cells, strength = BACKDROPS[rng.integers(len(BACKDROPS))]
    wall = pick_colour("wall", rng) * (
        1 + np.clip(strength * draw_cloud(size // 2, cells, rng), -0.3, 0.3)
    )
    stage = Stage(to_picture(wall), pose_garment(size // 2, category, rng))
    dress_stage(stage, category, look, rng)
    take_photo(stage.picture, rng).resize(size.tolist(), Image.BILINEAR).save(
        file, quality=int(rng.integers(80, 93))
    )
    return file.stat().st_size / 1e6


def pose_garment(size, category: str, rng) -> np.ndarray:
    """Shift, scale .75-1.1 and rotation +-8 degrees, as a matrix (2, 3) from garment units to
    pixels."""
    _, shares, middle = CUTS[category]
    unit, turn = np.dot(shares, size) * rng.uniform(0.75, 1.1), np.radians(rng.uniform(-8, 8))
    spin = unit * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.c_[spin, size * rng.uniform(0.45, 0.55, 2) - spin @ [0, middle]]


@dataclass
class Stage:
    """A picture in the making, and the pose (2, 3) that turns garment units into its pixels."""

    picture: Image.Image
    pose: np.ndarray

    def paint(self, points, fill, width: float = 0, rim: float = 0.45, blur: float = 0):
        """Fills the polygon (n, 2), or the line `width` units thick, with a colour (3,) or with its
        part of a picture.

        `rim` darkens a polygon towards its edges, so that it looks round; `blur` (units) makes a
        shadow of it."""
        pixels, unit = (
            np.asarray(points) @ self.pose[:, :2].T + self.pose[:, 2],
            float(np.hypot(*self.pose[:, 0])),
        )
        margin = int(3 + unit * (width + 2 * blur))
        low, high = pixels.min(0).astype(int) - margin, pixels.max(0).astype(int) + margin
        mask = Image.new(
            "L", (2 * (high - low)).tolist()
        )  # twice as large, then reduced: smooth edges
        pen, corners, box = (
            ImageDraw.Draw(mask),
            (2 * (pixels - low)).ravel().tolist(),
            (*low.tolist(), *high.tolist()),
        )
        pen.line(corners, 255, max(2, round(2 * unit * width)), "curve") if width else pen.polygon(
            corners, 255
        )
        mask = mask.reduce(2)
        if blur:
            mask = mask.filter(ImageFilter.BoxBlur(unit * blur)).point(lambda v: v * 0.35)
        plain = not isinstance(fill, Image.Image)
        self.picture.paste(
            tuple(int(min(c, 255)) for c in fill) if plain else fill.crop(box), box, mask
        )
        if rim and not width and not blur:
            edge = ImageChops.subtract(mask, mask.filter(ImageFilter.BoxBlur(unit * 0.05)))
            self.picture.paste((0, 0, 0), box, edge.point(lambda v: v * rim))


def to_picture(pixels) -> Image.Image:
    """An array (h, w, 3) as a picture, what is outside of 0 to 255 cut off."""
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def pick_colour(name: str, rng) -> np.ndarray:
    """A colour somewhere within its class: red, green and blue (3,), from 0 to 255."""
    hue, jitter, *ranges = COLOURS[name]
    hue = (hue + rng.uniform(-jitter, jitter)) / 360 % 1
    return 255 * np.array(
        colorsys.hsv_to_rgb(hue, rng.uniform(*ranges[:2]), rng.uniform(*ranges[2:])), np.float32
    )


def draw_cloud(size, cells, rng) -> np.ndarray:
    """A smooth random field (h, w, 1), mean 0, deviation about 1, with `cells` bumps across and
    down."""
    bumps = Image.fromarray(rng.standard_normal(cells[::-1], np.float32))
    return np.asarray(bumps.resize(np.array(size).tolist()))[..., None]


def draw_pattern(name: str, x, y, rng) -> np.ndarray:
    """How much of the second colour shows at garment units x, y: (h, w), from 0 to 1. It covers
    less than half."""
    step, (p, q), upright = rng.uniform(0.13, 0.2), rng.uniform(0, 1, 2), rng.random() < 0.3
    if name == "solid":
        return np.zeros_like(x)
    if name == "striped":
        return np.clip(8 * np.sin(2 * np.pi * ((x if upright else y) / step + p)) - 2, 0, 1)
    if name == "checked":
        return 0.42 * sum(
            np.clip(8 * np.sin(2 * np.pi * (v / step / 1.2 + p)) - 1, 0, 1) for v in (x, y)
        )
    step *= {"dotted": 0.9, "printed": 2}[name]
    row = np.floor(y / step + q)
    u, v = (
        (x / step + p + row / 2) % 1 - 0.5,
        (y / step + q) % 1 - 0.5,
    )  # every other row is shifted
    far = np.hypot(u, v)
    if name == "dotted":
        return np.clip((0.27 - far) * 12, 0, 1)
    petals = 0.32 + 0.13 * np.cos(rng.integers(4, 7) * np.arctan2(v, u) + row)
    return np.clip((petals - far) * 12, 0, 1) * (1 - 0.8 * (far < 0.1))


def weave_fabric(stage: Stage, look: dict, colour, contrast, rng) -> Image.Image:
    """The whole picture in the garment's cloth, pattern and folds; the garment's parts are cut out
    of it."""
    size, (spin, shift) = stage.picture.size, np.split(stage.pose, [2], 1)
    pixels = np.indices(size[::-1], np.float32)[::-1] - shift[..., None].astype(np.float32)
    x, y = np.einsum(
        "ij,jhw->ihw", np.linalg.inv(spin).astype(np.float32), pixels
    )  # garment units of every pixel
    if look["color"] == "multicolor":
        patch = (x + y * rng.uniform(-1, 1)) * 3 + 0.3 * draw_cloud(size, (6, 8), rng)[..., 0]
        colour = np.stack([pick_colour("multicolor", rng) for _ in range(4)])[
            np.floor(patch).astype(int) % 4
        ]
    cloth = colour + (contrast - colour) * draw_pattern(look["pattern"], x, y, rng)[..., None]
    folds = 0.06 * (draw_cloud(size, (5, 6), rng) + draw_cloud(size, (22, 5), rng))
    return to_picture(cloth + (cloth + 25) * folds)  # black cloth has folds too


def cut_torso(category: str, look: dict, length: float) -> np.ndarray:
    """Outline (n, 2) of the garment without its sleeves."""
    knots, skirt = np.array(CUTS[category][0]), np.array(SKIRTS[look.get("fit_shape", "straight")])
    if look["sleeve_length"] == "sleeveless":
        knots[1, 1] *= 0.74
        knots = np.insert(knots, 2, (0.25, knots[1, 1] * 0.95), 0)
    y, hem = np.linspace(0, length, 60), np.linspace(1, -1, 20)[1:-1]
    fall = max(0.01, length - 0.75)  # from the hip to the hem; short skirts gain less
    x = np.interp(y, *knots.T) + np.interp((y - 0.75) / fall, *skirt.T) * fall**0.5
    x = np.convolve(
        np.pad(x, 2, "edge"), np.ones(5) / 5, "valid"
    )  # a tailor's curve, not a polygon
    return np.r_[np.c_[x, y], np.c_[hem * x[-1], length + 0.04 * (1 - hem**2)], np.c_[-x, y][::-1]]


def cut_limb(
    side: int, start, angle: float, length: float, wide: float, narrow: float
) -> np.ndarray:
    """A sleeve or an arm (5, 2) of one side (-1, 1): from a shoulder, `angle` radians off the
    vertical, narrowing."""
    along, inward = (
        np.array([np.sin(angle), np.cos(angle)]),
        np.array([-np.cos(angle), np.sin(angle)]),
    )
    end = start + along * length
    tip = end + (along * 0.3 + inward) * narrow / 2
    return np.array([start, end, tip, end + inward * narrow, start + inward * wide]) * [side, 1]


def ring(
    x: float, y: float, wide: float, high: float, corners: int = 24, dent: float = 1
) -> np.ndarray:
    """An ellipse (n, 2); with a dent below 1 a star of `corners` / 2 points."""
    t, radius = (
        np.linspace(0, 2 * np.pi, corners, endpoint=False),
        np.where(np.arange(corners) % 2, dent, 1),
    )
    return np.c_[x + wide * radius * np.sin(t), y - high * radius * np.cos(t)]


def draw_carrier(stage: Stage, category: str, angle: float, rng):
    """What carries the garment: a body, a hanger, or nothing on the table. Gives the skin's colour,
    or None."""
    kind, shoulder = (
        rng.choice(["body", "hanger", "table"], p=[0.45, 0.2, 0.35]),
        CUTS[category][0][1][1],
    )
    if rng.random() < 0.3:  # something that is not for sale: a box, a bag, a ball
        thing = ring(
            rng.choice([-0.9, 0.9]),
            rng.uniform(0, 1.4),
            *rng.uniform(0.15, 0.3, 2),
            rng.choice([4, 5, 24]),
        )
        stage.paint(thing, pick_colour("thing", rng))
    if kind == "hanger":
        stage.paint(
            [(0, -0.05), (0, -0.12), (0.06, -0.17), (0.06, -0.24), (0, -0.28), (-0.06, -0.25)],
            (150, 150, 155),
            0.02,
        )
        stage.paint([(-shoulder, 0.12), (0, -0.04), (shoulder, 0.12)], (150, 110, 70), 0.04)
    if kind != "body":
        return None
    skin, hair, jeans = (
        SKINS[rng.integers(len(SKINS))],
        pick_colour("hair", rng),
        pick_colour("jeans", rng),
    )
    for side in (-1, 1):
        leg = [
            (0, 0.7),
            (side * 0.26, 0.7),
            (side * 0.26, 1.2),
            (side * rng.uniform(0.18, 0.26), 2.9),
            (side * 0.06, 2.9),
        ]
        stage.paint(leg, jeans if category == "Tees" else skin)
        stage.paint(cut_limb(side, (shoulder * 0.82, 0.12), angle * 0.85, 1.1, 0.17, 0.1), skin)
    if skin != SKINS[-1]:
        stage.paint(ring(0, -0.33, 0.2, 0.24 + 0.25 * rng.random()), hair)
    stage.paint(
        [
            (-0.08, -0.3),
            (0.08, -0.3),
            (0.09, 0),
            (shoulder * 0.7, 0.1),
            (-shoulder * 0.7, 0.1),
            (-0.09, 0),
        ],
        skin,
    )
    stage.paint(ring(0, -0.34, 0.14, 0.2), skin)
    return skin


def dress_stage(stage: Stage, category: str, look: dict, rng):
    """Draws what carries the garment, its shadow, and the garment from back to front."""
    (_, neck), (top, shoulder) = CUTS[category][0][:2]
    colour, angle = pick_colour(look["color"], rng), rng.uniform(0.3, 0.6)
    contrast = pick_colour("dark" if colour @ [0.3, 0.59, 0.11] > 110 else "light", rng)
    reach = SLEEVES[look["sleeve_length"]] * rng.uniform(0.93, 1.07)
    sleeve = (
        (shoulder * 0.93, top),
        angle,
        reach * (2 * shoulder) ** 0.5,
        shoulder * 0.72,
        shoulder * (0.56 - 0.22 * reach),
    )
    torso = cut_torso(category, look, LENGTHS[look["length"]] * rng.uniform(0.95, 1.05))
    parts = [*(cut_limb(side, *sleeve) for side in (-1, 1) if reach), torso]
    skin = draw_carrier(stage, category, angle, rng)
    for part in parts:
        stage.paint(part + [0.03, 0.04], (20, 20, 25), blur=0.06)
    if skin is None:
        stage.paint(ring(0, 0, neck, 0.05), colour * 0.5)  # the inside of the back
    fabric = weave_fabric(stage, look, colour, contrast, rng)
    for part in parts:
        stage.paint(part, fabric)
    sew_details(
        stage,
        look,
        neck,
        colour * 0.5 if skin is None else skin,
        colour * 0.4 + contrast * 0.6,
        contrast,
        rng,
    )


def sew_details(stage: Stage, look: dict, neck: float, inside, trim, contrast, rng):
    """The print on the chest, the belt, the neck's opening with its rim; for a polo its collar and
    buttons."""
    small, ink = (
        look.get("print_size") == "small",
        pick_colour(rng.choice(["red", "yellow", "green", "pink"]), rng),
    )
    x, y, radius = (
        (0.2, 0.32, rng.uniform(0.07, 0.1)) if small else (0, 0.47, rng.uniform(0.2, 0.25))
    )
    if look.get("print_size", "default") != "default":
        stage.paint(ring(x, y, radius, radius), contrast, rim=0)
        stage.paint(
            ring(x, y, 0.9 * radius, 0.9 * radius, 2 * rng.integers(3, 8), rng.uniform(0.35, 0.7)),
            ink,
            rim=0,
        )
    if look.get("belt") == "yes":
        stage.paint([(-0.25, 0.60), (0.25, 0.60), (0.26, 0.69), (-0.26, 0.69)], contrast)
        stage.paint(ring(0, 0.645, 0.045, 0.055), (214, 178, 94))
    hole = np.array(NECKS[look["neck"]]) * neck
    stage.paint(hole, inside)
    stage.paint(hole, trim, 0.04)
    if look["neck"] == "polo":
        stage.paint([(0, 0.1), (0, 0.42)], trim, 0.09)
        for y in (0.2, 0.28, 0.36):
            stage.paint(ring(0, y, 0.014, 0.014), contrast, rim=0)
        for side in (-1, 1):
            stage.paint(
                [(side * 0.18, -0.07), (side * 0.29, 0.08), (side * 0.13, 0.26), (0, 0.12)], trim
            )


def take_photo(picture: Image.Image, rng) -> Image.Image:
    """Light from one side, exposure, colour cast, focus and the sensor's noise."""
    (w, h), turn = picture.size, rng.uniform(0, 2 * np.pi)
    slope = np.cos(turn) * np.linspace(-1, 1, w) + np.sin(turn) * np.linspace(-1, 1, h)[:, None]
    light = rng.uniform(0.85, 1.1) * (1 + rng.uniform(0, 0.2) * slope).astype(np.float32)[..., None]
    sharp = np.asarray(picture.filter(ImageFilter.BoxBlur(rng.uniform(0, 1))))
    cast = (1 + rng.normal(0, 0.035, 3)).astype(np.float32)
    return to_picture(
        sharp * light * cast + rng.uniform(1, 5) * rng.standard_normal((h, w, 1), np.float32)
    )
