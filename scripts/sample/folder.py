"""A folder that is drawn beside its name and takes it when it is whole."""

import shutil
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing_folder(folder: Path):
    """Yield an empty folder beside `folder` that replaces it when the block ends well. A killed
    draw leaves that one, with .half at its end, never a half-made `folder`."""
    half = folder.with_name(folder.name + ".half")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    yield half
    shutil.rmtree(folder, ignore_errors=True)
    half.rename(folder)
