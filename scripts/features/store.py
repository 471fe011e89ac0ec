"""What 03 keeps of frozen networks: float16 arrays on disk with the picture names beside them, made
part by part."""

import json
import os
import shutil
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.files import read_record, replacing
from common.log import log
from common.tables import align
from networks.weights import TIMM, split_weights


def names_file(file: Path) -> Path:
    """The picture names (n,) that the rows of a features file belong to."""
    return file.with_suffix(".names.npy")


class FeatureWriter:
    """An array (n, ...) float16 written in order, in a file beside `file` that a killed run goes on
    with.

    `done` rows are there already; `add` appends, `finish` moves the whole to where it is wanted.
    """

    def __init__(self, file: Path, shape: tuple[int, ...], key: str):
        self.partial, self.progress = file.with_suffix(".partial"), file.with_suffix(".progress")
        self.key, self.unsaved = key, 0
        file.parent.mkdir(parents=True, exist_ok=True)
        self.done = self.saved()
        need = int(np.prod(shape)) * 2
        if not self.done and need > (free := shutil.disk_usage(file.parent).free):
            raise UserError(
                f"{file} needs {need / 1e9:.1f} GB and the disk has {free / 1e9:.1f} GB "
                "free; free some, move working_path, "
                "or keep less: encode.tokens, features.views, images.size, a smaller encoder"
            )
        if not self.done:
            self.progress.unlink(missing_ok=True)  # it speaks of the file that is now overwritten
        self.array = np.lib.format.open_memmap(
            self.partial, "r+" if self.done else "w+", np.float16, shape
        )
        if hasattr(
            os, "posix_fallocate"
        ):  # a disk that fills up must say so here: in a memory map it would be a SIGBUS
            try:
                with open(self.partial, "r+b") as file:
                    os.posix_fallocate(file.fileno(), 0, self.partial.stat().st_size)
            except OSError:
                self.partial.unlink()
                raise

    def saved(self) -> int:
        """Rows that are on disk for this key; 0 where there are none."""
        try:
            state = json.loads(self.progress.read_text())
            return state["done"] if state["key"] == self.key and self.partial.exists() else 0
        except (OSError, ValueError):
            return 0

    def add(self, rows: np.ndarray) -> None:
        self.array[self.done : self.done + len(rows)] = rows
        self.done += len(rows)
        self.unsaved += rows.nbytes
        if self.unsaved > 2**26:  # 64 MB: seconds of work
            self.save()

    def save(self) -> None:
        self.array.flush()
        with replacing(self.progress) as part:
            part.write_text(json.dumps({"key": self.key, "done": self.done}))
        self.unsaved = 0

    def finish(self, file: Path) -> None:
        self.array.flush()
        os.replace(self.partial, file)
        self.progress.unlink(missing_ok=True)


def open_features(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """A features file (n, ...), memory-mapped, and the names (n,) of its rows. Raises UserError when they do
    not belong together."""
    try:
        array, names = np.load(file, mmap_mode="c"), np.load(names_file(file))
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"cannot read {file}: {error}; remove it and run make again") from None
    if len(array) != len(names):
        raise UserError(
            f"{file} has {len(array)} rows and {len(names)} names; remove it and run make again"
        )
    return array, names


def read_features(files: list[Path], images: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Memory-mapped arrays (n, views, ...) of several encoders, and the row of each of `images`
    (m,) in them, -1 without."""
    arrays, names = map(list, zip(*(open_features(file) for file in files), strict=True))
    if any(not np.array_equal(names[0], other) for other in names[1:]):
        raise UserError(
            f"{files[0].name} and {files[1].name} were made of different pictures; run make again"
        )
    return arrays, align(names[0], images)


def full_name(side: str, name: str) -> str:
    """A source's name with its side, e.g. "image:google/siglip-base-patch16-224"; joint:<name> and
    timm:<name> have theirs."""
    return name if name.startswith(("joint:", "timm:")) else f"{side}:{name}"


def keys(source: str, rows) -> np.ndarray:
    """What the rows (n,) are named by in the features of a source: their pictures, or their ids."""
    return rows.image if split_weights(source)[0] in ("image", TIMM) else rows.id


def read_columns(file: Path, ids: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Columns (n, c) float32 of the rows `ids` (n,), and their names, as 03 wrote them. Raises UserError when
    the file is of other rows."""
    array, names = open_features(file)
    if not np.array_equal(names, ids):
        raise UserError(f"{file} is of other rows than folds.csv; remove it and run make again")
    return np.asarray(array), read_record(file)["columns"]


class FeatureTable:
    """One side's features of every row, looked up by number: on the GPU where they fit, else in the
    memory map.

    keys (n,): each row's name in the file. file None: a side that no row has. d: features of a
    token; missing: rows without.
    """

    def __init__(self, file: Path | None, keys: np.ndarray, device):
        import torch

        self.device, self.row, self.d = device, np.full(len(keys), -1), 1
        if file:
            array, names = open_features(file)
            self.row, self.d, self.array = (
                align(names, keys),
                array.shape[-1],
                torch.from_numpy(array),
            )
            if device.type == "cuda" and array.nbytes < torch.cuda.mem_get_info()[0] / 2:
                self.array = self.array.to(device)
        self.missing = int((self.row < 0).sum())

    def take(self, use: np.ndarray):
        """Tokens (b, t, d) float32 of the rows (b,), all zero where a row has none."""
        import torch

        if self.missing == len(self.row):
            return torch.zeros(len(use), 1, self.d, device=self.device)
        row = torch.as_tensor(self.row[use])
        found = (
            self.array[row.clamp(min=0).to(self.array.device)]
            .to(self.device)
            .float()
            .view(len(use), -1, self.d)
        )
        return found * (row >= 0).to(self.device)[:, None, None]


def require_text(job) -> None:
    """Raises UserError where the rows have no text."""
    if job.rows.text is None or not job.rows.text.any():
        raise UserError(f"{job.paths.category} has no text; name its columns in data.text")


def write_rows(job, stem: str, values: np.ndarray, record: dict) -> None:
    """features/<stem>.npy: values (n, c) of the rows of folds.csv in their order; `record` goes
    into its record, with the columns' names in "columns"."""
    target = job.paths.features(stem)
    with job.writing(target, **record) as (part, _):
        np.save(part, values)
        target.unlink(missing_ok=True)  # before its names become another file's
        with replacing(names_file(target)) as names:
            np.save(names, job.rows.id)
    log(source=stem, rows=len(values), columns=values.shape[1])
