"""What a training set holds, before anything is made of it: faults, imbalance, label noise, what
train and test share.

Reads   <input_path>/<data.folder>/train.csv, test.csv, what the task needs beside them, and the
        images where there are any, in archives and downloads too;
        needs no earlier step
Prints  tables in three sections: the raw files; what the task asks for
        (scripts/tasks/<task>/analysis.py); the images
Writes  working/<category>/analysis.json: {section: {title: [row, ...]}}, the same tables, the long
        ones whole
Run     python scripts/00_data_analysis.py c2
        python scripts/00_data_analysis.py fashion --images 0
            every image is read, all duplicates are found
        python scripts/00_data_analysis.py entity data.train=labels.csv.gz
            another table
"""

import json

from common import errors
from common.files import digest, writing
from common.log import log
from images.locate import open_image_files
from pipeline.job import start
from pipeline.staleness import values
from pipeline.stops import run
from tasks import load_analysis
from tasks.image_analysis import analyse_images
from tasks.raw import overview, read_raw
from tasks.tables import as_records, show

IMAGES = {
    "type": int,
    "default": 2000,
    "metavar": "N",
    "help": "images read at most, drawn by data.seed; 0 = all (default: 2000). "
    "A sample of a tenth has a hundredth of the pairs of duplicates",
}


def analyse(job, raw):
    """(name of a section, its tables {title: table}), each as soon as it is counted."""
    yield "raw files", overview(raw)
    yield job.config.task, load_analysis(job.config.task).analyse(raw)
    yield "images", analyse_images(raw, open_image_files(job), job.args.images)


def print_section(name: str, category: str, tables: dict) -> None:
    shown = [show(title, table) for title, table in tables.items()]
    print(f"\n{name.upper()} of {category}", *shown, sep="\n\n", flush=True)


def record_of(job, raw) -> dict:
    """How the tables were made."""
    data = job.config.data
    return {
        "command": f"00_data_analysis {job.paths.category} --images {job.args.images}",
        "overrides": job.overrides,
        "settings": values(job.config, ["task", "data", "images"]),
        "raw": {name: digest(raw.folder / name) for name in (data.train, data.test)},
    }


def main(argv=None):
    job = start(__doc__, argv, ("--images", IMAGES), models=False)
    if job.args.images < 0:
        raise errors.UserError(
            f"--images {job.args.images} is no number of images; give 0 for all, or e.g. 2000"
        )

    config = job.config
    raw = read_raw(config, load_analysis(config.task).needs(config.data))
    sections = {}
    for name, tables in analyse(job, raw):
        if tables:
            sections[name] = tables
            print_section(name, job.paths.category, tables)

    print()
    target = job.paths.dir / "analysis.json"
    with writing(target, record_of(job, raw)) as tmp:
        text = json.dumps(as_records(sections), indent=1, ensure_ascii=False)
        tmp.write_text(text, encoding="utf-8")

    log(wrote=target)


if __name__ == "__main__":
    run(main)
