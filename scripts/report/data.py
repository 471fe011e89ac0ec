"""The data before anything is made of them: raw tables, what the task asks for, the pictures."""

from pathlib import Path

import numpy as np
import pandas as pd

from common.errors import UserError
from common.tables import read_csv
from page.blocks import Card, Cards, Note, Section, Table, shorten
from page.thumbnails import Thumbnails
from report.view import View
from tasks import load_part
from tasks.raw import overview, read_raw

PAIRS = 8  # of look-alikes that are shown
REASONS = 12  # for which pictures are bad
COLUMNS = 16  # of the raw tables that are listed
WIDE = 40  # characters of a cell


def section(view: View) -> Section:
    """Counts, labels and lengths by the raw files; pictures by what 02 wrote of them. No picture is
    read but the few that are shown."""
    if view.job.config.concat:
        return Section("The data", "data", [])
    return Section(
        "The data", "data", [*raw_blocks(view), *row_blocks(view), *picture_blocks(view)]
    )


def raw_blocks(view: View) -> list:
    """What the raw files hold; a note where they are not there, or not as the config says."""
    config = view.job.config
    analysis = load_part(config.task, "analysis")
    figures = load_part(config.task, "figures")
    try:
        raw = read_raw(config, analysis.needs(config.data) if analysis else {})
        general, tables = overview(raw), analysis.analyse(raw) if analysis else {}
    except UserError as stop:
        return [Note(f"The raw files are not to be had: {stop}", "warning")]
    files = general["files"]
    train, test = (int(n) for n in files.rows)
    shared = int(files["ids in the other"].max())
    head = Note(
        f"{train:,} training rows and {test:,} test rows in {raw.folder.name}/."
        + (f" {shared:,} ids stand in both: they are told apart by their split." if shared else "")
    )
    if not config.data.text:  # rows of labels alone are alike, and their pictures are not
        files = files.drop(columns="rows that repeat another")
    columns = general["columns"][
        lambda table: (
            (table["in"] == "train test")
            & ~table.column.isin([config.data.id, config.data.category_column])
        )
    ]
    return [
        head,
        Table(
            "The files"
            + (
                ". Rows that repeat another are equal in all but the id."
                if config.data.text
                else "."
            ),
            files,
        ),
        *odd_columns(columns),
        *(figures.data(raw, tables) if figures and analysis else []),
    ]


def odd_columns(columns: pd.DataFrame) -> list:
    """The columns that train and test share with cells that are empty, read as unknown, or are all
    the same; [] where there is none."""
    odd = columns[
        (columns.filter(like="empty").fillna(0) > 0).any(axis=1)
        | (columns["reads as unknown"] > 0)
        | columns.constant
    ]
    odd = odd.assign(
        **{"most frequent": odd["most frequent"].map(lambda text: shorten(text, WIDE))}
    )
    odd = odd.astype({name: int for name in odd.columns if name.startswith("empty")})
    odd = odd[
        [
            "column",
            "in",
            *columns.filter(like="empty"),
            "reads as unknown",
            "distinct",
            "most frequent",
        ]
    ].head(COLUMNS)
    return (
        [
            Table(
                "Columns of both files with cells that are empty, or read as unknown "
                "(na, none, -), or are all the same.",
                odd,
            )
        ]
        if len(odd)
        else []
    )


def row_blocks(view: View) -> list:
    """How many rows each fold has; [] before folds.csv."""
    if view.rows is None:
        return []
    rows, labelled = view.rows, (view.rows.target >= 0).any(1)
    folds = sorted(set(rows.fold[rows.fold >= 0].tolist()))
    frame = pd.DataFrame(
        [
            {
                "fold": str(k),
                "rows": int((rows.fold == k).sum()),
                "labelled": int(((rows.fold == k) & labelled).sum()),
                "groups": len(set(rows.group[rows.fold == k])),
            }
            for k in folds
        ]
    )
    kept = len(set(rows.group[rows.fold >= 0])) < (rows.fold >= 0).sum()
    return [
        Table(
            f"The {len(folds)} folds{'; rows of one group are in one fold' if kept else ''}.",
            frame if kept else frame.drop(columns="groups"),
        )
    ]


