"""Label statistics by entity and product group: how frequent units, values and sizes are.

in:  labels like (454.0, gram) of item_weight in group "731432"
out: for a candidate the logs of shares like "its value among the group's labels"
"""

from typing import NamedTuple
from zlib import crc32

import numpy as np

from texts.units import FACTORS, UNITS
from texts.value_codes import ALLOWED, WIDTH, is_given

SHARES = (
    "unit in group",  # logs of shares of the group's labels, or of the entity's
    "unit",
    "unit's rank",  # in LabelStats.units
    "value in group",
    "value",
    "value of unit",
    "size in group",  # a size is a bin of the amount in cm, g, ml, V or W
    "size",
    "size from mean",  # in deviations of the group
    "labels",  # log of how many the group has
    "number",  # in any unit
)
BINS = 8  # of size per factor of ten
TOP = 12  # frequent values that are kept of each group
# of hash_columns, as in splitmix64 (Steele, Lea and Flood 2014)
MULTIPLIER, SHIFTS = np.uint64(0xBF58476D1CE4E5B9), (np.uint64(29), np.uint64(31))
ALL_GROUPS = -1.0  # the group number of counts over all groups; a crc32 is not negative


class Labels(NamedTuple):
    """Labels of n rows: targets (n, 2) and group numbers (n,)."""

    target: np.ndarray
    group: np.ndarray

    def concat(self, other: "Labels") -> "Labels":
        target = np.concatenate([self.target, other.target])
        group = np.concatenate([self.group, other.group])
        return Labels(target, group)


def group_numbers(groups, n: int) -> np.ndarray:
    """A number (n,) for the name of each row's group, the same in every process; zeros where rows
    have none."""
    if groups is None:
        return np.zeros(n)

    groups = np.asarray(groups, str)
    names, index = np.unique(groups, return_inverse=True)

    # not hash(), which differs from process to process
    numbers = [crc32(name.encode()) for name in names]
    numbers = np.array(numbers, float)  # (names,)
    return numbers[index]


def log_size(code: np.ndarray, number: np.ndarray) -> np.ndarray:
    """log10 of values in centimetres, grams, millilitres, volts or watts."""
    unit = code.astype(int) % WIDTH
    return np.log10(np.maximum(number * FACTORS[unit], 1e-9))


def hash_columns(*columns) -> np.ndarray:
    """A uint64 (n,) per row of the columns (n,): equal rows get equal numbers, and different rows
    different ones, but for 1 in 2^64."""
    n = len(columns[0])
    first_shift, second_shift = SHIFTS

    out = np.zeros(n, np.uint64)
    for column in columns:
        numbers = np.ascontiguousarray(column, float)
        bits = numbers.view(np.uint64)
        out ^= bits
        out ^= bits >> first_shift
        out *= MULTIPLIER
        out ^= out >> second_shift

    return out


class Frequency:
    """How often each combination of columns occurs."""

    def __init__(self, *columns):
        self.keys, self.counts = np.unique(hash_columns(*columns), return_counts=True)

    def __call__(self, *columns) -> np.ndarray:
        """How often (n,) these were counted."""
        if not len(self.keys):
            return np.zeros(len(columns[0]))

        # what was not counted has the place of another key
        place = self.places(*columns)
        key = self.keys[place]
        count = self.counts[place]

        is_counted = key == hash_columns(*columns)
        return np.where(is_counted, count, 0.0)

    def places(self, *columns) -> np.ndarray:
        """Place (n,) of each combination in keys; of one that was not counted any place."""
        place = np.searchsorted(self.keys, hash_columns(*columns))
        last = max(len(self.keys) - 1, 0)
        return place.clip(max=last)


