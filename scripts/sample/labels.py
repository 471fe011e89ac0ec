"""Print on packs and product pages: what a seller writes on a pack, beside arrows along a thing's
edges, in points or in a table.

Things are drawn, like packs, in units of their longer side: x to the right from the middle, y down,
from 0 at the top.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sample.garments import Stage, pick_colour, ring, take_photo, to_picture
from sample.packs import SHAPES, cut_item, lean_item

PACKS = tuple(SHAPES)
PAPERS = {
    "bottle": (0.44, 0.93),
    "jar": (0.25, 0.92),
    "can": (0.1, 0.9),
    "box": (0.05, 0.95),
    "pouch": (0.15, 0.95),
}  # label's top and bottom
BLURRED = 0.3  # share of the pictures that are enlarged thumbnails, as sellers send them
UPRIGHT = {
    "box": 0.5,
    "pouch": 0.3,
    "jar": 0.2,
}  # shape -> share of the small print that runs along its edge


def slab(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    """Corners (4, 2) of an upright rectangle."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])


# shape -> (usual width by height; is it a box with sides; its parts: colour, outline in shares of
# its width and height)
THINGS = {
    "lamp": (
        1.3,
        True,
        [
            ("body", slab(-0.5, 0, 0.5, 1)),
            ("dark", slab(-0.42, 0.1, 0.42, 0.9)),
            ("light", slab(-0.36, 0.17, 0.36, 0.83)),
        ],
    ),
    "shelf": (
        0.6,
        True,
        [
            ("body", slab(-0.5, 0, 0.5, 1)),
            *(("dark", slab(-0.45, y, 0.45, y + 0.2)) for y in (0.04, 0.28, 0.52, 0.76)),
        ],
    ),
    "cabinet": (
        1.2,
        True,
        [
            ("body", slab(-0.5, 0, 0.5, 1)),
            ("trim", slab(-0.47, 0.05, -0.01, 0.95)),
            ("trim", slab(0.01, 0.05, 0.47, 0.95)),
            *(("dark", slab(x - 0.02, 0.45, x + 0.02, 0.6)) for x in (-0.06, 0.06)),
        ],
    ),
    "scale": (3, True, [("body", slab(-0.5, 0, 0.5, 1)), ("dark", slab(-0.16, 0.2, 0.16, 0.8))]),
    "charger": (
        0.55,
        False,
        [
            ("dark", slab(-0.36, 0, 0.36, 0.2)),
            ("body", slab(-0.5, 0.1, 0.5, 0.75)),
            ("trim", slab(-0.3, 0.2, 0.3, 0.3)),
            ("dark", slab(-0.3, 0.75, 0.3, 0.94)),
            ("light", slab(-0.1, 0.94, 0.1, 1)),
        ],
    ),
    "bulb": (
        0.62,
        False,
        [
            ("light", ring(0, 0.33, 0.5, 0.33)),
            ("light", [(-0.42, 0.48), (0.42, 0.48), (0.26, 0.74), (-0.26, 0.74)]),
            ("trim", slab(-0.26, 0.73, 0.26, 0.94)),
            ("dark", slab(-0.12, 0.93, 0.12, 1)),
        ],
    ),
    "kettle": (
        1.1,
        False,
        [
            ("dark", ring(0.36, 0.48, 0.14, 0.3)),
            ("wall", ring(0.35, 0.48, 0.09, 0.22)),
            ("trim", [(-0.5, 0.2), (-0.2, 0.16), (-0.2, 0.4)]),
            ("body", [(-0.25, 0.12), (0.25, 0.12), (0.38, 0.9), (-0.38, 0.9)]),
            ("dark", slab(-0.38, 0.9, 0.38, 1)),
            ("dark", slab(-0.06, 0.04, 0.06, 0.12)),
        ],
    ),
    "dumbbell": (
        1.9,
        False,
        [
            ("trim", slab(-0.3, 0.4, 0.3, 0.6)),
            *(("body", slab(x - 0.06, 0, x + 0.06, 1)) for x in (-0.3, 0.3)),
            *(("body", slab(x - 0.05, 0.15, x + 0.05, 0.85)) for x in (-0.42, 0.42)),
        ],
    ),
    "stool": (
        1.1,
        False,
        [
            ("dark", [(-0.4, 0.1), (-0.3, 0.1), (-0.42, 1), (-0.5, 1)]),
            ("dark", [(0.3, 0.1), (0.4, 0.1), (0.5, 1), (0.42, 1)]),
            ("trim", slab(-0.38, 0.55, 0.38, 0.63)),
            ("body", slab(-0.48, 0, 0.48, 0.14)),
        ],
    ),
    "seat": (
        0.9,
        False,
        [
            ("dark", slab(-0.4, 0.86, 0.46, 1)),
            (
                "body",
                [(-0.44, 0), (-0.08, 0), (0.06, 0.58), (0.5, 0.62), (0.5, 0.88), (-0.34, 0.88)],
            ),
            ("trim", [(-0.3, 0.12), (-0.14, 0.12), (-0.02, 0.6), (-0.16, 0.62)]),
        ],
    ),
}


