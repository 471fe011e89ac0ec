"""Every file name of the pipeline, in one place; nothing is created on import.

Environment variables `input_path`, `working_path` and `submissions_path` move the three data
folders; unset, they are Kaggle's folders in a Kaggle kernel, else those of the repository, whatever
the current directory.
"""

import os
from pathlib import Path

from common.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
ANSWERS = "answers"  # folder in working/<category>/ of the rows to answer
TEST = "test"  # those of data.test; the others are tables that somebody brings later
KAGGLE = {"input": "/kaggle/input", "working": "/kaggle/working"}


def folder(name: str) -> Path:
    """The folder "input", "working" or "submissions": see above."""
    from_environment = os.environ.get(f"{name}_path")
    if from_environment:
        return Path(from_environment)

    if "KAGGLE_KERNEL_RUN_TYPE" not in os.environ:
        return ROOT / name

    if name not in KAGGLE:  # Kaggle looks for submissions in the working folder
        return folder("working")

    return Path(KAGGLE[name])


def input_folder(name: str, file: str) -> Path:
    """The folder `name` of the inputs that holds `file`, under any layout that Kaggle mounts.

    Tried in this order: input_path/name, input_path itself, then one to three folders deeper
    (competitions/name, owner/name, datasets/owner/name). Raises UserError when none holds the file.
    Of a file that is named with its whole path: the folder that it lies in.
    """
    if Path(file).is_absolute() and Path(file).is_file():
        return Path(file).parent

    top = folder("input")
    candidates = [top / name, top]

    for depth in ("*", "*/*", "*/*/*"):
        candidates += sorted(top.glob(f"{depth}/{name}"))

    for candidate in candidates:
        if (candidate / file).is_file():
            return candidate

    if name.startswith("demo_"):
        raise UserError(
            f"no {name}/{file} in input_path={top}: the sample is not drawn yet; run: "
            "python scripts/00_sample_data.py, or make demo"
        )

    raise UserError(
        f"no {name}/{file} in input_path={top}; there is: {list_folder(top)}. "
        f"Put the competition's files in {top / name}, or set input_path"
    )


def list_folder(top: Path, limit: int = 20) -> str:
    """What a folder and its folders hold, for a message."""
    names = []
    for path in (*top.glob("*"), *top.glob("*/*")):
        is_hidden = path.name.startswith(".")
        is_half_made = ".half" in str(path)
        if not is_hidden and not is_half_made:
            names.append(str(path.relative_to(top)))

    names.sort()
    shown = ", ".join(names[:limit]) or "nothing"
    n_more = len(names) - limit
    return f"{shown} and {n_more} more" if n_more > 0 else shown


def inside(top: Path, name: str) -> Path:
    """top/name. Raises ValueError where it leads out of top: a name from a csv is not trusted."""
    if "\0" in name or name.startswith(("/", "\\")) or ".." in Path(name).parts:
        raise ValueError(f"{name!r} leads out of {top}")

    return top / name


def safe_name(name: str) -> str:
    """A model's name as a file name: hf-hub:timm/x becomes hf-hub--timm--x."""
    return name.replace("/", "--").replace(":", "--")


class Paths:
    """Names of one category's files, in pipeline order; the Makefile uses the same names.

    rows: "" = the training rows; "test" or the name of a table of new rows = rows to answer, whose
    files lie in a folder of their own; what was learnt is the same for all.
    """

    def __init__(self, category: str, rows: str = ""):
        self.category = category
        self.rows = rows
        self.dir = folder("working") / category
        self.own = self.dir / ANSWERS / rows if rows else self.dir  # the folder of these rows
        self.folds = self.dir / "folds.csv"  # id, fold, validation, image, labels of training rows
        self.table = self.own / "rows.csv" if rows else self.folds
        self.downloads = folder("working") / "downloads"  # files of links, for all categories
        self.images = self.own / "images.csv"  # image, status, reason, where in the cache
        self.cache = self.own / "images"  # <shard>.bin
        self.colours = self.own / "colours.npy"  # of each line of images.csv, to find twins by
        self.mistakes = self.dir / "mistakes.csv"  # labelled rows that are answered wrong
        self.merged = self.own / "merged.npz"  # id (n,), pred (n, k)
        self.stopped = self.dir / "stopped"  # why a step stopped, a file each, until it is made
        self.report = self.dir / "report.html"
        is_new = rows not in ("", TEST)
        self.submission = folder("submissions") / f"{category}{f'-{rows}' if is_new else ''}.csv"

    def of(self, rows: str) -> "Paths":
        """The category's files of other rows."""
        return Paths(self.category, rows)

    def features(self, source: str, suffix: str = ".npy") -> Path:
        return self.own / "features" / f"{safe_name(source)}{suffix}"

    def model(self, member: str) -> Path:
        return self.dir / "model" / f"{member}.safetensors"

    def checkpoint(self, member: str) -> Path:
        return self.dir / "checkpoints" / f"{member}.pt"

    def pred(self, member: str) -> Path:
        """A member's predictions."""
        return self.own / "pred" / f"{member}.npz"

    def replies(self, member: str) -> Path:
        """A language model's replies, its predictions as a table."""
        return self.own / "pred" / f"{member}.csv"
