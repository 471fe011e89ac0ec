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

import json
import os
import shutil
from pathlib import Path

from common import errors
from common.log import log
from common.paths import folder
from common.stops import run
from kernels.attach import (
    files_of,
    find_weights,
    how_to_attach,
    lacking,
    optional,
    requirements,
    weight_places,
    weights_of_members,
)
from kernels.write import (
    account,
    kernel_sources,
    metadata,
    names,
    shares,
    slug,
    source,
    toolkit,
    written,
)
from models import pred_file, split_member
from pipeline import graph
from pipeline.job import start

LIMIT = "run.time_limit=11.5"  # hours; Kaggle ends a session after 12
OPTIONS = [
    (
        "--parts",
        {
            "type": int,
            "default": 1,
            "help": "sessions that share the members; 1, the default, makes all in one",
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


def plan(job) -> list[tuple[str, str, dict]]:
    """(title, contents, kernel) of each kernel; kernel: what kernels.session.work takes."""
    config, paths, args = job.config, job.paths, job.args
    name, owner = slug(paths.category), "".join(names("OWNER", (args.owner or account()).lower()))
    settings = job.overrides + [LIMIT] * (
        not any(item.startswith("run.time_limit=") for item in job.overrides)
    )

    def target(member):
        return str(pred_file(paths, member).relative_to(paths.dir))

    def kernel(end: str, **more):
        return {
            "id": f"{owner}/catalogue-{name}{end}",
            "category": paths.category,
            "settings": settings,
            "targets": [],
            "left": [],
            "sessions": {},
            "internet": bool(args.internet),
        } | more

    if args.parts < 1:
        raise errors.UserError(f"--parts {args.parts}: in how many sessions? Write PARTS=1 or more")
    if args.parts == 1:
        return [(f"catalogue {name}", "All of it, to the submission.", kernel(""))]
    sessions, late = shares(config, paths, args.parts)
    width, made = len(str(args.parts - 1)), []
    for i, members in enumerate(sessions):
        number = f"{i:0{width}d}"
        made.append(
            (
                f"catalogue {name} {number}",
                f"Session {number} of {args.parts}: {listed(members)}.",
                kernel(f"-{number}", targets=list(map(target, members))),
            )
        )
    done = {session["id"]: session["targets"] for *_, session in made}
    more = f", makes {listed(late)}" if late else ""
    contents = (
        f"Merges sessions 0 to {args.parts - 1}, whose outputs are attached{more}, and writes "
        "the submission."
    )
    return [
        *made,
        (
            f"catalogue {name} merge",
            contents,
            kernel("-merge", left=list(map(target, late)), sessions=done),
        ),
    ]


def listed(members: list[str]) -> str:
    """ "vlm_0 to vlm_4, refine_0 to refine_4" of members by model."""
    by: dict[str, list[int]] = {}
    for model, k in map(split_member, members):
        by.setdefault(model, []).append(k)
    return ", ".join(
        f"{model}_{ks[0]} to {model}_{ks[-1]}"
        if len(ks) > 1 and ks == list(range(ks[0], ks[-1] + 1))
        else " ".join(f"{model}_{k}" for k in ks)
        for model, ks in by.items()
    )


def write(kernels, job, top: Path) -> None:
    """A folder for each kernel in `top`, which holds no others when this comes back; as it was when
    this fails. What a person added to kernel_sources stays."""
    args, carried, before = job.args, toolkit(), written(top)
    attached = {
        f"{what[:-1].lower()}_sources": names(what, getattr(args, what.lower()))
        for what in ("DATASETS", "COMPETITIONS", "MODELS")
    }
    part, old = (top.with_name(f".{os.getpid()}.{word}.{top.name}") for word in ("new", "old"))
    try:
        for title, contents, kernel in kernels:
            place = part / kernel["id"].rpartition("/catalogue-")[2]
            place.mkdir(parents=True)
            sources = attached | {
                "kernel_sources": kernel_sources(kernel, before.get(kernel["id"], []))
            }
            steps, made = (
                graph.steps(job.config, job.paths),
                files_of(kernel, job.config, job.paths),
            )
            gpu = bool(args.gpu) and any(steps[file].gpus for file in made if file in steps)
            place.joinpath("kernel.py").write_text(source(title, contents, kernel, carried))
            about = metadata(kernel["id"], title, sources, gpu, kernel["internet"])
            place.joinpath("kernel-metadata.json").write_text(json.dumps(about, indent=1) + "\n")
        if top.exists():
            top.rename(old)
        part.rename(top)
    finally:
        if old.exists() and not top.exists():
            old.rename(top)
        for left in (part, old):
            shutil.rmtree(left, ignore_errors=True)


def preflight(job) -> None:
    """Say what the kernels must have attached, with where it was found here."""
    config, paths = job.config, job.paths
    wanted, files = (
        weights_of_members(config, graph.members(config)),
        graph.upstream([paths.submission], config, paths),
    )
    needs, some, (places, searched) = (
        requirements(config, files, paths),
        optional(config, files, paths),
        weight_places(config),
    )
    for name in wanted:
        log(weights=name, here=find_weights(name, places) or f"not in {searched}")
    for line in how_to_attach(wanted):
        print(f"  attach {line}")
    if rare := [str(need) for need in needs if need.name in some]:
        print(
            f"  attach packages {', '.join(rare)}: wheels of those that Kaggle lacks; a "
            "kernel that misses some prints the command that gets "
            "them for its Python"
        )
    if lacks := lacking(needs):
        log(not_in_this_python=", ".join(map(str, lacks)))
    links = [
        pattern
        for pattern in (config.data.train_image, config.data.test_image)
        if pattern.startswith(("{", "http"))
    ]
    if links and not job.args.internet:
        print(
            f"  attach pictures: {links[0]} is a link; working/downloads/ of a machine "
            f"that has them, as {config.data.folder}/downloads/ in a "
            "dataset; or write INTERNET=1"
        )
    if (
        any(getattr(getattr(config, model, None), "endpoint", "") for model in config.models)
        and not job.args.internet
    ):
        print("  an endpoint is to be asked: write INTERNET=1")


def main(argv=None):
    job = start(__doc__, argv, *OPTIONS, joins=True)
    if job.config.concat:
        raise errors.UserError(
            f"{job.paths.category} joins others: make kernels of each, "
            f"CATEGORY={' '.join(job.config.concat)}"
        )
    top = job.args.to or folder("working") / job.paths.category / "kernels"
    kernels = plan(job)
    write(kernels, job, top.resolve())
    preflight(job)
    sessions = len(kernels) - (len(kernels) > 1)
    log(
        kernels=len(kernels),
        sessions=sessions,
        then=f"kaggle kernels push -p {top}/<folder>{', the merging one last' * (sessions > 1)}",
    )


if __name__ == "__main__":
    run(main)
