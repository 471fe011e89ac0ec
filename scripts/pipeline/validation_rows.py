"""Validation rows where rows have groups: whole groups, near their share for every fold's member.

in:  data.validation .1, folds of 20, 20 and 20 rows in groups of 1 to 9
out: some 6 rows of several groups, about 2 of them in each fold
A member sees the validation rows of the other folds. They pick its epoch, so one group alone, or
none, or half of its rows would each be a fault that no score shows.
"""

from dataclasses import dataclass

import numpy as np

from common.errors import UserError

SEVERAL = 2  # groups of validation rows that each member has
NEAR = 4 / 3  # how many times more or fewer rows than their share are taken without a search
FARTHEST = 2  # and with one
STARTS = 300  # of the search: of 100 drawn layouts of 4 to 12 groups, all that can be had are found
FEW = 64  # groups; where there are more, one start ends as well as another
STEPS = 1000


@dataclass(frozen=True)
class Members:
    """What each fold's member has of each of g groups: k members, labelled rows alone."""

    share: (
        np.ndarray
    )  # (k, g) the group's rows as a share of the validation rows that it should have
    is_outside: np.ndarray  # (k, g) 1 where the member has the group: it is in another fold
    most: float  # of its validation rows, as a share of those that it should have

    def shares(self, chosen: np.ndarray) -> np.ndarray:
        """Validation rows (k,) of the chosen groups (g,), 1 where they are as many as they should
        be."""
        return self.share @ chosen

    def n_groups(self, chosen: np.ndarray) -> np.ndarray:
        """(k,) how many of the chosen groups each member has."""
        return self.is_outside @ chosen

    def is_within(self, chosen: np.ndarray, factor: float) -> bool:
        """Whether each member has SEVERAL groups, and rows within a factor of what it should."""
        shares = self.shares(chosen)
        most = min(factor, self.most)
        is_several = self.n_groups(chosen) >= SEVERAL
        return bool(np.all((shares >= 1 / factor) & (shares <= most) & is_several))


def group_members(size: np.ndarray, fold: np.ndarray, n_folds: int, validation: float) -> Members:
    """size, fold (g,): labelled rows and fold of each group."""
    is_outside = fold != np.arange(n_folds)[:, None]
    rows = is_outside * size
    wanted = validation * rows.sum(1, keepdims=True)
    most = (1 + validation) / (2 * validation)  # half of the rest is left to train on
    return Members(rows / wanted.clip(1e-9), (rows > 0).astype(float), most)


def near_share(
    drawn: np.ndarray | None,
    groups: np.ndarray,
    fold: np.ndarray,
    is_labelled: np.ndarray,
    data,
) -> np.ndarray:
    """The validation rows (n,) bool: those drawn, where they are near their share and of several
    groups for every fold's member; else others that are.

    drawn (n,) bool, None where they could not be drawn; groups, fold (n,) of the training rows.
    Raises UserError, with the group that is too large, when no groups can be taken.
    """
    names, first, group = np.unique(groups, return_index=True, return_inverse=True)
    size = np.bincount(group, is_labelled, len(names))
    members = group_members(size, fold[first], data.n_folds, data.validation)

    if drawn is not None:
        chosen = np.zeros(len(names))
        chosen[group[drawn]] = 1
        if members.is_within(chosen, NEAR):
            return drawn

    rng = np.random.default_rng(data.seed)
    for _ in range(STARTS if len(names) <= FEW else 1):
        chosen = search(members, rng)
        if members.is_within(chosen, FARTHEST):
            return chosen[group] == 1

    largest = size.argmax()
    raise UserError(
        f"no validation rows near data.validation={data.validation:g} of {SEVERAL} groups can be "
        f"kept for every fold: group {names[largest]} has {int(size[largest])} of "
        f"{int(size.sum())} labelled rows in {len(names)} groups; set data.validation=0 (the last "
        "epoch is taken), or another data.group"
    )


def search(members: Members, rng: np.random.Generator) -> np.ndarray:
    """Groups (g,) 0 or 1 by steepest descent: a random start, then the group whose coming or going
    brings all members nearest to their share, until none does."""
    chosen = random_start(members, rng)
    loss = losses(members.shares(chosen)[:, None], members.n_groups(chosen)[:, None])[0]

    for _ in range(STEPS):
        sign = 1 - 2 * chosen
        shares = members.shares(chosen)[:, None] + sign * members.share
        n_groups = members.n_groups(chosen)[:, None] + sign * members.is_outside

        loss_of_step = losses(shares, n_groups)
        best = loss_of_step.argmin()
        if loss_of_step[best] >= loss:
            break

        chosen[best] = 1 - chosen[best]
        loss = loss_of_step[best]

    return chosen


def random_start(members: Members, rng: np.random.Generator) -> np.ndarray:
    """Groups (g,) 0 or 1 in random order, until a member has its share of them, or less."""
    order = rng.permutation(members.share.shape[1])
    n_rows = members.share[:, order].cumsum(1).max(0)
    chosen = np.zeros(len(order))
    chosen[order[n_rows <= 2 * rng.random()]] = 1
    chosen[order[0]] = 1
    return chosen


def losses(shares: np.ndarray, n_groups: np.ndarray) -> np.ndarray:
    """How far (m,) m choices are from right: shares, n_groups (k, m)."""
    factor = np.abs(np.log(shares.clip(1e-3)))
    too_far = (factor - np.log(FARTHEST)).clip(0)
    too_few = (SEVERAL - n_groups).clip(0)
    return (factor**2 + 10 * too_far + too_few).sum(0)
