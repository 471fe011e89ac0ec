"""Two runs side by side: what changed in settings and versions, and what that did to the scores.

Reads   working/<category>/ of each: records, folds.csv, merged.npz; the submission's record where
        it was made of them
Writes  working/compare.html, one page that needs no other file; prints the same
Run     python scripts/11_compare_runs.py c2 c3
        python scripts/11_compare_runs.py /kept/working/c2 c2
            a folder that was put aside, and today's
"""

import argparse

from common.files import replacing
from common.log import log
from common.paths import folder
from pipeline.stops import run


def show(blocks) -> None:
    """Print notes and tables."""
    from page.blocks import Note, Table

    for block in blocks:
        if isinstance(block, Table):
            four_decimals = "{:.4f}".format
            table = block.frame.to_string(index=False, float_format=four_decimals)
            print(f"\n{block.caption}")
            print(table)
        elif isinstance(block, Note):
            print(f"\n{block.text}")


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("a", metavar="A", help="a category, or a folder as working/c2")
    parser.add_argument("b", metavar="B", help="likewise, the one to be held against it")
    args = parser.parse_args(argv)

    # here, not above: a wrong argument is told without waiting for them
    from page.render import render
    from report.compare import compare

    lead, sections = compare(args.a, args.b)
    show(lead)

    for section in sections:
        show(section.blocks)

    page = render(f"{args.a} and {args.b}", lead, sections, "Made by 11_compare_runs.")
    target = folder("working") / "compare.html"
    with replacing(target) as tmp:
        tmp.write_text(page, encoding="utf-8")

    log(wrote=target)


if __name__ == "__main__":
    run(main)
