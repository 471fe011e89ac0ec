"""Log lines and progress bars, of the first process alone."""

import sys
import time

from common.processes import is_first


def progress(
    iterable=None, what: str = "", total: int | None = None, done: int = 0, unit: str = "it"
):
    """A tqdm bar. Where nobody watches (a log file, a Kaggle run) a line every half minute."""
    from tqdm import tqdm

    watched = sys.stderr.isatty()
    seconds = 0.2 if watched else 30
    return tqdm(
        iterable,
        what,
        total,
        initial=done,
        unit=unit,
        leave=not watched,
        mininterval=seconds,
        maxinterval=60,
        delay=0 if watched else seconds,
        dynamic_ncols=watched,
        disable=not is_first(),
    )


def log(**values) -> None:
    """Print the time and `key value` pairs; pairs whose value is None are left out."""
    if is_first():
        pairs = [f"{key} {shorten(value)}" for key, value in values.items() if value is not None]
        print(time.strftime("%H:%M:%S"), *pairs, flush=True)


def shorten(value):
    """A float with 4 decimals, or 2 digits where those would hide it; anything else as it is."""
    if not isinstance(value, float):
        return value

    is_tiny = 0 < abs(value) < 1e-3
    return f"{value:.1e}" if is_tiny else f"{value:.4f}"
