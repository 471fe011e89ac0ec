"""Near twins: images of other bytes that look the same at 8x8 fields.

in: hashes "ff00…", "ff01…" and colours that are nearly the same → out: the pair of their rows
Their average hashes are at most 2 of 64 bits apart, and their colours at most ALIKE levels. Of
photos made smaller by a third and saved at quality 60, 94 to 97 % are both; of thumbnails of 60x80
pixels 9 %. The hash alone takes a shoe on white for every other.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np
import pandas as pd

ALIKE = 8  # levels of 255 by which each of the 192 colours of near twins differs at most
EVERY = 8  # every 8th colour is compared first: most pairs differ there already
# Images of a hash that one image is compared with. Thousands that are nearly all alike are still
# chained to one another.
MOST = 300
CHUNK = 2**18  # pairs whose colours are compared at a time: 50 MB
BRIGHTNESS = 2**17  # more than 192 levels can sum up to
SHARDS = 4  # in which the flipped hashes are compared: at 263,859 images each needs 100 MB
HASH_BITS = 64

# rows (m,) of the table → their colours (m, 192), as images.validate.perceptual_hash has them
ColoursOf = Callable[[np.ndarray], np.ndarray]
Pair = tuple[np.ndarray, np.ndarray]  # (m,) and (m,): the first and the second of each pair
Pairs = Iterator[Pair]


@dataclass
class Candidates:
    """Images that may have near twins, sorted by hash, and of one hash by brightness.

    The 192 colours of near twins differ by ALIKE each at most, so their brightness by 192 ALIKE: in
    this order the near twins of an image with a given hash stand in one window.
    """

    rows: np.ndarray  # (m,) of the table
    code: np.ndarray  # (m,) the number of its hash
    colours: np.ndarray  # (m, 192) uint8
    brightness: np.ndarray  # (m,) sum of the colours, less than BRIGHTNESS
    key: np.ndarray  # (m,) code and brightness in one number, ascending

    def begin_of_window(self, code: np.ndarray, brightness: np.ndarray) -> np.ndarray:
        """The first image of each hash that is not much darker than this."""
        reach = self.colours.shape[1] * ALIKE
        lowest = np.maximum(brightness - reach, 0)
        return np.searchsorted(self.key, code * BRIGHTNESS + lowest, "left")

    def end_of_window(self, code: np.ndarray, brightness: np.ndarray) -> np.ndarray:
        """The position behind the last image of each hash that is not much brighter."""
        reach = self.colours.shape[1] * ALIKE
        highest = np.minimum(brightness + reach, BRIGHTNESS - 1)
        return np.searchsorted(self.key, code * BRIGHTNESS + highest, "right")


def sort_candidates(rows, code, colours) -> Candidates:
    """The candidates of rows (m,), of their hashes' numbers (m,) and of their colours (m, 192)."""
    brightness = colours.sum(1, dtype=np.int64)
    key = code * BRIGHTNESS + brightness
    order = np.argsort(key, kind="stable")
    return Candidates(
        rows=rows[order],
        code=code[order],
        colours=colours[order],
        brightness=brightness[order],
        key=key[order],
    )


class Comparisons(NamedTuple):
    """Image `one` is to be compared with the images begin..end-1, by position among candidates."""

    one: np.ndarray  # (m,)
    begin: np.ndarray
    end: np.ndarray


def near_twins(table: pd.DataFrame, rows: np.ndarray, colours_of: ColoursOf) -> Pairs:
    """Yield pairs (m,), (m,) of the rows that are near twins, each pair once. No pair is missed,
    unless an image has more than MOST to be compared with.

    table: column hash, 16 hex digits; rows: usable images with distinct bytes.
    """
    hashes = hash_numbers(table, rows)
    codes, code = np.unique(hashes, return_inverse=True)
    code_pairs = near_codes(codes)

    # Colours are asked for only where another image has the same hash or a near one.
    has_company = np.bincount(code, minlength=len(codes)) > 1
    has_company[code_pairs] = True

    asked = np.flatnonzero(has_company[code])
    if len(asked) == 0:
        return

    rows = rows[asked]
    colours = np.asarray(colours_of(rows)).astype(np.uint8)
    images = sort_candidates(rows, code[asked], colours)
    some_colours = np.ascontiguousarray(images.colours[:, ::EVERY])

    todo = chain([same_hash(images)], near_hash(images, code_pairs))
    for one, begin, end in todo:
        end = np.minimum(end, begin + MOST)
        for k, j in spread(begin, end):
            i = one[k]
            i, j = keep_alike(i, j, some_colours)  # most pairs are told apart here
            i, j = keep_alike(i, j, images.colours)
            yield images.rows[i], images.rows[j]


