"""What the pictures of a data set are: how many are there, what is wrong with them, their kinds and sizes, which are the same.

Whether a file is there is asked of every name; read are at most as many as are asked for, drawn from all by the config's seed.
"""
import hashlib
import io
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from common.analysis import Raw, Tables, counted, listed, spread
from common.images import load_picture
from common.io import progress

SIDE = 64   # pixels: a JPEG is decoded at no more than it takes to have these
BITS = 2    # of 64 in which the average hashes of near-duplicates differ at most, and levels by which their 8x8 colours do: of photos
ALIKE = 8   # made smaller by a third and saved at quality 60, 94 to 97 % do both; of thumbnails of 60x80 pixels 9 %
OFTEN = 10  # of the most frequent sizes


def analyse_pictures(raw: Raw, most: int) -> Tables:
    """What train's and test's pictures are; read are at most `most` of those that are there, 0 = all. {} where the config names none."""
    names = {split: set(column) for split, column in raw.pictures().items()}
    if not names:
        return {}
    every = sorted(set().union(*names.values()) - {""})
    there = [name for name in every if (raw.folder / name).is_file()]
    found = {"names": in_splits(raw, names, set(there))}
    if not there:
        return found
    rng = np.random.default_rng(raw.config.data.seed)
    drawn = sorted(rng.choice(there, most, replace=False).tolist()) if 0 < most < len(there) else there
    with ThreadPoolExecutor(raw.config.run.workers or os.cpu_count()) as pool:
        facts = pool.map(lambda name: picture_facts(raw.folder, name, raw.config.images), drawn)
        read = pd.DataFrame(list(progress(facts, "pictures", len(drawn))))
    member = np.array([[name in own for own in names.values()] for name in drawn])
    bad = int((read.reason != "").sum())
    return found | {"read": listed({"pictures that are there": len(there), "read": len(read), "usable": len(read) - bad, "not usable": bad}),
                    "not usable": reasons(read), **sizes(read, list(names), member), **duplicates(read, list(names), member)}


def in_splits(raw: Raw, names: dict[str, set], there: set) -> pd.DataFrame:
    """How many distinct pictures the rows of a split name, and how many of these are not there or are named by the other split too."""
    shared = set.intersection(*names.values()) - {""} if len(names) > 1 else set()
    return pd.DataFrame([{"split": split, "rows": len(raw.splits[split]), "pictures": len(own - {""}), "missing": len(own - {""} - there),
                          "in the other split": len(shared), "leads out of the folder": "" in own} for split, own in names.items()])


def picture_facts(folder: Path, name: str, images) -> dict:
    """One file: bytes, sha256; kind ("JPEG RGB"), width and height by its header; why it is not usable, "" when it is; of a usable one
    its 8x8 mean colours (192,) and its average hash, 8 bytes: a bit for each of the 64 that is lighter than the whole.
    """
    from PIL import Image

    facts = {"picture": name, "bytes": 0, "sha256": "", "kind": "", "width": 0, "height": 0, "reason": "", "hash": b"", "means": None}
    try:
        data = (folder / name).read_bytes()
        facts |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a large one, that it is large: load_picture says so
            header = Image.open(io.BytesIO(data))
        facts |= {"kind": f"{header.format} {header.mode}", "width": header.width, "height": header.height}
    except Exception:  # broken bytes make PIL raise anything
        return facts | {"reason": "broken: no picture"}
    try:
        picture, _ = load_picture(folder / name, images.model_copy(update={"size": SIDE}))
    except ValueError as error:
        return facts | {"reason": str(error)}
    small = picture.resize((8, 8), Image.Resampling.BOX)
    grey = np.asarray(small.convert("L"), float).ravel()
    return facts | {"hash": np.packbits(grey > grey.mean()).tobytes(), "means": np.asarray(small, np.int16).ravel()}


def reasons(read: pd.DataFrame) -> pd.DataFrame:
    """Why pictures are not usable, without the numbers of one file: reason, pictures, an example."""
    bad = read[read.reason != ""]
    rows = [{"reason": why, "pictures": len(group), "example": group.picture.iloc[0]}
            for why, group in bad.groupby(bad.reason.str.replace(r"^\d+x\d+ | ?\(\d[^)]*\)", "", regex=True))]
    return pd.DataFrame(rows, columns=["reason", "pictures", "example"]).sort_values(["pictures", "reason"], ascending=[False, True])


def sizes(read: pd.DataFrame, splits: list[str], member: np.ndarray) -> Tables:
    """Kinds, the most frequent sizes, and quantiles of width, height and bytes in each split, by headers; member (p, s) says which
    splits name a picture."""
    good = (read.kind != "").to_numpy()
    rows = [{"split": split, "what": what, **spread(read[what][good & own])} for split, own in zip(splits, member.T)
            for what in ("width", "height", "bytes")]
    return {"formats and modes": counted(read.kind[good], "kind"),
            "most frequent sizes": counted([f"{w}x{h}" for w, h in zip(read.width[good], read.height[good])], "size").head(OFTEN),
            "quantiles of pixels and bytes": pd.DataFrame(rows)}


def duplicates(read: pd.DataFrame, splits: list[str], member: np.ndarray) -> Tables:
    """Pictures that are the same as one of another name, within a split and across: counts, and one such pair for each.

    Exact: the same bytes. Near: other bytes, average hashes at most BITS apart, and 8x8 colours at most ALIKE: on plain backgrounds the
    hash alone takes a shoe for every other shoe. Of a sample of a share f of all pictures, a share f² of the pairs is found.
    """
    counts, examples = [], []
    for kind in ("exact", "near"):
        twins = find_twins(read, kind)
        for i, j in [(i, i) for i in range(len(splits))] + [(1, 0)] * (len(splits) == 2):
            found = sum(bool(member[own, i] and member[others, j].any()) for own, others in twins.items())
            of = int(member[:, i].sum())
            counts.append({"kind": kind, "of": splits[i], "in": splits[j], "pictures": found, "read": of, "share": found / max(of, 1)})
        examples += [{"kind": kind, "picture": read.picture[own], "same as": read.picture[others[0]]}
                     for own, others in sorted(twins.items()) if others[0] < own]
    return {"duplicates": pd.DataFrame(counts), "pairs": pd.DataFrame(examples, columns=["kind", "picture", "same as"])}


def find_twins(read: pd.DataFrame, kind: str) -> dict[int, np.ndarray]:
    """{position: positions of the others that are the same} of the pictures that have an exact or a near twin."""
    twins, sha = {}, read.sha256.to_numpy()
    if kind == "exact":
        groups = (group.index.to_numpy() for _, group in read[sha != ""].groupby("sha256"))
        return {row: group[group != row] for group in groups if len(group) > 1 for row in group}
    rows = np.flatnonzero(read.hash != b"")
    if not len(rows):
        return {}
    bits, means = np.frombuffer(b"".join(read.hash[rows]), np.uint64), np.stack(read.means[rows])
    for i, row in enumerate(rows):
        same = np.flatnonzero(np.bitwise_count(bits ^ bits[i]) <= BITS)
        same = same[(np.abs(means[same] - means[i]).max(1) <= ALIKE) & (sha[rows[same]] != sha[row])]
        if len(same):
            twins[row] = rows[same]
    return twins
