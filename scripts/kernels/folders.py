"""The folders of a category's kernels: kernel.py, which carries the toolkit, and
kernel-metadata.json; for the kernel that answers also the folder of its dataset."""

import base64
import io
import json
import os
import re
import shutil
import textwrap
import zipfile
from pathlib import Path
from pprint import pformat

from common.errors import UserError
from common.paths import ROOT
from kernels.dataset import is_dataset, models_id, write_dataset
from kernels.kaggle_names import check_names
from kernels.kernel import Kernel, steps_to_make
from kernels.plan import Planned

MAX_BYTES = 1_000_000  # Kaggle's limit for a kernel's source
MACHINE = "NvidiaTeslaT4"  # what Kaggle calls its two T4
CARRIED = ("scripts", "configs", "Makefile", "requirements.txt")
FILES = {"kernel.py", "kernel-metadata.json"}  # of a kernel's folder


def write_folders(planned: list[Planned], job, top: Path) -> None:
    """A folder for each kernel in `top`, and no other; `top` stays as it was when this fails.

    kernel_sources that a person added to a kernel-metadata.json stay.
    """
    tmp = top.with_name(f".{os.getpid()}.new.{top.name}")
    old = top.with_name(f".{os.getpid()}.old.{top.name}")
    clean_up(top, tmp, old)  # of a killed process that had the same pid

    before = read_folders(top)
    sources = attached_sources(job.args)
    toolkit = zip_toolkit()

    try:
        for one in planned:
            attached = dict(sources)
            earlier = before.get(one.kernel["id"], [])
            attached["kernel_sources"] = merge_kernel_sources(one.kernel, earlier)

            if one.kernel["learnt"]:
                models = models_id(one.kernel["id"])
                write_dataset(tmp / folder_name(models), models, one.kernel["learnt"], job.paths)
                attached["dataset_sources"] = [models, *sources["dataset_sources"]]

            write_folder(tmp / folder_name(one.kernel["id"]), one, attached, toolkit, job)

        if top.exists():
            top.rename(old)

        tmp.rename(top)
    finally:
        clean_up(top, tmp, old)


def write_folder(folder: Path, one: Planned, attached: dict, toolkit: str, job) -> None:
    """A kernel's own folder. attached: its sources, as kernel-metadata.json has them."""
    kernel = one.kernel
    about = metadata(
        kernel["id"],
        one.title,
        attached,
        gpu=bool(job.args.gpu) and needs_gpu(kernel, job),
        internet=kernel["internet"],
    )

    folder.mkdir(parents=True)
    (folder / "kernel.py").write_text(source(one, toolkit))
    (folder / "kernel-metadata.json").write_text(json.dumps(about, indent=1) + "\n")


def folder_name(kaggle_id: str) -> str:
    """ "c2-answer" of "me/catalogue-c2-answer"."""
    return kaggle_id.rpartition("/catalogue-")[2]


def clean_up(top: Path, tmp: Path, old: Path) -> None:
    """Remove the new and the old folders; the old ones become `top` where it is missing."""
    if old.exists() and not top.exists():
        old.rename(top)

    shutil.rmtree(tmp, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)


def attached_sources(args) -> dict[str, list[str]]:
    """What every kernel has attached, as kernel-metadata.json has it."""
    return {
        "dataset_sources": check_names("DATASETS", args.datasets),
        "competition_sources": check_names("COMPETITIONS", args.competitions),
        "model_sources": check_names("MODELS", args.models),
    }


def needs_gpu(kernel: Kernel, job) -> bool:
    """Whether a step of the kernel computes on a GPU."""
    steps = steps_to_make(kernel, job.config, job.paths)
    return any(step.gpus for step in steps.values())


def zip_toolkit() -> str:
    """What a kernel carries of this project, as a zip in base64: the same bytes for the same
    files."""
    from pipeline.commit import COMMIT, commit

    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for file in carried_files():
            # a ZipInfo without a time is of 1980, whenever the file was written
            info = zipfile.ZipInfo(file.relative_to(ROOT).as_posix())
            archive.writestr(info, file.read_bytes(), zipfile.ZIP_DEFLATED, 9)

        archive.writestr(zipfile.ZipInfo(COMMIT), commit())

    return base64.b64encode(data.getvalue()).decode()


