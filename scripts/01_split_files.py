"""Raw csv → one table of rows with their folds and parts, made once and used by every later step;
or any csv → N files.

Reads   <input_path>/<data.folder>/train.csv, test.csv and what the task needs beside them;
        where folds keep rows of one image together (data.group) and images are files there, also
        working/<category>/images.csv: which are the same, or nearly
        data.corrections, where the config names such a table, laid over the labels of train.csv
Writes  working/<category>/folds.csv: id (train:12, test:12), split, fold (-1 for test), validation
        (1: picks epochs, is never trained on), part, image, group, text where rows have one, then
        the targets as text, "" where not labelled
        working/<category>/twins.csv: the rows that show the same image or text as a training row,
        or nearly: id, group (the first such row), image, text (1: the same by that)
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

from common.files import digest, replacing
from common.log import log
from common.paths import input_folder
from pipeline.folds import split_rows
from pipeline.job import start
from pipeline.load import sample_rows
from pipeline.preflight import preflight
from pipeline.stops import run
from pipeline.twins import find_twins, read_looks, waits_for_images
from tasks import load_task

TARGET = "folds.csv"


def needs(config, paths, name):
    return [paths.images] if waits_for_images(config.data) else []


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


def tell_twins(twins: dict) -> None:
    """How many rows show the same as a training row, and what was done about it."""
    of_any = twins["rows_with_twin"]["any"]
    if of_any["train"]:
        log(
            training_rows_with_twin=of_any["train"],
            test_rows_with_twin=of_any["test"],
            kept_in_one_fold=twins["kept_together"],
            see="twins.csv",
        )


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
        rows = sample_rows(rows, data)
        twins = find_twins(rows, read_looks(data, job.paths.images))
        rows, target = split_rows(job, rows, outputs, twins)
        rows.to_csv(tmp, index=False)
        with replacing(job.paths.dir / "twins.csv") as tmp_twins:
            twins.table(rows.id.to_numpy()).to_csv(tmp_twins, index=False)

        corrections = [data.corrections] if data.corrections else []
        record["raw"] = {name: digest(folder / name) for name in [*files, *corrections]}
        record["outputs"] = outputs
        record["twins"] = twins.facts(rows.fold.to_numpy(), data)
        # the same on every machine, so that parts answered elsewhere belong to it
        version = json.dumps([data.folder, outputs, digest(tmp)["sha256"]])
        record["version"] = sha256(version.encode()).hexdigest()

    tell_twins(record["twins"])
    log(
        train=len(target),
        test=len(rows) - len(target),
        outputs=len(outputs),
        columns=sum(task.sizes(outputs)),
        labelled=float((target >= 0).mean()),
    )


if __name__ == "__main__":
    run(main)
