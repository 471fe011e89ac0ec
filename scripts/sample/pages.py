"""Product pages: a thing, and what is known about it beside arrows, in points or in a table.

Each layout draws into a scene the product and its prints {kind: texts}, and returns the image.
"""

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from sample.lettering import draw_arrow, write
from sample.scene import Scene, as_rgb, pick_colour, star
from sample.things import Placed, draw_thing

PLATE_INK = (250, 250, 245)


class Edge(NamedTuple):
    """An edge of a thing, along which an arrow shows its size: pixels (2,)."""

    start: np.ndarray
    end: np.ndarray
    outward: tuple[float, float]  # the direction away from the thing


def lay_sizes(scene: Scene, product, prints: dict, rng) -> Image.Image:
    """The thing with an arrow along each of its sizes; what else is known in two columns below."""
    image = scene.image
    w, h = image.size
    ink = pick_colour("dark", rng)
    draw_header(image, prints, ink, rng)

    points = prints["point"]
    size = rng.uniform(0.024, 0.045) * h
    bottom = 0.8 * h - 0.05 * h * (len(points) // 2)
    area = (0.22 * w, 0.2 * h, 0.76 * w, bottom)
    front = draw_thing(scene, product, area, rng)
    upwards = rng.random() < 0.5  # whether the height's print runs upwards

    for entity, edge in edges_of(front).items():
        is_turned = upwards and entity == "height"
        for text in prints[entity]:
            draw_size(image, text, edge, size, ink, is_turned)

    for i, text in enumerate(points):
        row, column = divmod(i, 2)
        x = (0.27 + 0.46 * column) * w
        y = (0.95 - 0.05 * row) * h
        write(image, text, (x, y), 0.033 * h, ink, 0.44 * w, bold=column == 0)
    return image


def edges_of(front: Placed) -> dict[str, Edge]:
    """The edges of a thing that show its width, height and depth."""
    low, high = front.low, front.high
    corner = np.array([low[0], high[1]])
    return {
        "width": Edge(corner, high, (0, 1)),
        "height": Edge(low, corner, (-1, 0)),
        "depth": Edge(high, high + front.back, (0.6, 0.8)),
    }


def draw_size(image: Image.Image, text: str, edge: Edge, size: float, ink, is_turned: bool) -> None:
    """An arrow along an edge, and its size beside it; `is_turned`, the print runs along it too."""
    w, h = image.size
    outward = np.array(edge.outward)
    ends = np.array([edge.start, edge.end])
    ends += 0.025 * h * outward
    draw_arrow(image, ends, ink)

    x, y = ends.mean(0) + 0.8 * size * outward
    side = np.sign(outward[0])  # left of the thing -1, below it 0, right of it 1
    align = 0.5 - 0.5 * side
    max_width = {-1: x - 4, 0: 0.9 * w, 1: w - x - 4}[side]
    angle = 0
    if is_turned:
        max_width = edge.end[1] - edge.start[1]
        angle = 90
    write(image, text, (x, y), size, ink, max_width, align=align, angle=angle)


def lay_points(scene: Scene, product, prints: dict, rng) -> Image.Image:
    """The thing at the left, what is known about it at the right: on plates, or behind stars."""
    image = scene.image
    w, h = image.size
    ink = pick_colour("dark", rng)
    star_colour = pick_colour("thing", rng)
    draw_header(image, prints, ink, rng)
    area = (0.05 * w, 0.25 * h, 0.45 * w, 0.9 * h)
    draw_thing(scene, product, area, rng)

    scene.pose = np.eye(2, 3)
    size = rng.uniform(0.026, 0.05) * h
    on_plates, bold = rng.random(2) < 0.4
    points = prints["point"]
    for i, text in enumerate(points):
        y = h * (0.25 + 0.65 * (i + 0.5) / len(points))
        text_ink = ink
        if on_plates:
            plate = [0.5 * w, y - size, 0.98 * w, y + size]
            ImageDraw.Draw(image).rounded_rectangle(plate, size / 2, as_rgb(ink))
            text_ink = PLATE_INK
        else:
            outline = star(0.53 * w, y, 0.7 * size, 5, 0.5)
            scene.fill(outline, star_colour, rim=0)
        write(image, text, (0.57 * w, y), size, text_ink, 0.39 * w, align=0, bold=bold)
    return image


def lay_sheet(scene: Scene, product, prints: dict, rng) -> Image.Image:
    """A table of what is known, as on a data sheet or the back of a pack."""
    image = scene.image
    w, h = image.size
    ink = pick_colour("dark", rng)
    tint = pick_colour("light", rng)
    draw_header(image, prints, ink, rng)

    rows = prints["row"]
    step = 0.62 * h / len(rows)
    size = rng.uniform(0.024, 0.042) * h
    border = as_rgb(0.5 * ink + 100)
    fills = [as_rgb(0.5 * tint + 125), as_rgb(tint)]
    pen = ImageDraw.Draw(image)
    for i, row in enumerate(rows):
        name, value = row.split("|")
        top = 0.2 * h + step * i
        cell = [0.05 * w, top, 0.95 * w, top + step]
        pen.rectangle(cell, fills[i % 2], border)
        middle = top + step / 2
        write(image, name, (0.08 * w, middle), size, ink, 0.38 * w, align=0)
        write(image, value, (0.52 * w, middle), size, ink, 0.4 * w, align=0)

    for i, text in enumerate(prints["fine"]):
        y = (0.88 + 0.05 * i) * h
        write(image, text, (w / 2, y), 0.028 * h, ink, 0.9 * w)
    return image


def draw_header(image: Image.Image, prints: dict, ink, rng) -> None:
    """The product's name and a claim at the top of a page, on a band or on the wall."""
    w, h = image.size
    if rng.random() < 0.35:
        band = [0, 0, w, 0.175 * h]
        ImageDraw.Draw(image).rectangle(band, as_rgb(ink))
        ink = pick_colour("light", rng)

    brand = prints["brand"][0]
    title = prints["title"][0]
    name = f"{brand} {title}"
    size = rng.uniform(0.05, 0.08) * h
    write(image, name, (w / 2, 0.07 * h), size, ink, 0.9 * w, bold=True)

    claim = prints["claim"][0]
    write(image, claim, (w / 2, 0.14 * h), 0.035 * h, ink, 0.8 * w)
