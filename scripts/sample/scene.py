"""A scene on which products are drawn: colours, smooth noise, shapes, and a photograph of it all.

A shape is an array (n, 2) of points (x, y) in the product's own units, y down.
"""

import colorsys
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

BLACK = (0, 0, 0)
SHADOW = (20, 20, 25)
LUMA = (0.3, 0.59, 0.11)  # how bright red, green and blue look: Rec. 601, rounded


class ColourRange(NamedTuple):
    """The colours that have one name, as ranges of hue, saturation and value."""

    hue: float  # degrees
    jitter: float  # degrees to either side
    saturation: tuple[float, float]
    value: tuple[float, float]


COLOURS = {
    "white": ColourRange(hue=40, jitter=40, saturation=(0, 0.07), value=(0.9, 1)),
    "black": ColourRange(hue=230, jitter=60, saturation=(0, 0.25), value=(0.07, 0.17)),
    "red": ColourRange(hue=356, jitter=8, saturation=(0.78, 0.95), value=(0.62, 0.85)),
    "navy blue": ColourRange(hue=226, jitter=8, saturation=(0.55, 0.8), value=(0.22, 0.36)),
    "blue": ColourRange(hue=212, jitter=12, saturation=(0.6, 0.85), value=(0.6, 0.9)),
    "yellow": ColourRange(hue=49, jitter=6, saturation=(0.65, 0.9), value=(0.88, 1)),
    "green": ColourRange(hue=138, jitter=24, saturation=(0.45, 0.8), value=(0.35, 0.65)),
    "pink": ColourRange(hue=336, jitter=10, saturation=(0.28, 0.5), value=(0.88, 1)),
    "multicolor": ColourRange(hue=0, jitter=180, saturation=(0.5, 0.8), value=(0.7, 0.95)),
    "dark": ColourRange(hue=0, jitter=180, saturation=(0, 0.5), value=(0.15, 0.45)),
    "light": ColourRange(hue=0, jitter=180, saturation=(0, 0.5), value=(0.85, 1)),
    "wall": ColourRange(hue=0, jitter=180, saturation=(0, 0.25), value=(0.55, 0.97)),
    "thing": ColourRange(hue=0, jitter=180, saturation=(0.3, 0.9), value=(0.3, 0.9)),
    "hair": ColourRange(hue=22, jitter=10, saturation=(0.4, 0.6), value=(0.1, 0.4)),
    "jeans": ColourRange(hue=220, jitter=30, saturation=(0.2, 0.6), value=(0.15, 0.4)),
}


@dataclass
class Scene:
    """An image, and the affine matrix `pose` (2, 3) from the product's units to its pixels."""

    image: Image.Image
    pose: np.ndarray

    @property
    def unit(self) -> float:
        """How many pixels long one unit of the product is."""
        return float(np.hypot(*self.pose[:, 0]))

    def fill(self, points, colour, rim: float = 0.45) -> None:
        """Fill a polygon with a colour (3,), or with what an image has at its place.

        `rim` darkens the polygon towards its edge, so that it looks round; 0 leaves it flat.
        """
        mask, box = self._mask(points)
        if isinstance(colour, Image.Image):
            filling = colour.crop(box)
        else:
            filling = as_rgb(colour)
        self.image.paste(filling, box, mask)

        # The rim is where the polygon differs from its own blurred mask.
        if rim:
            blur = ImageFilter.BoxBlur(self.unit * 0.05)
            inside = mask.filter(blur)
            edge = ImageChops.subtract(mask, inside)
            shade = fade(edge, rim)
            self.image.paste(BLACK, box, shade)

    def line(self, points, colour, width: float) -> None:
        """Draw a line through the points, `width` units thick."""
        mask, box = self._mask(points, width=width)
        self.image.paste(as_rgb(colour), box, mask)

    def shadow(self, points, blur: float) -> None:
        """Draw the shadow of a polygon, its edge blurred by `blur` units."""
        mask, box = self._mask(points, blur=blur)
        soft = mask.filter(ImageFilter.BoxBlur(self.unit * blur))
        self.image.paste(SHADOW, box, fade(soft, 0.35))

    def _mask(self, points, width: float = 0, blur: float = 0):
        """A polygon, or with a `width` a line, as a mask, and the box of pixels that it covers."""
        turn = self.pose[:, :2]
        shift = self.pose[:, 2]
        pixels = np.asarray(points) @ turn.T + shift

        # The box has a margin for the line's thickness and for the blur.
        units_around = width + 2 * blur
        margin = int(3 + self.unit * units_around)
        low = pixels.min(0).astype(int) - margin
        high = pixels.max(0).astype(int) + margin
        box = (*low.tolist(), *high.tolist())

        # Drawn twice as large, then reduced: that makes smooth edges.
        size = 2 * (high - low)
        corners = 2 * (pixels - low)
        corners = corners.ravel().tolist()
        mask = Image.new("L", size.tolist())
        pen = ImageDraw.Draw(mask)
        if width:
            thickness = round(2 * self.unit * width)
            thickness = max(2, thickness)
            pen.line(corners, 255, thickness, "curve")
        else:
            pen.polygon(corners, 255)
        return mask.reduce(2), box


