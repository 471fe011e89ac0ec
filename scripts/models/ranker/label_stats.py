"""What values are usual among labelled rows of the same entity and group of products: counts of
units, values and sizes, and what the rows whose text is most alike have: often another picture of
the same product."""

from zlib import crc32

import numpy as np

from texts.units import FACTORS, UNITS
from texts.value_codes import ALLOWED, WIDTH

SHARES = (
    "unit in group",
    "unit",
    "unit's rank",
    "value in group",
    "value",
    "value of unit",
    "size in group",
    "size",
    "size from mean",
    "labels",
    "number",
)
SIMILAR = ("cosine of same", "share of same", "share of unit", "nearest")
NEAR, POWER = 8, 4  # rows alike that are looked at, each counted by the power of its cosine
STEPS, TOP = 8, 12  # bins of size per factor of ten; usual values that are kept of each group


def group_numbers(groups, n: int) -> np.ndarray:
    """A number (n,) for the name of each row's group, the same in every process; zeros where rows
    have none."""
    if groups is None:
        return np.zeros(n)
    names, at = np.unique(np.asarray(groups, str), return_inverse=True)
    return np.array([crc32(name.encode()) for name in names], float)[at]


def log_size(code: np.ndarray, number: np.ndarray) -> np.ndarray:
    """log10 of values in centimetres, grams, millilitres, volts or watts."""
    return np.log10(np.maximum(number * FACTORS[code.astype(int) % WIDTH], 1e-9))


