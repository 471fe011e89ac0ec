"""Print on packs and product pages: what a seller writes on a pack, beside arrows along a thing's edges, in points or in a table.

Things are drawn, like packs, in units of their longer side: x to the right from the middle, y down, from 0 at the top.
"""
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sample.garments import Stage, pick_colour, ring, take_photo, to_picture
from sample.packs import SHAPES, cut_item, lean_item

PACKS = tuple(SHAPES)
PAPERS = {"bottle": (.44, .93), "jar": (.25, .92), "can": (.1, .9), "box": (.05, .95), "pouch": (.15, .95)}  # label's top and bottom
BLURRED = .3  # share of the pictures that are enlarged thumbnails, as sellers send them
UPRIGHT = {"box": .5, "pouch": .3, "jar": .2}  # shape -> share of the small print that runs along its edge


def slab(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    """Corners (4, 2) of an upright rectangle."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])


THINGS = {  # shape -> (usual width by height; is it a box with sides; its parts: colour, outline in shares of its width and height)
    "lamp": (1.3, True, [("body", slab(-.5, 0, .5, 1)), ("dark", slab(-.42, .1, .42, .9)), ("light", slab(-.36, .17, .36, .83))]),
    "shelf": (.6, True, [("body", slab(-.5, 0, .5, 1)), *(("dark", slab(-.45, y, .45, y + .2)) for y in (.04, .28, .52, .76))]),
    "cabinet": (1.2, True, [("body", slab(-.5, 0, .5, 1)), ("trim", slab(-.47, .05, -.01, .95)), ("trim", slab(.01, .05, .47, .95)),
                            *(("dark", slab(x - .02, .45, x + .02, .6)) for x in (-.06, .06))]),
    "scale": (3, True, [("body", slab(-.5, 0, .5, 1)), ("dark", slab(-.16, .2, .16, .8))]),
    "charger": (.55, False, [("dark", slab(-.36, 0, .36, .2)), ("body", slab(-.5, .1, .5, .75)), ("trim", slab(-.3, .2, .3, .3)),
                             ("dark", slab(-.3, .75, .3, .94)), ("light", slab(-.1, .94, .1, 1))]),
    "bulb": (.62, False, [("light", ring(0, .33, .5, .33)), ("light", [(-.42, .48), (.42, .48), (.26, .74), (-.26, .74)]),
                          ("trim", slab(-.26, .73, .26, .94)), ("dark", slab(-.12, .93, .12, 1))]),
    "kettle": (1.1, False, [("dark", ring(.36, .48, .14, .3)), ("wall", ring(.35, .48, .09, .22)), ("trim", [(-.5, .2), (-.2, .16), (-.2, .4)]),
                            ("body", [(-.25, .12), (.25, .12), (.38, .9), (-.38, .9)]), ("dark", slab(-.38, .9, .38, 1)),
                            ("dark", slab(-.06, .04, .06, .12))]),
    "dumbbell": (1.9, False, [("trim", slab(-.3, .4, .3, .6)), *(("body", slab(x - .06, 0, x + .06, 1)) for x in (-.3, .3)),
                              *(("body", slab(x - .05, .15, x + .05, .85)) for x in (-.42, .42))]),
    "stool": (1.1, False, [("dark", [(-.4, .1), (-.3, .1), (-.42, 1), (-.5, 1)]), ("dark", [(.3, .1), (.4, .1), (.5, 1), (.42, 1)]),
                           ("trim", slab(-.38, .55, .38, .63)), ("body", slab(-.48, 0, .48, .14))]),
    "seat": (.9, False, [("dark", slab(-.4, .86, .46, 1)), ("body", [(-.44, 0), (-.08, 0), (.06, .58), (.5, .62), (.5, .88), (-.34, .88)]),
                         ("trim", [(-.3, .12), (-.14, .12), (-.02, .6), (-.16, .62)])])}


def draw_file(file: Path, product, seed: int) -> float:
    """Draws one product (k, shape, layout, facts, prints), 420 to 640 pixels wide and high; gives the file's megabytes.
    All chance comes from (seed, k)."""
    rng = np.random.default_rng([seed, product.k, 1])
    size = rng.integers(420, 641, 2)
    wall = pick_colour("wall", rng) * .4 + 150 if rng.random() < .4 else np.full(3, 252.)
    stage = Stage(to_picture(wall + np.zeros((*size[::-1], 3))), np.eye(2, 3))
    prints = {}
    for place, text in product.prints:
        prints.setdefault(place, []).append(text)
    picture = {"pack": lay_pack, "sizes": lay_sizes, "points": lay_points, "sheet": lay_sheet}[product.layout](stage, product, prints, rng)
    if rng.random() < BLURRED:
        picture = picture.resize((size * rng.uniform(.32, .55)).astype(int).tolist(), Image.BILINEAR).resize(size.tolist(), Image.BICUBIC)
    picture.save(file, quality=85)
    return file.stat().st_size / 1e6


def write(picture: Image.Image, text: str, at, size: float, ink, room: float, align: float = .5, bold: bool = False, turn: float = 0):
    """Writes the text with its middle at pixel `at`, or its left (align 0) or right (1) end there, `turn` degrees against the clock.

    Its font is `size` pixels high, or as small as it must be to be no wider than `room`."""
    size *= min(1, room / ImageFont.load_default(size).getlength(text))
    font, stroke = ImageFont.load_default(size), int(bold * size / 18)  # on small letters it would be a blot
    left, top, right, bottom = font.getbbox(text, stroke_width=stroke)
    mask = Image.new("L", (int(right - left) + 4, int(bottom - top) + 4))
    ImageDraw.Draw(mask).text((2 - left, 2 - top), text, 255, font, stroke_width=stroke)
    mask = mask.rotate(turn, Image.BICUBIC, expand=True)
    picture.paste(as_ink(ink), (int(at[0] - align * mask.width), int(at[1] - mask.height / 2)), mask)


def as_ink(colour) -> tuple:
    """A colour (3,) as Pillow takes it."""
    return tuple(int(c) for c in np.clip(colour, 0, 255))


def draw_arrow(picture: Image.Image, ends, ink):
    """A line between two pixels with a head at both, as sizes are shown."""
    (start, end), pen = np.array(ends, float), ImageDraw.Draw(picture)
    along = 9 * (end - start) / np.hypot(*(end - start))
    across = .45 * along[::-1] * [-1, 1]
    pen.line([*start, *end], as_ink(ink), 2)
    for tip, way in ((start, along), (end, -along)):
        pen.polygon([*tip, *(tip + way + across), *(tip + way - across)], as_ink(ink))


def draw_thing(stage: Stage, product, area, rng) -> np.ndarray:
    """Draws the product into the pixels left, top, right, bottom of `area`, in the proportions of its sizes as far as it has them.

    Gives (3, 2) pixels: left top and right bottom of its front, and how far its back is shifted."""
    usual, boxed, parts = THINGS[product.shape]
    wide, high, deep = (product.facts[entity][0][0] if entity in product.facts else None for entity in ("width", "height", "depth"))
    high = high or (wide or 1) / usual
    front = np.array([min(wide / high if wide else usual, 3), 1])
    back = np.array([.7, -.45]) * np.clip(deep / high if deep else .8, .2, 1.5) * boxed
    low, room = np.array(area[:2]), np.subtract(area[2:], area[:2])
    scale = min(room / (front + abs(back)))
    corner = low + (room - scale * (front + abs(back))) / 2 - [0, scale * back[1]]
    stage.pose = np.c_[scale * np.eye(2), corner + [scale * front[0] / 2, 0]]
    tints = {"body": pick_colour("thing", rng), "dark": pick_colour("dark", rng), "light": pick_colour("yellow", rng)}
    tints |= {"trim": .6 * tints["body"] + 90, "wall": stage.picture.getpixel((2, stage.picture.height - 2))}
    stage.paint(slab(-.5, .95, .5, 1.03) * front + [back[0] / 2, 0], (20, 20, 25), blur=.05)
    if boxed:
        top, side = (slab(*ends) * front for ends in ((-.5, 0, .5, 0), (.5, 0, .5, 1)))
        stage.paint(top + np.outer([1, 1, 0, 0], back), .7 * tints["body"] + 60, rim=0)
        stage.paint(side + np.outer([0, 1, 1, 0], back), .6 * tints["body"], rim=0)
    for tint, outline in parts:
        stage.paint(np.asarray(outline) * front, tints[tint], rim=.15)
    return np.array([corner, corner + scale * front, scale * back])


def head_page(picture: Image.Image, prints: dict, ink, rng):
    """The product's name and a claim at the top of a page, on a band or on the wall."""
    w, h = picture.size
    if rng.random() < .35:
        ImageDraw.Draw(picture).rectangle([0, 0, w, .175 * h], as_ink(ink))
        ink = pick_colour("light", rng)
    write(picture, f"{prints['brand'][0]} {prints['title'][0]}", (w / 2, .07 * h), rng.uniform(.05, .08) * h, ink, .9 * w, bold=True)
    write(picture, prints["claim"][0], (w / 2, .14 * h), .035 * h, ink, .8 * w)


def lay_sizes(stage: Stage, product, prints: dict, rng) -> Image.Image:
    """The thing with an arrow along each of its sizes; what else is known in two columns below."""
    picture, (w, h), ink = stage.picture, stage.picture.size, pick_colour("dark", rng)
    head_page(picture, prints, ink, rng)
    points, size, gap = prints.get("point", []), rng.uniform(.024, .045) * h, .025 * h
    low, high, back = draw_thing(stage, product, (.22 * w, .2 * h, .76 * w, .8 * h - .05 * h * (len(points) // 2)), rng)
    edges = {"width": ((low[0], high[1]), high, (0, 1)), "height": (low, (low[0], high[1]), (-1, 0)), "depth": (high, high + back, (.6, .8))}
    turn = 90 * (rng.random() < .5)
    for entity, (start, end, aside) in edges.items():
        for text in prints.get(entity, []):
            ends = np.array([start, end]) + gap * np.array(aside)
            draw_arrow(picture, ends, ink)
            at = ends.mean(0) + .8 * size * np.array(aside)
            room = {"width": .9 * w, "height": high[1] - low[1] if turn else at[0] - 4, "depth": w - at[0] - 4}[entity]
            write(picture, text, at, size, ink, room, .5 - .5 * np.sign(aside[0]), turn=turn * (entity == "height"))
    for i, text in enumerate(points):
        write(picture, text, ((.27 + .46 * (i % 2)) * w, (.95 - .05 * (i // 2)) * h), .033 * h, ink, .44 * w, bold=i % 2 == 0)
    return picture


def lay_points(stage: Stage, product, prints: dict, rng) -> Image.Image:
    """The thing at the left, what is known about it at the right: on plates, or behind stars."""
    picture, (w, h), ink, tint = stage.picture, stage.picture.size, pick_colour("dark", rng), pick_colour("thing", rng)
    head_page(picture, prints, ink, rng)
    draw_thing(stage, product, (.05 * w, .25 * h, .45 * w, .9 * h), rng)
    stage.pose, size, plates, bold, points = np.eye(2, 3), rng.uniform(.026, .05) * h, *(rng.random(2) < .4), prints.get("point", [])
    for i, text in enumerate(points):
        y = h * (.25 + .65 * (i + .5) / len(points))
        if plates:
            ImageDraw.Draw(picture).rounded_rectangle([.5 * w, y - size, .98 * w, y + size], size / 2, as_ink(ink))
        else:
            stage.paint(ring(.53 * w, y, .7 * size, .7 * size, 10, .5), tint, rim=0)
        write(picture, text, (.57 * w, y), size, (250, 250, 245) if plates else ink, .39 * w, 0, bold)
    return picture


def lay_sheet(stage: Stage, product, prints: dict, rng) -> Image.Image:
    """A table of what is known, as on a data sheet or the back of a pack."""
    picture, (w, h), ink, tint = stage.picture, stage.picture.size, pick_colour("dark", rng), pick_colour("light", rng)
    head_page(picture, prints, ink, rng)
    step, size = .62 * h / len(prints["row"]), rng.uniform(.024, .042) * h
    for i, row in enumerate(prints["row"]):
        y, (name, value) = .2 * h + step * i, row.split("|")
        ImageDraw.Draw(picture).rectangle([.05 * w, y, .95 * w, y + step], as_ink(tint if i % 2 else .5 * tint + 125), as_ink(.5 * ink + 100))
        write(picture, name, (.08 * w, y + step / 2), size, ink, .38 * w, 0)
        write(picture, value, (.52 * w, y + step / 2), size, ink, .4 * w, 0)
    for i, text in enumerate(prints.get("fine", [])):
        write(picture, text, (w / 2, (.88 + .05 * i) * h), .028 * h, ink, .9 * w)
    return picture


def lay_pack(stage: Stage, product, prints: dict, rng) -> Image.Image:
    """A pack that leans a little, its print on the label; photographed."""
    (w, h), shape, lean = stage.picture.size, product.shape, rng.normal(0, .04)
    heights, widths = np.transpose(SHAPES[shape][0])
    unit = min(.92 * h, .45 * w / max(widths))
    stage.pose = lean_item(np.array([w, h]) / 2, unit, lean)
    body, plain = pick_colour("thing", rng), rng.random() < .3
    paper = body if plain else pick_colour("light", rng)
    ink = pick_colour("light" if paper @ [.3, .59, .11] < 120 else "dark", rng)
    stage.paint(cut_item(shape, 0, 1) + [.03, .02], (20, 20, 25), blur=.04)
    stage.paint(cut_item(shape, 0, 1), body)
    if SHAPES[shape][1]:
        stage.paint(cut_item(shape, 0, SHAPES[shape][1]), pick_colour("dark", rng))
    top, bottom = PAPERS[shape]
    if not plain:
        stage.paint(cut_item(shape, top, bottom, .94), paper, rim=.12)
    small = rng.uniform(.04, .12)
    for place, first, size in (("brand", .1, .08), ("title", .28, .17), ("claim", .48, .08), ("point", .68, small), ("fine", .83, .06)):
        for i, text in enumerate(prints.get(place, [])):
            upright, y = i == 0 and place == "fine" and rng.random() < UPRIGHT.get(shape, 0), top + (bottom - top) * (first + .1 * i)
            edge = np.interp(y, heights, widths)
            at, room = ((.87 * edge, (top + bottom) / 2), .8 * (bottom - top)) if upright else ((0, y), 1.48 * edge)
            write(stage.picture, text, stage.pose @ [*at, 1], size * unit * rng.uniform(.8, 1.1), ink, room * unit,
                  bold=place in ("title", "point"), turn=90 * upright - np.degrees(lean))
    return take_photo(stage.picture, rng)
