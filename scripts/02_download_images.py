"""Gets every image of the rows once, from its link, file or archive, checks it, and caches it at
the size that the network needs.

Reads   train.csv, test.csv and what the task needs beside them in <input_path>/<data.folder>/; the
        images that data.train_image and data.test_image name: files there, members of .tar and
        .zip archives there, or links
Writes  working/downloads/<hash of the link>
            files of links, for all categories; none is fetched twice
        working/<category>/images/<shard>.bin
            the cache, JPEGs of images.size one after the other, and rows.growing, by which a killed
            run goes on where it was
        working/<category>/failed.csv
            the images that are not to be had or used: id, image, status, reason
        working/<category>/duplicates.csv
            pairs of images that are the same, or nearly
        working/<category>/images.csv, written last; of rows to answer all but downloads/ in
        working/<category>/answers/<rows>/
            id of the first row that shows it, image, file, status (ok, bad, failed: may pass),
            reason, bytes, width, height, sha256, hash (average hash, 16 hex digits), shard, offset,
            length (in the cache), group: the first image that is the same or nearly
Run     python scripts/02_download_images.py c2
        python scripts/02_download_images.py entity --retry
            what failed is tried again, links that are not there (404) too
        python scripts/02_download_images.py c2 --rows test
            those of the rows to answer
"""

from hashlib import sha256

import numpy as np
import pandas as pd

from common import errors
from common.files import digest, replacing
from common.log import log
from common.paths import TEST
from common.tables import read_csv
from images.archives import archive_stamps
from images.cache_writer import COLUMNS, CacheWriter
from images.duplicates import find_twins, stored_colours
from images.locate import open_image_files
from images.names import is_link, size_of
from pipeline.job import start
from pipeline.load import raw_rows
from pipeline.staleness import values
from pipeline.stops import run

TARGET = "images.csv"
FIRST = True
# settings that say which images there are
WHICH_IMAGES = (
    "data.folder",
    "data.id",
    "data.category_column",
    "data.categories",
    "data.question",
)
OF_TRAIN = (
    "data.train",
    "data.labels",
    "data.attributes",
    "data.train_image",
    "data.max_train_rows",
)
OF_ANSWERS = ("data.test", "data.test_image")


def needs(config, paths, name):
    # whose images may be in the test rows, too
    return [paths.of("").images] if paths.rows == TEST else []


def settings(config, paths, name):
    if paths.rows:
        return ["task", "images", *WHICH_IMAGES, *OF_ANSWERS]

    drawn = ["data.seed"] if config.data.max_train_rows else []
    return ["task", "images", *WHICH_IMAGES, *OF_TRAIN, *drawn]


def ingest(job, rows: pd.DataFrame, image_files, made_with: str) -> pd.DataFrame:
    """Every image of the rows into the cache; a line per image, by name."""
    # here, not above: make imports this script to ask what it needs, and not what downloads need
    from images.ingest import ImageIngester

    paths = job.paths
    key = sha256(made_with.encode()).hexdigest()
    with CacheWriter(paths.cache, key, paths.images) as cache:
        ingester = ImageIngester(job.config, image_files, paths.downloads, cache)
        ingester.ingest(sorted(set(rows.image)), job.args.retry)
        first_ids = rows.drop_duplicates("image").set_index("image").id.sort_index()
        lines = [cache.ledger.done[image] for image in first_ids.index]

    table = pd.DataFrame(lines, columns=COLUMNS)
    table.insert(0, "id", first_ids.to_numpy())
    return table


def write_beside(file, table: pd.DataFrame) -> None:
    """A table for people, that no script reads."""
    with replacing(file) as tmp:
        table.to_csv(tmp, index=False)


def require_some(rows: pd.DataFrame, bad: pd.DataFrame, image_files, job) -> None:
    """Raises UserError when none of a split's images can be used."""
    reasons = bad.set_index("image").reason
    for split, images in rows.groupby("split").image:
        if images.isin(reasons.index).all():
            raise errors.UserError(none_usable(split, images, reasons, image_files, job))


