"""Log lines and progress bars, of the first process alone."""

import sys
import time

from common.processes import is_first


def progress(
    iterable=None, what: str = "", total: int | None = None, done: int = 0, unit: str = "it"
):
    """A tqdm bar, of the first process alone; where nobody watches (a log file, a Kaggle run) a
    line every half minute, not ten a second."""
    from tqdm import tqdm

    watched = sys.stderr.isatty()
    return tqdm(
        iterable,
        what,
        total,
        initial=done,
        unit=unit,
        leave=not watched,
        mininterval=0.2 if watched else 30,
        maxinterval=60,
        delay=0 if watched else 30,
        dynamic_ncols=watched,
        disable=not is_first(),
    )


def log(**values) -> None:
    """One line of `key value` pairs, without those that are None, of the first process alone; the
    same on a terminal and in a notebook."""
    if not is_first():
        return

    def short(v):
        return (
            (f"{v:.4f}" if not v or abs(v) >= 1e-3 else f"{v:.1e}") if isinstance(v, float) else v
        )

    text = (f"{k} {short(v)}" for k, v in values.items() if v is not None)
    print(time.strftime("%H:%M:%S"), *text, flush=True)


def log_table(title: str, columns: list[str], rows: dict[str, list[float]]) -> None:
    """Numbers with 4 decimals in aligned columns, a row per name."""
    width = max(map(len, [title, *rows])) + 2
    print(title.ljust(width), *(column.rjust(12) for column in columns))
    for name, values in rows.items():
        print(name.ljust(width), *(f"{value:12.4f}" for value in values), flush=True)
