"""The report as a file: made half way, after a failure, by make all, and read by a browser."""

import time

import pytest

from common.files import read_record
from common.paths import Paths
from config import load
from conftest import PREPARATION, make
from pages import browse, in_browser, measure, report_of, warnings_of
from pipeline import graph, staleness
from pipeline.job import start
from report import build, making

BROKEN = "could not be made"


@pytest.mark.slow
def test_the_report_is_a_file_of_make_all(tea_shop, make_settings):
    done = make("all", "CATEGORY=price", make_settings)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    record = read_record(Paths("price").report)
    assert list(record["inputs"]) == ["submissions/price.csv"]
    assert record["settings"] == {}
    page = report_of("price")
    assert warnings_of(page) == ""
    assert BROKEN not in page
    for text in ("How it was made", "median", 'id="training"', "files made with numpy"):
        assert text in page
    again = make("all", "CATEGORY=price", make_settings)
    assert "Nothing to be done for 'all'" in again.stdout


def test_what_make_would_run_where_all_goes_well(tea_shop, make_settings):
    planned = make("-n", "all", "CATEGORY=price", make_settings).stdout
    settings = make_settings.removeprefix("SET=")
    assert f"scripts/10_report.py price {settings}\n" in planned
    assert "--stopped" not in planned


def test_a_report_half_way_is_stale_at_once(sample, script):
    settings = ["data.n_folds=2"]
    script("report").main(["demo_tees", *settings])  # nothing but raw files
    page = report_of("demo_tees")
    assert "Not there yet" in warnings_of(page)
    assert BROKEN not in page

    for name, *rows in PREPARATION:
        script(name).main(["demo_tees", *rows, *settings])

    script("report").main(["demo_tees", *settings])
    page = report_of("demo_tees")
    paths = Paths("demo_tees")
    assert "majority" in page
    assert BROKEN not in page
    assert read_record(paths.report)["inputs"] == {}
    config = load("demo_tees", settings)
    steps = graph.steps(config, paths)
    assert paths.submission in steps
    assert list(steps)[-1] == paths.report
    assert staleness.stale(config, steps)[paths.report].startswith("comes after")


def test_the_report_of_joined_categories_links_to_theirs(sample, script):
    script("report").main(["demo_tees"])
    paths = Paths("demo_taxonomy")
    step = graph.steps(load("demo_taxonomy"), paths)[paths.report]
    assert Paths("demo_tees").report in step.needs
    assert paths.submission in step.needs
    script("report").main(["demo_taxonomy"])
    page = report_of("demo_taxonomy")
    assert "../demo_tees/report.html" in page
    assert BROKEN not in page


def test_a_section_that_breaks_is_a_warning_and_there_is_a_page(
    tea_shop, price_settings, script, monkeypatch
):
    monkeypatch.setattr(making, "section", lambda view: 1 / 0)
    script("report").main(["price", *price_settings])
    warnings = warnings_of(report_of("price"))
    assert "“How it was made” could not be made: ZeroDivisionError" in warnings


@pytest.mark.slow
def test_a_step_that_fails_leaves_its_reason_and_its_exit_code(tea_shop, make_settings):
    train = tea_shop / "train.csv"
    whole = train.read_text()
    train.write_text(whole + '99,<b>Tea</b>,"<i>free</i>"\n')
    done = make("all", "CATEGORY=price", make_settings)
    assert done.returncode == 2
    assert "folds.csv] Error 1" in done.stderr
    assert "price is '<i>free</i>'" in done.stderr
    page = report_of("price")
    assert "01_split_files price failed" in warnings_of(page)
    assert "price is '<i>free</i>'" in warnings_of(page)
    assert "<i>free" not in page

    train.write_text(whole)
    in_no_time = f"{make_settings} run.time_limit=0.0000001"  # hours
    done = make("all", "CATEGORY=price", in_no_time)
    assert done.returncode == 2
    assert "Error 75" in done.stderr
    warnings = warnings_of(report_of("price"))
    assert "Stopped at its time limit in" in warnings
    assert "failed" not in warnings

    assert make("all", "CATEGORY=price", make_settings).returncode == 0
    assert warnings_of(report_of("price")) == ""
    assert not list(Paths("price").stopped.glob("*"))

    # and back to what is made: the page was of a run that failed
    done = make("all", "CATEGORY=price", f"{make_settings} data.labels=cost")
    assert done.returncode == 2
    assert "01_split_files price failed" in warnings_of(report_of("price"))
    done = make("all", "CATEGORY=price", make_settings)
    assert done.returncode == 0
    assert "10_report" in done.stdout
    assert "09_post" not in done.stdout
    assert warnings_of(report_of("price")) == ""


def test_a_killed_step_is_told_and_ctrl_c_waits_for_nothing(tea_shop, price_settings, script):
    paths = Paths("price")
    arguments = ["price", *price_settings, "--stopped"]
    assert script("report").main([*arguments, "130", str(paths.folds)]) == 130
    assert not paths.report.exists()
    assert script("report").main([*arguments, "137", str(paths.folds)]) == 137
    warnings = warnings_of(report_of("price"))
    assert "ended by signal 9, most often for want of memory" in warnings


def test_a_report_that_cannot_be_written_hides_no_exit_code(
    tea_shop, price_settings, script, folders, capsys
):
    (folders / "working").write_text("no folder")
    stopped = ["--stopped", "75", str(Paths("price").folds)]
    assert script("report").main(["price", *price_settings, *stopped]) == 75
    assert "no report: " in capsys.readouterr().err


def test_when_many_steps_fail_at_once_pages_are_not_made_one_after_another(
    tea_shop, price_settings
):
    """A page that was begun after a step had failed tells of it; one that was begun before does
    not."""
    job = start("", ["price", *price_settings])
    file = job.paths.report
    build.write_once(job, noticed=time.time())
    written = file.stat().st_mtime_ns
    build.write_once(job, noticed=time.time() - 60)
    assert file.stat().st_mtime_ns == written
    build.write_once(job, noticed=time.time())
    assert file.stat().st_mtime_ns > written


@in_browser
def test_a_real_report_opens_without_a_word_on_the_console_and_fits_a_phone(
    sample, script, tmp_path
):
    for name, *rows in (*PREPARATION, ["report"]):
        script(name).main(["demo_tees", *rows])

    done = browse(Paths("demo_tees").report)
    assert "<h1>demo_tees" in done.stdout
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    measured = measure(report_of("demo_tees"), tmp_path, dark=True)
    assert measured["wide"] <= measured["room"]
    assert measured["flat"] == 0
    assert measured["low"] == []
    assert measured["images"] > 1