def hash_columns(*columns) -> np.ndarray:
    """One uint64 (n,) for columns of numbers, equal where all of them are (and, in one of 2^64,
    elsewhere)."""
    out = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        bits = np.ascontiguousarray(column, float).view(np.uint64)
        out = (out ^ bits ^ (bits >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
        out ^= out >> np.uint64(31)
    return out


class Count:
    """How often each combination of columns occurs."""

    def __init__(self, *columns):
        self.keys, self.counts = np.unique(hash_columns(*columns), return_counts=True)

    def __call__(self, *columns) -> np.ndarray:
        idx = hash_columns(*columns)
        if not len(self.keys):
            return np.zeros(len(idx))
        at = np.searchsorted(self.keys, idx).clip(max=len(self.keys) - 1)
        return np.where(self.keys[at] == idx, self.counts[at], 0.0)


class LabelStats:
    """Counts over labels: their numbers and codes, target (n, 2), and group numbers (n,)."""

    def __init__(self, target: np.ndarray, group: np.ndarray):
        known = (target[:, 1] >= 0) & ALLOWED[target[:, 1].astype(int)]
        number, code, group = target[known, 0], target[known, 1].astype(int), group[known]
        entity, size = code // WIDTH, log_size(code, number)
        step = np.floor(size * STEPS)
        self.entity, self.unit, self.value, self.number = (
            Count(entity),
            Count(code),
            Count(code, number),
            Count(entity, number),
        )
        self.group, self.unit_group, self.value_group = (
            Count(entity, group),
            Count(code, group),
            Count(code, number, group),
        )
        self.step, self.step_group = Count(entity, step), Count(entity, step, group)
        self.keys, at = np.unique(hash_columns(entity, group), return_inverse=True)
        total, squares = (
            np.bincount(at, size, len(self.keys)),
            np.bincount(at, size**2, len(self.keys)),
        )
        self.mean = total / self.group.counts
        self.deviation = np.sqrt((squares / self.group.counts - self.mean**2).clip(0.04))
        everywhere = np.full(len(code), -1.0)
        self.tops = tops(entity, group, code, number) | tops(entity, everywhere, code, number)
        self.ranked = {}

    def units(self, entity: int, group: float) -> list[int]:
        """Units by how usual they are in the group, and where it is small in the entity; only those
        that occur."""
        if (entity, group) not in self.ranked:
            codes = entity * WIDTH + np.arange(len(UNITS))
            times = self.unit_group(codes, np.full(len(codes), group)) + 3 * self.unit(
                codes
            ) / self.entity(np.array([entity])).clip(1)
            self.ranked[entity, group] = [
                int(unit) for unit in np.argsort(-times, kind="stable") if times[unit] > 0
            ]
        return self.ranked[entity, group]

    def values(self, entity: int, group: float, most: int) -> list[tuple[float, int]]:
        """Number and unit of the values most frequent in the group, then in the entity; of those
        that occur twice."""
        own = self.tops.get((entity, group), [])[:most]
        return (
            own
            + [value for value in self.tops.get((entity, -1.0), []) if value not in own][
                : most - len(own)
            ]
        )

    def columns(self, code: np.ndarray, number: np.ndarray, group: np.ndarray) -> np.ndarray:
        """How usual values (m,) of the codes (m,) are (m, c): SHARES. Shares are logs, of few
        labels drawn to those of the entity."""
        entity, size = code // WIDTH, log_size(code, number)
        step, labels, own = np.floor(size * STEPS), self.entity(entity), self.group(entity, group)

        def near(count, *more):
            return sum(
                share * count(entity, step + d, *more)
                for d, share in ((-1, 0.25), (0, 0.5), (1, 0.25))
            )

        def drawn(times, share, strength):
            return (times + strength * share) / (own + strength)

        unit, value = (
            (self.unit(code) + 0.5) / (labels + 10),
            (self.value(code, number) + 0.02) / (labels + 10),
        )
        sized = (near(self.step) + 0.1) / (labels + 10)
        found = [
            drawn(self.unit_group(code, group), unit, 3),
            unit,
            drawn(self.value_group(code, number, group), value, 5),
            value,
            value / unit,
            drawn(near(self.step_group, group), sized, 5),
            sized,
            (self.number(entity, number) + 0.02) / (labels + 10),
        ]
        unit_group, unit, value_group, value, of_unit, sized_group, sized, alone = np.log(found)
        at = np.searchsorted(self.keys, hash_columns(entity, group)).clip(
            max=max(len(self.keys) - 1, 0)
        )
        away = (
            np.where(own > 1, (size - self.mean[at]) / self.deviation[at], np.nan)
            if len(self.keys)
            else np.full(len(code), np.nan)
        )
        rank = [
            ranks.index(u) if u in (ranks := self.units(e, g)) else len(UNITS)
            for e, u, g in zip(
                entity.tolist(), (code % WIDTH).tolist(), group.tolist(), strict=True
            )
        ]
        return np.column_stack(
            [
                unit_group,
                unit,
                rank,
                value_group,
                value,
                of_unit,
                sized_group,
                sized,
                away,
                np.log1p(own),
                alone,
            ]
        )


def tops(entity, group, code, number) -> dict[tuple, list]:
    """{(entity, group): its TOP most frequent (number, unit)}, of those that occur twice."""
    _, first, times = np.unique(
        hash_columns(group, code, number), return_index=True, return_counts=True
    )
    found = {}
    for i in first[np.argsort(-times, kind="stable")[: (times > 1).sum()]]:
        of_group = found.setdefault((int(entity[i]), float(group[i])), [])
        if len(of_group) < TOP:
            of_group.append((float(number[i]), int(code[i]) % WIDTH))
    return found


def spaces(texts: list[str]):
    """Unit rows (n, v), sparse, of words and pairs of words: what is alike between texts."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    try:
        return TfidfVectorizer(
            ngram_range=(1, 2), min_df=2, sublinear_tf=True, dtype=np.float32
        ).fit_transform(texts)
    except ValueError:  # not one word stands in two texts
        return None


def similar_texts(
    space, key: np.ndarray, source: np.ndarray, idx: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Of the rows `idx` (m,) the rows of `source` most alike among those of equal key (n,):
    numbers and cosines (m, NEAR), 0 for none."""
    at, cosine = np.zeros((len(idx), NEAR), int), np.zeros((len(idx), NEAR), np.float32)
    if space is None or not len(source):
        return at, cosine
    source = source[np.argsort(key[source], kind="stable")]
    starts, ends = (
        np.searchsorted(key[source], key[idx]),
        np.searchsorted(key[source], key[idx], "right"),
    )
    for block in np.unique(starts[ends > starts]):
        rows = np.flatnonzero((starts == block) & (ends > starts))
        among = source[block : ends[rows[0]]]
        other, top = space[among].T.tocsc(), min(NEAR, len(among))
        for i in range(0, len(rows), 1024):
            few = rows[i : i + 1024]
            found = (space[idx[few]] @ other).toarray()
            best = (
                np.argsort(-found, axis=1, kind="stable")[:, :top]
                if top == len(among)
                else np.argpartition(-found, top - 1, 1)[:, :top]
            )
            cosine[few, :top], at[few, :top] = np.take_along_axis(found, best, 1), among[best]
    order = np.argsort(-cosine, axis=1, kind="stable")
    return np.take_along_axis(at, order, 1), np.take_along_axis(cosine, order, 1)


def similar_text_columns(
    target: np.ndarray, cosine: np.ndarray, row: np.ndarray, number: np.ndarray, code: np.ndarray
) -> np.ndarray:
    """What rows alike say for candidates (c,) of the rows `row` (c,): ALIKE (c, 4). target (m,
    NEAR, 2) and cosine (m, NEAR) of rows alike."""
    near, weight = cosine[row], cosine[row] ** POWER
    unit = (target[row, :, 1] == code[:, None]) & (near > 0)
    same = unit & (target[row, :, 0] == number[:, None])
    total = weight.sum(1) + 1e-3
    return np.column_stack(
        [
            (near * same).max(1),
            (weight * same).sum(1) / total,
            (weight * unit).sum(1) / total,
            near[:, 0],
        ]
    )