def draw_file(file: Path, product, seed: int) -> float:
    """Draws one product (k, shape, layout, facts, prints), 420 to 640 pixels wide and high; gives
    the file's megabytes. All chance comes from (seed, k)."""
    rng = np.random.default_rng([seed, product.k, 1])
    size = rng.integers(420, 641, 2)
    wall = pick_colour("wall", rng) * 0.4 + 150 if rng.random() < 0.4 else np.full(3, 252.0)
    stage = Stage(to_picture(wall + np.zeros((*size[::-1], 3))), np.eye(2, 3))
    prints = {}
    for place, text in product.prints:
        prints.setdefault(place, []).append(text)
    picture = {"pack": lay_pack, "sizes": lay_sizes, "points": lay_points, "sheet": lay_sheet}[
        product.layout
    ](stage, product, prints, rng)
    if rng.random() < BLURRED:
        picture = picture.resize(
            (size * rng.uniform(0.32, 0.55)).astype(int).tolist(), Image.BILINEAR
        ).resize(size.tolist(), Image.BICUBIC)
    picture.save(file, quality=85)
    return file.stat().st_size / 1e6


def write(
    picture: Image.Image,
    text: str,
    at,
    size: float,
    ink,
    room: float,
    align: float = 0.5,
    bold: bool = False,
    turn: float = 0,
):
    """Writes the text with its middle at pixel `at`, or its left (align 0) or right (1) end there,
    `turn` degrees against the clock.

    Its font is `size` pixels high, or as small as it must be to be no wider than `room`."""
    size *= min(1, room / ImageFont.load_default(size).getlength(text))
    font, stroke = (
        ImageFont.load_default(size),
        int(bold * size / 18),
    )  # on small letters it would be a blot
    left, top, right, bottom = font.getbbox(text, stroke_width=stroke)
    mask = Image.new("L", (int(right - left) + 4, int(bottom - top) + 4))
    ImageDraw.Draw(mask).text((2 - left, 2 - top), text, 255, font, stroke_width=stroke)
    mask = mask.rotate(turn, Image.BICUBIC, expand=True)
    picture.paste(
        as_ink(ink), (int(at[0] - align * mask.width), int(at[1] - mask.height / 2)), mask
    )


def as_ink(colour) -> tuple:
    """A colour (3,) as Pillow takes it."""
    return tuple(int(c) for c in np.clip(colour, 0, 255))


def draw_arrow(picture: Image.Image, ends, ink):
    """A line between two pixels with a head at both, as sizes are shown."""
    (start, end), pen = np.array(ends, float), ImageDraw.Draw(picture)
    along = 9 * (end - start) / np.hypot(*(end - start))
    across = 0.45 * along[::-1] * [-1, 1]
    pen.line([*start, *end], as_ink(ink), 2)
    for tip, way in ((start, along), (end, -along)):
        pen.polygon([*tip, *(tip + way + across), *(tip + way - across)], as_ink(ink))


