"""run.time_limit: stop before Kaggle does, with exit code 75, "run me again"."""

import os
import time

from common.errors import AGAIN, UserError

STARTED = time.time()  # of this process; make says when it started itself in MAKE_STARTED


def check_time_limit(run) -> None:
    """Raises UserError with exit code 75, "run me again", once run.time_limit has passed."""
    if time.time() > deadline(run):
        raise time_is_up(run)


def time_is_up(run) -> UserError:
    return UserError(
        f"the time limit of {run.time_limit:g} hours has come; run the same command "
        "again, it goes on from here",
        AGAIN,
    )


def deadline(run) -> float:
    """Unix time at which to stop; run.time_limit counts from the start of make, or of this
    process."""
    if not run.time_limit:
        return float("inf")

    started = float(os.environ.get("MAKE_STARTED") or STARTED)
    return started + 3600 * run.time_limit