def hash_numbers(table: pd.DataFrame, rows: np.ndarray) -> np.ndarray:
    """The hashes of rows as uint64 (m,)."""
    digits = table["hash"].to_numpy()[rows]
    return np.array([int(text, 16) for text in digits], np.uint64)


def keep_alike(i: np.ndarray, j: np.ndarray, colours: np.ndarray) -> Pair:
    """Those of the pairs (m,), (m,) whose colours differ by ALIKE at most."""
    is_alike = gap(colours[i], colours[j]) <= ALIKE
    return i[is_alike], j[is_alike]


def same_hash(images: Candidates) -> Comparisons:
    """Each image with the later ones of its hash that are about as bright."""
    one = np.arange(len(images.rows))
    end = images.end_of_window(images.code, images.brightness)
    return Comparisons(one, one + 1, end)


def near_hash(images: Candidates, code_pairs: np.ndarray) -> Iterator[Comparisons]:
    """The images of one hash with those of a near one that are about as bright."""
    low, high = code_pairs.T

    # All images of the lower hash of each pair.
    first = np.searchsorted(images.code, low, "left")
    last = np.searchsorted(images.code, low, "right")
    for pair, one in spread(first, last):
        code = high[pair]
        brightness = images.brightness[one]
        begin = images.begin_of_window(code, brightness)
        end = images.end_of_window(code, brightness)
        yield Comparisons(one, begin, end)


def near_codes(codes: np.ndarray) -> np.ndarray:
    """The pairs (p, 2) of positions, lower first, of distinct hashes (k,) uint64 that differ in one
    or two bits.

    Two hashes do so exactly when one flipped bit in both, or in one of them, makes them equal. So
    all 65 k flipped hashes are sorted, however alike they are; bands of bits would fall into few
    large buckets.
    """
    k = len(codes)
    pairs = [np.zeros(0, np.int64)]  # as lower * k + higher

    for shard in range(SHARDS):
        keys, owners = flipped_hashes(codes, shard)
        start = np.arange(len(keys))

        # Equal keys stand together: no more than 65 hashes have a flip in common.
        for step in range(1, HASH_BITS + 1):
            start = start[start < len(keys) - step]
            is_equal = keys[start] == keys[start + step]

            start = start[is_equal]
            if len(start) == 0:
                break

            one = owners[start]
            other = owners[start + step]
            lower = np.minimum(one, other)
            higher = np.maximum(one, other)
            pairs.append(np.unique(lower * k + higher))

    distinct = np.unique(np.concatenate(pairs))
    lower, higher = np.divmod(distinct, max(k, 1))
    return np.stack([lower, higher], 1)


def flipped_hashes(codes: np.ndarray, shard: int) -> tuple[np.ndarray, np.ndarray]:
    """(the hashes as they are and with each bit flipped, the position of each's own hash), sorted;
    those alone that a second hash puts into the shard."""
    positions = np.arange(HASH_BITS, dtype=np.uint64)
    bits = np.uint64(1) << positions

    keys = []
    owners = []
    for flip in [np.uint64(0), *bits]:
        flipped = codes ^ flip
        is_here = shard_of(flipped) == shard
        keys.append(flipped[is_here])
        owners.append(np.flatnonzero(is_here))

    keys = np.concatenate(keys)
    owners = np.concatenate(owners)
    order = np.argsort(keys, kind="stable")
    return keys[order], owners[order]


def shard_of(hashes: np.ndarray) -> np.ndarray:
    """Fibonacci hashing: the multiplier is 2**64 / golden ratio."""
    mixed = hashes * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(40)
    return mixed % np.uint64(SHARDS)


def gap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The largest difference of colours uint8 (..., c), (...)."""
    return (np.maximum(a, b) - np.minimum(a, b)).max(-1, initial=0)


def spread(begin: np.ndarray, end: np.ndarray) -> Pairs:
    """Yield (the range that a number is of, the number) for all numbers of the ranges begin..end-1
    (m,), one range after the other, CHUNK numbers at a time."""
    counts = np.maximum(end - begin, 0)
    ends = np.cumsum(counts)
    starts = ends - counts  # of each range in the sequence of all numbers

    size = int(counts.sum())
    for low in range(0, size, CHUNK):
        high = min(low + CHUNK, size)
        position = np.arange(low, high)
        which = np.searchsorted(ends, position, "right")
        within = position - starts[which]
        yield which, begin[which] + within