def draw_thing(stage: Stage, product, area, rng) -> np.ndarray:
    """Draws the product into the pixels left, top, right, bottom of `area`, in the proportions of
    its sizes as far as it has them.

    Gives (3, 2) pixels: left top and right bottom of its front, and how far its back is shifted."""
    usual, boxed, parts = THINGS[product.shape]
    wide, high, deep = (
        product.facts[entity][0][0] if entity in product.facts else None
        for entity in ("width", "height", "depth")
    )
    high = high or (wide or 1) / usual
    front = np.array([min(wide / high if wide else usual, 3), 1])
    back = np.array([0.7, -0.45]) * np.clip(deep / high if deep else 0.8, 0.2, 1.5) * boxed
    low, room = np.array(area[:2]), np.subtract(area[2:], area[:2])
    scale = min(room / (front + abs(back)))
    corner = low + (room - scale * (front + abs(back))) / 2 - [0, scale * back[1]]
    stage.pose = np.c_[scale * np.eye(2), corner + [scale * front[0] / 2, 0]]
    tints = {
        "body": pick_colour("thing", rng),
        "dark": pick_colour("dark", rng),
        "light": pick_colour("yellow", rng),
    }
    tints |= {
        "trim": 0.6 * tints["body"] + 90,
        "wall": stage.picture.getpixel((2, stage.picture.height - 2)),
    }
    stage.paint(slab(-0.5, 0.95, 0.5, 1.03) * front + [back[0] / 2, 0], (20, 20, 25), blur=0.05)
    if boxed:
        top, side = (slab(*ends) * front for ends in ((-0.5, 0, 0.5, 0), (0.5, 0, 0.5, 1)))
        stage.paint(top + np.outer([1, 1, 0, 0], back), 0.7 * tints["body"] + 60, rim=0)
        stage.paint(side + np.outer([0, 1, 1, 0], back), 0.6 * tints["body"], rim=0)
    for tint, outline in parts:
        stage.paint(np.asarray(outline) * front, tints[tint], rim=0.15)
    return np.array([corner, corner + scale * front, scale * back])


def head_page(picture: Image.Image, prints: dict, ink, rng):
    """The product's name and a claim at the top of a page, on a band or on the wall."""
    w, h = picture.size
    if rng.random() < 0.35:
        ImageDraw.Draw(picture).rectangle([0, 0, w, 0.175 * h], as_ink(ink))
        ink = pick_colour("light", rng)
    write(
        picture,
        f"{prints['brand'][0]} {prints['title'][0]}",
        (w / 2, 0.07 * h),
        rng.uniform(0.05, 0.08) * h,
        ink,
        0.9 * w,
        bold=True,
    )
    write(picture, prints["claim"][0], (w / 2, 0.14 * h), 0.035 * h, ink, 0.8 * w)


