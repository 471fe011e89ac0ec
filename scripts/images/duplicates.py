"""Which pictures are the same: exact twins by their bytes, near twins by what they look like at
8x8.

Near twins have other bytes, average hashes at most 2 of 64 bits apart and 8x8 colours at most ALIKE
levels: of photos made smaller by a third and saved at quality 60, 94 to 97 % are both; of
thumbnails of 60x80 pixels 9 %. The hash alone takes a shoe on white for every other.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

ALIKE = 8  # levels of 255 by which each of the 192 colours of near twins differs at most
PARTS = 4  # that the flipped hashes are compared in: at 263,859 pictures each needs 100 MB
APART = (
    2**17
)  # of one hash from the next in the order of pictures: more than 192 levels can sum up to
# pictures of a hash that one is compared with: thousands that are nearly all alike are still
# chained to one another
MOST = 300
CHUNK = 2**18  # pairs whose colours are compared at a time: 50 MB
# positions (m,) in a table → 8x8 colours (m, 192) of its pictures, as images.decode.look has them
MeansOf = Callable[[np.ndarray], np.ndarray]
Pairs = Iterator[tuple[np.ndarray, np.ndarray]]


def stored_colours(table: pd.DataFrame) -> MeansOf:
    """Of a table with the column colours, 192 levels as 384 hex digits."""
    return lambda rows: np.frombuffer(
        bytes.fromhex("".join(table.colours.iloc[rows])), np.uint8
    ).reshape(len(rows), -1)


def find_twins(
    table: pd.DataFrame, splits: dict[str, np.ndarray], means_of: MeansOf
) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Counts: how many pictures of a split have a twin of another name in it, and test's in train:
    kind, of, in, pictures, read (all of the split), share. Pairs: each picture that has an earlier
    twin, with the earliest: kind, picture, same as. Groups (n,) of pictures that are the same or
    nearly, also by way of others: the name of the first; a picture that is not usable has its own.

    `table` has the columns image, sha256 and hash, 16 hex digits or "" where not usable; splits
    {name: (n,) bool}: which pictures it shows.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    member, names, order, n = (
        np.stack(list(splits.values()), 1),
        table.image.to_numpy(),
        list(splits),
        len(table),
    )
    first = group = first_copies(table)
    copies = np.zeros(member.shape, int)  # of a file in each split, at its first picture
    np.add.at(copies, first, member)
    near, earliest = np.zeros(member.shape, bool), np.full(n, n)
    for i, j in near_twins(table, means_of):
        for one, other in ((i, j), (j, i)):
            np.logical_or.at(near, one, copies[other] > 0)
            np.minimum.at(earliest, one, other)
        links = coo_array((np.ones(len(i), bool), (group[i], group[j])), shape=(n, n))
        group = connected_components(links, directed=False)[1][group]
    counts, pairs = [], []
    for kind, shown, twin in (
        ("exact", copies[first] > member, first),
        ("near", near[first], earliest[first]),
    ):
        for i, j in [(i, i) for i in range(len(order))] + [(1, 0)] * (len(order) == 2):
            found, of = int((member[:, i] & shown[:, j]).sum()), int(member[:, i].sum())
            counts.append(
                {
                    "kind": kind,
                    "of": order[i],
                    "in": order[j],
                    "pictures": found,
                    "read": of,
                    "share": found / max(of, 1),
                }
            )
        later = np.flatnonzero(twin < np.arange(n))
        pairs.append(
            pd.DataFrame({"kind": kind, "picture": names[later], "same as": names[twin[later]]})
        )
    _, begin, which = np.unique(group, return_index=True, return_inverse=True)
    return pd.DataFrame(counts), pd.concat(pairs, ignore_index=True), names[begin[which]]


def first_copies(table: pd.DataFrame) -> np.ndarray:
    """The first usable picture (n,) with the same bytes as each; itself where it is not usable."""
    rows = np.flatnonzero((table["hash"] != "").to_numpy())
    file, _ = pd.factorize(table.sha256.to_numpy()[rows])
    first = np.arange(len(table))
    first[rows] = rows[np.unique(file, return_index=True)[1]][file]
    return first


def near_twins(table: pd.DataFrame, means_of: MeansOf) -> Pairs:
    """Pairs (m,), (m,) of near twins, each once; all of them, but where one has more than MOST. Of
    pictures with the same bytes the first stands for all."""
    rows = np.flatnonzero(
        (table["hash"] != "").to_numpy() & (first_copies(table) == np.arange(len(table)))
    )
    codes, code = np.unique(
        np.array([int(digits, 16) for digits in table["hash"].to_numpy()[rows]], np.uint64),
        return_inverse=True,
    )
    pairs = near_codes(codes)
    like = np.bincount(code, minlength=len(codes)) > 1
    like[pairs] = True
    if not len(
        asked := np.flatnonzero(like[code])
    ):  # colours are asked for only where a hash has a like one
        return
    rows, code = rows[asked], code[asked]
    means = np.asarray(means_of(rows)).astype(np.uint8)
    bright = means.sum(
        1, dtype=np.int64
    )  # of twins they differ by 192 ALIKE at most: so the twins of each stand in a window
    order = np.lexsort((bright, code))  # of the pictures sorted by hash and brightness
    rows, code, means, key = rows[order], code[order], means[order], (code * APART + bright)[order]
    some, here, reach = (
        np.ascontiguousarray(means[:, ::8]),
        np.arange(len(rows)),
        means.shape[1] * ALIKE,
    )  # some: compared first
    windows = [
        (
            here,
            here + 1,
            np.searchsorted(key, np.minimum(key + reach, (code + 1) * APART - 1), "right"),
        )
    ]
    begin, end = (np.searchsorted(code, pairs[:, 0], side) for side in ("left", "right"))
    for which, one in spread(begin, end):
        other = pairs[which, 1]
        around = other * APART + key[one] % APART
        windows.append(
            (
                one,
                np.searchsorted(key, np.maximum(around - reach, other * APART)),
                np.searchsorted(key, np.minimum(around + reach, (other + 1) * APART - 1), "right"),
            )
        )
    for one, begin, end in windows:
        for which, other in spread(begin, np.minimum(end, begin + MOST)):
            i, j = one[which], other
            for colours in (some, means):
                near = gap(colours[i], colours[j]) <= ALIKE
                i, j = i[near], j[near]
            yield rows[i], rows[j]


def near_codes(codes: np.ndarray) -> np.ndarray:
    """The pairs (p, 2) of positions, lower first, of distinct hashes (k,) uint64 that differ in one
    bit or two.

    Two hashes do just when one bit flipped in both, or in one, makes them equal: 65 k numbers are
    sorted, however alike they are, where bands of bits would fall into few large buckets.
    """
    found = [np.zeros(0, np.int64)]
    for part in range(PARTS):
        keys, owners = [], []
        for flip in [np.uint64(0), *(np.uint64(1) << np.arange(64, dtype=np.uint64))]:
            key = codes ^ flip
            rows = np.flatnonzero(
                (key * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(40)) % np.uint64(PARTS) == part
            )
            keys.append(key[rows])
            owners.append(rows)
        key, owner = np.concatenate(keys), np.concatenate(owners)
        order = np.argsort(key, kind="stable")
        key, owner = key[order], owner[order]
        start = np.arange(len(key))
        for step in range(1, 65):  # no more than 65 hashes have a flip in common
            start = start[start < len(key) - step]
            start = start[key[start] == key[start + step]]
            if not len(start):
                break
            one, other = owner[start], owner[start + step]
            found.append(np.unique(np.minimum(one, other) * len(codes) + np.maximum(one, other)))
    return np.stack(np.divmod(np.unique(np.concatenate(found)), max(len(codes), 1)), 1)


def gap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Largest difference of colours uint8 (..., c) → (...)."""
    return (np.maximum(a, b) - np.minimum(a, b)).max(-1, initial=0)


def spread(begin: np.ndarray, end: np.ndarray) -> Pairs:
    """The numbers of the ranges begin..end-1 (m,) one after the other, CHUNK at a time: which range
    each is of, and the number."""
    counts = np.maximum(end - begin, 0)
    total = np.concatenate([[0], np.cumsum(counts)])
    for low in range(0, int(total[-1]), CHUNK):
        place = np.arange(low, min(low + CHUNK, int(total[-1])))
        which = np.searchsorted(total, place, "right") - 1
        yield which, begin[which] + place - total[which]
