"""Draw a small catalogue for each competition, in its official layout.

Writes  <input_path>/<folder of each task that has a sample.py>/
        <input_path>/sample.json: what was drawn, written last
Run     python scripts/00_sample_data.py
        python scripts/00_sample_data.py --rows 60     training rows per category, for a quick look

The same seed draws the same bytes.
"""

import argparse
import json

from common.errors import UserError
from common.files import replacing
from common.log import log
from common.paths import folder
from pipeline.stops import run
from tasks import NAMES, load_module

MIN_ROWS = 8


def read_arguments(argv) -> argparse.Namespace:
    """The command line. Raises UserError when --rows is too small."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--rows",
        type=int,
        help="training rows per category; a quarter of them are drawn as test rows",
    )
    parser.add_argument("--seed", type=int, default=0)

    args = parser.parse_args(argv)
    if args.rows is not None and args.rows < MIN_ROWS:
        raise UserError(
            f"--rows {args.rows} is too few to have every kind of fault in; give {MIN_ROWS} or more"
        )

    return args


def main(argv=None):
    args = read_arguments(argv)
    options = {}
    if args.rows:
        options["rows"] = {"train": args.rows, "test": args.rows // 4}

    top = folder("input")
    record = top / "sample.json"
    # Make must not take a sample that is being drawn for one that is there.
    record.unlink(missing_ok=True)

    drawn = {}
    for name in NAMES:
        sample = load_module(name, "sample")
        if sample is None:
            continue

        counts = sample.draw(top / sample.FOLDER, args.seed, **options)
        log(drew=top / sample.FOLDER, **counts)
        drawn[sample.FOLDER] = counts

    with replacing(record) as tmp:
        tmp.write_text(json.dumps(drawn, indent=1))


if __name__ == "__main__":
    run(main)
