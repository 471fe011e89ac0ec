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


class Column(NamedTuple):
    """A column of a table, in shares of the image's width."""

    left: float
    width: float


SHEET_COLUMNS = (Column(left=0.08, width=0.38), Column(left=0.52, width=0.4))


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
    size = rng.uniform(0.024, 0.045) * h

    # The columns grow from the bottom up and leave the thing the room above.
    points = prints["point"]
    n_rows = len(points) // 2
    left = 0.22 * w
    right = 0.76 * w
    top = 0.2 * h
    bottom = 0.8 * h - 0.05 * h * n_rows
    front = draw_thing(scene, product, (left, top, right, bottom), rng)

    upwards = rng.random() < 0.5  # whether the height's print runs upwards
    for entity, edge in edges_of(front).items():
        is_turned = upwards and entity == "height"
        for text in prints[entity]:
            draw_size(image, text, edge, size, ink, is_turned)

    write_columns(image, points, ink)
    return image


def write_columns(image: Image.Image, texts: list[str], ink) -> None:
    """Write the texts in two columns, from the bottom up; those at the left are bold."""
    w, h = image.size
    for i, text in enumerate(texts):
        row, column = divmod(i, 2)
        x = (0.27 + 0.46 * column) * w
        y = (0.95 - 0.05 * row) * h
        write(
            image,
            text,
            position=(x, y),
            size=0.033 * h,
            ink=ink,
            max_width=0.44 * w,
            bold=column == 0,
        )


def edges_of(front: Placed) -> dict[str, Edge]:
    """The edges of a thing that show its width, height and depth."""
    left_top = front.low
    right_bottom = front.high
    left, _ = left_top
    _, bottom = right_bottom
    left_bottom = np.array([left, bottom])
    back_bottom = right_bottom + front.back

    return {
        "width": Edge(left_bottom, right_bottom, outward=(0, 1)),
        "height": Edge(left_top, left_bottom, outward=(-1, 0)),
        "depth": Edge(right_bottom, back_bottom, outward=(0.6, 0.8)),
    }


def draw_size(image: Image.Image, text: str, edge: Edge, size: float, ink, is_turned: bool) -> None:
    """An arrow along an edge, and its size beside it; `is_turned`, the print runs along it too."""
    w, h = image.size
    outward = np.array(edge.outward)
    ends = np.array([edge.start, edge.end])
    ends += 0.025 * h * outward
    draw_arrow(image, ends, ink)

    middle = ends.mean(0)
    x, y = middle + 0.8 * size * outward
    side = np.sign(outward[0])  # left of the thing -1, below it 0, right of it 1
    rooms = {-1: x - 4, 0: 0.9 * w, 1: w - x - 4}  # to the edge of the image
    max_width = rooms[side]
    angle = 0
    if is_turned:
        _, max_width = edge.end - edge.start
        angle = 90
    write(
        image,
        text,
        position=(x, y),
        size=size,
        ink=ink,
        max_width=max_width,
        align=0.5 - 0.5 * side,
        angle=angle,
    )


def lay_points(scene: Scene, product, prints: dict, rng) -> Image.Image:
    """The thing at the left, what is known about it at the right: on plates, or behind stars."""
    image = scene.image
    w, h = image.size
    ink = pick_colour("dark", rng)
    star_colour = pick_colour("thing", rng)
    draw_header(image, prints, ink, rng)
    area = (0.05 * w, 0.25 * h, 0.45 * w, 0.9 * h)
    draw_thing(scene, product, area, rng)

    scene.pose = np.eye(2, 3)  # stars are drawn in pixels
    size = rng.uniform(0.026, 0.05) * h
    on_plates, bold = rng.random(2) < 0.4
    points = prints["point"]
    for i, text in enumerate(points):
        down = 0.65 * (i + 0.5) / len(points)
        y = h * (0.25 + down)
        if on_plates:
            draw_plate(image, y, size, ink)
        else:
            bullet = star(0.53 * w, y, 0.7 * size, 5, 0.5)
            scene.fill(bullet, star_colour, rim=0)
        write(
            image,
            text,
            position=(0.57 * w, y),
            size=size,
            ink=PLATE_INK if on_plates else ink,
            max_width=0.39 * w,
            align=0,
            bold=bold,
        )
    return image


def draw_plate(image: Image.Image, y: float, half_height: float, colour) -> None:
    """Draw a rounded plate over the right half of the image, its middle at y."""
    left = 0.5 * image.width
    right = 0.98 * image.width
    top = y - half_height
    bottom = y + half_height
    plate = [left, top, right, bottom]
    roundness = half_height / 2

    pen = ImageDraw.Draw(image)
    pen.rounded_rectangle(plate, roundness, as_rgb(colour))


def lay_sheet(scene: Scene, product, prints: dict, rng) -> Image.Image:
    """A table of what is known, as on a data sheet or the back of a pack."""
    image = scene.image
    w, h = image.size
    ink = pick_colour("dark", rng)
    tint = pick_colour("light", rng)
    draw_header(image, prints, ink, rng)
    draw_table(image, prints["row"], ink, tint, rng)

    for i, text in enumerate(prints["fine"]):
        y = (0.88 + 0.05 * i) * h
        write(
            image,
            text,
            position=(w / 2, y),
            size=0.028 * h,
            ink=ink,
            max_width=0.9 * w,
        )
    return image


def draw_table(image: Image.Image, rows: list[str], ink, tint, rng) -> None:
    """Draw the rows "name|value" as a table, in two shades in turn."""
    w, h = image.size
    left = 0.05 * w
    right = 0.95 * w
    height = 0.62 * h / len(rows)
    size = rng.uniform(0.024, 0.042) * h

    border = as_rgb(0.5 * ink + 100)
    pale = as_rgb(0.5 * tint + 125)
    fills = [pale, as_rgb(tint)]
    pen = ImageDraw.Draw(image)
    for i, row in enumerate(rows):
        top = 0.2 * h + height * i
        bottom = top + height
        middle = top + height / 2
        cell = [left, top, right, bottom]
        pen.rectangle(cell, fills[i % 2], border)

        for text, column in zip(row.split("|"), SHEET_COLUMNS, strict=True):
            write(
                image,
                text,
                position=(column.left * w, middle),
                size=size,
                ink=ink,
                max_width=column.width * w,
                align=0,
            )


def draw_header(image: Image.Image, prints: dict, ink, rng) -> None:
    """The product's name and a claim at the top of a page, on a band or on the wall."""
    w, h = image.size
    if rng.random() < 0.35:
        band = [0, 0, w, 0.175 * h]
        pen = ImageDraw.Draw(image)
        pen.rectangle(band, as_rgb(ink))
        ink = pick_colour("light", rng)

    brand = prints["brand"][0]
    title = prints["title"][0]
    write(
        image,
        f"{brand} {title}",
        position=(w / 2, 0.07 * h),
        size=rng.uniform(0.05, 0.08) * h,
        ink=ink,
        max_width=0.9 * w,
        bold=True,
    )
    write(
        image,
        prints["claim"][0],
        position=(w / 2, 0.14 * h),
        size=0.035 * h,
        ink=ink,
        max_width=0.8 * w,
    )
