"""All that is known of a category as one page: its data, scores, mistakes, curves, and how it was made.

Reads   what there is of working/<category>/, the submission's record, the raw files; half way through a run, too
Writes  working/<category>/report.html, which needs no other file, no network and no JavaScript
Run     python scripts/10_report.py c2
"""
import fcntl
import json
import os
import sys
import time
from importlib import import_module
from pathlib import Path

from common import errors, graph
from common.cli import start
from common.io import log, writing
from common.paths import Paths

INTERRUPTED = 130  # Ctrl-C: whoever pressed it waits for no report


def sections(view) -> list:
    """Every section of the page. One that breaks is a note that says so: there is always a page."""
    names = {"scores": "Scores", "pictures": "What it gets wrong", "worst": "Rows to look at", "data": "The data", "curves": "Training", "making": "How it was made"}
    return [section(name, title, view) for name, title in names.items()]


def section(name: str, title: str, view):
    """The section that common/report/<name>.py makes, of pictures the task's; or one that says why there is none."""
    from common.report import of_task
    from common.report.page import Section

    try:
        if name == "pictures":
            return Section(title, name, of_task(view.job.config.task).figures(view) if view.rows else [])
        return import_module(f"common.report.{name}").section(view)
    except Exception as error:
        return Section(title, name, [broken(title, error)])


def broken(title: str, error: Exception):
    """What is said of a section that could not be made."""
    from common.report.page import Note

    place = error.__traceback__
    while place.tb_next:
        place = place.tb_next
    return Note(f"“{title}” could not be made: {type(error).__name__}: {error} ({Path(place.tb_frame.f_code.co_filename).name}, line {place.tb_lineno})", "warning")


def lead(view) -> list:
    """What stands on top: the score, what failed, what is missing or old, and where the categories that it joins have their pages."""
    from common.report.page import Links

    try:
        head = import_module("common.report.scores").headline(view)
    except Exception as error:
        head = [broken("The score", error)]
    pages = {category: f"../{category}/report.html" for category in view.job.config.join if Paths(category).report.exists()}
    return head + stopped(view) + view.notes + [Links("The categories that it joins:", pages)] * bool(pages)


def stopped(view) -> list:
    """The step that failed and why, as errors.run left it; [] when its file has been made since."""
    from common.report.page import Note

    file = view.job.paths.stopped
    try:
        note = json.loads(file.read_text())
        command, code, message, when = note["command"], note["code"], note["message"], note["when"].replace("T", " ")[:16]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    target = next((target for target, step in view.steps.items() if step.command == command), None)
    if target not in view.stale:
        file.unlink(missing_ok=True)
        return []
    again = " ".join(["make all", f"CATEGORY={view.job.paths.category}", *[f'SET="{" ".join(view.job.overrides)}"'] * bool(view.job.overrides)])
    if code == errors.AGAIN:
        return [Note(f"Stopped at its time limit in {command} ({when} UTC). To go on from there: {again}", "warning")]
    return [Note(f"{command} failed ({when} UTC, exit code {code}): {message}", "warning")]


def write(job) -> None:
    """Look, and write the page with its record; what was missing makes it stale once it is there."""
    from common.report.page import render
    from common.report.view import look

    step = graph.step_of(job.paths.report, job.config, job.paths)
    record = {"settings": {}, "inputs": graph.made(step.needs), "command": step.command, "overrides": job.overrides}
    with writing(job.paths.report, record) as part:
        view = look(job)
        foot = f"{job.paths.category}, {job.config.task}. Made {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())} by 10_report."
        part.write_text(render(f"{job.paths.category}: report", lead(view), sections(view), foot), encoding="utf-8")


def only_one(lock: Path) -> bool:
    """Whether no other process writes the report now; until this one ends. When a server dies, all of make -j20 fails at once."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        fcntl.flock(os.open(lock, os.O_CREAT | os.O_WRONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False


def main(argv=None):
    job = start(__doc__, argv, ("--stopped", {"nargs": 2, "metavar": ("CODE", "FILE"), "help": "what make says when a step failed: its exit code, which "
                                              "is given back, and its file"}), joins=True)
    if not job.args.stopped:
        write(job)
        return log(wrote=job.paths.report)
    code, target = int(job.args.stopped[0]), Path(job.args.stopped[1])
    try:
        if code > INTERRUPTED:  # a signal, which leaves no word
            memory = ", most often for want of memory" if code == 137 else ""
            errors.note_stop(f"ended by signal {code - 128}{memory}", code, graph.step_of(target, job.config, job.paths).command)
        if code != INTERRUPTED and only_one(job.paths.dir / ".report.lock"):
            write(job)
            print(f"what is there so far, and what failed: {job.paths.report}", file=sys.stderr)
    except Exception as error:  # the step's failure is what matters
        print(f"no report: {type(error).__name__}: {error}", file=sys.stderr)
    return code


if __name__ == "__main__":
    errors.run(main)
