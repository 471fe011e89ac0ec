"""Features as they lie on disk: <source>.npy (n, ...), and beside it <source>.names.npy, the image
names or row ids (n,) of its rows."""

from pathlib import Path

import numpy as np

from common.errors import UserError
from common.files import read_record, replacing
from common.log import log
from common.tables import align
from networks.weights import IMAGE, JOINT, TIMM, split_weights


def names_file(file: Path) -> Path:
    """The names (n,) of the rows of a features file."""
    return file.with_suffix(".names.npy")


def remove_old_and_write_names(file: Path, names: np.ndarray) -> None:
    """Remove the features `file` of before, and write the names of those that are about to become
    it: old features must never stand beside new names."""
    file.unlink(missing_ok=True)
    with replacing(names_file(file)) as tmp:
        np.save(tmp, names.astype(str))  # not as objects: they would be pickled


def source_name(side: str, name: str) -> str:
    """A source's name with its side, e.g. "image:google/siglip-base-patch16-224"; joint:<name> and
    timm:<name> have theirs."""
    has_side = name.startswith((f"{JOINT}:", f"{TIMM}:"))
    return name if has_side else f"{side}:{name}"


def row_names(source: str, rows) -> np.ndarray:
    """How the features of a source name each of the rows (n,): by its image, or by its id."""
    side, _ = split_weights(source)
    return rows.image if side in (IMAGE, TIMM) else rows.id


def open_features(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """A features file (n, ...), memory-mapped, and the names (n,) of its rows. Raises UserError
    when one cannot be read, or they do not belong together."""
    try:
        array = np.load(file, mmap_mode="c")
        names = np.load(names_file(file))
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"cannot read {file}: {error}; remove it and run make again") from None

    n_rows = len(array)
    n_names = len(names)
    if n_rows != n_names:
        raise UserError(
            f"{file} has {n_rows} rows and {n_names} names; remove it and run make again"
        )

    return array, names


def read_features(files: list[Path], images: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """The features of several encoders of images, memory-mapped arrays (n, views, ...), and the
    position of each of `images` (m,) in them, -1 where it is missing."""
    arrays = []
    names_of = []
    for file in files:
        array, names = open_features(file)
        arrays.append(array)
        names_of.append(names)

    first = names_of[0]
    is_same = [np.array_equal(first, names) for names in names_of]
    if not all(is_same):
        raise UserError(
            f"{files[0].name} and {files[1].name} were made of different images; run make again"
        )

    position = align(first, images)
    return arrays, position


def read_columns(file: Path, ids: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """The columns (n, c) float32 of the rows `ids` (n,) among those that write_rows wrote, and
    their names. Raises UserError when the file is of other rows."""
    array, names = open_features(file)
    position = align(names, ids)
    if (position < 0).any():
        raise UserError(f"{file} is of other rows than today's; remove it and run make again")

    record = read_record(file)
    columns = record["columns"]
    return np.asarray(array)[position], columns


def write_rows(job, stem: str, values: np.ndarray, record: dict) -> None:
    """Write features/<stem>.npy: of values (n, c) of all rows those that are asked for.

    record: what its record says besides, the columns' names as "columns".
    """
    file = job.paths.features(stem)
    ids = job.rows.id[job.rows.asked]
    values = values[job.rows.asked]
    n_rows, n_columns = values.shape

    with job.writing(file, **record) as (tmp, _):
        np.save(tmp, values)
        remove_old_and_write_names(file, ids)

    log(source=stem, rows=n_rows, columns=n_columns)


def require_text(job) -> None:
    """Raises UserError when no row has a text."""
    text = job.rows.text
    if text is None or not text.any():
        raise UserError(f"{job.paths.category} has no text; name its columns in data.text")


class FeatureTable:
    """The features of one source for every row, as tensors: on the GPU where they fit, else from
    the memory map.

    names (n,): each row's name in the file. file None: a source that no row has. d: width of a
    token; missing: how many rows have no features.
    """

    def __init__(self, file: Path | None, names: np.ndarray, device):
        import torch

        self.device = device
        self.position = np.full(len(names), -1)
        self.d = 1

        if file is not None:
            array, names_in_file = open_features(file)
            self.position = align(names_in_file, names)
            self.d = array.shape[-1]

            tensor = torch.from_numpy(array)

            if fits(array.nbytes, device):
                tensor = tensor.to(device)

            self.array = tensor

        is_missing = self.position < 0
        self.missing = int(is_missing.sum())

        has_any = self.missing < len(names)
        looked_up_on = self.array.device if has_any else device
        self.position = torch.as_tensor(self.position, device=looked_up_on)

    @property
    def is_on_gpu(self) -> bool:
        """Whether `take` needs nothing that is not on the GPU."""
        return self.device.type == "cuda" and self.position.device.type == "cuda"

    def take(self, idx):
        """Tokens (b, t, d) float32 of the row numbers idx (b,), an array or a tensor; all zero
        where a row has none."""
        import torch

        n = len(idx)
        device = self.device

        if self.missing == len(self.position):
            return torch.zeros(n, 1, self.d, device=device)

        idx = torch.as_tensor(idx, device=self.position.device)
        position = self.position[idx]

        # a row without features takes the first ones, which are then set to 0
        in_array = position.clamp(min=0)
        features = self.array[in_array]
        features = features.to(device)
        features = features.float()
        tokens = features.view(n, -1, self.d)

        has_features = position >= 0
        has_features = has_features.to(device)
        return tokens * has_features[:, None, None]


def fits(n_bytes: int, device) -> bool:
    """Whether an array takes less than half of what is free on the GPU; False without one."""
    import torch

    if device.type != "cuda":
        return False

    free, _ = torch.cuda.mem_get_info()
    return n_bytes < free / 2
