"""Which rows show the same as another row: the same image, the same text, or nearly.

in:  training rows of 1.jpg, 2.jpg and 3.jpg, which is a copy of 1.jpg
out: groups "train:1", "", "train:1"
A model that learnt one of two such rows has seen the other, so a score of rows whose twins are in
other folds is as good as on test rows with as many twins among the training rows, and too good for
others. Hence data.group=auto: twins stay in one fold, unless test rows have theirs in train as
often. Whatever is decided, twins.csv lists them and the report says what they do to the score.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from common.log import log
from common.paths import TEST
from common.tables import read_csv
from texts.twins import near_texts, normalise, same_texts

AUTO = "auto"
TWINS = "twins"
LARGE = 0.05  # share of the training rows that one image or text is shown in at most: what more
FEW = 20  # rows share, and more than these, is no product, but "no image" or the name of a kind
AS_OFTEN = 0.5  # test rows have twins in train as often as training rows: at least half as often


@dataclass(frozen=True)
class Twins:
    """Groups of n rows, train and test, that show the same, each named by its first row (n,)."""

    is_train: np.ndarray  # (n,) bool
    groups: dict[str, np.ndarray]  # {"image" or "text": (n,)}
    group: np.ndarray  # (n,) by any of them

    def has_twin(self, group: np.ndarray) -> np.ndarray:
        """(n,) bool: another row of the group is a training row."""
        in_train = np.bincount(group[self.is_train], minlength=len(group))
        return in_train[group] > self.is_train

    def count(self, group: np.ndarray) -> dict[str, int]:
        """How many rows of each split have a twin among the training rows."""
        has_twin = self.has_twin(group)
        return {
            "train": int((has_twin & self.is_train).sum()),
            "test": int((has_twin & ~self.is_train).sum()),
        }

    def counts(self) -> dict[str, dict[str, int]]:
        """`count` by each kind, and by any."""
        counts = {kind: self.count(group) for kind, group in self.groups.items()}
        return {**counts, "any": self.count(self.group)}

    def is_test_alike(self) -> bool:
        """Whether test rows have twins among the training rows as often as these have."""
        n_train = self.is_train.sum()
        n_test = len(self.is_train) - n_train
        n_twins = self.count(self.group)
        share_of_train = n_twins["train"] / max(n_train, 1)
        share_of_test = n_twins["test"] / max(n_test, 1)
        return bool(share_of_test >= AS_OFTEN * share_of_train)

    def names(self, ids: np.ndarray) -> np.ndarray:
        """The group of each training row (t,) as a text: the id of its first row; "" without a
        twin. ids (t,)."""
        group = self.group[: len(ids)]
        return np.where(self.has_twin(self.group)[: len(ids)], ids[group], "")

    def n_apart(self, fold: np.ndarray) -> int:
        """How many training rows have a twin in another fold; fold (t,) of the training rows."""
        in_fold = pd.DataFrame({"group": self.group[self.is_train], "fold": fold})
        n_folds = in_fold.groupby("group").fold.transform("nunique")
        return int((n_folds > 1).sum())

    def facts(self, fold: np.ndarray, data) -> dict:
        """What a record and the report say of them."""
        n_train = int(self.is_train.sum())
        return {
            "rows": {"train": n_train, "test": len(self.is_train) - n_train},
            "rows_with_twin": self.counts(),
            "training_rows_with_twin_in_other_fold": self.n_apart(fold),
            "test_rows_as_often": self.is_test_alike(),
            "kept_together": keeps_twins_together(data, self),
        }

    def table(self, ids: np.ndarray) -> pd.DataFrame:
        """The rows with a twin in train: id, group (its first row), 1 for each kind."""
        has_twin = np.flatnonzero(self.has_twin(self.group))
        table = pd.DataFrame({"id": ids[has_twin], "group": ids[self.group[has_twin]]})

        for kind, group in self.groups.items():
            table[kind] = self.has_twin(group)[has_twin].astype(int)

        return table


def find_twins(rows: pd.DataFrame, looks: dict[str, str]) -> Twins:
    """The twins among rows with columns id, split, image and, where they have one, text: training
    rows first.

    looks: {image: the first image that looks the same}; one that is not there is told by its name.
    """
    is_train = (rows.split == "train").to_numpy()
    groups = {"image": group_images(rows.image, looks)}

    if "text" in rows:
        groups["text"] = group_texts(rows.text)

    for kind, group in groups.items():
        groups[kind] = without_common(group, is_train, kind)

    alone = np.arange(len(rows))
    by_any = connect(len(rows), [(alone, group) for group in groups.values()])
    return Twins(is_train, groups, by_any)


def group_images(images: pd.Series, looks: dict[str, str]) -> np.ndarray:
    """The first row (n,) with the same image as each; its own where it has none."""
    look_of_row = [looks.get(image, image) for image in images]
    return same_texts(look_of_row)


def group_texts(texts: pd.Series) -> np.ndarray:
    """The first row (n,) with the same text as each or nearly, also by way of others; its own where
    it has none."""
    normalised = [normalise(text) for text in texts]
    same = same_texts(normalised)
    alone = np.arange(len(same))
    first = np.flatnonzero(same == alone)  # each distinct text once

    pairs = [(alone, same)]

    for i, j in near_texts([normalised[k] for k in first]):
        pairs.append((first[i], first[j]))

    return connect(len(same), pairs)


def connect(n: int, pairs: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """The first row (n,) of the group of each, where the rows of each pair (m,), (m,) are in one
    group."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    one = np.concatenate([i for i, _ in pairs])
    other = np.concatenate([j for _, j in pairs])
    graph = coo_array((np.ones(len(one), bool), (one, other)), shape=(n, n))
    _, component = connected_components(graph, directed=False)
    _, first, inverse = np.unique(component, return_index=True, return_inverse=True)
    return first[inverse]


def without_common(group: np.ndarray, is_train: np.ndarray, kind: str) -> np.ndarray:
    """The groups (n,), rows of a group too large to be one product alone again."""
    in_train = np.bincount(group[is_train], minlength=len(group))
    largest = max(FEW, LARGE * is_train.sum())

    is_common = in_train[group] > largest
    if is_common.any():
        log(
            note=f"{int((is_common & is_train).sum())} training rows share an {kind} with more "
            f"than {LARGE:.0%} of them: no product, so they are not taken for twins"
        )

    return np.where(is_common, np.arange(len(group)), group)


def read_looks(job) -> dict[str, str]:
    """{image: the first image that looks the same} of the training and test rows' images.csv, where
    folds wait for them."""
    if not waits_for_images(job.config.data):
        return {}

    looks = {}
    for paths in (job.paths, job.paths.of(TEST)):
        table = read_csv(paths.images, ["image", "group"])
        looks |= dict(zip(table.image, table.group, strict=True))

    return looks


def waits_for_images(data) -> bool:
    """Whether folds need images.csv. A pattern that begins with a column may give links, and what
    can be downloaded differs from machine to machine, as folds must not: such images are told by
    their names, unless data.group says "image" or "twins"."""
    if data.group in ("image", TWINS):
        return bool(data.train_image)

    may_be_links = data.train_image.startswith("{")
    return data.group == AUTO and bool(data.train_image) and not may_be_links


def keeps_twins_together(data, twins: Twins) -> bool:
    """Whether twins stay in one fold."""
    if data.group == TWINS:
        return True

    return data.group == AUTO and not twins.is_test_alike()
