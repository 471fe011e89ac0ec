"""Text on pictures, line by line with its place, by rapidocr on the CPU; read once per picture."""

import json
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from common.errors import UserError
from common.ledger import Ledger
from common.log import log, progress
from common.sections import Positive, Section
from common.time_limit import check_time_limit
from features.source import Source
from images.decode import load_image
from images.locate import ImageFiles, open_image_files
from images.names import is_link, size_of
from networks.device import use_device

CORNERS = [
    f"{axis}{i}" for i in range(4) for axis in "xy"
]  # of a line's box, clockwise from where its text begins
COLUMNS = ["image", "line", "text", "score", *CORNERS, "width", "height"]
# longer sides to a shorter one; the shorter is enlarged to settings.side, so a strip of 8 pixels
# would fill gigabytes
NARROW = 4


class Settings(Section):
    """Text on pictures with its place, read once per picture by rapidocr."""

    # pixels: a picture whose shorter side is less is enlarged to it before text is sought
    side: Annotated[int, Field(ge=32)] = 736
    # pixels: a picture whose longer side is more is made smaller
    longest: Annotated[int, Field(ge=32)] = 2000
    # that a picture is read at, e.g. 2,1; of all but the first only lines whose text is new
    scales: Annotated[tuple[Positive, ...], Field(min_length=1)] = (1.0,)
    min_score: Annotated[float, Field(ge=0, le=1)] = 0.5  # of a line; less sure ones are left out


def read_all(names: list[str], pictures: ImageFiles, config, ledger: Ledger) -> None:
    """Read the pictures `names` that the ledger does not have, or could not read, in threads: each
    a row of name, lines as json, reason."""
    engines = threading.local()

    def one(name: str) -> tuple[str, str, str]:
        if not hasattr(engines, "ocr"):
            engines.ocr = open_engine(config.ocr)
        try:
            picture, _ = load_image(pictures.read(name), config.images, config.ocr.longest)
            return name, json.dumps(read_lines(engines.ocr, picture, config.ocr)), ""
        except UserError:
            raise
        except Exception as error:  # of the picture, or onnxruntime's own
            return name, "[]", str(error)[:200] or type(error).__name__

    todo = [name for name in names if ledger.done.get(name, ("", "", "not read"))[2]]
    bar = progress(what="ocr", total=len(names), done=len(names) - len(todo), unit="img")
    with ThreadPoolExecutor(config.run.workers or os.cpu_count()) as pool:
        try:
            for future in as_completed([pool.submit(one, name) for name in todo]):
                ledger.add([future.result()])
                bar.update()
                check_time_limit(config.run)
        finally:
            pool.shutdown(cancel_futures=True)


def open_engine(settings):
    """rapidocr with its own models, one thread. Raises UserError where it is not installed."""
    try:
        from rapidocr import RapidOCR
    except ImportError as error:
        raise UserError(
            f"reading text on pictures needs rapidocr and onnxruntime ({error}); "
            f"{sys.executable} -m pip install rapidocr onnxruntime, or give the text in a "
            "column: data.text=<column>"
        ) from None
    return RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.text_score": settings.min_score,
            "Global.max_side_len": settings.longest,
            "Det.limit_side_len": settings.side,
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )


def read_lines(engine, picture, settings) -> list[list]:
    """[text, score, eight corners, width, height] of each line on an RGB PIL image, in its pixels;
    read at each of settings.scales."""
    from PIL import Image

    own, lines, seen = picture.size, [], set()
    least = max(own) // NARROW
    canvas = Image.new("RGB", (max(own[0], least), max(own[1], least)), "white")
    canvas.paste(picture)
    for scale in dict.fromkeys(
        min(scale, settings.longest / max(own)) for scale in settings.scales
    ):
        size = [max(1, round(side * scale)) for side in canvas.size]
        found = engine(np.asarray(canvas.resize(size, Image.Resampling.BICUBIC))[:, :, ::-1])
        boxes = (
            (np.asarray(found.boxes if found.txts else (), float).reshape(-1, 8) / scale)
            .round(1)
            .tolist()
        )
        new = [
            (text, round(float(score), 4), *box, *own)
            for text, score, box in zip(found.txts or (), found.scores or (), boxes, strict=True)
            if not lines or squeezed(text) not in seen
        ]
        seen |= {squeezed(line[0]) for line in new}
        lines += new
    return lines


def squeezed(text: str) -> str:
    return "".join(text.lower().split())


def write_table(ledger: Ledger, names: list[str], folder: Path, file: Path) -> dict:
    """The lines of all pictures as a csv with COLUMNS, a picture without text as line -1. Gives
    what the record says: the reasons of those that could not be read, and, as `bad`, the sizes of
    their files in the folder, where another may lie the next time."""
    found = {name: (json.loads(lines), reason) for name, lines, reason in ledger.rows()}
    rows = [(name, i, *line) for name in names for i, line in enumerate(found[name][0])]
    rows += [(name, -1, "", 0, *[0] * 10) for name in names if not found[name][0]]
    pd.DataFrame(rows, columns=COLUMNS).to_csv(file, index=False)
    bad = [name for name in names if found[name][1]]
    return {
        "lines": sum(row[1] >= 0 for row in rows),
        "bad": {name: size_of(folder, name) for name in bad if not is_link(name)},
        "reasons": {name: found[name][1] for name in bad},
    }


def ocr_file(paths):
    return paths.features("ocr", ".csv")


def write(job, stem: str) -> None:
    """features/ocr.csv: the text on every picture of the rows. What was read stays in ocr.growing:
    no picture is read twice, though rows, folds or parts become others."""
    target = ocr_file(job.paths)
    names = sorted(set(job.rows.image) - {""})
    if not names:
        raise UserError(
            f"{job.paths.category} has no pictures to read; name them in data.train_image "
            "and data.test_image"
        )
    pictures = open_image_files(job)
    journal = target.with_suffix(".growing")
    key = job.key(target, inputs=False)
    one_job_at_a_time = job.config.run.model_copy(update={"device": "cpu"})
    with (
        job.writing(target) as (part, record),
        Ledger(journal, ("image", "lines", "reason"), key) as ledger,
    ):
        with use_device(one_job_at_a_time):
            read_all(names, pictures, job.config, ledger)
        record |= write_table(ledger, names, pictures.folder, part)
        if len(record["reasons"]) == len(names):
            advice = (
                "put the pictures or an archive of them there, or set "
                "data.train_image and data.test_image"
            )
            raise UserError(
                f"none of {len(names)} pictures can be read in {pictures.folder}, e.g. "
                f"{names[0]}: {record['reasons'][names[0]]}; {pictures.hint() or advice}"
            )
    log(source="ocr", pictures=len(names), lines=record["lines"], bad=len(record["reasons"]))


def needs(config, paths, stem: str) -> list:
    return [paths.folds, paths.images]


SOURCES = {
    "ocr": Source(
        write,
        needs,
        ("ocr", "images.max_megapixels", "images.min_side"),
    )
}
