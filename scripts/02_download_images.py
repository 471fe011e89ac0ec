"""Every picture of the rows had once, from its link, file or archive; judged; kept at the size the
network needs.

Reads   train.csv, test.csv and what the task needs beside them in <input_path>/<data.folder>/; the
        pictures that data.train_image and data.test_image name: files there, members of .tar and
        .zip archives there, or links
Writes  working/downloads/<hash of the link>
            files of links, for all categories; none is fetched twice
        working/<category>/images/<shard>.bin
            the cache, JPEGs of images.size one after the other, and rows.growing, by which a killed
            run goes on where it was
        working/<category>/failed.csv
            the pictures that are not to be had or used: id, image, status, reason
        working/<category>/duplicates.csv
            pairs of pictures that are the same, or nearly
        working/<category>/images.csv, written last
            id of the first row that shows it, image, file, status (ok, bad, failed: may pass),
            reason, bytes, width, height, sha256, hash (average hash, 16 hex digits), shard, offset,
            length (in the cache), group: the first picture that is the same or nearly
Run     python scripts/02_download_images.py c2
        python scripts/02_download_images.py entity --retry
            what failed is tried again, links that are not there (404) too
"""

from hashlib import sha256

import pandas as pd

from common import errors
from common.files import digest, replacing
from common.log import log
from common.paths import input_folder
from common.stops import run
from images.archives import archive_stamps
from images.cache import COLUMNS, Growing
from images.duplicates import find_twins, stored_colours
from images.locate import open_pictures
from images.names import is_link, size_of
from pipeline.graph import values
from pipeline.job import start
from pipeline.load import kept_rows

TARGET = "images.csv"
# settings that say which pictures there are
WHICH_PICTURES = tuple(
    f"data.{key}"
    for key in (
        "folder",
        "train",
        "test",
        "id",
        "category_column",
        "categories",
        "labels",
        "attributes",
        "train_image",
        "test_image",
        "question",
        "val_rows",
    )
)


def needs(config, paths, name):
    return []


def settings(config, name):
    drawn = ["data.seed"] if config.data.val_rows else []
    return ["task", "images", *WHICH_PICTURES, *drawn]


def index(rows: pd.DataFrame, cache: Growing) -> pd.DataFrame:
    """images.csv of the rows: a line per picture, by name."""
    first = rows.drop_duplicates("image").set_index("image").id.sort_index()
    table = pd.DataFrame([cache.ledger.done[image] for image in first.index], columns=COLUMNS)
    table.insert(0, "id", first.to_numpy())
    return table


def write_beside(file, table: pd.DataFrame) -> None:
    """A table for people, that no script reads."""
    with replacing(file) as part:
        table.to_csv(part, index=False)


def require_some(rows: pd.DataFrame, bad: pd.DataFrame, pictures, job) -> None:
    """Stop when none of a split's pictures can be used."""
    reasons = bad.set_index("image").reason
    for split, images in rows.groupby("split").image:
        if images.isin(reasons.index).all():
            name, folder = images.iloc[-1], pictures.folder
            what = (
                f"none of {len(images)} {split} pictures can be "
                f"{'had' if is_link(name) else f'read in {folder}'}, e.g. {name[:200]!r}: "
                f"{reasons[name]}; "
            )
            raise errors.Stop(
                what
                + (
                    pictures.hint()
                    or f"put the pictures or an archive of them there, or set data.{split}_image"
                    if not is_link(name)
                    else "is there a network (in a Kaggle kernel: Internet on)? Then run: "
                    f"{retry(job)}. Without one, put the downloads/ "
                    f"of another session, or an archive of it, into {folder}"
                )
            )


def retry(job) -> str:
    """The command that fetches again what could not be had."""
    return f"make retry CATEGORY={job.paths.category}" + (
        f' SET="{" ".join(job.overrides)}"' if job.overrides else ""
    )


def main(argv=None):
    job = start(
        __doc__, argv, ("--retry", {"action": "store_true", "help": "try again what failed before"})
    )
    from images.ingest import Obtainer  # loads what downloads need, which make's questions do not

    config, paths = job.config, job.paths
    folder = input_folder(config.data.folder, config.data.train)
    if not config.data.train_image:
        raise errors.Stop(
            f"data.train_image is empty: {paths.category} has no pictures; write e.g. "
            f"data.train_image=images/{{id}}.jpg"
        )
    with job.writing(paths.images) as (part, record):
        rows, files = kept_rows(config, folder)
        pictures, made_with = open_pictures(job), repr(values(config, ["data.folder", "images"]))
        with Growing(paths.cache, sha256(made_with.encode()).hexdigest(), paths.images) as cache:
            Obtainer(config, pictures, paths.downloads, cache).obtain(
                sorted(set(rows.image)), job.args.retry
            )
            table = index(rows, cache)
        bad = table[table.status != "ok"]
        require_some(rows, bad, pictures, job)
        splits = {
            split: table.image.isin(rows.image[rows.split == split]).to_numpy()
            for split in ("train", "test")
        }
        counts, pairs, table["group"] = find_twins(table, splits, stored_colours(table))
        table.drop(columns=["stamp", "colours"]).to_csv(part, index=False)
        write_beside(paths.dir / "failed.csv", bad[["id", "image", "status", "reason"]])
        write_beside(paths.dir / "duplicates.csv", pairs)
        record |= {
            # the same wherever it is made of the same files, so that another seed or machine makes
            # nothing stale
            "made": sha256(
                (made_with + table[["image", "status", "sha256", "group"]].to_csv()).encode()
            ).hexdigest(),
            "raw": {name: digest(folder / name) for name in files},
            "archives": archive_stamps(folder),
            "bad": {name: size_of(folder, name) for name in bad.image[~bad.image.map(is_link)]},
        }
    for kind, of, within, found, *_ in counts[counts.pictures > 0].itertuples(index=False):
        log(duplicates=kind, of=of, within=within, pictures=found)
    log(
        pictures=len(table),
        **table.status.value_counts().to_dict(),
        rows_without_picture=int(rows.image.isin(bad.image).sum()),
    )
    if len(bad):
        log(
            see=paths.dir / "failed.csv", retry=retry(job) if bad.image.map(is_link).any() else None
        )


if __name__ == "__main__":
    run(main)
