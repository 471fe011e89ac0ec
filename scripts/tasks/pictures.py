"""What the pictures of a data set are: how many are there, what is wrong with them, their kinds and
sizes, which are the same.

Whether a file is there is asked of every name; read are at most as many as are asked for, drawn
from all by the config's seed.
"""

import hashlib
import io
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd

from common.log import progress
from images.decode import load_picture, perceptual_hash
from images.duplicates import find_twins
from images.locate import Pictures
from images.names import is_link
from tasks.raw import Raw, Tables, counted, listed, spread

OFTEN = 10  # of the most frequent sizes

SIDE = 64  # pixels: a JPEG is decoded at no more than it takes to have these


def analyse_pictures(raw: Raw, pictures: Pictures, most: int) -> Tables:
    """What train's and test's pictures are; read are at most `most` of those that are there, 0 =
    all. {} where the config names none."""
    names = {split: set(column) for split, column in raw.pictures().items()}
    if not names:
        return {}
    every = sorted(set().union(*names.values()) - {""})
    there = [name for name in every if pictures.size(name) is not None]
    found = {"names": in_splits(raw, names, set(there))}
    if not there:
        return found
    rng = np.random.default_rng(raw.config.data.seed)
    drawn = (
        sorted(rng.choice(there, most, replace=False).tolist()) if 0 < most < len(there) else there
    )
    with ThreadPoolExecutor(raw.config.run.workers or os.cpu_count()) as pool:
        facts = pool.map(lambda name: picture_facts(pictures, name, raw.config.images), drawn)
        read = pd.DataFrame(list(progress(facts, "pictures", len(drawn))))
    member = np.array([[name in own for own in names.values()] for name in drawn])
    bad = int((read.reason != "").sum())
    return found | {
        "read": listed(
            {
                "pictures that are there": len(there),
                "read": len(read),
                "usable": len(read) - bad,
                "not usable": bad,
            }
        ),
        "not usable": reasons(read),
        **sizes(read, list(names), member),
        **duplicates(read, list(names), member),
    }


def in_splits(raw: Raw, names: dict[str, set], there: set) -> pd.DataFrame:
    """How many distinct pictures the rows of a split name, how many of these are files that are not
    there or links that are not downloaded, and how many are named by the other split too."""
    shared = set.intersection(*names.values()) - {""} if len(names) > 1 else set()
    rows = []
    for split, own in names.items():
        absent = [is_link(name) for name in own - {""} - there]
        rows.append(
            {
                "split": split,
                "rows": len(raw.splits[split]),
                "pictures": len(own - {""}),
                "missing": absent.count(False),
                "not downloaded": absent.count(True),
                "in the other split": len(shared),
                "empty or leads out of the folder": "" in own,
            }
        )
    return pd.DataFrame(rows)


def picture_facts(pictures: Pictures, name: str, images) -> dict:
    """One file: bytes, sha256; kind ("JPEG RGB"), width and height by its header; why it is not
    usable, "" when it is; of a usable one its average hash and its 8x8 mean colours (192,), as
    images.decode.look has them.
    """
    from PIL import Image

    facts = {
        "image": name,
        "bytes": 0,
        "sha256": "",
        "kind": "",
        "width": 0,
        "height": 0,
        "reason": "",
        "hash": "",
        "means": None,
    }
    try:
        data = pictures.read(name)
    except ValueError as error:
        return facts | {"reason": str(error)}
    facts |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    try:
        header = Image.open(io.BytesIO(data))
        facts |= {
            "kind": f"{header.format} {header.mode}",
            "width": header.width,
            "height": header.height,
        }
    except Exception:  # broken bytes make PIL raise anything
        return facts | {"reason": "broken: no picture"}
    try:
        seen, means = perceptual_hash(
            load_picture(data, images.model_copy(update={"size": SIDE}))[0]
        )
    except ValueError as error:
        return facts | {"reason": str(error)}
    return facts | {"hash": seen, "means": means}


def reasons(read: pd.DataFrame) -> pd.DataFrame:
    """Why pictures are not usable, without the numbers of one file: reason, pictures, an
    example."""
    bad = read[read.reason != ""]
    rows = [
        {"reason": why, "pictures": len(group), "example": group.image.iloc[0]}
        for why, group in bad.groupby(
            bad.reason.str.replace(r"^\d+x\d+ | ?\(\d[^)]*\)", "", regex=True)
        )
    ]
    return pd.DataFrame(rows, columns=["reason", "pictures", "example"]).sort_values(
        ["pictures", "reason"], ascending=[False, True]
    )


def sizes(read: pd.DataFrame, splits: list[str], member: np.ndarray) -> Tables:
    """Kinds, the most frequent sizes, and quantiles of width, height and bytes in each split, by
    headers; member (p, s) says which splits name a picture."""
    good = (read.kind != "").to_numpy()
    rows = [
        {"split": split, "what": what, **spread(read[what][good & own])}
        for split, own in zip(splits, member.T, strict=True)
        for what in ("width", "height", "bytes")
    ]
    return {
        "formats and modes": counted(read.kind[good], "kind"),
        "most frequent sizes": counted(
            [f"{w}x{h}" for w, h in zip(read.width[good], read.height[good], strict=True)], "size"
        ).head(OFTEN),
        "quantiles of pixels and bytes": pd.DataFrame(rows),
    }


def duplicates(read: pd.DataFrame, splits: list[str], member: np.ndarray) -> Tables:
    """Pictures that are the same as one of another name, as images.duplicates has it. Of a sample
    of a share f of all pictures, a share f² of the pairs is found."""
    counts, pairs, _ = find_twins(
        read,
        dict(zip(splits, member.T, strict=True)),
        lambda positions: np.stack(read.means.iloc[positions].tolist()),
    )
    return {"duplicates": counts, "pairs": pairs}
