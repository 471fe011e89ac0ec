"""Kaggle kernels: which of a category's members each of several sessions makes, and the two files
of a kernel's folder."""

import base64
import io
import json
import os
import re
import zipfile
from itertools import pairwise
from pathlib import Path
from pprint import pformat

from common.errors import UserError
from common.paths import ROOT, Paths
from models import pred_file
from pipeline import graph

LARGEST = 1_000_000  # bytes that Kaggle takes of a kernel's source
MACHINE = "NvidiaTeslaT4"  # what Kaggle calls its two T4
CARRIED = ("scripts", "configs", "Makefile", "requirements.txt")
FILES = {"kernel.py", "kernel-metadata.json"}  # of a kernel's folder
FORMS = {  # of Kaggle's names, each with an example
    "OWNER": ("[a-z0-9-]+", "jane-doe"),
    "DATASETS": (r"[a-zA-Z0-9-]+/[\w.-]+", "jane-doe/weights"),
    "COMPETITIONS": ("[a-z0-9-]+", "visual-taxonomy"),
    "MODELS": (
        r"[\w.-]+/[\w.-]+/[\w.-]+/[\w.-]+/[0-9]+",
        "google/gemma-2/transformers/gemma-2-2b-it/2",
    ),
}


def groups(config, paths: Paths) -> tuple[list[list[str]], list[str]]:
    """Members in groups that share no file but folds.csv and images.csv, which are the same on
    every machine: what one machine may make whatever the others do. And the members that are made
    of several groups, or of such a member: they come after.
    """
    group: dict[Path, list] = {}  # the group of each file, the same list for all of it
    late, preds = set(), {pred_file(paths, member): member for member in graph.members(config)}
    of_members = graph.upstream(preds, config, paths).keys() - {paths.folds, paths.images}
    for target, step in graph.steps(config, paths).items():
        if target not in of_members:
            continue
        own = {id(group[need]): group[need] for need in step.needs if need in group}.values()
        if late & set(step.needs) or sum(any(file in preds for file in files) for files in own) > 1:
            late.add(target)
            continue
        joined = [file for files in own for file in files] + [target]
        group |= dict.fromkeys(joined, joined)
    found = {id(files): files for files in group.values()}.values()
    shared = [[preds[file] for file in preds if file in files] for files in found]
    order = list(preds.values())
    return sorted(filter(None, shared), key=lambda some: order.index(some[0])), [
        preds[file] for file in preds if file in late
    ]


