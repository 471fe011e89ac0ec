"""The folder of a sample: whole or not there, its images drawn in threads, some files spoiled."""

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

ERROR_PAGE = (
    "<!DOCTYPE html><html><head><title>503</title></head><body>Service Unavailable</body></html>\n"
)


@contextmanager
def replacing_folder(folder: Path):
    """Yield an empty folder that replaces `folder` when the block ends well.

    It lies beside `folder` and has `.half` at its end: that one is what a killed draw leaves,
    never a half-made `folder`.
    """
    name = f"{folder.name}.half"
    half = folder.with_name(name)
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)

    yield half

    shutil.rmtree(folder, ignore_errors=True)
    half.rename(folder)


def draw_files(draw_file: Callable, files: list[Path], products, seed: int) -> Iterator[float]:
    """Yield the megabytes of each file, in order, as `draw_file(file, product, seed)` draws it."""
    # Threads are enough: Pillow and numpy release the lock.
    with ThreadPoolExecutor(min(8, os.cpu_count())) as pool:
        yield from pool.map(partial(draw_file, seed=seed), files, products)


def make_link(rng) -> str:
    """A random link to an image, as a catalogue has them."""
    return f"https://example.com/images/{rng.bytes(6).hex()}.jpg"


def spoil_files(files: list[Path], rng) -> dict[str, int]:
    """Spoil 2.5 % of the files, at least three, as real downloads go wrong; return counts.

    In turn, one is cut off, one becomes an error page, one is removed.
    """
    n = max(3, len(files) // 40)
    rows = rng.choice(len(files), n, replace=False)
    chosen = [files[i] for i in rows]

    halves = chosen[0::3]
    for file in halves:
        cut_off(file)

    pages = chosen[1::3]
    for file in pages:
        file.write_text(ERROR_PAGE)

    removed = chosen[2::3]
    for file in removed:
        file.unlink()

    return {"corrupt": len(halves) + len(pages), "missing": len(removed)}


def cut_off(file: Path) -> None:
    """Keep the first half of the file's bytes."""
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])
