"""The page put together; a section that breaks is a note."""

import fcntl
import sys
import time
from importlib import import_module
from pathlib import Path

from common import errors
from common.files import read_record, writing
from common.paths import Paths
from common.stops import note_stop, read_stop
from pipeline import graph
from tasks import load_part

MOST = 5  # steps that stopped, by name
INTERRUPTED = 130  # Ctrl-C: whoever pressed it waits for no report


def sections(view) -> list:
    """Every section of the page. One that breaks is a note that says so: there is always a page."""
    names = {
        "scores": "Scores",
        "pictures": "What it gets wrong",
        "worst": "Rows to look at",
        "data": "The data",
        "curves": "Training",
        "making": "How it was made",
    }
    return [section(name, title, view) for name, title in names.items()]


def section(name: str, title: str, view):
    """The section that report/<name>.py makes, of pictures the task's; or one that says why there
    is none."""
    from page.blocks import Section

    try:
        if name == "pictures":
            figures = load_part(view.job.config.task, "figures")
            return Section(title, name, figures.figures(view) if view.rows and figures else [])
        return import_module(f"report.{name}").section(view)
    except Exception as error:
        return Section(title, name, [broken(title, error)])


def broken(title: str, error: Exception):
    """What is said of a section that could not be made."""
    from page.blocks import Note

    place = error.__traceback__
    while place.tb_next:
        place = place.tb_next
    return Note(
        f"“{title}” could not be made: {type(error).__name__}: {error} "
        f"({Path(place.tb_frame.f_code.co_filename).name}, line {place.tb_lineno})",
        "warning",
    )


def lead(view) -> list:
    """What stands on top: the score, what failed, what is missing or old, and where the categories
    that it joins have their pages."""
    from page.blocks import Links

    try:
        head = import_module("report.scores").headline(view)
    except Exception as error:
        head = [broken("The score", error)]
    pages = {
        category: f"../{category}/report.html"
        for category in view.job.config.concat
        if Paths(category).report.exists()
    }
    return (
        head
        + handed_in(view)
        + stopped(view)
        + view.notes
        + [Links("The categories that it joins:", pages)] * bool(pages)
    )


def handed_in(view) -> list:
    """Which file to submit; [] before it is there, checked by the organisers' rules, as today's
    config says."""
    from page.blocks import Note

    file = view.job.paths.submission
    fresh = file.exists() and file not in view.stale
    return [Note(f"To submit: {file}, checked by the organisers' rules as it was written.")] * fresh


def stopped(view) -> list:
    """The steps that failed and why, as stops.run left it, until they are made."""
    from page.blocks import Note

    found = []
    for note in (
        note
        for target, step in view.steps.items()
        if target in view.stale and (note := read_stop(step.command))
    ):
        what, when = note["command"], note["when"].replace("T", " ")[:16]
        found.append(
            Note(
                f"Stopped at its time limit in {what} ({when} UTC). To go on from there: "
                f"{view.again}"
                if note["code"] == errors.AGAIN
                else f"{what} failed ({when} UTC, exit code {note['code']}): {note['message']}",
                "warning",
            )
        )
    return found[:MOST] + [Note(f"And {len(found) - MOST} more steps that stopped.", "warning")] * (
        len(found) > MOST
    )


def write(job) -> None:
    """Look, and write the page with its record. A page that is not of a whole run is stale at once:
    make all makes it again."""
    from page.blocks import render
    from report.view import load_view

    step = graph.step_of(job.paths.report, job.config, job.paths)
    record = {
        "settings": {},
        "inputs": graph.versions(step.needs),
        "command": step.command,
        "overrides": job.overrides,
        "looked": time.time(),
    }
    with writing(job.paths.report, record) as part:
        view = load_view(job)
        record["inputs"] = {} if view.stale else record["inputs"]
        foot = (
            f"{job.paths.category}, {job.config.task}. Made "
            f"{time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())} by 10_report."
        )
        part.write_text(
            render(f"{job.paths.category}: report", lead(view), sections(view), foot),
            encoding="utf-8",
        )


def write_once(job, noticed: float) -> None:
    """Write the page where none has been begun since `noticed`: when a server dies all of make -j20
    fails at once, and two pages do."""
    job.paths.dir.mkdir(parents=True, exist_ok=True)
    with open(job.paths.dir / ".report.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (read_record(job.paths.report) or {}).get("looked", 0) < noticed:
            write(job)


def write_after_stop(job, code: int, target: Path) -> None:
    """The page after the step of `target` ended with an exit code; never an error of its own: the
    step's failure is what matters."""
    if code == INTERRUPTED:
        return
    try:
        if code > INTERRUPTED:  # a signal, which leaves no word
            memory = ", most often for want of memory" if code == 137 else ""
            step = graph.step_of(target, job.config, job.paths)
            note_stop(f"ended by signal {code - 128}{memory}", code, step.command)
        write_once(job, noticed=time.time())
        print(f"what is there so far, and what failed: {job.paths.report}", file=sys.stderr)
    except Exception as error:
        print(f"no report: {type(error).__name__}: {error}", file=sys.stderr)
