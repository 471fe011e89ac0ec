"""Features that are made once: a frozen network's of every picture or text, a trained net's maps,
the words of every text.

Reads   working/<category>/folds.csv, images.csv and the cache, model/net_<fold>.safetensors: what
        the source needs of them
Writes  working/<category>/features/<source>.npy float16 and <source>.names.npy, the n pictures or
        ids it holds:
          net_<fold>           (n, views, d, h, w) maps of its trunk
          <timm encoder>       (n, views, d) pooled
          text:<encoder>, image:<encoder>, joint:<encoder>  (n, d) pooled or (n, tokens, d), of a
          transformers model
        features/ocr.csv, lines of text on the pictures: image, line (-1: none), text, score,
        corners, size of the picture features/words.npz, the texts' n-grams; near.npz, each row's
        nearest training rows; table_<fold>.npy, what the table reads A network's features and ocr
        go on where a killed run was
Run     python scripts/03_extract_features.py c2 --source net_0
        python scripts/03_extract_features.py price_v2 --source text:google/embeddinggemma-300m
"""

import time

import numpy as np

from common import errors
from common.files import replacing
from common.ledger import Ledger
from common.log import log, progress
from common.paths import plain
from common.stops import deadline, run, stop_in_time
from common.tables import digests
from features.neighbors import save_nearest
from features.sources import open_source
from features.store import Growing, names_file
from images.locate import open_pictures
from models import load_model
from networks.device import device
from pipeline.job import start
from pipeline.load import load_rows
from texts.ngrams import count_words, save_words


def write_dense(job, stem: str) -> None:
    """features/<stem>.npy and its names, going on where an earlier run stopped."""
    target = job.paths.features(stem)
    with job.writing(target) as (part, record):
        with device(job.config.run) as where:
            source = open_source(job, stem, where, load_model, load_rows)
            out = Growing(target, (len(source.names), *source.shape), job.key(target))
            bar = progress(what=stem, total=len(source.names), done=out.done, unit="row")
            for block in source.stream(out.done):
                out.add(block.half().cpu().numpy())
                bar.update(len(block))
                if time.time() > deadline(job.config.run):
                    out.save()
                    stop_in_time(job.config.run)
        target.unlink(missing_ok=True)  # before its names become another file's
        with replacing(names_file(target)) as names:
            np.save(names, source.names.astype(str))  # no objects: they would be pickled
        out.finish(part)
        record |= source.record | {"shape": out.array.shape}
    log(source=stem, rows=len(source.names), shape=out.array.shape)


def write_ocr(job, rows) -> None:
    """features/ocr.csv: the text on every picture of the rows. What was read stays in ocr.growing:
    no picture is read twice, though rows, folds or parts become others."""
    from features import ocr

    target, names = job.paths.ocr, sorted(set(rows.image) - {""})
    if not names:
        raise errors.Stop(
            f"{job.paths.category} has no pictures to read; name them in data.train_image "
            "and data.test_image"
        )
    pictures, columns, key = (
        open_pictures(job),
        ("image", "lines", "reason"),
        job.key(target, inputs=False),
    )
    with (
        job.writing(target) as (part, record),
        Ledger(target.with_suffix(".growing"), columns, key) as ledger,
    ):
        with device(
            job.config.run.model_copy(update={"device": "cpu"})
        ):  # one job at a time on the cores
            ocr.read_all(names, pictures, job.config, ledger)
        record |= ocr.write_table(ledger, names, pictures.folder, part)
        if len(record["reasons"]) == len(names):
            raise errors.Stop(
                f"none of {len(names)} pictures can be read in {pictures.folder}, e.g. "
                f"{names[0]}: {record['reasons'][names[0]]}; "
                + (
                    pictures.hint()
                    or "put the pictures or an archive of them there, or set "
                    "data.train_image and data.test_image"
                )
            )
    log(source="ocr", pictures=len(names), lines=record["lines"], bad=len(record["reasons"]))


def write_words(job, rows) -> None:
    """features/words.npz: n-grams of the texts and their space."""
    with job.writing(job.paths.words) as (part, record):
        words = count_words(rows.text, job.config.words)
        save_words(words, rows.id, part)
        record["shape"] = {block: matrix.shape for block, matrix in words.items()}
    log(
        source="words",
        rows=len(rows.id),
        **{block: matrix.shape[1] for block, matrix in words.items()},
    )


def write_near(job, rows) -> None:
    """features/near.npz: the nearest training rows of every row, in each space."""
    with job.writing(job.paths.near) as (part, record):
        record["spaces"] = save_nearest(job, rows, part)
    log(source="near", rows=len(rows.id), spaces=", ".join(record["spaces"]))


def write_columns(job, rows, k: int) -> None:
    """features/table_<k>.npy: the columns that table_<k> reads."""
    target = job.paths.features(f"table_{k}")
    with job.writing(target) as (part, record):
        values, record["columns"] = load_model("table").columns(job, k, rows)
        record["raw"] = digests(job.config.data, job.config.table)
        np.save(part, values)
        target.unlink(missing_ok=True)
        with replacing(names_file(target)) as names:
            np.save(names, rows.id)
    log(source=f"table_{k}", rows=len(values), columns=values.shape[1])


def main(argv=None):
    job = start(
        __doc__,
        argv,
        (
            "--source",
            {"required": True, "help": "one of the above, e.g. words, net_0, text:<encoder>"},
        ),
    )
    stem = plain(job.args.source)
    kind, _, k = stem.rpartition("_")
    if stem == "ocr":
        return write_ocr(job, load_rows(job))
    if stem not in ("words", "near") and (kind != "table" or not k.isdigit()):
        return write_dense(job, stem)
    rows = load_rows(job)
    if rows.text is None or not rows.text.any():
        raise errors.Stop(f"{job.paths.category} has no text; name its columns in data.text")
    if kind == "table":
        return write_columns(job, rows, int(k))
    return write_words(job, rows) if stem == "words" else write_near(job, rows)


if __name__ == "__main__":
    run(main)