def none_usable(split: str, images: pd.Series, reasons: pd.Series, image_files, job) -> str:
    """Why none of a split's images can be used, and what to do."""
    name = images.iloc[-1]
    none = f"none of {len(images)} {split} images can be"
    example = f"e.g. {name[:200]!r}: {reasons[name]}"

    if is_link(name):
        return (
            f"{none} had, {example}; is there a network (in a Kaggle kernel: Internet on)? "
            f"Then run: {job.make_command('retry')}. Without one, put the downloads/ of another "
            f"session, or an archive of it, into {image_files.folder}"
        )

    hint = image_files.hint()
    if not hint:
        hint = f"put the images or an archive of them there, or set data.{split}_image"

    return f"{none} read in {image_files.folder}, {example}; {hint}"


def find_groups(job, table: pd.DataFrame):
    """Which images are the same: (counts for the log, pairs, each image's group). Those of rows to
    answer are compared with those of the training rows, too."""
    if not job.paths.rows:
        shown = {"train": np.ones(len(table), bool)}
        return find_twins(table, shown, stored_colours(table))

    both = with_training_images(job, table)
    shown = {
        "train": both.in_train.to_numpy(bool),
        "test": both.image.isin(table.image).to_numpy(),
    }
    counts, pairs, groups = find_twins(both, shown, stored_colours(both))
    is_of_test = pairs.image.isin(table.image) | pairs["same as"].isin(table.image)
    group_of = dict(zip(both.image, groups, strict=True))
    return counts[counts["of"] == "test"], pairs[is_of_test], table.image.map(group_of)


def with_training_images(job, table: pd.DataFrame) -> pd.DataFrame:
    """The training images, then those of the table that are not among them, with in_train (bool);
    without the cells of a training run that is not there."""
    training = job.paths.of("")
    known = table.iloc[:0]

    if training.images.exists() and training.colours.exists():
        known = read_csv(training.images).assign(colours=np.load(training.colours).astype(str))

    new = table[~table.image.isin(known.image)]
    both = pd.concat([known.assign(in_train=True), new.assign(in_train=False)])
    return both.reset_index(drop=True)


def version(made_with: str, table: pd.DataFrame) -> str:
    """The same wherever the table is made of the same files, so that another seed or machine makes
    nothing stale."""
    what_counts = table[["image", "status", "sha256", "group"]].to_csv()
    return sha256((made_with + what_counts).encode()).hexdigest()


def tell(job, table: pd.DataFrame, rows: pd.DataFrame, counts: pd.DataFrame) -> None:
    """What there is, what is double, what failed and how to try it again."""
    for kind, of, within, n_images, *_ in counts[counts.images > 0].itertuples(index=False):
        log(duplicates=kind, of=of, within=within, images=n_images)

    bad = table.image[table.status != "ok"]
    statuses = table.status.value_counts().to_dict()
    log(images=len(table), **statuses, rows_without_image=int(rows.image.isin(bad).sum()))

    if len(bad):
        has_links = bad.map(is_link).any()
        log(
            see=job.paths.own / "failed.csv", retry=job.make_command("retry") if has_links else None
        )


def require_pattern(job) -> None:
    setting = "test_image" if job.paths.rows else "train_image"
    if not getattr(job.config.data, setting):
        raise errors.UserError(
            f"data.{setting} is empty: {job.paths.category} has no images; write e.g. "
            f"data.{setting}=images/{{id}}.jpg"
        )


def main(argv=None):
    retry = ("--retry", {"action": "store_true", "help": "try again what failed before"})
    job = start(__doc__, argv, retry, answers="")
    config, paths = job.config, job.paths
    folder = job.input_folder
    require_pattern(job)
    made_with = repr(values(config, ["data.folder", "images"]))

    with job.writing(paths.images) as (tmp, record):
        rows, files = raw_rows(job)
        image_files = open_image_files(job)
        table = ingest(job, rows, image_files, made_with)
        bad = table[table.status != "ok"]
        require_some(rows, bad, image_files, job)
        counts, pairs, table["group"] = find_groups(job, table)

        if not paths.rows:
            with replacing(paths.colours) as colours:
                np.save(colours, table.colours.to_numpy("S"))

        table.drop(columns=["stamp", "colours"]).to_csv(tmp, index=False)
        write_beside(paths.own / "failed.csv", bad[["id", "image", "status", "reason"]])
        write_beside(paths.own / "duplicates.csv", pairs)
        record["version"] = version(made_with, table)
        record["raw"] = {name: digest(folder / name) for name in files}
        record["archives"] = archive_stamps(folder)
        bad_files = bad.image[~bad.image.map(is_link)]
        record["bad"] = {name: size_of(folder, name) for name in bad_files}

    tell(job, table, rows, counts)


if __name__ == "__main__":
    run(main)
