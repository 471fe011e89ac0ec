"""Raw csv → one table of rows with their folds, made once and used by every later step.

Reads   <input_path>/<data.folder>/train.csv, test.csv and what the task needs beside them
Writes  working/<category>/folds.csv: id (train:12, test:12), split, fold (-1 for test), dev (1: picks epochs, is never
        trained on), image, group, text where rows have one, then the targets as text, "" where not labelled
        Stops at once when weights that a later step starts from cannot be had
Run     python scripts/01_split_files.py c2
"""
import numpy as np

from common import errors
from common.cli import start
from common.io import digest, log
from common.models import NAMES, load_model
from common.paths import input_folder
from common.tasks import load_task
from common.weights import require_weights


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


def preflight(config) -> None:
    """Stop now if a model cannot answer what the task asks, or starts from weights that are neither in run.weights nor on the hub."""
    asks, models = load_task(config.task).ASKS, {name: load_model(name) for name in config.models}
    if wrong := [name for name, model in models.items() if asks not in model.ANSWERS]:
        fit = [name for name in NAMES if asks in load_model(name).ANSWERS]
        raise errors.Stop(f"model {wrong[0]} cannot answer the task {config.task}, which asks for a {asks}; these can: {', '.join(fit)}")
    if not config.data.text and (readers := [name for name, model in models.items() if model.TEXTS]):
        raise errors.Stop(f"model {readers[0]} reads texts and data.text is empty; name their columns, e.g. data.text=title,description")
    if not config.data.train_image and (blind := [name for name, model in models.items() if model.PICTURES]):
        raise errors.Stop(f"model {blind[0]} needs pictures and data.train_image is empty; write e.g. data.train_image=images/{{id}}.jpg")
    needed = sorted({name for model in models.values() for name in model.weights(config)})
    for name in needed:
        require_weights(name, config.run.weights)
    log(weights=", ".join(needed) or "none needed")


def main(argv=None):
    job = start(__doc__, argv)
    config, task = job.config.data, load_task(job.config.task)
    folder = input_folder(config.folder, config.train)
    preflight(job.config)
    with job.writing(job.paths.folds) as (part, record):
        rows, files = task.read_rows(config, folder)
        outputs = task.outputs(rows)
        train = rows.split == "train"
        target = task.encode(rows[train], outputs)
        groups = np.where(rows.group[train] == "", rows.id[train], rows.group[train])
        strata = task.strata(target)
        rows.insert(2, "fold", -1)
        rows.insert(3, "dev", 0)
        rows.loc[train, "fold"] = assign_folds(strata, groups, config.n_folds, config.seed)
        if config.dev:
            rows.loc[train, "dev"] = (assign_folds(strata, groups, round(1 / config.dev), config.seed + 1, "data.dev") == 0).astype(int)
        rows.to_csv(part, index=False)
        record |= {"raw": {name: digest(folder / name) for name in files}, "outputs": outputs}
    log(train=int(train.sum()), test=int((~train).sum()), outputs=len(outputs),
        columns=sum(task.sizes(outputs)), labelled=float((target >= 0).mean()))


if __name__ == "__main__":
    errors.run(main)