def picture_blocks(view: View) -> list:
    """Which pictures could be had, why not, how large they are, which look alike."""
    paths = view.job.paths
    if not view.job.config.data.train_image:
        return [Note("The config names no pictures.")]
    if not paths.images.exists():
        return [Note("No images.csv: pictures have not been looked at (make images).")]
    try:
        table = read_csv(paths.images, ["id", "image", "status", "reason", "width", "height"])
    except UserError as stop:
        return [Note(str(stop), "warning")]
    table["split"] = table.id.str.partition(":")[0]
    counts = table.groupby("split").status.value_counts().unstack(fill_value=0).reset_index()
    counts.columns.name = None
    sides = table[["width", "height"]].apply(pd.to_numeric, errors="coerce")[table.status == "ok"]
    shorter = sides.min(axis=1)
    size = (
        f" Half of them are between {shorter.quantile(0.25):.0f} and "
        f"{shorter.quantile(0.75):.0f} pixels on their shorter side."
        if len(sides)
        else ""
    )
    bad = table[table.status != "ok"]
    why = (
        bad.groupby(bad.reason.str.replace(r"^\d+x\d+ ", "", regex=True))
        .image.agg(["size", "first"])
        .reset_index()
    )
    why.columns = ["reason", "pictures", "example"]
    blocks = [
        Table(
            "Distinct pictures by what became of them, of the split whose rows show them "
            f"first.{size}",
            counts,
        )
    ]
    if len(bad):
        blocks.append(
            Table(
                f"Why {len(bad):,} pictures are not used; failed.csv lists them. Their "
                "rows are answered without a picture.",
                why.sort_values("pictures", ascending=False).head(REASONS),
            )
        )
    return blocks + look_alikes(view, table, paths.dir / "duplicates.csv")


def look_alikes(view: View, images: pd.DataFrame, file: Path) -> list:
    """Counts of pictures that are the same as another, within splits and across, and the pairs
    across to look at."""
    try:
        pairs = read_csv(file, ["kind", "picture", "same as"])
    except UserError:
        return [Note("No duplicates.csv: look-alikes were not sought (make images).")]
    if pairs.empty:
        return [Note("No picture is the same as another, or nearly.")]
    shown = splits_of(view, images)
    both = [
        shown.get(one, set()) | shown.get(other, set())
        for one, other in zip(pairs.picture, pairs["same as"], strict=True)
    ]
    splits_of_pair = np.array(
        [" and ".join(sorted(splits, reverse=True)) for splits in both], dtype=object
    )
    frame = (
        pairs.assign(**{"in": splits_of_pair})
        .groupby(["kind", "in"])
        .size()
        .rename("pairs")
        .reset_index()
    )
    across = pairs[splits_of_pair == "train and test"]
    said = "Test pictures with a twin in train may have its labels. " if len(across) else ""
    apart = (
        ""
        if view.job.config.data.group
        else "Twins in different folds make out-of-fold scores too good: data.group=image "
        "keeps them together. "
    )
    blocks: list = [
        Table(
            "Pictures that are the same as an earlier one: exact, the same bytes; near, "
            "the same to the eye at 8x8. "
            f"{said}{apart}",
            frame,
        )
    ]
    thumbnails, cards = Thumbnails(view.job), []
    chosen = (
        across.iloc[np.unique(np.linspace(0, len(across) - 1, min(PAIRS, len(across))).astype(int))]
        if len(across)
        else across
    )
    for kind, one, other in chosen[["kind", "picture", "same as"]].itertuples(index=False):
        places = "; ".join(" and ".join(sorted(shown.get(name, set()))) for name in (one, other))
        cards.append(
            Card(
                f"{one} · {other}", {"twins": kind, "shown in": places}, thumbnails.pair(one, other)
            )
        )
    said = (
        f"{len(cards)} of {len(across):,} pairs of look-alikes of which train has one and "
        "test the other."
    )
    return blocks + ([Cards(said, cards)] if cards else [])


def splits_of(view: View, images: pd.DataFrame) -> dict[str, set]:
    """{picture: the splits whose rows show it}, by the rows where they are there, else by
    images.csv, which knows the first alone."""
    names, splits = (
        (images.image, images.split)
        if view.rows is None
        else (view.rows.image, np.where(view.rows.fold < 0, "test", "train"))
    )
    found: dict[str, set] = {}
    for name, split in zip(names, splits, strict=True):
        found.setdefault(name, set()).add(split)
    return found
