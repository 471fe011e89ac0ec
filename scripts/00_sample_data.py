"""A small catalogue for each competition in its official layout, drawn here: the same bytes for the
same seed.

Writes  <input_path>/<folder of each task that has a sample.py>/
        <input_path>/sample.json: what was drawn, written last
Run     python scripts/00_sample_data.py
        python scripts/00_sample_data.py --rows 60     training rows per category, for a quick look
"""

import argparse
import json

from common import errors
from common.files import replacing
from common.log import log
from common.paths import folder
from pipeline.stops import run
from tasks import NAMES, load_part


def main(argv=None):
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

    if args.rows is not None and args.rows < 8:
        raise errors.UserError(
            f"--rows {args.rows} is too few to have every kind of fault in; give 8 or more"
        )

    top, drawn = folder("input"), {}
    (top / "sample.json").unlink(
        missing_ok=True
    )  # make must not take a sample that is being drawn for one that is there

    for sample in filter(None, (load_part(name, "sample") for name in NAMES)):
        rows = {"rows": {"train": args.rows, "test": args.rows // 4}} if args.rows else {}
        drawn[sample.FOLDER] = sample.draw(top / sample.FOLDER, args.seed, **rows)
        log(drew=top / sample.FOLDER, **drawn[sample.FOLDER])

    with replacing(top / "sample.json") as tmp:
        tmp.write_text(json.dumps(drawn, indent=1))


if __name__ == "__main__":
    run(main)
