"""Which images are the same: exact twins by their bytes, near twins by their look at 8x8 fields.

in: the hashes and colours of all images → out: "3.jpg" is the same as "1.jpg"
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from images.near_twins import ColoursOf, near_twins


def stored_colours(table: pd.DataFrame) -> ColoursOf:
    """The colours of a table that has them as 384 hex digits in the column `colours`."""

    def colours_of(rows: np.ndarray) -> np.ndarray:
        digits = "".join(table.colours.iloc[rows])
        levels = np.frombuffer(bytes.fromhex(digits), np.uint8)
        return levels.reshape(len(rows), -1)

    return colours_of


def find_twins(
    table: pd.DataFrame, splits: dict[str, np.ndarray], colours_of: ColoursOf
) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """(counts, pairs, groups) of the images that are the same, or nearly.

    table: columns image, sha256 and hash (16 hex digits, "" where the image is not usable).
    splits: {name: (n,) bool}, the images that the split's rows show.

    counts: how many images of a split have a twin in it, and how many of test have one in train:
    kind (exact, near), of, in, images, read (all of the split), share. pairs: each image that has
    an earlier twin, with the earliest: kind, image, same as. groups (n,): the first image that is
    the same or nearly, also by way of others; an image that is not usable is its own group.
    """
    shown = np.stack(list(splits.values()), 1)  # (n, splits)
    first = first_copies(table)

    # How many images of each split have the bytes of a first copy.
    copies = np.zeros(shown.shape, int)
    np.add.at(copies, first, shown)

    near = find_near(table, first, copies > 0, colours_of)

    counts = count_twins("exact", copies[first] > shown, splits)
    counts += count_twins("near", near.shown[first], splits)

    names = table.image.to_numpy()
    exact_pairs = name_pairs("exact", first, names)
    near_pairs = name_pairs("near", near.earliest[first], names)
    pairs = pd.concat([exact_pairs, near_pairs], ignore_index=True)
    groups = name_groups(near.group, names)
    return pd.DataFrame(counts), pairs, groups


def first_copies(table: pd.DataFrame) -> np.ndarray:
    """The row (n,) of the first usable image with the same bytes as each; its own where the image
    is not usable."""
    usable = np.flatnonzero(is_usable(table))
    sha256 = table.sha256.to_numpy()

    # The number of the file of each usable image, and the row where each file comes first.
    file, _ = pd.factorize(sha256[usable])
    _, position = np.unique(file, return_index=True)
    first_row = usable[position]

    first = np.arange(len(table))
    first[usable] = first_row[file]
    return first


def is_usable(table: pd.DataFrame) -> np.ndarray:
    return (table["hash"] != "").to_numpy()


def distinct_images(table: pd.DataFrame, first: np.ndarray) -> np.ndarray:
    """The rows (m,) of the usable images, of those with the same bytes the first."""
    is_first = first == np.arange(len(table))
    return np.flatnonzero(is_usable(table) & is_first)


@dataclass
class Near:
    """Near twins by row of the table; of images with the same bytes only the first has any."""

    shown: np.ndarray  # (n, splits) bool: a near twin is in the split
    earliest: np.ndarray  # (n,) its earliest near twin; n where it has none
    group: np.ndarray  # (n,) number of its group, of images with the same bytes too


def find_near(
    table: pd.DataFrame, first: np.ndarray, shown: np.ndarray, colours_of: ColoursOf
) -> Near:
    """first (n,): the first copy of each image; shown (n, splits): a copy of it is in the split."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(table)
    near = Near(
        shown=np.zeros(shown.shape, bool),
        earliest=np.full(n, n),
        group=first,
    )

    rows = distinct_images(table, first)
    for i, j in near_twins(table, rows, colours_of):
        for one, other in ((i, j), (j, i)):
            np.logical_or.at(near.shown, one, shown[other])
            np.minimum.at(near.earliest, one, other)

        # Groups that a pair connects become one.
        edges = (near.group[i], near.group[j])
        weights = np.ones(len(i), bool)
        graph = coo_array((weights, edges), shape=(n, n))
        _, component = connected_components(graph, directed=False)
        near.group = component[near.group]

    return near


def count_twins(kind: str, twin_shown: np.ndarray, splits: dict[str, np.ndarray]) -> list[dict]:
    """Rows of the counts. twin_shown (n, splits): a twin of the image is in the split."""
    names = list(splits)
    asked = [(name, name) for name in names]

    if len(names) == 2:
        train, test = names
        asked.append((test, train))

    rows = []
    for split, twin_split in asked:
        is_member = splits[split]
        has_twin = is_member & twin_shown[:, names.index(twin_split)]
        total = int(is_member.sum())
        with_twin = int(has_twin.sum())
        rows.append(
            {
                "kind": kind,
                "of": split,
                "in": twin_split,
                "images": with_twin,
                "read": total,
                "share": with_twin / max(total, 1),
            }
        )

    return rows


def name_pairs(kind: str, twin: np.ndarray, names: np.ndarray) -> pd.DataFrame:
    """The images whose twin (n,) stands before them."""
    later = np.flatnonzero(twin < np.arange(len(twin)))
    return pd.DataFrame({"kind": kind, "image": names[later], "same as": names[twin[later]]})


def name_groups(group: np.ndarray, names: np.ndarray) -> np.ndarray:
    """The name of the first image in the group of each."""
    _, first, inverse = np.unique(group, return_index=True, return_inverse=True)
    return names[first[inverse]]