def lay_sizes(stage: Stage, product, prints: dict, rng) -> Image.Image:
    """The thing with an arrow along each of its sizes; what else is known in two columns below."""
    picture, (w, h), ink = stage.picture, stage.picture.size, pick_colour("dark", rng)
    head_page(picture, prints, ink, rng)
    points, size, gap = prints.get("point", []), rng.uniform(0.024, 0.045) * h, 0.025 * h
    low, high, back = draw_thing(
        stage, product, (0.22 * w, 0.2 * h, 0.76 * w, 0.8 * h - 0.05 * h * (len(points) // 2)), rng
    )
    edges = {
        "width": ((low[0], high[1]), high, (0, 1)),
        "height": (low, (low[0], high[1]), (-1, 0)),
        "depth": (high, high + back, (0.6, 0.8)),
    }
    turn = 90 * (rng.random() < 0.5)
    for entity, (start, end, aside) in edges.items():
        for text in prints.get(entity, []):
            ends = np.array([start, end]) + gap * np.array(aside)
            draw_arrow(picture, ends, ink)
            at = ends.mean(0) + 0.8 * size * np.array(aside)
            room = {
                "width": 0.9 * w,
                "height": high[1] - low[1] if turn else at[0] - 4,
                "depth": w - at[0] - 4,
            }[entity]
            write(
                picture,
                text,
                at,
                size,
                ink,
                room,
                0.5 - 0.5 * np.sign(aside[0]),
                turn=turn * (entity == "height"),
            )
    for i, text in enumerate(points):
        write(
            picture,
            text,
            ((0.27 + 0.46 * (i % 2)) * w, (0.95 - 0.05 * (i // 2)) * h),
            0.033 * h,
            ink,
            0.44 * w,
            bold=i % 2 == 0,
        )
    return picture


def lay_points(stage: Stage, product, prints: dict, rng) -> Image.Image:
    """The thing at the left, what is known about it at the right: on plates, or behind stars."""
    picture, (w, h), ink, tint = (
        stage.picture,
        stage.picture.size,
        pick_colour("dark", rng),
        pick_colour("thing", rng),
    )
    head_page(picture, prints, ink, rng)
    draw_thing(stage, product, (0.05 * w, 0.25 * h, 0.45 * w, 0.9 * h), rng)
    stage.pose, size, plates, bold, points = (
        np.eye(2, 3),
        rng.uniform(0.026, 0.05) * h,
        *(rng.random(2) < 0.4),
        prints.get("point", []),
    )
    for i, text in enumerate(points):
        y = h * (0.25 + 0.65 * (i + 0.5) / len(points))
        if plates:
            ImageDraw.Draw(picture).rounded_rectangle(
                [0.5 * w, y - size, 0.98 * w, y + size], size / 2, as_ink(ink)
            )
        else:
            stage.paint(ring(0.53 * w, y, 0.7 * size, 0.7 * size, 10, 0.5), tint, rim=0)
        write(
            picture,
            text,
            (0.57 * w, y),
            size,
            (250, 250, 245) if plates else ink,
            0.39 * w,
            0,
            bold,
        )
    return picture


def lay_sheet(stage: Stage, product, prints: dict, rng) -> Image.Image:
    """A table of what is known, as on a data sheet or the back of a pack."""
    picture, (w, h), ink, tint = (
        stage.picture,
        stage.picture.size,
        pick_colour("dark", rng),
        pick_colour("light", rng),
    )
    head_page(picture, prints, ink, rng)
    step, size = 0.62 * h / len(prints["row"]), rng.uniform(0.024, 0.042) * h
    for i, row in enumerate(prints["row"]):
        y, (name, value) = 0.2 * h + step * i, row.split("|")
        ImageDraw.Draw(picture).rectangle(
            [0.05 * w, y, 0.95 * w, y + step],
            as_ink(tint if i % 2 else 0.5 * tint + 125),
            as_ink(0.5 * ink + 100),
        )
        write(picture, name, (0.08 * w, y + step / 2), size, ink, 0.38 * w, 0)
        write(picture, value, (0.52 * w, y + step / 2), size, ink, 0.4 * w, 0)
    for i, text in enumerate(prints.get("fine", [])):
        write(picture, text, (w / 2, (0.88 + 0.05 * i) * h), 0.028 * h, ink, 0.9 * w)
    return picture


def lay_pack(stage: Stage, product, prints: dict, rng) -> Image.Image:
    """A pack that leans a little, its print on the label; photographed."""
    (w, h), shape, lean = stage.picture.size, product.shape, rng.normal(0, 0.04)
    heights, widths = np.transpose(SHAPES[shape][0])
    unit = min(0.92 * h, 0.45 * w / max(widths))
    stage.pose = lean_item(np.array([w, h]) / 2, unit, lean)
    body, plain = pick_colour("thing", rng), rng.random() < 0.3
    paper = body if plain else pick_colour("light", rng)
    ink = pick_colour("light" if paper @ [0.3, 0.59, 0.11] < 120 else "dark", rng)
    stage.paint(cut_item(shape, 0, 1) + [0.03, 0.02], (20, 20, 25), blur=0.04)
    stage.paint(cut_item(shape, 0, 1), body)
    if SHAPES[shape][1]:
        stage.paint(cut_item(shape, 0, SHAPES[shape][1]), pick_colour("dark", rng))
    top, bottom = PAPERS[shape]
    if not plain:
        stage.paint(cut_item(shape, top, bottom, 0.94), paper, rim=0.12)
    small = rng.uniform(0.04, 0.12)
    for place, first, size in (
        ("brand", 0.1, 0.08),
        ("title", 0.28, 0.17),
        ("claim", 0.48, 0.08),
        ("point", 0.68, small),
        ("fine", 0.83, 0.06),
    ):
        for i, text in enumerate(prints.get(place, [])):
            upright, y = (
                i == 0 and place == "fine" and rng.random() < UPRIGHT.get(shape, 0),
                top + (bottom - top) * (first + 0.1 * i),
            )
            edge = np.interp(y, heights, widths)
            at, room = (
                ((0.87 * edge, (top + bottom) / 2), 0.8 * (bottom - top))
                if upright
                else ((0, y), 1.48 * edge)
            )
            write(
                stage.picture,
                text,
                stage.pose @ [*at, 1],
                size * unit * rng.uniform(0.8, 1.1),
                ink,
                room * unit,
                bold=place in ("title", "point"),
                turn=90 * upright - np.degrees(lean),
            )
    return take_photo(stage.picture, rng)
