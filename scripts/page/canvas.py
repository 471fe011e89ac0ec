"""An axis to draw on, and its SVG in the page's own colours and fonts: legible in light and dark,
at 390 pixels and at 1,400.

matplotlib knows no CSS variables, so it draws in placeholder colours; the finished SVG gets
`currentColor` and the variables of page.html in their place. Text stays text.

    with drawing() as canvas:
        canvas.ax.plot([1, 2], [3, 4], color=PALETTE[0])
    canvas.svg
"""

import hashlib
import io
import logging
import re
import unicodedata
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np

from page.formats import clean, shorten

# Inches of 72 units. A unit is a pixel on a phone, where this width fills the page; a wider figure
# scrolls in its own box there.
WIDTH = 4.8
LABEL = 28  # characters of a label
INK, MUTED, GRID = "#010101", "#010102", "#010103"
# blue, orange, green, violet, red, teal, ochre, grey
PALETTE = tuple(f"#0102{i:02x}" for i in range(8))
CSS_COLOURS = {INK: "currentColor", MUTED: "var(--muted)", GRID: "var(--line)"} | {
    colour: f"var(--c{i})" for i, colour in enumerate(PALETTE)
}
DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 1.5, 1.5, 1.5)))
STYLE = {
    "svg.fonttype": "none",  # text as <text>, in the reader's fonts
    "svg.hashsalt": "",  # the same data give the same bytes
    "text.parse_math": False,  # a $ in a label is a dollar
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "axes.labelsize": 10,
    "legend.fontsize": 9,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
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
}


@dataclass
class Canvas:
    """What `drawing` yields; svg is there once its block has ended."""

    figure: object
    axes: np.ndarray  # (rows, 1)
    svg: str = ""

    @property
    def ax(self):
        """The first axis."""
        return self.axes[0, 0]


@contextmanager
def drawing(width: float = WIDTH, height: float = 3.0, rows: int = 1):
    """Yield a Canvas of `rows` axes that share their x axis. Sizes are in inches."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE), np.errstate(all="ignore"), quiet():
        figure = Figure((width, height), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots(rows, sharex=True, squeeze=False)
        canvas = Canvas(figure, axes)
        yield canvas
        file = io.StringIO()
        no_metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(file, format="svg", metadata=no_metadata)
        canvas.svg = to_page_svg(file.getvalue())


@contextmanager
def quiet():
    """Without matplotlib's warnings of letters that its font lacks: the reader's browser has
    them."""
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        warnings.filterwarnings("ignore", message=".*constrained_layout not applied.*")
        yield


def to_page_svg(svg: str) -> str:
    """matplotlib's SVG as an element of an HTML page: the page's colours, ids that no other
    figure has, a size that fits its place."""
    prefix = "f" + hashlib.sha256(svg.encode()).hexdigest()[:8]
    root = ElementTree.fromstring(clean(svg))  # without comments
    remove(root, ("metadata", "style"))

    for element in root.iter():
        restyle(element, prefix)

    width, height = root.get("viewBox").split()[2:]
    least = min(float(width), 900)
    most = 1.35 * float(width)
    root.attrib = {
        "viewBox": f"0 0 {width} {height}",
        "style": f"min-width: {least:.0f}px; max-width: {most:.0f}px",
    }
    return ElementTree.tostring(root, encoding="unicode").strip()


def remove(root, tags: tuple[str, ...]) -> None:
    """Take the elements of these tags out of a tree."""
    for parent in list(root.iter()):
        for child in list(parent):
            if local_name(child.tag) in tags:
                parent.remove(child)


def local_name(name: str) -> str:
    """ "href" of "{http://www.w3.org/1999/xlink}href": HTML needs no namespaces."""
    return name.rpartition("}")[2]


def restyle(element, prefix: str) -> None:
    """Change an element in place: no namespaces, no blank lines, `prefix` before ids, CSS for
    placeholder colours, two decimals. Its text stays as it is."""
    element.tag = local_name(element.tag)
    if not (element.text or "").strip():
        element.text = None

    element.tail = "\n"
    attributes = {}
    for name, value in element.attrib.items():
        attributes[local_name(name)] = restyle_value(value, prefix)

    if "id" in attributes:
        attributes["id"] = prefix + attributes["id"]

    if element.tag == "g":
        attributes.pop("id", None)

    element.attrib = attributes


def restyle_value(value: str, prefix: str) -> str:
    """An attribute's value; references #x and url(#x) to ids get the prefix."""
    for placeholder, colour in CSS_COLOURS.items():
        value = value.replace(placeholder, colour)

    # references to ids
    value = re.sub(r"^#|(?<=url\()#", f"#{prefix}", value)
    # two decimals of a coordinate
    value = re.sub(r"(\d\.\d\d)\d+", r"\1", value)
    # a path comes in many lines
    return " ".join(value.split())


def short_label(text, most: int = LABEL) -> str:
    """A label in one line of at most `most` characters, without control characters, which XML
    forbids."""
    printable = "".join(map(printable_or_blank, str(text)[: 20 * most]))
    return shorten(printable, most)


def printable_or_blank(character: str) -> str:
    """A control or format character as a blank; the joiner within an emoji stays."""
    is_control = unicodedata.category(character)[0] == "C"
    return " " if is_control and character != "\u200d" else character
