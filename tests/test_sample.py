"""The sample: the official layout, the same bytes for a seed, faults as real downloads have them, nothing half drawn."""
import hashlib

import pandas as pd
import pytest

from common.config import Images
from common.images import cached_bytes
from common.samples import attributes


def digest(folder) -> str:
    return hashlib.sha256(b"".join(p.name.encode() + p.read_bytes() for p in sorted(folder.rglob("*.*")))).hexdigest()


def test_the_same_seed_draws_the_same_bytes_and_another_others(drawn, tmp_path):
    for seed, same in ((0, True), (1, False)):
        attributes.draw(tmp_path / str(seed), seed, rows={"train": 48, "test": 12})
        assert (digest(tmp_path / str(seed)) == digest(drawn)) is same


def test_it_is_in_the_official_layout_with_its_faults(drawn):
    train, test = (pd.read_csv(drawn / f"{name}.csv") for name in ("train", "test"))
    assert list(train) == ["id", "Category", "len"] + [f"attr_{i}" for i in range(1, 11)] and list(test) == ["id", "Category"]
    names = pd.read_parquet(drawn / "category_attributes.parquet")
    assert dict(train.groupby("Category").len.first()) == dict(zip(names.Category, names.No_of_attribute))
    assert train.attr_2.isna().any() and pd.read_csv(drawn / "solution.csv").attr_2.notna().all()
    bad = {split: [reason for i in table.id if (reason := cached_bytes(drawn / f"{split}_images/{i:06d}.jpg", Images(size=32))[1]["reason"])]
           for split, table in (("train", train), ("test", test))}
    assert len(bad["train"]) == 3 and "missing" in bad["train"] and len(bad["test"]) == 1


def test_a_draw_that_dies_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(attributes, "spoil_files", lambda *a: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        attributes.draw(tmp_path / "x", 0, rows={"train": 8, "test": 2})
    assert not (tmp_path / "x").exists()
