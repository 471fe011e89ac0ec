"""Features are made part by part, go on where they stopped, and are never mixed up."""

import numpy as np
import pytest

from common.errors import UserError
from features.store import names_file, read_features
from features.writer import FeatureWriter


def rows(n, value):
    return np.full((n, 2, 3), value, np.float16)


def test_growing_goes_on_where_it_was_saved(tmp_path):
    file = tmp_path / "features" / "x.npy"
    first = FeatureWriter(file, (10, 2, 3), "key")
    first.add(rows(4, 1))
    first.save()
    first.add(rows(3, 9))  # never saved: the process dies here
    second = FeatureWriter(file, (10, 2, 3), "key")
    assert second.done == 4
    second.add(rows(6, 2))
    second.finish(file)
    assert np.load(file)[:, 0, 0].tolist() == [1] * 4 + [2] * 6
    assert [p.name for p in file.parent.iterdir()] == ["x.npy"]


def test_growing_starts_anew_under_another_key(tmp_path):
    first = FeatureWriter(tmp_path / "x.npy", (4, 2, 3), "key")
    first.add(rows(4, 1))
    first.save()
    assert (
        FeatureWriter(tmp_path / "x.npy", (4, 2, 3), "other").done == 0
    )  # and overwrites: it dies before it saved
    assert FeatureWriter(tmp_path / "x.npy", (4, 2, 3), "key").done == 0


def test_what_does_not_fit_the_disk_says_so_before_it_starts(tmp_path):
    with pytest.raises(UserError, match="needs 2000.0 GB and the disk has"):
        FeatureWriter(tmp_path / "x.npy", (10**9, 1000), "key")
    assert not list(tmp_path.iterdir())


def test_several_encoders_stand_side_by_side_only_for_the_same_pictures(tmp_path):
    for name, pictures in (("a", ["1", "2"]), ("b", ["1", "2"]), ("c", ["1", "3"])):
        np.save(tmp_path / f"{name}.npy", rows(2, 1))
        np.save(names_file(tmp_path / f"{name}.npy"), np.array(pictures))
    arrays, row = read_features(
        [tmp_path / "a.npy", tmp_path / "b.npy"], np.array(["2", "x", "1", "2"])
    )
    assert len(arrays) == 2 and row.tolist() == [1, -1, 0, 1]
    with pytest.raises(UserError, match="a.npy and c.npy were made of different images"):
        read_features([tmp_path / "a.npy", tmp_path / "c.npy"], np.array(["1"]))


@pytest.mark.slow
def test_a_kill_between_names_and_array_never_leaves_one_with_the_others(
    folders, monkeypatch, script
):
    """03 dies where it finishes: the old array must be gone before the names are another's, so the
    source is made again."""
    import tiny
    from common.files import read_record
    from common.paths import Paths
    from conftest import run_script
    from features.writer import FeatureWriter
    from tasks.price import sample as price

    price.draw(folders / "input" / price.FOLDER, rows={"train": 40, "test": 10})
    tiny.minilm(folders / "weights" / "minilm")
    settings = [
        "data.folder=demo_price",
        "data.n_folds=2",
        f"run.weights={folders / 'weights'}",
        "fusion.image=",
        "fusion.text=minilm",
    ]

    def extract(*more):
        return script("extract_features").main(
            ["price_v2", "--source", "text:minilm", *settings, *more]
        )

    script("split_files").main(["price_v2", *settings])
    extract()
    monkeypatch.setattr(
        FeatureWriter, "finish", lambda self, file: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    with np.testing.assert_raises(KeyboardInterrupt):
        extract("encode.max_length=8")
    file = Paths("price_v2").features("text:minilm")
    assert not file.exists() and read_record(file) is None
    assert f"{file} is missing" in run_script("plan", "price_v2", "--why", *settings).stdout
