"""What was learnt as a Kaggle dataset, for the kernel that answers with it.

in: working/c2/ after make all → out: c2-models/ with dataset-metadata.json and c2/folds.csv,
c2/merged.npz, c2/model/net_0.safetensors, ... each with its record
"""

import json
import os
import re
import shutil
from pathlib import Path

from common.errors import UserError
from common.paths import TEST, Paths
from pipeline import graph, staleness
from pipeline.sources import companions

METADATA = "dataset-metadata.json"
LICENCE = "other"  # of Kaggle's list: the weights' own licences say more


def learnt_files(job) -> list[Path]:
    """The files of the training rows that answering test rows reads. Raises UserError when make all
    would make one of them."""
    config, paths = job.config, job.paths
    answer_steps = graph.answer_steps(config, paths.of(TEST))
    files = [file for file in answer_steps if not graph.step_rows(file, paths)]

    reasons = staleness.stale(config, graph.steps(config, paths))

    for file in files:
        if not file.exists():
            reasons.setdefault(file, "is missing")

    for file, reason in reasons.items():
        if file in files:
            raise UserError(
                f"{file} {reason}, and a kernel that answers trains nothing; run first: "
                f"{job.make_command('all')}"
            )

    return files


def models_id(kernel_id: str) -> str:
    """The dataset's id, "me/catalogue-c2-models" of the kernel "me/catalogue-c2-answer"."""
    return f"{kernel_id.removesuffix('-answer')}-models"


def write_dataset(folder: Path, dataset_id: str, names: list[str], paths: Paths) -> None:
    """A folder for `kaggle datasets create`: the files `names` below working/<category>/ and what
    belongs to each, as hard links, or as copies where the folder is on another disk."""
    for name in names:
        file = paths.dir / name
        for source in (file, *companions(file, paths)):
            if source.exists():
                link_or_copy(source, folder / paths.category / source.relative_to(paths.dir))

    slug = dataset_id.rpartition("/")[2]
    about = {
        "id": dataset_id,
        "title": slug.replace("-", " "),
        "licenses": [{"name": LICENCE}],
    }
    (folder / METADATA).write_text(json.dumps(about, indent=1) + "\n")


def link_or_copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)


def is_dataset(folder: Path) -> bool:
    """Whether `write_dataset` wrote the folder, and nothing was added beside what it wrote."""
    try:
        about = json.loads((folder / METADATA).read_text())
        is_ours = re.fullmatch("[^/]+/catalogue-[^/]+-models", about["id"])
        n_entries = len(list(folder.iterdir()))
    except (OSError, ValueError, KeyError, TypeError):
        return False

    return bool(is_ours) and n_entries == 2
