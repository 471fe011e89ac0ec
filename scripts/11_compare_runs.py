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
from common.stops import run


def show(blocks) -> None:
    """Notes and tables as text."""
    for block in blocks:
        if hasattr(block, "frame"):
            table = block.frame.to_string(index=False, float_format="{:.4f}".format)
            print(f"\n{block.caption}\n{table}")
        elif hasattr(block, "text"):
            print(f"\n{block.text}")


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("a", metavar="A", help="a category, or a folder as working/c2")
    parser.add_argument("b", metavar="B", help="likewise, the one to be held against it")
    args = parser.parse_args(argv)
    from page.blocks import render
    from report.compare import compare

    lead, sections = compare(args.a, args.b)
    show([*lead, *(block for section in sections for block in section.blocks)])
    target = folder("working") / "compare.html"
    with replacing(target) as part:
        part.write_text(
            render(f"{args.a} and {args.b}", lead, sections, "Made by 11_compare_runs."),
            encoding="utf-8",
        )
    log(wrote=target)


if __name__ == "__main__":
    run(main)
