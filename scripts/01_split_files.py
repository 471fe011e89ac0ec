"""Raw csv → one table of rows with their folds and parts, made once and used by every later step; or any csv → N files.

Reads   <input_path>/<data.folder>/train.csv, test.csv and what the task needs beside them;
        with data.group=image also working/<category>/images.csv: which rows show the same picture, or nearly
Writes  working/<category>/folds.csv: id (train:12, test:12), split, fold (-1 for test), dev (1: picks epochs, is never
        trained on), part, image, group, text where rows have one, then the targets as text, "" where not labelled
        Stops at once when weights that a later step starts from cannot be had
Run     python scripts/01_split_files.py c2
        python scripts/01_split_files.py --split test.csv --parts 100 --to parts     part_000.csv … and manifest.json, of any csv
"""
import argparse
import json
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd

from common import errors
from common.cli import start
from common.io import digest, log
from common.models import NAMES, load_model
from common.paths import input_folder
from common.raw_rows import draw_rows
from common.tables import read_csv
from common.tasks import load_task
from common.weights import require_weights

LARGE = 0.05  # share of the training rows in one group that is warned of


def assign_folds(strata: np.ndarray, groups: np.ndarray, n_folds: int, seed: int, setting: str = "data.n_folds") -> np.ndarray:
    """Fold 0..n_folds-1 of each row (n,): strata (n,) int spread evenly, equal groups (n,) in one fold.

    A stratum with fewer rows than folds joins the others that are too small to be spread.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    values, inverse, counts = np.unique(strata, return_inverse=True, return_counts=True)
    small = counts[inverse] < n_folds
    strata = np.where(small, -2 if small.sum() >= n_folds else values[counts.argmax()], strata)
    n_groups = len(set(groups))
    if n_groups < n_folds:
        raise errors.Stop(f"{n_groups} rows or groups are too few to be cut in {n_folds}, as {setting} has it")
    if n_groups < len(groups):
        parts = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed).split(strata, strata, groups)
    else:
        parts = StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(strata, strata)
    fold = np.empty(len(strata), int)
    for k, (_, rows) in enumerate(parts):
        fold[rows] = k
    return fold


def assign_parts(images: np.ndarray, n_parts: int) -> np.ndarray:
    """Part 0..n_parts-1 of each row (n,): equal shares in the order of the table; rows of one picture (n,) stay together, so that
    it is read once."""
    keys = np.where(images == "", np.arange(len(images)).astype(str), images)
    _, first, inverse, counts = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    order = np.argsort(first)
    part = np.empty(len(first), int)
    part[order] = (np.cumsum(counts[order]) - counts[order]) * n_parts // len(images)
    return part[inverse]


def group_by_picture(images: np.ndarray, job) -> np.ndarray:
    """The group of each row (n,) by its picture (n,): the name of the first that is the same or nearly, "" where a row has none."""
    table = read_csv(job.paths.images, ["image", "group"])
    found = pd.Series(images).map(dict(zip(table.image, table.group))).fillna("").to_numpy(object)
    largest = int(np.unique(found[found != ""].astype(str), return_counts=True)[1].max(initial=0))
    log(rows=len(images), pictures=len(set(images)), groups=len(set(found)), rows_in_the_largest=largest)
    if largest > LARGE * len(images):
        log(warning=f"{largest} of {len(images)} training rows show what is taken for one picture, so they are in one fold, and folds may "
                    f"be uneven: look at those that folds.csv has in one group; data.group= leaves rows on their own")
    return found


def preflight(config) -> None:
    """Stop now if a model cannot answer what the task asks, has no plain address, or starts from weights that are neither in run.weights
    nor on the hub."""
    from common.chat_endpoint import address_and_key

    asks, models = load_task(config.task).ASKS, {name: load_model(name) for name in config.models}
    if wrong := [name for name, model in models.items() if asks not in model.ANSWERS]:
        fit = [name for name in NAMES if asks in load_model(name).ANSWERS]
        raise errors.Stop(f"model {wrong[0]} cannot answer the task {config.task}, which asks for a {asks}; these can: {', '.join(fit)}")
    if not config.data.text and (readers := [name for name, model in models.items() if model.TEXTS]):
        raise errors.Stop(f"model {readers[0]} reads texts and data.text is empty; name their columns, e.g. data.text=title,description")
    if not config.data.train_image and (blind := [name for name, model in models.items() if model.PICTURES]):
        raise errors.Stop(f"model {blind[0]} needs pictures and data.train_image is empty; write e.g. data.train_image=images/{{id}}.jpg")
    if not config.data.train_image and config.data.group == "image":
        raise errors.Stop("data.group=image keeps rows of one picture together and data.train_image is empty; write e.g. "
                          "data.train_image=images/{id}.jpg, or name a column of train.csv in data.group")
    for section in (getattr(config, name) for name, model in models.items() if model.PER == "part"):
        if section.endpoint:
            address_and_key(section, type(section).__name__.lower())
    needed = sorted({name for model in models.values() for name in model.weights(config)})
    for name in needed:
        require_weights(name, config.run.weights)
    log(weights=", ".join(needed) or "none needed")


def split_file(argv) -> None:
    """--split FILE --parts N --to FOLDER: any csv in N parts."""
    from common.parts import split_csv

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", metavar="FILE", type=Path, required=True)
    parser.add_argument("--parts", type=int, default=100)
    parser.add_argument("--to", metavar="FOLDER", type=Path, required=True)
    parser.add_argument("--id", default="", help="column of distinct ids; the first, unless named")
    args = parser.parse_args(argv)
    made = split_csv(args.split, args.to, args.parts, args.id)
    log(split=args.split, rows=made["rows"], parts=len(made["parts"]), to=args.to)


def main(argv=None):
    argv = sys.argv[1:] if argv is None else argv
    if any(str(word).split("=")[0] == "--split" for word in argv):
        return split_file(argv)
    job = start(__doc__, argv)
    config, task = job.config.data, load_task(job.config.task)
    folder = input_folder(config.folder, config.train)
    preflight(job.config)
    with job.writing(job.paths.folds) as (part, record):
        rows, files = task.read_rows(config, folder)
        outputs = task.outputs(rows)
        rows = draw_rows(rows, config)
        train = (rows.split == "train").to_numpy()
        if config.group == "image":
            rows.loc[train, "group"] = group_by_picture(rows.image[train].to_numpy(), job)
        target = task.encode(rows[train], outputs)
        groups = np.where(rows.group[train] == "", rows.id[train], rows.group[train])
        strata = task.strata(target)
        rows.insert(2, "fold", -1)
        rows.insert(3, "dev", 0)
        rows.insert(4, "part", 0)
        for split in (train, ~train):
            rows.loc[split, "part"] = assign_parts(rows.image[split].to_numpy(object), config.parts)
        rows.loc[train, "fold"] = assign_folds(strata, groups, config.n_folds, config.seed)
        if config.dev:
            rows.loc[train, "dev"] = (assign_folds(strata, groups, round(1 / config.dev), config.seed + 1, "data.dev") == 0).astype(int)
        rows.to_csv(part, index=False)
        record |= {"raw": {name: digest(folder / name) for name in files}, "outputs": outputs,
                   # the same on every machine, so that parts answered elsewhere belong to it
                   "made": sha256(json.dumps([config.folder, outputs, digest(part)["sha256"]]).encode()).hexdigest()}
    log(train=int(train.sum()), test=int((~train).sum()), outputs=len(outputs),
        columns=sum(task.sizes(outputs)), labelled=float((target >= 0).mean()))


if __name__ == "__main__":
    errors.run(main)
