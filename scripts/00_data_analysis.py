"""What a training set holds, before anything is made of it: faults, imbalance, label noise, what
train and test share.

Reads   <input_path>/<data.folder>/train.csv, test.csv, what the task needs beside them, and the
        pictures where there are any, in archives and downloads too;
        needs no earlier step
Prints  tables in three sections: the raw files; what the task asks for
        (scripts/tasks/<task>/analysis.py); the pictures
Writes  working/<category>/analysis.json: {section: {title: [row, ...]}}, the same tables, the long
        ones whole
Run     python scripts/00_data_analysis.py c2
        python scripts/00_data_analysis.py fashion --pictures 0
            every picture is read, all duplicates are found
        python scripts/00_data_analysis.py entity data.train=labels.csv.gz
            another table
"""

import json

from common import errors
from common.files import digest, writing
from common.log import log
from common.stops import run
from images.locate import open_pictures
from pipeline.graph import values
from pipeline.job import start
from tasks import load_analysis
from tasks.pictures import analyse_pictures
from tasks.raw import as_records, overview, read_raw, show


def main(argv=None):
    job = start(
        __doc__,
        argv,
        (
            "--pictures",
            {
                "type": int,
                "default": 2000,
                "metavar": "N",
                "help": "pictures read at most, drawn by data.seed; 0 = all (default: 2000). "
                "A sample of a tenth has a hundredth of the pairs of duplicates",
            },
        ),
    )
    if job.args.pictures < 0:
        raise errors.Stop(
            f"--pictures {job.args.pictures} is no number of pictures; give 0 for all, or e.g. 2000"
        )
    config, target = job.config, job.paths.dir / "analysis.json"
    analysis = load_analysis(config.task)
    raw = read_raw(config, analysis.needs(config.data))
    steps = {
        "raw files": lambda: overview(raw),
        config.task: lambda: analysis.analyse(raw),
        "pictures": lambda: analyse_pictures(raw, open_pictures(job), job.args.pictures),
    }
    report = {}
    for section, count in steps.items():
        if tables := count():
            report[section] = tables
            shown = (show(title, table) for title, table in tables.items())
            print(f"\n{section.upper()} of {job.paths.category}", *shown, sep="\n\n", flush=True)
    print()
    record = {
        "command": f"00_data_analysis {job.paths.category} --pictures {job.args.pictures}",
        "overrides": job.overrides,
        "settings": values(config, ["task", "data", "images"]),
        "raw": {name: digest(raw.folder / name) for name in (config.data.train, config.data.test)},
    }
    with writing(target, record) as part:
        part.write_text(
            json.dumps(as_records(report), indent=1, ensure_ascii=False), encoding="utf-8"
        )
    log(wrote=target)


if __name__ == "__main__":
    run(main)
