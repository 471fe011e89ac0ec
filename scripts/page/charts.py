"""Figures as SVG: the page's own text colour and fonts, legible in light and dark, at 390 pixels
and at 1,400.

matplotlib draws in placeholder colours, which become `currentColor` and the variables of
page.html's CSS; text stays text. Every label is taken as it is, never as mathematics, and cut where
it is long.

    with charts.drawing() as it:
        it.ax.plot([1, 2], [3, 4], color=charts.PALETTE[0])
    it.svg
"""

import hashlib
import io
import logging
import re
import unicodedata
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np

# inches of 72 units; a unit is a pixel on a phone, where this fills the page. A wider figure
# scrolls in its own box there
WIDTH = 4.8
INK, MUTED, GRID, PAPER = "#010101", "#010102", "#010103", "#010104"
PALETTE = tuple(
    f"#0102{i:02x}" for i in range(8)
)  # blue, orange, green, violet, red, teal, ochre, grey
VARIABLES = {
    INK: "currentColor",
    MUTED: "var(--muted)",
    GRID: "var(--line)",
    PAPER: "var(--page)",
} | {c: f"var(--c{i})" for i, c in enumerate(PALETTE)}
DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 1.5, 1.5, 1.5)))
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "",
    "text.parse_math": False,
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "legend.fontsize": 9,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "lines.linewidth": 1.6,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
    "hatch.color": INK,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
}


def short(text, most: int = 28) -> str:
    """A label of one line and at most so many characters, without what no XML may hold."""
    text = " ".join(
        "".join(
            c if unicodedata.category(c)[0] != "C" or c == "\u200d" else " "
            for c in str(text)[: 20 * most]
        ).split()
    )
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


@contextmanager
def drawing(width: float = WIDTH, height: float = 3.0, rows: int = 1, columns: int = 1, **keywords):
    """Yield an object with `figure`, `axes` (rows, columns) and `ax`, its first; after the block it
    has `svg`. Sizes in inches."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    logging.getLogger("matplotlib.font_manager").setLevel(
        logging.ERROR
    )  # the reader's browser has the fonts for what is missing here
    with matplotlib.rc_context(STYLE), np.errstate(all="ignore"), quiet():
        figure = Figure((width, height), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots(rows, columns, squeeze=False, **keywords)
        it = SimpleNamespace(figure=figure, axes=axes, ax=axes[0, 0], svg="")
        yield it
        file = io.StringIO()
        figure.savefig(
            file,
            format="svg",
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
        it.svg = themed(file.getvalue())


@contextmanager
def quiet():
    """Without matplotlib's warnings of letters that its own font lacks: the text stays text."""
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        warnings.filterwarnings("ignore", message=".*constrained_layout not applied.*")
        yield


def themed(svg: str) -> str:
    """matplotlib's SVG for the page: no header, the page's colours and fonts, ids that are no other
    figure's, a size that fits its place."""
    svg = re.sub(
        r"<metadata>.*?</metadata>\s*|<!--.*?-->\s*|<style[^>]*>.*?</style>\s*",
        "",
        svg[svg.index("<svg ") :].strip(),
        flags=re.S,
    )
    mark = "f" + hashlib.sha256(svg.encode()).hexdigest()[:8]
    svg = re.sub(
        "<[^>]+>", lambda tag: themed_tag(tag[0], mark), svg
    )  # in tags alone: labels stay as they are
    svg = re.sub(r"\s*\n\s*", "\n", svg)
    width, height = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg).groups()
    head = (
        f'<svg viewBox="0 0 {width} {height}" style="min-width: '
        f'{min(float(width), 900):.0f}px; max-width: {1.35 * float(width):.0f}px"'
    )
    return re.sub(r"<svg [^>]*", head, svg, count=1)


def themed_tag(tag: str, mark: str) -> str:
    """One tag: variables for placeholder colours, no font family, ids with `mark`, two decimals."""
    tag = re.sub(r"#0[0-9a-f]{5}\b", lambda found: VARIABLES.get(found[0], found[0]), tag)
    tag = re.sub(r"font: (?:[a-z]+ )*([\d.]+)px [^;\"]*", r"font-size: \1px", tag)
    tag = re.sub(r" ?font-family: [^;\"]*;?", "", tag)
    tag = re.sub(r'^<g id="[^"]*"', "<g", tag)
    tag = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{mark}", tag)
    return re.sub(r"(\d\.\d\d)\d+", r"\1", tag)


