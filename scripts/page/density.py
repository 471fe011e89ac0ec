"""Many points of a scatter plot as tinted squares, so that a page stays small."""

import numpy as np

from page.canvas import PALETTE

SQUARES = 48  # along each axis
TINTS = 5


def draw_density(ax, x, y, log: bool) -> None:
    """Tint the squares of a grid by the logarithm of how many points lie in each; one path per
    tint."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    x_edges = square_edges(x, log)
    y_edges = square_edges(y, log)
    count = np.histogram2d(x, y, [x_edges, y_edges])[0]
    tint = np.ceil(TINTS * np.log1p(count) / np.log1p(count.max()))

    for step in range(1, TINTS + 1):
        squares = []
        for i, j in np.argwhere(tint == step):
            squares.append(square(x_edges[i : i + 2], y_edges[j : j + 2]))

        if not squares:
            continue

        patch = PathPatch(
            Path.make_compound_path(*squares),
            facecolor=PALETTE[0],
            alpha=0.15 + 0.17 * step,
            linewidth=0,
        )
        ax.add_patch(patch)

    ax.set(
        xlim=(x_edges[0], x_edges[-1]),
        ylim=(y_edges[0], y_edges[-1]),
    )


def square_edges(values: np.ndarray, log: bool) -> np.ndarray:
    """(SQUARES + 1,) edges, the last a little above the largest value."""
    low = values.min()
    high = values.max()

    if log:
        return np.geomspace(low, high * 1.0001, SQUARES + 1)

    return np.linspace(low, high + 1e-9, SQUARES + 1)


def square(x_ends, y_ends):
    """A closed path round a rectangle."""
    from matplotlib.path import Path

    left, right = x_ends
    bottom, top = y_ends
    corners = [
        (left, bottom),
        (right, bottom),
        (right, top),
        (left, top),
        (left, bottom),
    ]
    return Path(corners, closed=True)
