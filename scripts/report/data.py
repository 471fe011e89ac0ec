"""Section "The data": raw tables, what the task asks for, folds and images, as they are
before any training."""

import numpy as np
import pandas as pd

from common.errors import UserError
from page.blocks import Note, Section, Table
from page.formats import shorten
from report.data_images import image_blocks
from report.independence import independence_blocks
from report.view import View
from tasks import load_module
from tasks.raw import Raw, overview, read_raw

MOST_COLUMNS = 16  # of the raw tables that are shown
LETTERS = 40  # of a cell


def section(view: View) -> Section:
    """Counts, labels and lengths by the raw files; images by what 02 wrote of them. No image is
    read but the few that are shown."""
    blocks = []
    if not view.config.concat:
        blocks += raw_blocks(view)
        blocks += fold_table(view)
        blocks += independence_blocks(view)
        blocks += image_blocks(view)

    return Section("The data", "data", blocks)


def raw_blocks(view: View) -> list:
    """What the raw files hold; a note where they are not there, or not as the config says."""
    config = view.config
    analysis = load_module(config.task, "analysis")
    figures = load_module(config.task, "figures")

    try:
        raw = read_raw(config, analysis.needs(config.data) if analysis else {})
        general = overview(raw)
        tables = analysis.analyse(raw) if analysis else {}
    except UserError as error:
        return [Note(f"The raw files cannot be read: {error}", "warning")]

    blocks = [
        *file_blocks(raw, general["files"]),
        *odd_columns(shared_columns(raw, general["columns"])),
    ]
    if figures and analysis:
        blocks += figures.data(raw, tables)

    return blocks


def file_blocks(raw: Raw, files: pd.DataFrame) -> list:
    """How many rows there are, in words and as a table."""
    n_train, n_test = (int(n) for n in files["rows"])
    n_shared = int(files["ids in the other"].max())
    text = f"{n_train:,} training rows and {n_test:,} test rows in {raw.folder.name}/."

    if n_shared:
        text += f" {n_shared:,} ids stand in both: they are told apart by their split."

    caption = "The files. Rows that repeat another are equal in all but the id."
    if not raw.config.data.text:
        # rows of labels alone are often equal, and their images are not
        caption = "The files."
        files = files.drop(columns="rows that repeat another")

    return [Note(text), Table(caption, files)]


def shared_columns(raw: Raw, columns: pd.DataFrame) -> pd.DataFrame:
    """Facts of the columns that train and test share, but ids and categories."""
    data = raw.config.data
    keys = [data.id, data.category_column]
    is_shared = columns["in"] == "train test"
    is_key = columns["column"].isin(keys)

    return columns[is_shared & ~is_key]


def odd_columns(columns: pd.DataFrame) -> list[Table]:
    """The columns with cells that are empty, read as unknown, or are all the same; [] where there
    is none."""
    empty = columns.filter(like="empty")
    has_empty = (empty.fillna(0) > 0).any(axis=1)

    odd = columns[has_empty | (columns["reads as unknown"] > 0) | columns["constant"]]
    if odd.empty:
        return []

    examples = [shorten(text, LETTERS) for text in odd["most frequent"]]
    odd = odd.assign(**{"most frequent": examples})
    odd = odd.astype(dict.fromkeys(empty, int))
    shown = ["column", "in", *empty, "reads as unknown", "distinct", "most frequent"]
    caption = (
        "Columns of both files with cells that are empty, or read as unknown (na, none, -), or "
        "are all the same."
    )

    return [Table(caption, odd[shown].head(MOST_COLUMNS))]


def fold_table(view: View) -> list[Table]:
    """How many rows each fold has; [] before folds.csv."""
    if view.rows is None:
        return []

    rows = view.rows
    train = rows.fold >= 0
    lines = []
    for k in np.unique(rows.fold[train]):
        in_fold = rows.fold == k
        lines.append(
            {
                "fold": str(k),
                "rows": int(in_fold.sum()),
                "labelled": int((in_fold & rows.is_labelled).sum()),
                "groups": len(set(rows.group[in_fold])),
            }
        )

    frame = pd.DataFrame(lines)
    caption = f"The {len(lines)} folds; rows of one group are in one fold."

    has_groups = len(set(rows.group[train])) < train.sum()
    if not has_groups:
        caption = f"The {len(lines)} folds."
        frame = frame.drop(columns="groups")

    return [Table(caption, frame)]
