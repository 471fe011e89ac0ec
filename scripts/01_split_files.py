"""Raw csv → a table of the training rows with their folds and parts, made once and used by every
later step, and one of the rows to answer; or any csv → N files.

Reads   <input_path>/<data.folder>/train.csv and what the task needs beside it; test.csv, to say
        now what is wrong with it, and whether its rows have twins in train (data.group=auto); where
        folds keep rows of one image together (data.group) and images are files there, also both
        images.csv: which are the same, or nearly
        data.corrections, where the config names such a table, laid over the labels of train.csv
Writes  working/<category>/folds.csv: id (train:12), split, fold, validation (1: picks epochs, is
        never trained on), part, image, group, text where rows have one, then the targets as text,
        "" where not labelled
        working/<category>/twins.csv: the rows that show the same image or text as a training row,
        or nearly: id, group (the first such row), image, text (1: the same by that)
        working/<category>/answers/test/rows.csv, of data.test: the columns of folds.csv without
        targets, id test:12, fold -1
Stops   at once when weights that a later step starts from cannot be had, or test.csv is wrong
Run     python scripts/01_split_files.py c2
        python scripts/01_split_files.py c2 --rows test
        python scripts/01_split_files.py --split test.csv --parts 100 --to parts
            part_000.csv … and manifest.json, of any csv
"""

import argparse
import json
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd

from common.files import digest, replacing
from common.log import log
from common.paths import TEST, input_folder
from common.sections import Data
from pipeline.folds import split_rows, to_answer
from pipeline.job import Job, start
from pipeline.load import raw_rows
from pipeline.preflight import preflight
from pipeline.stops import run
from pipeline.twins import find_twins, read_looks, waits_for_images
from tasks import load_task

TARGET = ("folds.csv", "rows.csv")
FIRST = True
# settings of section data that shape the rows to answer, and that they alone read
OF_BOTH = ("folder", "id", "category_column", "categories", "text", "question", "parts")
OF_ANSWERS = ("test", "test_image")


def needs(config, paths, name):
    if paths.rows or not waits_for_images(config.data):
        return []

    return [paths.images, paths.of(TEST).images]


def settings(config, paths, name):
    names = [name for name in Data.model_fields if name not in OF_ANSWERS]
    if paths.rows:
        names = [*OF_BOTH, *OF_ANSWERS]

    return ["task", *(f"data.{name}" for name in names)]


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


def write_folds(job: Job) -> None:
    """folds.csv: the training rows."""
    data = job.config.data
    task = load_task(job.config.task)
    test_rows = read_test_rows(data, task)

    with job.writing(job.paths.folds) as (tmp, record):
        rows, files = raw_rows(job)
        outputs = task.outputs(rows)
        twins = find_twins(pd.concat([rows, test_rows], ignore_index=True), read_looks(job))
        rows, target = split_rows(job, rows, outputs, twins)
        rows.to_csv(tmp, index=False)
        ids = np.concatenate([rows.id, test_rows.id])

        with replacing(job.paths.dir / "twins.csv") as tmp_twins:
            twins.table(ids).to_csv(tmp_twins, index=False)

        record["outputs"] = outputs
        record["twins"] = twins.facts(rows.fold.to_numpy(), data)
        corrections = [data.corrections] if data.corrections else []
        note_sources(job, record, [*files, *corrections], digest(tmp)["sha256"])

    tell_twins(record["twins"])
    log(
        train=len(target),
        outputs=len(outputs),
        columns=sum(task.sizes(outputs)),
        labelled=float((target >= 0).mean()),
    )


def read_test_rows(data, task) -> pd.DataFrame:
    """The test rows. Raises UserError where they are wrong: now, and not after hours of
    training."""
    rows, _ = task.read_rows(data, input_folder(data.folder, data.test), splits=["test"])
    return rows


def write_rows(job: Job) -> None:
    """rows.csv: the rows to answer."""
    with job.writing(job.paths.table) as (tmp, record):
        rows, files = raw_rows(job)
        rows = to_answer(rows, job.config.data.parts)
        rows.to_csv(tmp, index=False)
        note_sources(job, record, files, digest(tmp)["sha256"])

    log(rows=job.paths.rows, to_answer=len(rows))


def note_sources(job: Job, record: dict, files: list[str], sha256_of_rows: str) -> None:
    """The raw files, and a version that is the same on every machine, so that parts answered
    elsewhere belong to it."""
    record["raw"] = {name: digest(job.input_folder / name) for name in files}
    made_of = [job.config.data.folder, record.get("outputs"), sha256_of_rows]
    record["version"] = sha256(json.dumps(made_of).encode()).hexdigest()


def main(argv=None):
    argv = sys.argv[1:] if argv is None else argv
    if any(str(word).split("=")[0] == "--split" for word in argv):
        return split_file(argv)

    job = start(__doc__, argv, answers="")
    if job.paths.rows:
        return write_rows(job)

    log(input=job.input_folder)  # raises where there is none, before weights are looked for
    preflight(job.config)
    write_folds(job)


if __name__ == "__main__":
    run(main)
