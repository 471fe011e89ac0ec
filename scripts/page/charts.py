"""Kinds of charts as SVG text: bars, lines, histograms, heat maps, scatter plots.

Every label is taken as it is, never as mathematics, and cut where it is long.
"""

from dataclasses import dataclass

import numpy as np

from page.blocks import Figure
from page.canvas import DASHES, INK, MUTED, PALETTE, WIDTH, drawing, short_label
from page.density import draw_density
from page.formats import MISSING, describe

MOST_POINTS = 600  # of a scatter plot; more become squares
SHORT = 20  # characters of a label where there is little room
LONG = 60  # characters of an axis's label
BINS = 40  # edges of a histogram
NARROW = 0.3  # inches; numbers are left out of smaller cells of a heat map
ABOVE_AXES = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": 3, "borderaxespad": 0}


def bar_figure(
    caption: str,
    values: dict,
    form: str = "{:.4g}",
    alt: str | None = None,
    spans=None,
    reference: dict | None = None,
    xlabel: str = "",
) -> Figure:
    """`bars` of {label: value}, with the same numbers as alt text where there is no other."""
    svg = bars(list(values), list(values.values()), spans, reference, xlabel, form)
    return Figure(caption, svg, describe(values, form) if alt is None else alt)


def bars(
    labels,
    values,
    spans=None,
    reference: dict | None = None,
    xlabel: str = "",
    form: str = "{:.4g}",
) -> str:
    """Horizontal bars, the first on top, each with its value at the right.

    values (n,): nan leaves a line empty. spans (n, 2): an interval drawn on each bar. reference
    {name: value}: dashed lines.
    """
    values = np.asarray(values, float)
    n = len(values)
    y = np.arange(n)
    known = np.isfinite(values)

    with drawing(height=0.65 + 0.25 * max(n, 1)) as canvas:
        ax = canvas.ax
        ax.barh(y, np.where(known, values, 0), 0.66, color=PALETTE[0])

        if spans is not None:
            low, high = np.asarray(spans, float).T
            ax.hlines(y[known], low[known], high[known], color=INK, linewidth=1.2)

        write_values(ax, values, form)
        draw_references(ax, reference or {})
        ax.set_yticks(y, [short_label(label) for label in labels])
        ax.tick_params(axis="y", length=0)
        ax.set(ylim=(n - 0.4, -0.6))
        set_labels(ax, xlabel, "")
        ax.grid(axis="y", visible=False)

    return canvas.svg


def write_values(ax, values: np.ndarray, form: str) -> None:
    """The values in a column at the right of bars, where no line crosses them."""
    for y, value in enumerate(values):
        text = form.format(value) if np.isfinite(value) else MISSING
        ax.text(
            1.02,
            y,
            text,
            transform=ax.get_yaxis_transform(),
            va="center",
            fontsize=9,
        )


def draw_references(ax, reference: dict) -> None:
    """Dashed vertical lines {name: value} with a legend above the axes."""
    for i, (name, value) in enumerate(reference.items()):
        ax.axvline(
            value,
            color=MUTED,
            linestyle=DASHES[1 + i % 3],
            linewidth=1.2,
            label=short_label(name),
        )

    if reference:
        ax.legend(**ABOVE_AXES, handlelength=1.8)


def lines(
    series: dict,
    xlabel: str = "",
    ylabel: str = "",
    marks: bool = False,
    diagonal: bool = False,
    log: bool = False,
    height: float = 3.0,
) -> str:
    """One line per name: {name: (x (n,), y (n,))}.

    marks: points too; diagonal: y = x, dashed; log: both axes are logarithmic.
    """
    with drawing(height=height) as canvas:
        ax = canvas.ax
        draw_lines(ax, series, marks)

        if diagonal:
            ends = ax.get_xlim()
            ax.plot(ends, ends, color=MUTED, linestyle=DASHES[2], linewidth=1, zorder=1)

        if log:
            make_logarithmic(ax)

        set_labels(ax, xlabel, ylabel)
        draw_legend(ax)

    return canvas.svg


def draw_lines(ax, series: dict, marks: bool = False) -> None:
    """The lines of `lines` on an axis. Colours differ, and so do dashes for who sees no colours."""
    for i, (name, (x, y)) in enumerate(series.items()):
        is_point = len(x) == 1  # of which no line would be seen
        ax.plot(
            x,
            y,
            color=PALETTE[i % 8],
            linestyle=DASHES[i % 4],
            marker="o" if marks or is_point else None,
            markersize=3.5,
            label=short_label(name, SHORT),
        )


def draw_legend(ax) -> None:
    """A legend above the axes, where it covers nothing; none where there is one thing to see."""
    labels = ax.get_legend_handles_labels()[1]
    if len(labels) > 1:
        ax.legend(**ABOVE_AXES, handlelength=1.8, columnspacing=1.2)


def set_labels(ax, xlabel: str, ylabel: str) -> None:
    ax.set(
        xlabel=short_label(xlabel, LONG),
        ylabel=short_label(ylabel, LONG),
    )


def make_logarithmic(ax) -> None:
    ax.set(xscale="log", yscale="log")
    use_plain_ticks(ax.xaxis)
    use_plain_ticks(ax.yaxis)