def plain_ticks(axis) -> None:
    """1000 on a logarithmic axis, not a power of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(10, (1.0,), numticks=7))
    axis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
    )
    axis.set_minor_formatter(NullFormatter())


def legend(ax) -> None:
    """Above the axes, where it covers nothing; none where there is one thing to see."""
    if len(ax.get_legend_handles_labels()[1]) > 1:
        ax.legend(
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=3,
            borderaxespad=0,
            handlelength=1.8,
            columnspacing=1.2,
        )


def bars(
    labels,
    values,
    spans=None,
    reference: dict | None = None,
    xlabel: str = "",
    form: str = "{:.4g}",
    colours=None,
    width: float = WIDTH,
) -> str:
    """Horizontal bars, the first on top, each with its value. spans (n, 2): an interval drawn on
    each. reference {name: value}: dashed lines. colours: numbers of PALETTE, one a bar. Values that
    are nan leave their line empty."""
    values = np.asarray(values, float)
    with drawing(width, 0.65 + 0.25 * max(len(values), 1)) as it:
        y, known = np.arange(len(values)), np.isfinite(values)
        it.ax.barh(
            y,
            np.where(known, values, 0),
            0.66,
            color=[PALETTE[c % 8] for c in (colours if colours is not None else [0] * len(values))],
        )
        if spans is not None:
            low, high = np.asarray(spans, float).T
            it.ax.hlines(y[known], low[known], high[known], color=INK, linewidth=1.2)
        for at, value in zip(
            y, values, strict=True
        ):  # in a column at the right, where no line crosses them
            it.ax.text(
                1.02,
                at,
                form.format(value) if np.isfinite(value) else "–",
                transform=it.ax.get_yaxis_transform(),
                va="center",
                fontsize=9,
            )
        for i, (name, value) in enumerate((reference or {}).items()):
            it.ax.axvline(
                value, color=MUTED, linestyle=DASHES[1 + i % 3], linewidth=1.2, label=short(name)
            )
        it.ax.set_yticks(y, [short(label) for label in labels])
        it.ax.tick_params(axis="y", length=0)
        it.ax.set(ylim=(len(values) - 0.4, -0.6), xlabel=xlabel)
        it.ax.grid(axis="y", visible=False)
        if reference:
            it.ax.legend(
                loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0, handlelength=1.8
            )
    return it.svg


def lines(
    series: dict,
    xlabel: str = "",
    ylabel: str = "",
    marks: bool = False,
    diagonal: bool = False,
    log: bool = False,
    **size,
) -> str:
    """One line per name: {name: (x (n,), y (n,))}. marks: points too; diagonal: what y = x would
    be, dashed; log: both axes."""
    with drawing(**size) as it:
        draw_lines(it.ax, series, marks)
        if diagonal:
            low, high = it.ax.get_xlim()
            it.ax.plot(
                [low, high], [low, high], color=MUTED, linestyle=DASHES[2], linewidth=1, zorder=1
            )
        if log:
            logarithmic(it.ax)
        it.ax.set(xlabel=xlabel, ylabel=ylabel)
        legend(it.ax)
    return it.svg


def draw_lines(ax, series: dict, marks: bool = False) -> None:
    """The lines of `lines` on an axis: colours differ, and dashes too after the fourth, for who
    sees no colours."""
    for i, (name, (x, y)) in enumerate(series.items()):
        marks_here = marks or len(x) == 1  # a line of one point is none
        ax.plot(
            x,
            y,
            color=PALETTE[i % 8],
            linestyle=DASHES[i % 4],
            marker="o" if marks_here else None,
            markersize=3.5,
            label=short(name, 20),
        )


def logarithmic(ax) -> None:
    ax.set(xscale="log", yscale="log")
    plain_ticks(ax.xaxis)
    plain_ticks(ax.yaxis)


def histogram(
    series: dict, xlabel: str = "", ylabel: str = "rows", bins: int = 40, log: bool = False, **size
) -> str:
    """How often: {name: values (n,)}, the first filled, others as steps over it. log: the x axis
    and its bins are logarithmic."""
    series = {name: np.asarray(values, float) for name, values in series.items()}
    series = {
        name: values[np.isfinite(values) & (not log or values > 0)]
        for name, values in series.items()
    }
    every = np.concatenate([*series.values(), []])
    with drawing(**size) as it:
        if len(every):
            low, high = every.min(), every.max()
            whole = not log and high - low < bins and np.array_equal(every, every.round())
            edges = (
                np.geomspace(low, high * 1.0001, bins)
                if log
                else np.arange(low - 0.5, high + 1)
                if whole
                else np.linspace(low, high, bins)
            )
            edges = edges if high > low else [low - 0.5, low + 0.5]
            for i, (name, values) in enumerate(series.items()):
                it.ax.hist(
                    values,
                    edges,
                    histtype="stepfilled" if i == 0 else "step",
                    color=PALETTE[i],
                    linewidth=1.6,
                    label=short(name),
                    alpha=0.75 if i == 0 and len(series) > 1 else 1,
                )
        if log:
            it.ax.set_xscale("log")
            plain_ticks(it.ax.xaxis)
        it.ax.set(xlabel=xlabel, ylabel=ylabel)
        it.ax.grid(axis="x", visible=False)
        legend(it.ax)
    return it.svg


def heat(
    matrix, rows, columns, xlabel: str = "", ylabel: str = "", form: str = "{:.2g}", shade=None
) -> str:
    """A matrix (r, c) as tinted cells with their numbers; cells that are 0 or nan stay blank. shade
    (r, c) in 0..1 tints instead of the matrix's share of its maximum. Numbers are left out where a
    cell would be too small for them."""
    matrix = np.asarray(matrix, float)
    shade = np.nan_to_num(
        matrix / max(np.nanmax(matrix, initial=0), 1e-12)
        if shade is None
        else np.asarray(shade, float)
    ).clip(0, 1)
    (r, c), margin = matrix.shape, 0.075 * max([len(short(name, 20)) for name in rows] + [4]) + 0.5
    cell = float(np.clip((WIDTH - margin) / max(c, 1), 0.2, 0.5))
    with drawing(
        margin + cell * c,
        0.5 + 0.075 * max([len(short(name, 20)) for name in columns] + [4]) + 0.24 * r,
    ) as it:
        from matplotlib.patches import Rectangle

        for i, j in np.argwhere(shade > 0.004):
            # never stronger than this, so that the page's ink is legible on it
            it.ax.add_patch(
                Rectangle(
                    (j - 0.5, i - 0.5),
                    1,
                    1,
                    facecolor=PALETTE[0],
                    alpha=round(0.06 + 0.44 * float(shade[i, j]), 3),
                    linewidth=0,
                )
            )
        for i, j in np.argwhere(np.isfinite(matrix) & (matrix != 0)) if cell >= 0.3 else []:
            it.ax.text(j, i, form.format(matrix[i, j]), ha="center", va="center", fontsize=8)
        it.ax.set_xticks(range(c), [short(name, 20) for name in columns], rotation=90)
        it.ax.set_yticks(range(r), [short(name, 20) for name in rows])
        it.ax.set(xlim=(-0.5, c - 0.5), ylim=(r - 0.5, -0.5), xlabel=xlabel, ylabel=ylabel)
        it.ax.tick_params(length=0)
        it.ax.grid(visible=False)
    return it.svg


def scatter(
    x,
    y,
    xlabel: str = "",
    ylabel: str = "",
    log: bool = False,
    diagonal: bool = False,
    level: float | None = None,
    **size,
) -> str:
    """Points; from 600 on, squares whose tint says how many lie there, so that a page stays small.
    log: both axes are logarithmic; diagonal: y = x, dashed; level: a horizontal line, dashed."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    use = np.isfinite(x) & np.isfinite(y) & ((not log) | ((x > 0) & (y > 0)))
    x, y = x[use], y[use]
    with drawing(**({"height": 3.6} | size)) as it:
        if log:
            logarithmic(it.ax)
        if len(x) <= 600:
            it.ax.plot(x, y, "o", markersize=3.2, alpha=0.55, color=PALETTE[0], markeredgewidth=0)
        else:
            draw_density(it.ax, x, y, log)
        if diagonal and len(x):
            ends = [min(x.min(), y.min()), max(x.max(), y.max())]
            it.ax.plot(ends, ends, color=INK, linestyle=DASHES[1], linewidth=1)
        if level is not None:
            it.ax.axhline(level, color=INK, linestyle=DASHES[1], linewidth=1)
        it.ax.set(xlabel=xlabel, ylabel=ylabel)
    return it.svg