def fade(mask: Image.Image, strength: float) -> Image.Image:
    """The mask times a strength from 0 to 1."""
    return mask.point(lambda value: value * strength)


def make_pose(unit: float, angle: float, point, pixel) -> np.ndarray:
    """Affine matrix (2, 3): `unit` pixels a unit, turned by `angle` radians, `point` at `pixel`."""
    cos, sin = np.cos(angle), np.sin(angle)
    turn = unit * np.array([[cos, -sin], [sin, cos]])
    return np.c_[turn, pixel - turn @ point]


def to_image(pixels: np.ndarray) -> Image.Image:
    """An array (h, w, 3) as an image; values below 0 or above 255 are clipped."""
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def as_rgb(colour) -> tuple[int, ...]:
    """A colour (3,) as Pillow takes it: integers, clipped to 0 to 255."""
    return tuple(int(value) for value in np.clip(colour, 0, 255))


def pick_colour(name: str, rng) -> np.ndarray:
    """A random colour of that name: red, green and blue (3,), from 0 to 255."""
    colours = COLOURS[name]
    jitter = colours.jitter
    shift = rng.uniform(-jitter, jitter)
    degrees = colours.hue + shift
    hue = degrees / 360 % 1
    saturation = rng.uniform(*colours.saturation)
    value = rng.uniform(*colours.value)

    rgb = colorsys.hsv_to_rgb(hue, saturation, value)
    rgb = np.array(rgb, np.float32)
    return 255 * rgb


def brightness(colour: np.ndarray) -> float:
    """How bright a colour (3,) looks, from 0 to 255."""
    return colour @ LUMA


def draw_cloud(size, bumps, rng) -> np.ndarray:
    """A smooth random field (h, w, 1), mean 0, deviation about 1, with `bumps` across and down."""
    noise = Image.fromarray(rng.standard_normal(bumps[::-1], np.float32))
    smooth = noise.resize(np.array(size).tolist())
    return np.asarray(smooth)[..., None]


def slab(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    """Corners (4, 2) of an upright rectangle."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])


def ellipse(x: float, y: float, wide: float, high: float, corners: int = 24) -> np.ndarray:
    """An ellipse (corners, 2) around (x, y), from its half-width and half-height."""
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.c_[x + wide * np.sin(angles), y - high * np.cos(angles)]


def star(x: float, y: float, radius: float, tips: int, dent: float) -> np.ndarray:
    """A star (2 * tips, 2); between the tips the outline comes as near as `dent` of the radius."""
    angles = np.linspace(0, 2 * np.pi, 2 * tips, endpoint=False)
    radii = radius * np.where(np.arange(2 * tips) % 2, dent, 1)
    return np.c_[x + radii * np.sin(angles), y - radii * np.cos(angles)]


def mirror(right: np.ndarray) -> np.ndarray:
    """The left half of an outline from its right one, (n, 2), in the order that goes on from it."""
    return right[::-1] * [-1, 1]


def both_sides(right: np.ndarray) -> np.ndarray:
    """An outline (2 * n, 2) from its right half."""
    return np.r_[right, mirror(right)]


def take_photo(image: Image.Image, rng) -> Image.Image:
    """Photograph it: light from one side, exposure, focus, colour cast and the sensor's noise."""
    width, height = image.size
    light = draw_light(width, height, rng)

    # A little out of focus.
    radius = rng.uniform(0, 1)
    blur = ImageFilter.BoxBlur(radius)
    pixels = np.asarray(image.filter(blur))

    # The lamp's colour.
    cast = 1 + rng.normal(0, 0.035, 3)
    cast = cast.astype(np.float32)
    lit = pixels * light * cast

    strength = rng.uniform(1, 5)
    grain = rng.standard_normal((height, width, 1), np.float32)
    noise = strength * grain
    return to_image(lit + noise)


def draw_light(width: int, height: int, rng) -> np.ndarray:
    """How bright each pixel is lit, (h, w, 1), about 1: brighter towards one side."""
    # A plane that rises towards the angle, 0 in the middle of the image.
    angle = rng.uniform(0, 2 * np.pi)
    x = np.linspace(-1, 1, width)
    y = np.linspace(-1, 1, height)
    across = np.cos(angle) * x
    down = np.sin(angle) * y
    slope = across + down[:, None]

    exposure = rng.uniform(0.85, 1.1)
    strength = rng.uniform(0, 0.2)
    light = 1 + strength * slope
    light = light.astype(np.float32)
    light = exposure * light
    return light[..., None]