def use_plain_ticks(axis) -> None:
    """1,000 on a logarithmic axis, not a power of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(10, (1.0,), numticks=7))
    axis.set_major_formatter(FuncFormatter(format_tick))
    axis.set_minor_formatter(NullFormatter())


def format_tick(value: float, _position) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def histogram(series: dict, xlabel: str = "", log: bool = False) -> str:
    """How often values occur: {name: values (n,)}, the first filled, others as steps over it.

    log: the x axis and its bins are logarithmic. Values that cannot be drawn are left out.
    """
    drawn = {}
    for name, values in series.items():
        values = np.asarray(values, float)
        drawn[name] = values[np.isfinite(values) & (not log or values > 0)]

    all_values = np.concatenate([*drawn.values(), []])
    with drawing() as canvas:
        ax = canvas.ax
        if len(all_values):
            draw_histogram(ax, drawn, bin_edges(all_values, log))

        if log:
            ax.set_xscale("log")
            use_plain_ticks(ax.xaxis)

        set_labels(ax, xlabel, "rows")
        ax.grid(axis="x", visible=False)
        draw_legend(ax)

    return canvas.svg


def bin_edges(values: np.ndarray, log: bool):
    """Edges of equal width, or equal ratio; of few whole numbers one bin each."""
    low = values.min()
    high = values.max()
    if high <= low:
        return [low - 0.5, low + 0.5]

    if log:
        # the last edge lies a little above the largest value
        return np.geomspace(low, high * 1.0001, BINS)

    is_whole = np.array_equal(values, values.round())
    if is_whole and high - low < BINS:
        return np.arange(low - 0.5, high + 1)

    return np.linspace(low, high, BINS)


def draw_histogram(ax, series: dict, edges) -> None:
    for i, (name, values) in enumerate(series.items()):
        is_ground = i == 0 and len(series) > 1  # others are drawn over it
        ax.hist(
            values,
            edges,
            histtype="stepfilled" if i == 0 else "step",
            color=PALETTE[i],
            linewidth=1.6,
            label=short_label(name),
            alpha=0.75 if is_ground else 1,
        )


def heat(share, rows, columns) -> str:
    """Shares (r, c) in 0..1 as tinted cells with their numbers; cells that are 0 or nan stay blank.

    rows, columns: names of r and c. Numbers are left out where a cell would be too small for them.
    """
    share = np.asarray(share, float)
    row_labels = [short_label(name, SHORT) for name in rows]
    column_labels = [short_label(name, SHORT) for name in columns]
    n_rows, n_columns = share.shape

    layout = heat_layout(row_labels, column_labels)
    with drawing(layout.width, layout.height) as canvas:
        ax = canvas.ax
        draw_tints(ax, share)

        if layout.cell >= NARROW:
            write_cells(ax, share)

        ax.set_xticks(range(n_columns), column_labels, rotation=90)
        ax.set_yticks(range(n_rows), row_labels)
        ax.set(
            xlim=(-0.5, n_columns - 0.5),
            ylim=(n_rows - 0.5, -0.5),
        )
        ax.tick_params(length=0)
        ax.grid(visible=False)

    return canvas.svg


@dataclass(frozen=True)
class HeatLayout:
    """Inches of a heat map."""

    cell: float  # width of a cell
    width: float
    height: float


def heat_layout(row_labels: list[str], column_labels: list[str]) -> HeatLayout:
    """Cells as wide as the page allows, beside and below their labels."""
    n_rows = len(row_labels)
    n_columns = len(column_labels)
    left = label_room(row_labels) + 0.5
    cell = (WIDTH - left) / max(n_columns, 1)
    cell = float(np.clip(cell, 0.2, 0.5))

    return HeatLayout(
        cell,
        width=left + cell * n_columns,
        height=0.5 + label_room(column_labels) + 0.24 * n_rows,
    )


def label_room(labels: list[str]) -> float:
    """Inches that the longest label takes."""
    return 0.075 * max([len(label) for label in labels] + [4])


def draw_tints(ax, share: np.ndarray) -> None:
    """A rectangle per cell, never so strong that the page's ink is not legible on it."""
    from matplotlib.patches import Rectangle

    for i, j in np.argwhere(share > 0.004):
        rectangle = Rectangle(
            (j - 0.5, i - 0.5),
            width=1,
            height=1,
            facecolor=PALETTE[0],
            alpha=round(0.06 + 0.44 * float(share[i, j]), 3),
            linewidth=0,
        )
        ax.add_patch(rectangle)


def write_cells(ax, share: np.ndarray) -> None:
    for i, j in np.argwhere(np.isfinite(share) & (share != 0)):
        text = f"{share[i, j]:.2f}"
        ax.text(j, i, text, ha="center", va="center", fontsize=8)


def scatter(
    x,
    y,
    xlabel: str = "",
    ylabel: str = "",
    log: bool = False,
    diagonal: bool = False,
) -> str:
    """Points; from MOST_POINTS on, squares whose tint says how many lie there, so that a page stays
    small.

    log: both axes are logarithmic; diagonal: y = x, dashed.
    """
    x = np.asarray(x, float)
    y = np.asarray(y, float)
    known = np.isfinite(x) & np.isfinite(y)

    if log:
        known &= (x > 0) & (y > 0)

    x, y = x[known], y[known]
    with drawing(height=3.6) as canvas:
        ax = canvas.ax
        if log:
            make_logarithmic(ax)

        if len(x) <= MOST_POINTS:
            ax.plot(x, y, "o", markersize=3.2, alpha=0.55, color=PALETTE[0], markeredgewidth=0)
        else:
            draw_density(ax, x, y, log)

        if diagonal and len(x):
            ends = [min(x.min(), y.min()), max(x.max(), y.max())]
            ax.plot(ends, ends, color=INK, linestyle=DASHES[1], linewidth=1)

        set_labels(ax, xlabel, ylabel)

    return canvas.svg
