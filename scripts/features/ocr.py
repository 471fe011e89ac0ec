"""ocr: the text on images, line by line with its place, by rapidocr on the CPU; each image is read
once.

in: a photo of a pack → out: "NET WT 340 g", its score .98, the corners of its box in pixels
"""

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

# of a line's box, clockwise from where its text begins
CORNERS = ["x0", "y0", "x1", "y1", "x2", "y2", "x3", "y3"]
COLUMNS = ["image", "line", "text", "score", *CORNERS, "width", "height"]
JOURNAL_COLUMNS = ("image", "lines", "reason")
NO_LINE = (-1, "", 0, *[0] * 10)  # the row of an image without text, after its name
# An image is padded to at most this ratio of sides: rapidocr enlarges the shorter side to
# settings.side, and a strip of 8 pixels would then fill gigabytes.
MAX_ASPECT = 4


class Settings(Section):
    """Text on images with its place, read once per image by rapidocr."""

    # pixels: an image whose shorter side is less is enlarged to it before text is sought
    side: Annotated[int, Field(ge=32)] = 736
    # pixels: an image whose longer side is more is made smaller
    longest: Annotated[int, Field(ge=32)] = 2000
    # sizes that an image is read at, e.g. 2,1; of all but the first only lines with new text stay
    scales: Annotated[tuple[Positive, ...], Field(min_length=1)] = (1.0,)
    min_score: Annotated[float, Field(ge=0, le=1)] = 0.5  # of a line; less sure ones are left out


def read_all(names: list[str], image_files: ImageFiles, config, journal: Ledger) -> None:
    """Read, in threads, the images `names` that the journal does not have or could not read. Each
    becomes a row of JOURNAL_COLUMNS: name, lines as JSON, and the reason if it cannot be read."""
    reader = Reader(image_files, config)
    workers = config.run.workers or os.cpu_count()

    # a reason in the journal is why an image could not be read
    not_read = ("", "", "not read")

    todo = []
    for name in names:
        *_, reason = journal.done.get(name, not_read)
        if reason:
            todo.append(name)

    n = len(names)
    done = n - len(todo)
    bar = progress(what="ocr", total=n, done=done, unit="img")

    with ThreadPoolExecutor(workers) as pool:
        try:
            futures = [pool.submit(reader.read, name) for name in todo]
            for future in as_completed(futures):
                journal.add([future.result()])
                bar.update()
                check_time_limit(config.run)
        finally:
            pool.shutdown(cancel_futures=True)


class Reader:
    """Reads images with one engine per thread."""

    def __init__(self, image_files: ImageFiles, config):
        self.image_files = image_files
        self.config = config
        self.thread = threading.local()

    def read(self, name: str) -> tuple[str, str, str]:
        """A row of JOURNAL_COLUMNS."""
        config = self.config
        settings = config.ocr

        if not hasattr(self.thread, "engine"):
            self.thread.engine = open_engine(settings)

        engine = self.thread.engine
        try:
            data = self.image_files.read(name)
            image, _ = load_image(data, config.images, settings.longest)
            lines = read_lines(engine, image, settings)
        except UserError:
            raise
        except Exception as error:  # of the image, or onnxruntime's own
            reason = str(error)[:200] or type(error).__name__
            return name, "[]", reason

        return name, json.dumps(lines), ""


