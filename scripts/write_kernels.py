"""A category as Kaggle kernels: a folder per session for `kaggle kernels push`, and one more that
merges what they made.

Reads   configs/<category>.py; the user name in KAGGLE_USERNAME or ~/.kaggle/kaggle.json, unless
        --owner names it
Writes  working/<category>/kernels/<category>-<number>/ and <category>-merge/, or <category>/ alone
        where there is one session: kernel.py, which carries the toolkit, and kernel-metadata.json.
        Prints the weights and wheels to attach, and where they were looked for
Run     python scripts/write_kernels.py entity --parts 20 --owner me --datasets "me/weights me/pix"
        make kernels CATEGORY=entity PARTS=20 OWNER=me DATASETS="me/weights me/pix"
"""

from pathlib import Path

from common.errors import UserError
from common.log import log
from common.paths import folder
from kernels.folders import write_folders
from kernels.plan import plan
from kernels.weights import find_attached, how_to_attach, search_folders, weights_of_members
from kernels.wheels import lacking, optional_packages, requirements
from pipeline import graph
from pipeline.job import start
from pipeline.stops import run

OPTIONS = [
    ("--parts", {"type": int, "default": 1, "help": "sessions that share the members; default: 1"}),
    ("--owner", {"default": "", "help": "your Kaggle user name"}),
    ("--datasets", {"default": "", "help": "what to attach: owner/name ..."}),
    ("--competitions", {"default": "", "help": "their short names"}),
    ("--models", {"default": "", "help": "owner/name/framework/variation/version ..."}),
    (
        "--gpu",
        {
            "type": int,
            "choices": (0, 1),
            "default": 1,
            "help": "0: no GPU even where networks compute",
        },
    ),
    (
        "--internet",
        {
            "type": int,
            "choices": (0, 1),
            "default": 0,
            "help": "1: links are downloaded, the hub and endpoints asked",
        },
    ),
    ("--to", {"type": Path, "help": "folder for the folders"}),
]


def say_what_to_attach(job) -> None:
    """Print what the kernels must have attached, with where it was found here."""
    say_weights(job.config)
    say_packages(job)

    if not job.args.internet:
        say_what_needs_internet(job.config)


def say_weights(config) -> None:
    names = weights_of_members(config, graph.members(config))
    folders, description = search_folders(config)

    for name in names:
        log(weights=name, here=find_attached(name, folders) or f"not in {description}")

    for line in how_to_attach(names):
        print(f"  attach {line}")


def say_packages(job) -> None:
    config, paths = job.config, job.paths
    files = set(graph.upstream([paths.submission], config, paths))
    optional = optional_packages(config, files, paths)
    needs = requirements(config, files, paths)

    rare = [str(need) for need in needs if need.name in optional]
    if rare:
        print(
            f"  attach packages {', '.join(rare)}: wheels of those that Kaggle lacks; a kernel "
            "that misses some prints the command that gets them for its Python"
        )

    missing = lacking(needs)
    if missing:
        log(not_in_this_python=", ".join(map(str, missing)))


def say_what_needs_internet(config) -> None:
    patterns = (config.data.train_image, config.data.test_image)
    links = [pattern for pattern in patterns if pattern.startswith(("{", "http"))]
    if links:
        print(
            f"  attach images: {links[0]} is a link; working/downloads/ of a machine that has "
            f"them, as {config.data.folder}/downloads/ in a dataset; or write INTERNET=1"
        )

    sections = [getattr(config, model, None) for model in config.models]
    if any(getattr(section, "endpoint", "") for section in sections):
        print("  an endpoint is to be asked: write INTERNET=1")


def main(argv=None):
    job = start(__doc__, argv, *OPTIONS, joins=True)
    if job.config.concat:
        raise UserError(
            f"{job.paths.category} joins others: make kernels of each, "
            f"CATEGORY={' '.join(job.config.concat)}"
        )

    planned = plan(job)
    top = job.args.to or folder("working") / job.paths.category / "kernels"
    write_folders(planned, job, top.resolve())
    say_what_to_attach(job)
    push = f"kaggle kernels push -p {top}/<folder>"

    if len(planned) == 1:
        log(kernels=1, sessions=1, then=push)
    else:
        log(
            kernels=len(planned),
            sessions=len(planned) - 1,
            then=f"{push}, the merging one last",
        )


if __name__ == "__main__":
    run(main)