def draw_density(ax, x, y, log: bool, bins: int = 48) -> None:
    """Squares of bins x bins in five tints, by the logarithm of how many points lie in each: one
    path a tint."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    edges = [
        np.geomspace(v.min(), v.max() * 1.0001, bins + 1)
        if log
        else np.linspace(v.min(), v.max() + 1e-9, bins + 1)
        for v in (x, y)
    ]
    count = np.histogram2d(x, y, edges)[0]
    tint = np.ceil(5 * np.log1p(count) / np.log1p(count.max()))
    for step in range(1, 6):
        squares = [
            Path(
                [
                    (edges[0][i], edges[1][j]),
                    (edges[0][i + 1], edges[1][j]),
                    (edges[0][i + 1], edges[1][j + 1]),
                    (edges[0][i], edges[1][j + 1]),
                    (edges[0][i], edges[1][j]),
                ],
                closed=True,
            )
            for i, j in np.argwhere(tint == step)
        ]
        if squares:
            ax.add_patch(
                PathPatch(
                    Path.make_compound_path(*squares),
                    facecolor=PALETTE[0],
                    alpha=0.15 + 0.17 * step,
                    linewidth=0,
                )
            )
    ax.set(xlim=(edges[0][0], edges[0][-1]), ylim=(edges[1][0], edges[1][-1]))