class LabelStats:
    """Counts over labels: targets (n, 2) and group numbers (n,)."""

    def __init__(self, target: np.ndarray, group: np.ndarray):
        number = target[:, 0]
        code = target[:, 1].astype(int)

        is_usable = is_given(target) & ALLOWED[code]
        number = number[is_usable]
        code = code[is_usable]
        group = group[is_usable]

        entity = code // WIDTH
        size = log_size(code, number)
        size_bin = np.floor(size * BINS)

        # labels of the entity
        self.of_entity = Frequency(entity)
        self.of_unit = Frequency(code)
        self.of_value = Frequency(code, number)
        self.of_number = Frequency(entity, number)
        self.of_size = Frequency(entity, size_bin)

        # labels of the group
        self.of_group = Frequency(entity, group)
        self.of_unit_in_group = Frequency(code, group)
        self.of_value_in_group = Frequency(code, number, group)
        self.of_size_in_group = Frequency(entity, size_bin, group)

        # mean and deviation of the size, by the places of of_group
        place = self.of_group.places(entity, group)
        count = self.of_group.counts
        n = len(count)
        total = np.bincount(place, size, n)
        squares = np.bincount(place, size**2, n)
        self.mean = total / count
        mean_square = squares / count
        variance = mean_square - self.mean**2
        variance = variance.clip(0.04)
        self.deviation = np.sqrt(variance)

        everywhere = np.full(len(code), ALL_GROUPS)
        self.top_values = most_frequent(entity, group, code, number)
        self.top_values |= most_frequent(entity, everywhere, code, number)
        self.ranked_units = {}  # see units

    def units(self, entity: int, group: float) -> list[int]:
        """The units that occur, the most usual in the group first, as if the group had three more
        labels with the units of all of the entity."""
        key = entity, group
        if key in self.ranked_units:
            return self.ranked_units[key]

        n_units = len(UNITS)
        codes = entity * WIDTH + np.arange(n_units)
        groups = np.full(n_units, group)

        in_group = self.of_unit_in_group(codes, groups)
        in_entity = self.of_unit(codes)
        n_entity = self.of_entity(np.array([entity]))
        n_entity = n_entity.clip(1)
        times = in_group + 3 * in_entity / n_entity

        order = np.argsort(-times, kind="stable")
        occurs = times[order] > 0
        ranked = order[occurs].tolist()

        self.ranked_units[key] = ranked
        return ranked

    def unit_rank(self, entity: int, group: float, unit: int) -> int:
        """The place of a unit in `units`; the number of all units where it does not occur."""
        ranked = self.units(entity, group)
        return ranked.index(unit) if unit in ranked else len(UNITS)

    def values(self, entity: int, group: float, most: int) -> list[tuple[float, int]]:
        """Number and unit of the most frequent values in the group, then in the entity; each occurs
        at least twice."""
        in_group = self.top_values.get((entity, group), [])
        in_entity = self.top_values.get((entity, ALL_GROUPS), [])
        return list(dict.fromkeys(in_group + in_entity))[:most]

    def columns(self, code: np.ndarray, number: np.ndarray, group: np.ndarray) -> np.ndarray:
        """SHARES (c, 11) of candidate values (c,). Shares are logs; those in a group are shrunk to
        those in its entity, the more the fewer labels the group has."""
        entity = code // WIDTH
        size = log_size(code, number)
        size_bin = np.floor(size * BINS)

        # labels of the entity
        unit_times = self.of_unit(code)
        value_times = self.of_value(code, number)
        size_times = smoothed(self.of_size, entity, size_bin)
        number_times = self.of_number(entity, number)

        # their shares, none of them 0
        total = self.of_entity(entity) + 10
        unit = (unit_times + 0.5) / total
        value = (value_times + 0.02) / total
        sized = (size_times + 0.1) / total
        same_number = (number_times + 0.02) / total

        n_group = self.of_group(entity, group)

        def shrunk(times, share, strength):
            """Shares of the group's labels, as if `strength` more had the entity's share."""
            return (times + strength * share) / (n_group + strength)

        unit_times = self.of_unit_in_group(code, group)
        value_times = self.of_value_in_group(code, number, group)
        size_times = smoothed(self.of_size_in_group, entity, size_bin, group)

        unit_in_group = shrunk(unit_times, unit, 3)
        value_in_group = shrunk(value_times, value, 5)
        size_in_group = shrunk(size_times, sized, 5)

        columns = [
            np.log(unit_in_group),
            np.log(unit),
            self.unit_ranks(entity, code % WIDTH, group),
            np.log(value_in_group),
            np.log(value),
            np.log(value / unit),
            np.log(size_in_group),
            np.log(sized),
            self.deviations(entity, group, size),
            np.log1p(n_group),
            np.log(same_number),
        ]
        return np.column_stack(columns)

    def unit_ranks(self, entity: np.ndarray, unit: np.ndarray, group: np.ndarray) -> list[int]:
        """`unit_rank` of many."""
        keys = zip(entity.tolist(), group.tolist(), unit.tolist(), strict=True)
        return [self.unit_rank(*key) for key in keys]

    def deviations(self, entity: np.ndarray, group: np.ndarray, size: np.ndarray) -> np.ndarray:
        """How many standard deviations (c,) a size is from the group's mean; nan where the group
        has fewer than two labels."""
        if not len(self.mean):
            return np.full(len(size), np.nan)

        # of each candidate's group, (c,)
        place = self.of_group.places(entity, group)
        mean = self.mean[place]
        deviation = self.deviation[place]

        distance = size - mean
        z = distance / deviation

        n_group = self.of_group(entity, group)
        has_deviation = n_group > 1
        return np.where(has_deviation, z, np.nan)


def smoothed(count: Frequency, entity: np.ndarray, size_bin: np.ndarray, *group) -> np.ndarray:
    """Labels (c,) near a size: half of those in its bin, a quarter of those in each bin beside."""
    below = 0.25 * count(entity, size_bin - 1, *group)
    here = 0.5 * count(entity, size_bin, *group)
    above = 0.25 * count(entity, size_bin + 1, *group)
    return below + here + above


def most_frequent(entity, group, code, number) -> dict[tuple, list]:
    """{(entity, group): its TOP most frequent (number, unit)}, each of which occurs at least
    twice."""
    key = hash_columns(group, code, number)
    _, first, times = np.unique(key, return_index=True, return_counts=True)
    order = np.argsort(-times, kind="stable")
    is_repeated = times[order] > 1
    repeated = order[is_repeated]

    top = {}
    for i in first[repeated]:
        unit = int(code[i]) % WIDTH
        value = (float(number[i]), unit)
        of_group = (int(entity[i]), float(group[i]))

        values = top.setdefault(of_group, [])
        if len(values) < TOP:
            values.append(value)

    return top
