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
    "white": ColourRange(40, 40, (0, 0.07), (0.9, 1)),
    "black": ColourRange(230, 60, (0, 0.25), (0.07, 0.17)),
    "red": ColourRange(356, 8, (0.78, 0.95), (0.62, 0.85)),
    "navy blue": ColourRange(226, 8, (0.55, 0.8), (0.22, 0.36)),
    "blue": ColourRange(212, 12, (0.6, 0.85), (0.6, 0.9)),
    "yellow": ColourRange(49, 6, (0.65, 0.9), (0.88, 1)),
    "green": ColourRange(138, 24, (0.45, 0.8), (0.35, 0.65)),
    "pink": ColourRange(336, 10, (0.28, 0.5), (0.88, 1)),
    "multicolor": ColourRange(0, 180, (0.5, 0.8), (0.7, 0.95)),
    "dark": ColourRange(0, 180, (0, 0.5), (0.15, 0.45)),
    "light": ColourRange(0, 180, (0, 0.5), (0.85, 1)),
    "wall": ColourRange(0, 180, (0, 0.25), (0.55, 0.97)),
    "thing": ColourRange(0, 180, (0.3, 0.9), (0.3, 0.9)),
    "hair": ColourRange(22, 10, (0.4, 0.6), (0.1, 0.4)),
    "jeans": ColourRange(220, 30, (0.2, 0.6), (0.15, 0.4)),
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

        if rim:
            inside = mask.filter(ImageFilter.BoxBlur(self.unit * 0.05))
            edge = ImageChops.subtract(mask, inside)
            self.image.paste(BLACK, box, fade(edge, rim))

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
        margin = int(3 + self.unit * (width + 2 * blur))
        low = pixels.min(0).astype(int) - margin
        high = pixels.max(0).astype(int) + margin

        # Drawn twice as large, then reduced: that makes smooth edges.
        size = 2 * (high - low)
        corners = 2 * (pixels - low)
        mask = Image.new("L", size.tolist())
        pen = ImageDraw.Draw(mask)
        if width:
            thickness = max(2, round(2 * self.unit * width))
            pen.line(corners.ravel().tolist(), 255, thickness, "curve")
        else:
            pen.polygon(corners.ravel().tolist(), 255)
        box = (*low.tolist(), *high.tolist())
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
    shift = rng.uniform(-colours.jitter, colours.jitter)
    hue = (colours.hue + shift) / 360 % 1
    saturation = rng.uniform(*colours.saturation)
    value = rng.uniform(*colours.value)

    rgb = colorsys.hsv_to_rgb(hue, saturation, value)
    return 255 * np.array(rgb, np.float32)


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


def take_photo(image: Image.Image, rng) -> Image.Image:
    """Photograph it: light from one side, exposure, focus, colour cast and the sensor's noise."""
    w, h = image.size
    light = draw_light(w, h, rng)
    blur = ImageFilter.BoxBlur(rng.uniform(0, 1))
    pixels = np.asarray(image.filter(blur))
    cast = 1 + rng.normal(0, 0.035, 3)
    lit = pixels * light * cast.astype(np.float32)

    strength = rng.uniform(1, 5)
    noise = rng.standard_normal((h, w, 1), np.float32)
    return to_image(lit + strength * noise)


def draw_light(width: int, height: int, rng) -> np.ndarray:
    """How bright each pixel is lit, (h, w, 1), about 1: brighter towards one side."""
    angle = rng.uniform(0, 2 * np.pi)
    across = np.cos(angle) * np.linspace(-1, 1, width)
    down = np.sin(angle) * np.linspace(-1, 1, height)
    slope = across + down[:, None]

    exposure = rng.uniform(0.85, 1.1)
    strength = rng.uniform(0, 0.2)
    light = 1 + strength * slope
    light = exposure * light.astype(np.float32)
    return light[..., None]
