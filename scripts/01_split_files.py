"""Raw csv → one table of rows with their folds and parts, made once and used by every later step;
or any csv → N files.

Reads   <input_path>/<data.folder>/train.csv, test.csv and what the task needs beside them;
        with data.group=image also working/<category>/images.csv: which rows show the same image,
        or nearly
Writes  working/<category>/folds.csv: id (train:12, test:12), split, fold (-1 for test), validation
        (1: picks epochs, is never trained on), part, image, group, text where rows have one, then
        the targets as text, "" where not labelled
Stops   at once when weights that a later step starts from cannot be had
Run     python scripts/01_split_files.py c2
        python scripts/01_split_files.py --split test.csv --parts 100 --to parts
            part_000.csv … and manifest.json, of any csv
"""

import argparse
import json
import sys
from hashlib import sha256
from pathlib import Path

from common.files import digest
from common.log import log
from common.paths import input_folder
from pipeline.folds import split_rows
from pipeline.job import start
from pipeline.load import sample_rows
from pipeline.preflight import preflight
from pipeline.stops import run
from tasks import load_task

TARGET = "folds.csv"


def needs(config, paths, name):
    return [paths.images] if config.data.group == "image" else []


def settings(config, name):
    return ["task", "data"]


def split_file(argv) -> None:
    """--split FILE --parts N --to FOLDER: any csv in N parts."""
    from pipeline.parts import split_csv

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--split", metavar="FILE", type=Path, required=True)
    parser.add_argument("--parts", type=int, default=100)
    parser.add_argument("--to", metavar="FOLDER", type=Path, required=True)
    parser.add_argument("--id", default="", help="column of distinct ids; the first, unless named")
    args = parser.parse_args(argv)
    manifest = split_csv(args.split, args.to, args.parts, args.id)
    log(split=args.split, rows=manifest["rows"], parts=len(manifest["parts"]), to=args.to)


def main(argv=None):
    argv = sys.argv[1:] if argv is None else argv
    if any(str(word).split("=")[0] == "--split" for word in argv):
        return split_file(argv)

    job = start(__doc__, argv)
    data, task = job.config.data, load_task(job.config.task)
    folder = input_folder(data.folder, data.train)
    preflight(job.config)

    with job.writing(job.paths.folds) as (tmp, record):
        rows, files = task.read_rows(data, folder)
        outputs = task.outputs(rows)
        rows, target = split_rows(job, sample_rows(rows, data), outputs)
        rows.to_csv(tmp, index=False)
        record["raw"] = {name: digest(folder / name) for name in files}
        record["outputs"] = outputs
        # the same on every machine, so that parts answered elsewhere belong to it
        version = json.dumps([data.folder, outputs, digest(tmp)["sha256"]])
        record["version"] = sha256(version.encode()).hexdigest()

    log(
        train=len(target),
        test=len(rows) - len(target),
        outputs=len(outputs),
        columns=sum(task.sizes(outputs)),
        labelled=float((target >= 0).mean()),
    )


if __name__ == "__main__":
    run(main)