def carried_files() -> list[Path]:
    """The project's files that a kernel needs, in a fixed order."""
    files = []
    for name in CARRIED:
        top = ROOT / name
        files += [top] if top.is_file() else top.rglob("*")

    return sorted(
        file
        for file in files
        if file.is_file() and "__pycache__" not in file.parts and not file.name.startswith(".")
    )


def source(one: Planned, toolkit: str) -> str:
    """A kernel's script. Raises UserError when it is larger than Kaggle takes."""
    kernel = pformat(one.kernel, width=140, compact=True, sort_dicts=False)
    fields = {
        "TITLE": one.title,
        "CONTENTS": textwrap.fill(one.contents, 100),
        "KERNEL = {}": f"KERNEL = {kernel}",
        'TOOLKIT = ""': f'TOOLKIT = "{toolkit}"',
    }

    template = (Path(__file__).parent / "template.py").read_text()
    any_field = "|".join(map(re.escape, fields))

    # all in one pass, so that no value is taken for a field
    text = re.sub(any_field, lambda match: fields[match[0]], template)
    if len(text) > MAX_BYTES:
        raise UserError(
            f"a kernel's script would have {len(text):,} bytes and Kaggle takes "
            f"{MAX_BYTES:,}: is there more than code in {' or '.join(CARRIED[:2])}?"
        )

    return text


def metadata(kernel_id: str, title: str, sources: dict, gpu: bool, internet: bool) -> dict:
    """kernel-metadata.json; sources: dataset_sources and the like. Raises UserError when Kaggle
    does not take the title."""
    if not 5 <= len(title) <= 50:
        raise UserError(
            f"{title!r} has {len(title)} characters and Kaggle takes titles of 5 to 50; "
            "give the category's file in configs/ a shorter name, e.g. dresses.py"
        )

    about = {
        "id": kernel_id,
        "title": title,
        "code_file": "kernel.py",
        "language": "python",
        "kernel_type": "script",
        "is_private": True,
        "enable_gpu": gpu,
        "enable_internet": internet,
    }

    if gpu:
        about["machine_shape"] = MACHINE

    return about | sources


def read_folders(top: Path) -> dict[str, list[str]]:
    """{kernel id: its kernel_sources} of the folders that were written to `top` before.

    Raises UserError where anything else is there: it would be lost.
    """
    sources = {}
    folders = sorted(top.iterdir()) if top.is_dir() else [top]
    for folder in folders if top.exists() else []:
        if is_dataset(folder):
            continue

        about = read_metadata(folder)
        if about is None:
            raise UserError(
                f"{folder.parent} holds {folder.name}, which make kernels did not write, or "
                f"something was added to it: its folders hold {' and '.join(sorted(FILES))} of an "
                "id */catalogue-*, nothing else; name another folder: TO=..."
            )

        sources[about["id"]] = about.get("kernel_sources") or []

    return sources


def read_metadata(folder: Path) -> dict | None:
    """A folder's kernel-metadata.json; None where `write_folders` did not write the folder."""
    file = folder / "kernel-metadata.json"
    try:
        about = json.loads(file.read_text())
        is_ours = re.fullmatch("[^/]+/catalogue-[^/]+", about["id"])
        names = {file.name for file in folder.iterdir()}
    except (OSError, ValueError, KeyError, TypeError):
        return None

    if not is_ours or names != FILES:
        return None

    return about


def merge_kernel_sources(kernel: Kernel, before: list[str]) -> list[str]:
    """The kernels to attach: the sessions that this one merges, and those of `before` that a person
    added, as its own id to go on from there."""
    sources = list(kernel["sessions"])
    prefix = re.escape(kernel["id"].removesuffix("-merge"))

    for kernel_id in before:
        # of before, when there may have been another number of sessions
        is_session = re.fullmatch(f"{prefix}-[0-9]+", kernel_id)
        if is_session and kernel["sessions"]:
            continue

        if kernel_id not in sources:
            sources.append(kernel_id)

    return sources
