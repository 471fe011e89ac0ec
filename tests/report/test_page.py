"""The report as a page: rendered, escaped, drawn, made half way and after a failure, compared, and
read by a browser."""

import html
import json
import re
import shutil
import subprocess
import time
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from common.files import read_record
from common.paths import Paths
from conftest import make, run_script
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
from page.canvas import short_label
from page.render import grid, render
from pipeline import graph, staleness
from pipeline.job import start
from pipeline.stops import command_line, note_file, note_stop, read_stop
from report import build
from report.curves import format_duration, kind_of
from report.making import flatten

HOSTILE = (
    "<script>alert('x')</script>",
    "$x^$ $\\frac{1}{0}$",
    "emoji 🙂🏽",
    "עברית \u202e rtl",
    "a" * 4000,
    "line\nbreak\x00\x07\ud800",
    '&amp; "quoted" id="x"',
)
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
in_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
PRICE = ["data.folder=shop", "models=ridge", "data.n_folds=2"]
SET = f"SET={' '.join(PRICE)}"


class Tags(HTMLParser):
    """Every tag of a page with its attributes, all text, and whether tags are closed in order."""

    def __init__(self, page: str):
        super().__init__()
        self.tags, self.words, self.open, self.crossed = [], [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "br", "path", "use", "rect"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag in ("path", "use", "rect"):
            return
        if not self.open or self.open.pop() != tag:
            self.crossed.append(tag)

    def handle_data(self, data):
        self.words.append(data)


def jpeg() -> bytes:
    """A small picture."""
    from io import BytesIO

    from PIL import Image

    Image.new("RGB", (40, 30), (200, 30, 30)).save(file := BytesIO(), "JPEG")
    return file.getvalue()


def figures() -> list[Figure]:
    """One of every kind, labelled by what hurts."""
    rng, names = np.random.default_rng(0), list(HOSTILE)
    return [
        Figure(f"figure {i}", svg, HOSTILE[0])
        for i, svg in enumerate(
            [
                charts.bars(
                    names,
                    [1, 2, np.nan, 3, -1, 0, 2],
                    spans=[[0.5, 2.5]] * 7,
                    reference={HOSTILE[1]: 1.7},
                    xlabel=HOSTILE[0],
                ),
                charts.lines(
                    {name: ([1, 2, 3], rng.random(3)) for name in names}, HOSTILE[1], HOSTILE[0]
                ),
                charts.lines({"one": ([1], [2])}, diagonal=True),
                charts.histogram({"train": rng.lognormal(3, 1, 900), "test": [3.0]}, log=True),
                charts.histogram({"none": []}),
                charts.histogram({"same": [2, 2]}),
                charts.heat(rng.random((7, 7)), names, names),
                charts.scatter(
                    rng.lognormal(3, 1, 5000), rng.lognormal(3, 1, 5000), log=True, diagonal=True
                ),
                charts.scatter(rng.random(9), rng.random(9), level=0.5),
                charts.scatter([], []),
            ]
        )
    ]


@pytest.fixture(scope="module")
def page() -> str:
    """Every kind of block, with text that would break a page that trusts it."""
    wide = pd.DataFrame(
        np.arange(60.0).reshape(2, 30), columns=[f"a rather long name {i}" for i in range(30)]
    )
    blocks = [
        Note(HOSTILE[0]),
        Note(HOSTILE[5], "warning"),
        Number("0.8040", HOSTILE[0], HOSTILE[1]),
        Table(HOSTILE[0], pd.DataFrame({HOSTILE[0]: pd.Series(HOSTILE, dtype=object)})),
        Table("wide", wide),
        Table("long", pd.DataFrame({"n": range(100)})),
        *figures(),
        Links("see", {"other": "../c1/report.html"}),
        Code(HOSTILE[0], "x" * 500),
        Subsection("part", [Note("in")], True),
        Cards(
            "Rows. Look at them",
            [Card(name, {"truth": name, HOSTILE[0]: "1"}, jpeg(), name) for name in HOSTILE],
        ),
    ]
    return render(
        HOSTILE[0],
        [Note("lead")],
        [Section("First", "first", blocks), Section("Empty", "empty", [])],
    )


def test_what_is_not_ours_is_text_and_nothing_else(page):
    found = Tags(page)
    assert not found.crossed and not found.open
    assert not {tag for tag, _ in found.tags} & {"script", "iframe", "object", "form", "base"}
    assert "alert('x')" in "".join(found.words) and "$x^$ $\\frac{1}{0}$" in "".join(
        found.words
    )  # as it is, in figures too
    assert "a" * 4000 in page and "emoji 🙂🏽" in page
    page.encode("utf-8")
    assert not re.search("[\x00-\x08\x0e-\x1f]", page)
    assert not [name for tag, attrs in found.tags for name in attrs if name.startswith("on")]


def test_the_page_reads_nothing_from_elsewhere_and_says_so(page):
    found = Tags(page)
    addresses = [
        attrs[name]
        for tag, attrs in found.tags
        for name in ("src", "href", "xlink:href", "srcset", "data")
        if name in attrs
    ]
    assert all(address.startswith(("#", "data:", "../")) for address in addresses), addresses
    assert set(re.findall(r"url\(([^)]{1})", page)) <= {"#"} and "@import" not in page
    policy = next(
        attrs["content"]
        for tag, attrs in found.tags
        if attrs.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_the_page_has_what_a_screen_reader_needs(page):
    tags = Tags(page).tags

    def count(name):
        return sum(tag == name for tag, _ in tags)

    assert count("h1") == count("main") == count("nav") == 1 and tags[0] == ("html", {"lang": "en"})
    assert all(
        attrs.get("role") == "img" and attrs.get("aria-label")
        for tag, attrs in tags
        if tag == "svg"
    )
    assert all(attrs.get("alt") for tag, attrs in tags if tag == "img") and all(
        attrs.get("scope") for tag, attrs in tags if tag == "th"
    )
    assert count("caption") == count("table") and count("figcaption") == count("figure") == len(
        figures()
    )
    ids = [attrs["id"] for _, attrs in tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert all(
        address[1:] in ids
        for _, attrs in tags
        for address in (attrs.get("href", ""), attrs.get("xlink:href", ""))
        if address.startswith("#")
    )
    assert (
        "Empty" not in page and page.count("<details>") == 2
    )  # the long table and the closed part


def test_numbers_of_a_table():
    frame = pd.DataFrame(
        {
            "score": [0.5, 0.80404, np.nan],
            "n": [1, 2000, 3],
            "text": ["a", None, "b"],
            "much": [1234.5, 20.0, 1.0],
            "yes": [True, False, True],
        },
        index=["x", "y", "z"],
    )
    shown = grid(Table("t", frame, {"score": "max", "n": "min"}))
    assert shown.heads == [
        ("score", True),
        ("n", True),
        ("text", False),
        ("much", True),
        ("yes", False),
    ]
    assert [[cell.text for cell in row] for _, row in shown.rows] == [
        ["0.5000", "1", "a", "1,234", "yes"],
        ["0.8040", "2,000", "–", "20", "no"],
        ["–", "3", "b", "1", "yes"],
    ]
    assert [[cell.is_best for cell in row][:2] for _, row in shown.rows] == [
        [False, True],
        [True, False],
        [False, False],
    ]
    assert grid(Table("t", pd.DataFrame({"a": []}))).rows == []


def test_figures_follow_the_page_and_stay_small(page):
    assert "svg text { font-family: inherit !important }" in page
    for figure in figures():
        assert "#01" not in figure.svg and "<text" in figure.svg and "currentColor" in figure.svg
        width, shown = re.search(r'viewBox="0 0 ([\d.]+).*?min-width: (\d+)px', figure.svg).groups()
        assert abs(float(width) - float(shown)) < 1 and len(figure.svg) < 120_000, len(figure.svg)
    rng = np.random.default_rng(0)
    assert len(charts.scatter(rng.normal(size=75_000), rng.normal(size=75_000))) < 150_000
    assert charts.bars(["a"], [1]) == charts.bars(["a"], [1]) != charts.bars(["b"], [1])
    assert short_label("a" * 50, 10) == "aaaaaaaaa…" and short_label(" a\n\x00b ") == "a b"


def channels(colour: str) -> np.ndarray:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    """WCAG's ratio of two sRGB colours (3,)."""
    light = sorted(
        float(
            np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
            @ [0.2126, 0.7152, 0.0722]
        )
        for c in (one, other)
    )
    return (light[1] + 0.05) / (light[0] + 0.05)


def test_colours_are_legible_in_light_and_dark(page):
    themes = [
        dict(re.findall(r"--(\w+): (#\w{6})", block))
        for block in re.findall(r":root \{(.*?)\}", page, re.S)
    ]
    assert len(themes) == 2 and set(themes[0]) == set(themes[1])
    for theme in ({name: channels(colour) for name, colour in theme.items()} for theme in themes):
        for text, ground in (
            ("ink", "page"),
            ("muted", "page"),
            ("link", "page"),
            ("ink", "panel"),
            ("muted", "panel"),
            ("warned", "warn"),
        ):
            assert contrast(theme[text], theme[ground]) >= 4.5, (text, ground)
        for i in range(8):
            assert contrast(theme[f"c{i}"], theme["page"]) >= 3, i
        assert (
            contrast(theme["ink"], 0.5 * theme["c0"] + 0.5 * theme["page"]) >= 4.5
        )  # the darkest cell of charts.heat


def test_words_of_the_sections():
    assert (
        format_duration(4.25) == "4.2 s"
        and format_duration(200) == "3 min 20 s"
        and format_duration(7500) == "2 h 5 min"
    )
    assert (
        kind_of("04_train_fold c2 --member net_0") == "04 train fold net"
        and kind_of("08_merge_files c2") == "08 merge files"
    )
    assert kind_of("03_extract_features c2 --source words") == "03 extract features words"
    assert flatten({"a": {"b": 1, "c": {}}, "d": [1]}) == {"a.b": 1, "a.c": {}, "d": [1]}


@pytest.fixture
def shop(folders):
    """60 products with prices as the input of category price, with the settings PRICE."""
    rng = np.random.default_rng(0)
    size = rng.integers(1, 20, 60)
    table = pd.DataFrame(
        {
            "sample_id": range(60),
            "catalog_content": [
                f"Item Name: Tea {'Green' if s % 2 else 'Black'} {s} Ounce <script>" for s in size
            ],
            "price": (size * rng.lognormal(0, 0.2, 60)).round(2),
        }
    )
    (folders / "input/shop").mkdir(parents=True)
    table[:48].to_csv(folders / "input/shop/train.csv", index=False)
    table[48:].drop(columns="price").to_csv(folders / "input/shop/test.csv", index=False)
    return table


def report_of(category: str = "price") -> str:
    return Paths(category).report.read_text(encoding="utf-8")


def warnings_of(page: str) -> str:
    return html.unescape("\n".join(re.findall(r'<p class="warning"[^>]*>(.*?)</p>', page, re.S)))


@pytest.mark.slow
def test_the_report_is_a_file_of_make_all_and_two_runs_are_compared(shop, folders):
    done = make("all", "CATEGORY=price", SET)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    page, record = report_of(), read_record(Paths("price").report)
    assert (
        list(record["inputs"]) == ["submissions/price.csv"]
        and record["settings"] == {}
        and warnings_of(page) == ""
    )
    assert (
        "could not be made" not in page
        and "How it was made" in page
        and "median" in page
        and 'id="training"' in page
    )
    again = make("all", "CATEGORY=price", SET)
    assert "Nothing to be done for 'all'" in again.stdout
    shutil.copytree(folders / "working/price", folders / "kept/working/price")
    (folders / "submissions").rename(folders / "handed_in")
    moved = {
        name: str(folders / place)
        for name, place in (("working_path", "kept/working"), ("submissions_path", "handed_in"))
    }
    again = run_script("plan", "price", *PRICE, "--why", **moved)
    assert "nothing: all files are as today's config says" in again.stdout
    (folders / "handed_in").rename(folders / "submissions")
    # another run of it, and what is said of both
    changed = f"{SET} ridge.alpha=30"
    planned = make("-n", "all", "CATEGORY=price", changed).stdout
    assert (
        "scripts/10_report.py price " + changed.removeprefix("SET=") + "\n" in planned
        and "--stopped" not in planned
    )  # what would run where all goes well
    assert make("all", "CATEGORY=price", changed).returncode == 0
    done = make("compare", f"A={folders / 'kept/working/price'}", "B=price")
    assert done.returncode == 0, done.stderr
    assert (
        re.search(r"ridge.alpha +\S+ +30", done.stdout)
        and "fold 1, rows that both have" in done.stdout
        and "95 % interval" in done.stdout
    )
    assert "ridge.alpha" in (folders / "working/compare.html").read_text()
    same = run_script("compare_runs", "price", str(folders / "working/price"))
    assert (
        "B gains +0.0000 (95 % interval +0.0000 to +0.0000" in same.stdout
        and "Settings: no difference" in same.stdout
    )


@pytest.mark.parametrize(
    "pair, says",
    [
        (("c9", "price"), "no run 'c9': neither a category nor a folder"),
        (("price", "c2"), "no run 'price'"),
        (("input", "input"), "input has no folds.csv"),
    ],
)
def test_runs_that_are_not_there_are_one_line(shop, folders, pair, says):
    done = run_script(
        "compare_runs", *(str(folders / name) if name == "input" else name for name in pair)
    )
    assert (
        done.returncode == 1
        and says in done.stderr
        and len(done.stderr.strip().splitlines()) == 1
        and not (folders / "working/compare.html").exists()
    )
    asked = make("compare", "A=price")
    assert asked.returncode == 2 and "which two?" in asked.stderr


def test_a_report_half_way_is_made_again_when_there_is_more(sample, script, folders):
    settings = ["data.n_folds=2"]
    script("report").main(["demo_tees", *settings])  # nothing but raw files
    assert "Not there yet" in warnings_of(
        report_of("demo_tees")
    ) and "could not be made" not in report_of("demo_tees")
    script("split_files").main(["demo_tees", *settings])
    script("report").main(["demo_tees", *settings])
    page, record = report_of("demo_tees"), read_record(Paths("demo_tees").report)
    assert "majority" in page and "could not be made" not in page and record["inputs"] == {}
    from config import load

    config, paths = load("demo_tees", settings), Paths("demo_tees")
    steps = graph.steps(config, paths)
    assert paths.submission in steps and list(steps)[-1] == paths.report
    assert staleness.stale(config, steps)[paths.report].startswith("comes after")
    joined = graph.steps(load("demo_taxonomy"), Paths("demo_taxonomy"))[
        Paths("demo_taxonomy").report
    ]
    assert (
        Paths("demo_tees").report in joined.needs
        and Paths("demo_taxonomy").submission in joined.needs
    )
    script("report").main(["demo_taxonomy"])
    assert "../demo_tees/report.html" in report_of(
        "demo_taxonomy"
    ) and "could not be made" not in report_of("demo_taxonomy")


def test_a_section_that_breaks_is_a_warning_and_there_is_a_page(shop, script, monkeypatch):
    from report import making

    monkeypatch.setattr(making, "section", lambda view: 1 / 0)
    script("report").main(["price", *PRICE])
    assert "“How it was made” could not be made: ZeroDivisionError" in warnings_of(report_of())


@pytest.mark.slow
def test_a_step_that_fails_leaves_its_reason_and_its_exit_code(shop, folders):
    train = folders / "input/shop/train.csv"
    whole = train.read_text()
    train.write_text(whole + '99,<b>Tea</b>,"<i>free</i>"\n')
    done = make("all", "CATEGORY=price", SET)
    assert (
        done.returncode == 2
        and "folds.csv] Error 1" in done.stderr
        and "price is '<i>free</i>'" in done.stderr
    )
    assert (
        "01_split_files price failed" in warnings_of(report_of())
        and "price is '<i>free</i>'" in warnings_of(report_of())
        and "<i>free" not in report_of()
    )
    train.write_text(whole)
    done = make("all", "CATEGORY=price", f"{SET} run.time_limit=0.0000001")  # hours
    assert done.returncode == 2 and "Error 75" in done.stderr
    assert "Stopped at its time limit in" in warnings_of(
        report_of()
    ) and "failed" not in warnings_of(report_of())
    assert make("all", "CATEGORY=price", SET).returncode == 0
    assert warnings_of(report_of()) == "" and not list(Paths("price").stopped.glob("*"))
    done = make(
        "all", "CATEGORY=price", f"{SET} data.labels=cost"
    )  # and back to what is made: the page was of a run that failed
    assert done.returncode == 2 and "01_split_files price failed" in warnings_of(report_of())
    done = make("all", "CATEGORY=price", SET)
    assert (
        done.returncode == 0
        and "10_report" in done.stdout
        and "09_post" not in done.stdout
        and warnings_of(report_of()) == ""
    )


def test_a_killed_step_is_told_and_ctrl_c_waits_for_nothing(shop, script):
    target = Paths("price").folds
    assert (
        script("report").main(["price", *PRICE, "--stopped", "130", str(target)]) == 130
        and not Paths("price").report.exists()
    )
    assert script("report").main(["price", *PRICE, "--stopped", "137", str(target)]) == 137
    assert "ended by signal 9, most often for want of memory" in warnings_of(report_of())


def test_a_report_that_cannot_be_written_hides_no_exit_code(shop, script, folders, capsys):
    (folders / "working").write_text("no folder")
    assert (
        script("report").main(["price", *PRICE, "--stopped", "75", str(Paths("price").folds)]) == 75
    )
    assert "no report: " in capsys.readouterr().err


def test_only_steps_leave_a_note_and_never_an_error(folders, monkeypatch):
    monkeypatch.setattr(
        "sys.argv", ["scripts/04_train_fold.py", "price", "--member", "ridge_0", "ridge.alpha=3"]
    )
    note_stop("why", 1, command_line("--member"))
    assert read_stop("04_train_fold price --member ridge_0")["message"] == "why"
    assert [file.name for file in Paths("price").stopped.iterdir()] == [
        "04_train_fold.ridge_0.json"
    ]
    note_file("04_train_fold price --member ridge_0").unlink()
    for option, argv in (
        (None, ["scripts/plan.py", "price"]),
        ("--member", ["scripts/04_train_fold.py", "no_such", "--member", "ridge_0"]),
        ("--member", ["scripts/04_train_fold.py", "price"]),
        (None, ["scripts/09_post_process.py", "price", "--check", "/tmp/x.csv"]),
        (None, ["scripts/02_download_images.py", "price", "--retry"]),
        (None, ["pytest"]),
    ):
        monkeypatch.setattr("sys.argv", argv)
        note_stop("why", 1, command_line(option))
    assert not [file for file in (folders / "working").rglob("*") if file.is_file()]


def test_when_many_steps_fail_at_once_pages_are_not_made_one_after_another(shop):
    """A page that was begun after a step had failed tells of it; one that was begun before does
    not."""
    report = build
    job = start("", ["price", *PRICE])
    report.write_once(job, noticed=time.time())
    made = Paths("price").report.stat().st_mtime_ns
    report.write_once(job, noticed=time.time() - 60)
    assert Paths("price").report.stat().st_mtime_ns == made
    report.write_once(job, noticed=time.time())
    assert Paths("price").report.stat().st_mtime_ns > made


MEASURE = Path(__file__).with_name("measure.js").read_text()


def browse(file, *options) -> subprocess.CompletedProcess:
    """Chromium without a window: the page's DOM as text, and what the console said."""
    return subprocess.run(
        [
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
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )


def measured(page: str, folder, dark: bool) -> dict:
    """A page in a frame of 390 pixels, narrower than a headless window may be: its widths, its
    contrasts, its pictures. Its policy is taken out, for a policy that lets no script run lets none
    measure."""
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    file = folder / "frame.html"
    file.write_text(
        '<!doctype html><meta charset="utf-8"><meta name="color-scheme" content="light '
        'dark"><iframe width="390" height="3000" style="border: 0; color-scheme: light '
        'dark" '
        f'srcdoc="{html.escape(page)}"></iframe><pre id="found"></pre><script>{MEASURE}</script>',
        encoding="utf-8",
    )
    done = browse(
        file, "--window-size=1000,3000", f"--blink-settings=preferredColorScheme={0 if dark else 1}"
    )
    return json.loads(
        html.unescape(re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.S)[1])
    )


@in_browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_on_a_phone_nothing_is_cut_off_unseen_or_faint(page, tmp_path, dark):
    found = measured(page, tmp_path, dark)
    assert found["dark"] == dark and found["texts"] > 3000
    assert found["room"] <= 390 and found["wide"] <= found["room"]
    assert (
        found["pictures"] == len(figures()) + len(HOSTILE)
        and found["flat"] == 0
        and found["low"] == []
    )


@in_browser
def test_the_measure_sees_what_is_wrong(tmp_path):
    bad = (
        '<html><body style="background: #fff"><p style="color: #bbb">faint</p><svg width="0" '
        'height="0"></svg><div style="width: 700px">wide</div></body></html>'
    )
    found = measured(bad, tmp_path, False)
    assert found["wide"] > found["room"] and found["low"] == ["faint"] and found["flat"] == 1


@in_browser
def test_a_real_report_opens_without_a_word_on_the_console_and_fits_a_phone(
    sample, script, tmp_path
):
    script("split_files").main(["demo_tees"])
    script("report").main(["demo_tees"])
    done = browse(Paths("demo_tees").report)
    assert "<h1>demo_tees" in done.stdout and "CONSOLE" not in done.stderr, [
        line for line in done.stderr.splitlines() if "CONSOLE" in line
    ]
    found = measured(report_of("demo_tees"), tmp_path, True)
    assert (
        found["wide"] <= found["room"]
        and found["flat"] == 0
        and found["low"] == []
        and found["pictures"] > 1
    )


@in_browser
def test_the_policy_holds(page, tmp_path):
    """What a page must not do is refused by it, and seen by the test above: a script and a picture
    from elsewhere."""
    file = tmp_path / "bad.html"
    file.write_text(
        page.replace(
            "<main>",
            '<main><script>document.title = "run"</script><img '
            'src="https://127.0.0.1:9/x.png" alt="">',
        ),
        encoding="utf-8",
    )
    done = browse(file)
    assert done.stderr.count("Content Security Policy") >= 2 and "<title>run" not in done.stdout
