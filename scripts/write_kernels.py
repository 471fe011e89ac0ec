"""A category as Kaggle kernels: a folder per session for `kaggle kernels push`, and one more that
merges what they made. With --answer 1 the kernel of a code competition: it answers rows that nobody
has seen with the models that are here, and trains nothing.

Reads   configs/<category>.py; the user name in KAGGLE_USERNAME or ~/.kaggle/kaggle.json, unless
        --owner names it
Writes  working/<category>/kernels/<category>-<number>/ and <category>-merge/, or <category>/ alone
        where there is one session: kernel.py, which carries the toolkit, and kernel-metadata.json.
        with --answer 1 working/<category>/answer_kernel/<category>-answer/, and beside it
        <category>-models/: what answering reads, and dataset-metadata.json for `kaggle datasets`
        Prints the weights and wheels to attach, and where they were looked for
Run     python scripts/write_kernels.py entity --parts 20 --owner me --datasets "me/weights me/pix"
        make kernels CATEGORY=entity PARTS=20 OWNER=me DATASETS="me/weights me/pix"
        make kernels CATEGORY=c2 ANSWER=1 OWNER=me COMPETITIONS=visual-taxonomy
"""

from pathlib import Path

from common.errors import UserError
from common.log import log
from common.paths import folder
from kernels.dataset import models_id
from kernels.equip import needed_weights
from kernels.folders import folder_name, write_folders
from kernels.kernel import Kernel, steps_to_make
from kernels.plan import Planned, plan
from kernels.session import SUBMISSION
from kernels.weights import find_attached, how_to_attach, search_folders
from kernels.wheels import lacking, optional_packages, requirements
from pipeline.job import start
from pipeline.stops import run

OPTIONS = [
    ("--parts", {"type": int, "default": 1, "help": "sessions that share the members; default: 1"}),
    (
        "--answer",
        {
            "type": int,
            "choices": (0, 1),
            "default": 0,
            "help": "1: the kernel that answers with the models that are here, and their dataset",
        },
    ),
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


def say_what_to_attach(job, kernels: list[Kernel]) -> None:
    """Print what the kernels must have attached, with where it was found here."""
    say_weights(job.config, kernels)
    say_packages(job, kernels)

    if not job.args.internet:
        say_what_needs_internet(job)


def say_weights(config, kernels: list[Kernel]) -> None:
    names: set[str] = set()
    for kernel in kernels:
        names.update(needed_weights(kernel, config))

    folders, description = search_folders(config)
    for name in sorted(names):
        log(weights=name, here=find_attached(name, folders) or f"not in {description}")

    for line in how_to_attach(sorted(names)):
        print(f"  attach {line}")


def say_packages(job, kernels: list[Kernel]) -> None:
    config, paths = job.config, job.paths
    files: set[Path] = set()
    for kernel in kernels:
        files.update(steps_to_make(kernel, config, paths))

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


def say_what_needs_internet(job) -> None:
    config = job.config
    patterns = [config.data.train_image, config.data.test_image]
    if job.args.answer:
        patterns = [config.data.test_image]

    links = [pattern for pattern in patterns if pattern.startswith(("{", "http"))]
    if links:
        print(
            f"  attach images: {links[0]} is a link; working/downloads/ of a machine that has "
            f"them, as {config.data.folder}/downloads/ in a dataset; or write INTERNET=1"
        )

    sections = [getattr(config, model, None) for model in config.models]
    if any(getattr(section, "endpoint", "") for section in sections):
        print("  an endpoint is to be asked: write INTERNET=1")


def say_what_to_run(job, planned: list[Planned], top: Path) -> None:
    """Print the commands that bring the folders to Kaggle, in their order."""
    push = f"kaggle kernels push -p {top}/<folder>"
    if job.args.answer:
        say_how_to_answer(job, planned[0].kernel, top)
    elif len(planned) == 1:
        log(kernels=1, sessions=1, then=push)
    else:
        log(
            kernels=len(planned),
            sessions=len(planned) - 1,
            then=f"{push}, the merging one last",
        )


def say_how_to_answer(job, kernel: Kernel, top: Path) -> None:
    models = top / folder_name(models_id(kernel["id"]))
    files = [file for file in models.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    log(dataset=models, files=len(files), gigabytes=size / 1e9)

    competition = (job.args.competitions.split() or ["<competition>"])[0]

    commands = [
        f"kaggle datasets create -p {models} --dir-mode zip",
        f"kaggle kernels push -p {top / folder_name(kernel['id'])}",
        f"kaggle competitions submit {competition} -k {kernel['id']} -v <version> "
        f"-f {SUBMISSION} -m {job.paths.category}",
    ]
    for command in commands:
        print(f"  then {command}")

    print(
        f"  once the dataset is there: kaggle datasets version -p {models} --dir-mode zip -m again"
    )


def main(argv=None):
    job = start(__doc__, argv, *OPTIONS, joins=True)
    if job.config.concat:
        raise UserError(
            f"{job.paths.category} joins others: make kernels of each, "
            f"CATEGORY={' '.join(job.config.concat)}"
        )

    planned = plan(job)
    name = "answer_kernel" if job.args.answer else "kernels"
    top = job.args.to or folder("working") / job.paths.category / name
    write_folders(planned, job, top.resolve())
    say_what_to_attach(job, [one.kernel for one in planned])
    say_what_to_run(job, planned, top)


if __name__ == "__main__":
    run(main)
