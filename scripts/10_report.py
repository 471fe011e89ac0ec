"""All that is known of a category as one page: its data, scores, mistakes, curves, and how it was
made.

Reads   what there is of working/<category>/, the submission's record, the raw files; half way
        through a run, too
Writes  working/<category>/report.html, which needs no other file, no network and no JavaScript
Run     python scripts/10_report.py c2
"""

import sys
import time
from pathlib import Path

from common.log import log
from common.paths import Paths
from common.stops import note_stop, run
from pipeline import graph
from pipeline.job import start
from report.build import write, write_once

TARGET = "report.html"
FINAL = True  # make all is to make it: it shows all there is, when there is no more to come
INTERRUPTED = 130  # Ctrl-C: whoever pressed it waits for no report


def needs(config, paths, name):
    return [paths.submission, *(Paths(category).report for category in config.join)]


def settings(config, name):
    return []


def main(argv=None):
    job = start(
        __doc__,
        argv,
        (
            "--stopped",
            {
                "nargs": 2,
                "metavar": ("CODE", "FILE"),
                "help": "what make says when a step failed: its exit code, which "
                "is given back, and its file",
            },
        ),
        joins=True,
    )
    if not job.args.stopped:
        write(job)
        return log(wrote=job.paths.report)
    code, target = int(job.args.stopped[0]), Path(job.args.stopped[1])
    try:
        if code > INTERRUPTED:  # a signal, which leaves no word
            memory = ", most often for want of memory" if code == 137 else ""
            note_stop(
                f"ended by signal {code - 128}{memory}",
                code,
                graph.step_of(target, job.config, job.paths).command,
            )
        if code != INTERRUPTED:
            write_once(job, noticed=time.time())
            print(f"what is there so far, and what failed: {job.paths.report}", file=sys.stderr)
    except Exception as error:  # the step's failure is what matters
        print(f"no report: {type(error).__name__}: {error}", file=sys.stderr)
    return code


if __name__ == "__main__":
    run(main)