def shares(config, paths: Paths, n: int) -> tuple[list[list[str]], list[str]]:
    """The members of each of n sessions, and those left to the kernel that merges. Raises UserError when there
    are not so many groups."""
    shared, late = groups(config, paths)
    if n > len(shared):
        raise UserError(
            f"the members of {paths.category} can be shared by {len(shared)} sessions and "
            "no more, as those that stand on one "
            f"file go together ({' '.join(shared[0][:6])}); write PARTS={len(shared)} or less"
            if len(shared) > 1
            else f"the members of {paths.category} all stand on the same files, so that one "
            "session makes them; write PARTS=1"
        )
    cut = [len(shared) * i // n for i in range(n + 1)]
    return [[member for some in shared[a:b] for member in some] for a, b in pairwise(cut)], late


def toolkit() -> str:
    """What a kernel carries of this project, as a zip in base64: the same bytes for the same
    files."""
    from pipeline.commit import COMMIT, commit

    files = sorted(
        file
        for top in CARRIED
        for file in ([ROOT / top] if (ROOT / top).is_file() else (ROOT / top).rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts and not file.name.startswith(".")
    )
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for file in files:
            info = zipfile.ZipInfo(
                file.relative_to(ROOT).as_posix()
            )  # of 1980, whenever it was written
            archive.writestr(info, file.read_bytes(), zipfile.ZIP_DEFLATED, 9)
        archive.writestr(zipfile.ZipInfo(COMMIT), commit())
    return base64.b64encode(data.getvalue()).decode()


def source(title: str, contents: str, kernel: dict, carried: str) -> str:
    """A kernel's script. Raises UserError when it is larger than Kaggle takes."""
    text = (Path(__file__).parent / "template.py").read_text()
    said = pformat(kernel, width=140, compact=True, sort_dicts=False)
    fields = {
        "TITLE": title,
        "CONTENTS": contents,
        '"ID"': f'"{kernel["id"]}"',
        "KERNEL = {}": f"KERNEL = {said}",
        'TOOLKIT = ""': f'TOOLKIT = "{carried}"',
    }
    text = re.sub("|".join(map(re.escape, fields)), lambda found: fields[found[0]], text)
    if len(text) > LARGEST:
        raise UserError(
            f"a kernel's script would have {len(text):,} bytes and Kaggle takes "
            f"{LARGEST:,}: is there more than code in "
            f"{' or '.join(CARRIED[:2])}?"
        )
    return text


def metadata(id: str, title: str, sources: dict, gpu: bool, internet: bool) -> dict:
    """kernel-metadata.json; sources: dataset_sources and its like. Raises UserError when Kaggle does not take
    the title."""
    if not 5 <= len(title) <= 50:
        raise UserError(
            f"{title!r} has {len(title)} characters and Kaggle takes titles of 5 to 50; "
            "give the category's file in configs/ a shorter "
            "name, e.g. dresses.py"
        )
    return {
        "id": id,
        "title": title,
        "code_file": "kernel.py",
        "language": "python",
        "kernel_type": "script",
        "is_private": True,
        "enable_gpu": gpu,
        "enable_internet": internet,
        **({"machine_shape": MACHINE} if gpu else {}),
        **sources,
    }


def names(option: str, text: str) -> list[str]:
    """The names in what an option was given. Raises UserError at the first that Kaggle cannot have."""
    form, example = FORMS[option]
    for name in text.split():
        if not re.fullmatch(form, name, re.ASCII):
            raise UserError(
                f"{option}={name} is not as Kaggle names them; write e.g. {option}={example}"
            )
    return text.split()


def written(top: Path) -> dict[str, list[str]]:
    """The kernel_sources of each kernel, by its id, whose folder is in `top`. Raises UserError where anything
    else is there: `top` is written anew."""
    found = {}
    for place in sorted(top.iterdir()) if top.is_dir() else [top] * top.exists():
        try:
            about = json.loads((place / "kernel-metadata.json").read_text())
            ours = (
                re.fullmatch("[^/]+/catalogue-[^/]+", about["id"])
                and {file.name for file in place.iterdir()} == FILES
            )
        except (OSError, ValueError, KeyError, TypeError):
            ours = False
        if not ours:
            raise UserError(
                f"{place.parent} holds {place.name}, which make kernels did not write, or "
                "something was added to it: its folders hold "
                f"{' and '.join(sorted(FILES))} of an id */catalogue-*, nothing else; "
                "name another folder: TO=..."
            )
        found[about["id"]] = about.get("kernel_sources") or []
    return found


def kernel_sources(kernel: dict, before: list[str]) -> list[str]:
    """The kernels to attach: the sessions that this one merges, and those `before` that a person
    added, as its own id to go on from there."""
    session = (
        re.escape(kernel["id"].removesuffix("-merge")) + "-[0-9]+"
    )  # perhaps of another number of sessions
    return list(
        dict.fromkeys(
            [
                *kernel["sessions"],
                *(id for id in before if not (kernel["sessions"] and re.fullmatch(session, id))),
            ]
        )
    )


def account() -> str:
    """The Kaggle user's name: KAGGLE_USERNAME, or what kaggle.json says. Raises UserError when neither does."""
    place = Path(os.environ.get("KAGGLE_CONFIG_DIR") or Path.home() / ".kaggle") / "kaggle.json"
    try:
        name = os.environ.get("KAGGLE_USERNAME") or json.loads(place.read_text())["username"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(
            f"whose kernels? Neither KAGGLE_USERNAME nor {place} says; write OWNER=<your "
            "Kaggle user name>"
        ) from None
    return name


def slug(title: str) -> str:
    """A title as Kaggle makes it an address: lower case, hyphens."""
    return re.sub("[^a-z0-9]+", "-", title.lower()).strip("-")
