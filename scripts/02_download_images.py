"""Every picture of the rows read once, judged, and kept at the size the network needs.

Reads   working/<category>/folds.csv, the pictures it names in <input_path>/<data.folder>/
Writes  working/<category>/images/<shard>.bin: JPEGs of images.size one after the other, with <shard>.csv; a shard that is
        there is not made again, so a killed run goes on where it was
        working/<category>/images.csv: image, status (ok, bad), reason, width, height, shard, offset, bytes
Run     python scripts/02_download_images.py c2
"""
import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from common import errors
from common.cli import start
from common.device import stop_in_time
from common.images import cached_bytes
from common.graph import size_of
from common.io import log, progress, read_record, replacing, writing
from common.paths import input_folder
from common.tables import read_folds

SHARD = 1000  # pictures; what a killed run loses at most


def make_shard(names: list[str], shard: int, folder: Path, paths, images, pool) -> pd.DataFrame:
    """The index of one shard, image by image; pictures are read only when the shard is not there for these files."""
    key = hashlib.sha256(json.dumps([names, [size_of(folder, name) for name in names], images.model_dump()]).encode()).hexdigest()
    index, blob = paths.cache / f"{shard:03d}.csv", paths.cache / f"{shard:03d}.bin"
    if (read_record(index) or {}).get("key") != key or not blob.exists():
        rows, offset = [], 0
        for old in (paths.images, index):  # they speak of the bytes that are now replaced
            old.unlink(missing_ok=True)
        with replacing(blob) as part, open(part, "wb") as file:
            missing = (b"", {"status": "bad", "reason": "its name leads out of the folder", "width": 0, "height": 0})
            for name, (data, row) in zip(names, pool.map(lambda n: cached_bytes(folder / n, images) if n else missing, names)):
                file.write(data)
                rows.append({"image": name, **row, "shard": shard, "offset": offset, "bytes": len(data)})
                offset += len(data)
        with writing(index, {"key": key}) as part:
            pd.DataFrame(rows).to_csv(part, index=False)
    return pd.read_csv(index, keep_default_na=False, dtype={"image": str})


def main(argv=None):
    job = start(__doc__, argv)
    paths, images = job.paths, job.config.images
    folder = input_folder(job.config.data.folder, job.config.data.train)
    if not job.config.data.train_image:
        raise errors.Stop(f"data.train_image is empty: {paths.category} has no pictures; write e.g. data.train_image=images/{{id}}.jpg")
    with job.writing(paths.images) as (part, record):
        rows = read_folds(paths.folds)
        names = sorted(set(rows.image))
        shards = range(0, len(names), SHARD)
        with ThreadPoolExecutor(job.config.run.workers or os.cpu_count()) as pool:
            tables = []
            for s in progress(shards, "pictures", unit="k"):
                tables.append(make_shard(names[s:s + SHARD], s // SHARD, folder, paths, images, pool))
                stop_in_time(job.config.run)
        table = pd.concat(tables, ignore_index=True)
        table.to_csv(part, index=False)
        bad = table[table.status == "bad"]
        for split, images_of in rows.groupby("split").image:
            if images_of.isin(bad.image).all():
                reason = bad.set_index("image").reason[images_of.iloc[-1]]
                raise errors.Stop(f"none of {len(images_of)} {split} pictures can be read in {folder}, e.g. {images_of.iloc[-1]!r}: {reason}; "
                                  f"unpack the pictures there, or set data.{split}_image")
        record |= {"ok": len(table) - len(bad), "bad": {name: size_of(folder, name) for name in bad.image}}
    log(pictures=len(table), bad=len(bad), rows_without_picture=int(rows.image.isin(bad.image).sum()))
    for name, reason in bad[["image", "reason"]].head(10).itertuples(index=False):
        log(bad=name, reason=reason)


if __name__ == "__main__":
    errors.run(main)
