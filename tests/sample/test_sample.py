"""All samples: the same bytes for a seed, nothing half drawn."""

import hashlib

import pytest

from tasks import NAMES, load_module

ROWS = {"train": 16, "test": 4}
SAMPLES = [load_module(name, "sample") for name in NAMES]


def digest(folder) -> str:
    """SHA-256 of the names and the bytes of all files."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*.*")):
        total.update(path.name.encode())
        total.update(path.read_bytes())
    return total.hexdigest()


@pytest.mark.parametrize("sample", SAMPLES, ids=NAMES)
def test_the_same_seed_draws_the_same_bytes_and_another_others(sample, tmp_path):
    digests = []
    for i, seed in enumerate((0, 0, 1)):
        folder = tmp_path / str(i)
        sample.draw(folder, seed, ROWS)
        digests.append(digest(folder))
    first, again, other_seed = digests
    assert first == again
    assert first != other_seed


@pytest.mark.parametrize("sample", SAMPLES, ids=NAMES)
def test_a_draw_that_dies_leaves_no_folder(sample, tmp_path, monkeypatch):
    monkeypatch.setattr(sample, "spoil_files", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        sample.draw(tmp_path / "x", 0, {"train": 8, "test": 2})
    assert not (tmp_path / "x").exists()
