"""All that is known of a category as one page: its data, scores, mistakes, curves, and how it was
made.

Reads   what there is of working/<category>/, the submission's record, the raw files; half way
        through a run, too
Writes  working/<category>/report.html, which needs no other file, no network and no JavaScript
Run     python scripts/10_report.py c2
"""

from pathlib import Path

from common.log import log
from common.paths import Paths
from pipeline import graph
from pipeline.job import start
from pipeline.stops import run
from report.build import write, write_after_stop

TARGET = "report.html"
FINAL = True  # make all is to make it: it shows all there is, when there is no more to come


def needs(config, paths, name):
    others = [file for file in graph.final_files(config, paths) if file != paths.report]
    return [paths.submission, *others, *(Paths(category).report for category in config.concat)]


def settings(config, paths, name):
    return []


def main(argv=None):
    stopped = {
        "nargs": 2,
        "metavar": ("CODE", "FILE"),
        "help": "what make says when a step failed: its exit code, which is given back, and its "
        "file",
    }
    job = start(__doc__, argv, ("--stopped", stopped), joins=True)
    if not job.args.stopped:
        write(job)
        return log(wrote=job.paths.report)

    code, target = job.args.stopped
    write_after_stop(job, int(code), Path(target))
    return int(code)


if __name__ == "__main__":
    run(main, noted=False)
