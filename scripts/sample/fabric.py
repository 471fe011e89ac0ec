"""The cloth of garments: a colour, a pattern in a second colour, and folds."""

import numpy as np
from PIL import Image

from sample.scene import Scene, draw_cloud, pick_colour, to_image


def weave_fabric(scene: Scene, labels: dict, colour, contrast, rng) -> Image.Image:
    """The cloth as an image of the scene's size; the garment's pieces are cut out of it."""
    size = scene.image.size
    x, y = garment_units(scene)
    if labels["color"] == "multicolor":
        colour = draw_bands(x, y, size, rng)

    pattern = draw_pattern(labels["pattern"], x, y, rng)
    pattern = pattern[..., None]
    difference = contrast - colour
    cloth = colour + difference * pattern

    large_folds = draw_cloud(size, (5, 6), rng)
    upright_folds = draw_cloud(size, (22, 5), rng)
    folds = 0.06 * (large_folds + upright_folds)
    shading = (cloth + 25) * folds  # + 25: black cloth has folds too
    return to_image(cloth + shading)


def garment_units(scene: Scene) -> np.ndarray:
    """Where each pixel lies on the garment: x and y in its units, (2, h, w)."""
    # The pose says turn @ units + shift = pixels.
    turn = scene.pose[:, :2]
    to_units = np.linalg.inv(turn).astype(np.float32)
    shift = scene.pose[:, 2].astype(np.float32)
    shift = shift[:, None, None]

    width, height = scene.image.size
    rows_columns = np.indices((height, width), np.float32)
    pixels = rows_columns[::-1]  # x first
    return np.einsum("ij,jhw->ihw", to_units, pixels - shift)


def draw_bands(x, y, size, rng) -> np.ndarray:
    """Wavy bands of four colours, (h, w, 3)."""
    slant = rng.uniform(-1, 1)
    cloud = draw_cloud(size, (6, 8), rng)
    waves = 0.3 * cloud[..., 0]
    slope = x + y * slant
    height = slope * 3 + waves
    band = np.floor(height).astype(int)

    colours = []
    for _ in range(4):
        colour = pick_colour("multicolor", rng)
        colours.append(colour)
    palette = np.stack(colours)
    return palette[band % 4]


def draw_pattern(name: str, x, y, rng) -> np.ndarray:
    """How much of the second colour shows, (h, w), from 0 to 1; it covers less than half."""
    step = rng.uniform(0.13, 0.2)
    shift = rng.uniform(0, 1, 2)
    upright = rng.random() < 0.3
    if name == "solid":
        return np.zeros_like(x)

    if name == "striped":
        across = x if upright else y
        cycles = across / step + shift[0]
        return draw_bars(cycles, 2)

    if name == "checked":
        cycles_x = x / step / 1.2 + shift[0]
        cycles_y = y / step / 1.2 + shift[0]
        bars_x = draw_bars(cycles_x, 1)
        bars_y = draw_bars(cycles_y, 1)
        return 0.42 * (bars_x + bars_y)

    if name == "dotted":
        return draw_dots(x, y, 0.9 * step, shift)
    return draw_flowers(x, y, 2 * step, shift, rng)


def draw_dots(x, y, step: float, shift) -> np.ndarray:
    u, v, _ = repeat_cells(x, y, step, shift)
    return soft_edge(0.27 - np.hypot(u, v))


def draw_flowers(x, y, step: float, shift, rng) -> np.ndarray:
    """Flowers with 4 to 6 petals; their hearts show less."""
    u, v, row = repeat_cells(x, y, step, shift)
    distance = np.hypot(u, v)
    angle = np.arctan2(v, u)

    # The outline has a wave a petal; each row of flowers is turned a little further.
    petals = rng.integers(4, 7)
    phase = petals * angle + row
    wave = np.cos(phase)
    outline = 0.32 + 0.13 * wave
    flower = soft_edge(outline - distance)

    heart = distance < 0.1
    strength = 1 - 0.8 * heart
    return flower * strength


def repeat_cells(x, y, step: float, shift) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Square cells in rows: where a point lies in its cell, u and v from -0.5 to 0.5, and its row.

    Every other row is shifted by half a cell.
    """
    rows = y / step + shift[1]
    row = np.floor(rows)
    columns = x / step + shift[0] + row / 2
    return columns % 1 - 0.5, rows % 1 - 0.5, row


def soft_edge(inside) -> np.ndarray:
    """1 inside of an outline, 0 outside, from the distance to it, which is positive inside."""
    return np.clip(inside * 12, 0, 1)


def draw_bars(cycles, threshold: float) -> np.ndarray:
    """A bar with soft edges in each cycle; the higher the threshold, the thinner the bar."""
    return np.clip(8 * np.sin(2 * np.pi * cycles) - threshold, 0, 1)