def open_engine(settings):
    """rapidocr with its own models, one thread. Raises UserError where it is not installed."""
    try:
        from rapidocr import RapidOCR
    except ImportError as error:
        raise UserError(
            f"reading text on images needs rapidocr and onnxruntime ({error}); "
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


def read_lines(engine, image, settings) -> list[tuple]:
    """(text, score, eight corners, width, height) of each line on an RGB PIL image, in its own
    pixels; read at each of settings.scales."""
    canvas = pad_strip(image)
    longest = max(image.size)
    most = settings.longest / longest

    scales = [min(scale, most) for scale in settings.scales]

    lines = []
    texts = set()
    for scale in dict.fromkeys(scales):
        new = read_at_scale(engine, canvas, scale)
        if lines:
            new = [line for line in new if squeeze(line[0]) not in texts]

        texts.update(squeeze(text) for text, *_ in new)
        lines += new

    return [(*line, *image.size) for line in lines]


def pad_strip(image):
    """The image with white on its right or below, so that no side is longer than MAX_ASPECT times
    the other."""
    from PIL import Image

    width, height = image.size
    shortest = max(width, height) // MAX_ASPECT
    size = (max(width, shortest), max(height, shortest))

    canvas = Image.new("RGB", size, "white")
    canvas.paste(image)
    return canvas


def read_at_scale(engine, canvas, scale: float) -> list[tuple]:
    """(text, score, eight corners) of each line, corners in the canvas's own pixels."""
    from PIL import Image

    size = [max(1, round(side * scale)) for side in canvas.size]
    resized = canvas.resize(size, Image.Resampling.BICUBIC)
    rgb = np.asarray(resized)
    bgr = rgb[:, :, ::-1]

    output = engine(bgr)
    if not output.txts:
        return []

    # corners in the canvas's pixels
    boxes = np.asarray(output.boxes, float)
    boxes = boxes.reshape(-1, 8) / scale
    boxes = boxes.round(1).tolist()

    lines = []
    columns = zip(output.txts, output.scores, boxes, strict=True)
    for text, score, box in columns:
        score = round(float(score), 4)
        lines.append((text, score, *box))

    return lines


def squeeze(text: str) -> str:
    """The text in lower case without blanks."""
    return "".join(text.lower().split())


def write_table(journal: Ledger, names: list[str], folder: Path, file: Path) -> dict:
    """Write the lines of the images `names` as a csv with COLUMNS; an image without text has line
    -1.

    Returns what the record says: how many lines there are, the reasons of images that could not be
    read, and as "bad" the sizes of their files in the folder, to know later whether one changed.
    """
    lines_of = {}
    reason_of = {}
    for name, lines, reason in journal.rows():
        lines_of[name] = json.loads(lines)
        reason_of[name] = reason

    rows = []
    for name in names:
        for number, line in enumerate(lines_of[name]):
            rows.append((name, number, *line))

    n_lines = len(rows)

    # images without text, after all lines
    rows += [(name, *NO_LINE) for name in names if not lines_of[name]]
    table = pd.DataFrame(rows, columns=COLUMNS)
    table.to_csv(file, index=False)

    reasons = {}
    sizes = {}
    for name in names:
        if not reason_of[name]:
            continue

        reasons[name] = reason_of[name]
        if not is_link(name):
            sizes[name] = size_of(folder, name)

    return {"lines": n_lines, "bad": sizes, "reasons": reasons}


def ocr_file(paths):
    return paths.features("ocr", ".csv")


def write(job, stem: str) -> None:
    """Write features/ocr.csv: the text on every image of the rows.

    What was read stays in ocr.growing, so that no image is read twice, though the rows, folds or
    parts change.
    """
    file = ocr_file(job.paths)
    images = set(job.rows.image[job.rows.asked]) - {""}

    names = sorted(images)
    if not names:
        raise UserError(
            f"{job.paths.category} has no images to read; name them in data.train_image "
            "and data.test_image"
        )

    image_files = open_image_files(job)
    key = job.key(file, inputs=False)
    journal = Ledger(file.with_suffix(".growing"), JOURNAL_COLUMNS, key)
    cpu = job.config.run.model_copy(update={"device": "cpu"})

    with job.writing(file) as (tmp, record), journal:
        # one such job at a time
        with use_device(cpu):
            read_all(names, image_files, job.config, journal)

        record |= write_table(journal, names, image_files.folder, tmp)
        reasons = record["reasons"]
        if len(reasons) == len(names):
            raise nothing_read(names, reasons, image_files)

    log(source="ocr", images=len(names), lines=record["lines"], bad=len(reasons))


def nothing_read(names: list[str], reasons: dict[str, str], image_files: ImageFiles) -> UserError:
    """The error when no image at all could be read."""
    first = names[0]
    reason = reasons[first]
    advice = image_files.hint() or (
        "put the images or an archive of them there, or set data.train_image and data.test_image"
    )
    return UserError(
        f"none of {len(names)} images can be read in {image_files.folder}, e.g. "
        f"{first}: {reason}; {advice}"
    )


def needs(config, paths, stem: str) -> list:
    return [paths.folds, paths.images]


SOURCES = {"ocr": Source(write, needs, ("ocr", "images.max_megapixels", "images.min_side"))}
