"""Print and arrows on an image, in pixels."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sample.scene import as_rgb


def draw_arrow(image: Image.Image, ends: np.ndarray, ink) -> None:
    """Draw a line between two pixels (2, 2) with a head at either end."""
    colour = as_rgb(ink)
    pen = ImageDraw.Draw(image)
    pen.line(ends.ravel().tolist(), colour, 2)

    # A head is 9 pixels long, and 0.45 of that to either side.
    start, end = ends
    way = end - start
    length = np.hypot(*way)
    along = 9 * way / length
    across = 0.45 * along[::-1] * [-1, 1]

    for tip, back in ((start, along), (end, -along)):
        base = tip + back
        left = base + across
        right = base - across
        corners = np.ravel([tip, left, right])
        pen.polygon(corners.tolist(), colour)


def write(
    image: Image.Image,
    text: str,
    *,
    position,
    size: float,
    ink,
    max_width: float,
    align: float = 0.5,
    bold: bool = False,
    angle: float = 0,
) -> None:
    """Write the text, its letters `size` pixels high, or less where it were wider than `max_width`.

    Its middle is at the pixel `position` (x, y), or its left end with `align` 0, its right one
    with 1; it is turned by `angle` degrees, counterclockwise.
    """
    width = ImageFont.load_default(size).getlength(text)
    size *= min(1, max_width / width)
    font = ImageFont.load_default(size)
    stroke = int(size / 18) if bold else 0  # on small letters it would be a blot
    mask = draw_text(text, font, stroke)
    mask = mask.rotate(angle, Image.BICUBIC, expand=True)

    x, y = position
    left = int(x - align * mask.width)
    top = int(y - mask.height / 2)
    image.paste(as_rgb(ink), (left, top), mask)


def draw_text(text: str, font, stroke: int) -> Image.Image:
    """The text as a mask, with a margin of two pixels."""
    box = font.getbbox(text, stroke_width=stroke)
    left, top, right, bottom = box
    width = int(right - left) + 4
    height = int(bottom - top) + 4
    mask = Image.new("L", (width, height))

    # A font puts its letters a little right of and below the point it is given.
    x = 2 - left
    y = 2 - top
    pen = ImageDraw.Draw(mask)
    pen.text((x, y), text, 255, font, stroke_width=stroke)
    return mask
