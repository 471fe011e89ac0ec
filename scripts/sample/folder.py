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


def spoil_files(files: list[Path], rng) -> dict:
    """What goes wrong with 2.5 % of real downloads, in turn: a picture cut off, a page instead of
    it, none at all."""
    chosen = [files[i] for i in rng.choice(len(files), max(3, len(files) // 40), replace=False)]
    for file in chosen[0::3]:
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    for file in chosen[1::3]:
        file.write_text(
            "<!DOCTYPE html><html><head><title>503</title></head><body>Service "
            "Unavailable</body></html>\n"
        )
    for file in chosen[2::3]:
        file.unlink()
    return {"corrupt": len(chosen) - len(chosen[2::3]), "missing": len(chosen[2::3])}
