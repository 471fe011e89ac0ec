"""A page that holds every kind of block with text that hurts, and what reads pages: a parser of
tags and a browser."""

import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from common.paths import Paths
from page import charts
from page.blocks import (
    Card,
    Cards,
    Code,
    Figure,
    Links,
    Note,
    Number,
    Section,
    Subsection,
    Table,
)
from page.render import render

HOSTILE = (
    "<script>alert('x')</script>",
    "$x^$ $\\frac{1}{0}$",
    "emoji 🙂🏽",
    "עברית \u202e rtl",
    "a" * 4000,
    "line\nbreak\x00\x07\ud800",
    '&amp; "quoted" id="x"',
)
UNCLOSED = ("meta", "link", "img", "br", "path", "use", "rect")
BROWSERS = [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")]
CHROMIUM = next((path for path in BROWSERS if path), None)
in_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
MEASURE = Path(__file__).with_name("page") / "measure.js"


class Tags(HTMLParser):
    """Every tag of a page with its attributes, all text, and whether tags are closed in order."""

    def __init__(self, page: str):
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.crossed: list[str] = []  # closed while another was open
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in UNCLOSED:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag in UNCLOSED:
            return
        if not self.open or self.open.pop() != tag:
            self.crossed.append(tag)

    def handle_data(self, data):
        self.texts.append(data)

    def count(self, name: str) -> int:
        return sum(tag == name for tag, _ in self.tags)

    def attributes(self, name: str) -> list[dict]:
        """The attributes of each tag of that name."""
        return [attrs for tag, attrs in self.tags if tag == name]

    def values(self, *names: str) -> list[str]:
        """The values of these attributes, of all tags."""
        return [attrs[name] for _, attrs in self.tags for name in names if name in attrs]


def small_jpeg() -> bytes:
    file = BytesIO()
    Image.new("RGB", (40, 30), (200, 30, 30)).save(file, "JPEG")
    return file.getvalue()


def hostile_figures() -> list[Figure]:
    """One of every kind of chart, labelled by what hurts."""
    rng = np.random.default_rng(0)
    names = list(HOSTILE)
    values = [1, 2, np.nan, 3, -1, 0, 2]
    svgs = [
        charts.bars(
            names,
            values,
            spans=[[0.5, 2.5]] * 7,
            reference={HOSTILE[1]: 1.7},
            xlabel=HOSTILE[0],
        ),
        charts.lines({name: ([1, 2, 3], rng.random(3)) for name in names}, HOSTILE[1], HOSTILE[0]),
        charts.lines({"one": ([1], [2])}, xlabel=HOSTILE[5], diagonal=True),
        charts.histogram({"train": rng.lognormal(3, 1, 900), "test": [3.0]}, log=True),
        charts.histogram({"none": []}),
        charts.histogram({"same": [2, 2]}),
        charts.heat(rng.random((7, 7)), names, names),
        charts.scatter(*rng.lognormal(3, 1, (2, 5000)), log=True, diagonal=True),
        charts.scatter(rng.random(9), rng.random(9)),
        charts.scatter([], []),
    ]
    return [Figure(f"figure {i}", svg, HOSTILE[0]) for i, svg in enumerate(svgs)]


def hostile_page() -> str:
    """Every kind of block, with text that would break a page that trusts it."""
    columns = [f"a rather long name {i}" for i in range(30)]
    cards = [Card(name, {"truth": name, HOSTILE[0]: "1"}, small_jpeg(), name) for name in HOSTILE]
    blocks = [
        Note(HOSTILE[0]),
        Note(HOSTILE[5], "warning"),
        Number("0.8040", HOSTILE[0], HOSTILE[1]),
        Table(HOSTILE[0], pd.DataFrame({HOSTILE[0]: pd.Series(HOSTILE, dtype=object)})),
        Table("wide", pd.DataFrame(np.arange(60.0).reshape(2, 30), columns=columns)),
        Table("long", pd.DataFrame({"n": range(100)})),
        *hostile_figures(),
        Links("see", {"other": "../c1/report.html"}),
        Code(HOSTILE[0], "x" * 500),
        Subsection("part", [Note("in")], closed=True),
        Cards("Rows. Look at them", cards),
    ]
    sections = [Section("First", "first", blocks), Section("Empty", "empty", [])]
    return render(HOSTILE[0], [Note("lead")], sections)


def browse(file: Path, *options: str) -> subprocess.CompletedProcess:
    """Chromium without a window: the page's DOM as text, and what the console said."""
    command = [
        CHROMIUM,
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        f"--user-data-dir={file.parent / 'profile'}",
        "--enable-logging=stderr",
        *options,
        "--dump-dom",
        f"file://{file}",
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def measure(page: str, folder: Path, dark: bool = False) -> dict:
    """What measure.js says of a page in a frame of 390 pixels, narrower than a headless window may
    be: its widths, its contrasts, its images.

    Its policy is taken out, for a policy that lets no script run lets none measure.
    """
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    file = folder / "frame.html"
    file.write_text(
        '<!doctype html><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        '<iframe width="390" height="3000" style="border: 0; color-scheme: light dark" '
        f'srcdoc="{html.escape(page)}"></iframe>'
        f'<pre id="found"></pre><script>{MEASURE.read_text()}</script>',
        encoding="utf-8",
    )
    scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
    done = browse(file, "--window-size=1000,3000", scheme)
    result = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.S)[1]
    return json.loads(html.unescape(result))


def report_of(category: str) -> str:
    """The report of a category as HTML."""
    return Paths(category).report.read_text(encoding="utf-8")


def warnings_of(page: str) -> str:
    """The warnings of a page, one a line."""
    warnings = re.findall(r'<p class="warning"[^>]*>(.*?)</p>', page, re.S)
    return html.unescape("\n".join(warnings))
