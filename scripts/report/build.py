"""The page put together and written, after a failure too; a section that breaks is a note."""

import fcntl
import sys
import time
from importlib import import_module
from pathlib import Path

from common.errors import AGAIN
from common.files import read_record, writing
from common.paths import Paths
from page.blocks import Links, Note, Section
from page.render import render
from pipeline import graph, staleness
from pipeline.stops import note_stop, read_stop
from report.headline import headline
from report.view import load_view
from tasks import load_module

NAMED_STOPS = 5  # steps that stopped, by name
INTERRUPTED = 130  # exit code of Ctrl-C: whoever pressed it waits for no report
KILLED = 137  # exit code of a process that the system ended, most often for want of memory
FIRST_SIGNAL = 128  # exit codes above it are signals

# {name: title}. The name is the section's anchor, and report/<name>.py makes it; "images" is made
# by the task's figures.py.
SECTIONS = {
    "scores": "Scores",
    "images": "What it gets wrong",
    "worst": "Rows to look at",
    "data": "The data",
    "curves": "Training",
    "making": "How it was made",
}


def load_section(name: str, title: str, view) -> Section:
    """The section that report/<name>.py makes ("images": the task's figures.py). One that breaks
    becomes a note that says why: there is always a page."""
    try:
        if name != "images":
            return import_module(f"report.{name}").section(view)

        figures = load_module(view.config.task, "figures")
        blocks = figures.figures(view) if figures and view.rows else []
        return Section(title, name, blocks)
    except Exception as error:
        return Section(title, name, [broken_note(title, error)])


def broken_note(title: str, error: Exception) -> Note:
    """What is said of a section that could not be made."""
    traceback = error.__traceback__
    while traceback.tb_next:
        traceback = traceback.tb_next

    file = Path(traceback.tb_frame.f_code.co_filename).name
    text = (
        f"“{title}” could not be made: {type(error).__name__}: {error} "
        f"({file}, line {traceback.tb_lineno})"
    )

    return Note(text, "warning")


def lead_blocks(view) -> list:
    """What stands on top: the score, what failed, what is missing or old, and the pages of the
    categories that it joins."""
    try:
        top = headline(view)
    except Exception as error:
        top = [broken_note("The score", error)]

    return [
        *top,
        *submission_note(view),
        *stop_notes(view),
        *view.notes,
        *links_to_joined(view),
    ]


def submission_note(view) -> list[Note]:
    """Which file to submit; [] before there is one that is as today's config says."""
    file = view.paths.submission
    if not file.exists() or file in view.stale:
        return []

    text = f"To submit: {file}, checked by the organisers' rules as it was written."
    return [Note(text)]


def links_to_joined(view) -> list[Links]:
    """Links to the reports of the categories that this one joins."""
    pages = {}
    for category in view.config.concat:
        if Paths(category).report.exists():
            pages[category] = f"../{category}/report.html"

    if not pages:
        return []

    return [Links("The categories that it joins:", pages)]


def stop_notes(view) -> list[Note]:
    """The steps that failed and why, as pipeline.stops left it, until their files are made."""
    notes = []
    for target, step in view.steps.items():
        if target not in view.stale:
            continue

        stop = read_stop(step.command)
        if stop:
            text = stop_text(stop, view.job)
            notes.append(Note(text, "warning"))

    n_others = len(notes) - NAMED_STOPS
    if n_others <= 0:
        return notes

    others = Note(f"And {n_others} more steps that stopped.", "warning")
    return [*notes[:NAMED_STOPS], others]


def stop_text(stop: dict, job) -> str:
    """A step's note of pipeline.stops in a sentence."""
    command = stop["command"]
    when = stop["when"].replace("T", " ")[:16]

    if stop["code"] == AGAIN:
        return (
            f"Stopped at its time limit in {command} ({when} UTC). "
            f"To go on from there: {job.make_command('all')}"
        )

    return f"{command} failed ({when} UTC, exit code {stop['code']}): {stop['message']}"


def write(job) -> None:
    """Write the page with its record. A page that is not of a whole run is stale at once, so that
    make all makes it again."""
    step = graph.step_of(job.paths.report, job.config, job.paths)
    record = {
        "settings": {},
        "inputs": staleness.versions(step.needs),
        "command": step.command,
        "overrides": job.overrides,
        "looked": time.time(),
    }
    with writing(job.paths.report, record) as tmp:
        view = load_view(job)
        if view.stale:
            record["inputs"] = {}

        tmp.write_text(render_report(view), encoding="utf-8")


def render_report(view) -> str:
    """The page as HTML."""
    category = view.paths.category
    sections = []
    for name, title in SECTIONS.items():
        sections.append(load_section(name, title, view))

    now = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    return render(
        f"{category}: report",
        lead_blocks(view),
        sections,
        foot=f"{category}, {view.config.task}. Made {now} by 10_report.",
    )


def write_once(job, noticed: float) -> None:
    """Write the page unless one was begun since `noticed` (Unix time): when a server dies all of
    make -j20 fails at once, and two pages do."""
    folder = job.paths.dir
    folder.mkdir(parents=True, exist_ok=True)

    with open(folder / ".report.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        record = read_record(job.paths.report) or {}
        if record.get("looked", 0) >= noticed:
            return

        write(job)


def write_after_stop(job, code: int, target: Path) -> None:
    """Write the page after the step of `target` ended with an exit code. Never raises: the step's
    failure is what matters."""
    if code == INTERRUPTED:
        return

    try:
        if code > INTERRUPTED:
            note_signal(job, code, target)

        write_once(job, noticed=time.time())
        print(f"what is there so far, and what failed: {job.paths.report}", file=sys.stderr)
    except Exception as error:
        print(f"no report: {type(error).__name__}: {error}", file=sys.stderr)


def note_signal(job, code: int, target: Path) -> None:
    """Leave the note that a step ended by a signal could not leave itself."""
    memory = ", most often for want of memory" if code == KILLED else ""
    step = graph.step_of(target, job.config, job.paths)
    note_stop(f"ended by signal {code - FIRST_SIGNAL}{memory}", code, step.command)
