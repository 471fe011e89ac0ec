"""Duplicates: what a comparison of all pairs finds is found, in well under its time; images that
are the same are one group, in one fold."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from common.errors import UserError
from common.paths import Paths
from common.sections import Data
from config import Config
from conftest import CATALOGUE, PREPARATION, run_script
from images import near_twins
from images.duplicates import find_twins, stored_colours
from images.names import image_names
from images.near_twins import near_codes
from images.settings import Images
from images.validate import validate
from pipeline.folds import group_by_image
from pipeline.job import Job
from pipeline.load import raw_rows
from tasks import load_task


def brute(table: pd.DataFrame, means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Exact and near twins (n, n) bool, by all pairs."""
    usable, sha = (table["hash"] != "").to_numpy(), table.sha256.to_numpy()
    code = np.array([int(digits or "0", 16) for digits in table["hash"]], np.uint64)
    both = usable[:, None] & usable & ~np.eye(len(table), dtype=bool)
    exact = both & (sha[:, None] == sha)
    return exact, both & ~exact & (np.bitwise_count(code[:, None] ^ code) <= 2) & (
        np.abs(means[:, None] - means).max(-1) <= 8
    )


def same_picture(table, means_of) -> np.ndarray:
    return find_twins(table, {"train": np.ones(len(table), bool)}, means_of)[2]


def draw(rng, n: int) -> tuple[pd.DataFrame, np.ndarray]:
    """n images of few hashes that differ in few bits and of few looks, a little apart; some are
    copies, some not usable."""
    code = rng.integers(0, 2**63, 6, dtype=np.uint64)[rng.integers(0, rng.integers(1, 7), n)]
    for _ in range(rng.integers(0, 4)):
        code ^= np.where(
            rng.random(n) < 0.4,
            np.uint64(1) << rng.integers(0, rng.choice([3, 64]), n).astype(np.uint64),
            np.uint64(0),
        )
    noise, where = (
        rng.integers(0, 10),
        rng.random(192) < rng.choice([0.01, 0.03, 1]),
    )  # a little in all colours, or more in one or few
    means = rng.integers(20, 230, (5, 192))[
        rng.integers(0, rng.integers(1, 6), n)
    ] + where * rng.integers(-noise, noise + 1, (n, 192))
    means = (
        (means + rng.choice([0, 1]) * rng.integers(-10, 11, (n, 1))).clip(0, 255).astype(np.int16)
    )
    file = np.where(
        rng.random(n) < 0.2, rng.integers(0, n, n), np.arange(n)
    )  # whose bytes each has
    for i, j in enumerate(file):
        file[i] = file[j]
    hashes = np.where(rng.random(n) < 0.05, "", [f"{c:016x}" for c in code[file].tolist()])
    return pd.DataFrame(
        {"image": [f"{i}.jpg" for i in range(n)], "sha256": file.astype(str), "hash": hashes}
    ), means[file]


@pytest.mark.parametrize("seed", range(60))
def test_all_that_a_comparison_of_all_pairs_finds_is_found(seed, monkeypatch):
    from scipy.sparse.csgraph import connected_components

    rng = np.random.default_rng(seed)
    if seed % 2:
        monkeypatch.setattr(near_twins, "CHUNK", int(rng.integers(1, 50)))
    table, means = draw(rng, int(rng.integers(1, 90)))
    exact, near = brute(table, means)
    group, want = (
        same_picture(table, lambda rows: means[rows]),
        connected_components(exact | near, directed=False)[1],
    )
    np.testing.assert_array_equal(group[:, None] == group, want[:, None] == want)
    splits = dict(zip(("train", "test"), rng.random((2, len(table))) < 0.5, strict=True))
    counts, pairs, _ = find_twins(table, splits, lambda rows: means[rows])
    train, test = splits.values()
    assert counts.images.tolist() == [
        int((own & (twins & other).any(1)).sum())
        for twins in (exact, near)
        for own, other in ((train, train), (test, test), (test, train))
    ]
    first = [
        (kind, i, int(np.argmax(row)))
        for kind, twins in (("exact", exact), ("near", near))
        for i, row in enumerate(twins)
        if row[:i].any()
    ]
    assert list(pairs.itertuples(index=False, name=None)) == [
        (kind, f"{i}.jpg", f"{j}.jpg") for kind, i, j in first
    ]


def numbered(group: np.ndarray) -> list[int]:
    """The same groups numbered as they come."""
    return pd.factorize(group)[0].tolist()


def test_hashes_that_differ_in_two_bits_at_most_are_found_however_alike_they_are():
    rng = np.random.default_rng(0)
    one = 2**40 + 2 ** np.arange(40)  # all two bits from each other
    codes = np.unique(
        np.r_[
            one, np.arange(2**11), 2**62 + rng.integers(0, 2**10, 300), rng.integers(0, 2**63, 200)
        ].astype(np.uint64)
    )
    want = np.argwhere(np.triu(np.bitwise_count(codes[:, None] ^ codes) <= 2, 1))
    np.testing.assert_array_equal(near_codes(codes), want)
    assert len(want) > 1000 and near_codes(codes[:1]).shape == near_codes(codes[:0]).shape == (0, 2)


def test_near_twins_are_alike_in_hash_and_in_every_colour():
    grey = np.full(192, 100, np.int16)

    def bits(n):
        return f"{2**n - 1:016x}"

    def spot(n):
        return np.where(np.arange(192) == 7, 100 + n, grey).astype(np.int16)

    hashes, means = zip(
        *[
            (bits(0), grey),
            (bits(2), grey),
            (bits(3), spot(0)),
            (bits(0), spot(8)),
            (bits(0), spot(-9)),
            ("", grey),
            ("", grey),
        ],
        strict=True,
    )
    table = pd.DataFrame({"image": list("abcdefg"), "sha256": [*"0123455"], "hash": hashes})
    counts, pairs, _ = find_twins(
        table, {"train": np.ones(7, bool)}, lambda rows: np.stack(means)[rows]
    )
    assert list(pairs.itertuples(index=False, name=None)) == [
        ("near", "b", "a"),
        ("near", "c", "b"),
        ("near", "d", "a"),
    ]
    assert counts.images.tolist() == [
        0,
        4,
    ]  # two of the same bytes that are not usable are not twins
    assert numbered(same_picture(table, lambda rows: np.stack(means)[rows])) == [
        0,
        0,
        0,
        0,
        1,
        2,
        3,
    ]


def test_many_pictures_of_one_hash_are_compared_a_piece_at_a_time(monkeypatch):
    rng, compared = np.random.default_rng(0), []
    means = (255 - rng.integers(0, 2, (1_000, 192))).astype(np.int16)
    table = pd.DataFrame(
        {"image": range(1_000), "sha256": np.arange(1_000).astype(str), "hash": "0" * 16}
    )
    gap = near_twins.gap
    monkeypatch.setattr(near_twins, "CHUNK", 10_000)
    monkeypatch.setattr(
        near_twins, "gap", lambda a, b: compared.append(max(len(a), len(b))) or gap(a, b)
    )
    assert (
        set(same_picture(table, lambda rows: means[rows])) == {0}
        and max(compared) <= 10_000
        and len(compared) >= 50
    )


def test_colours_are_asked_for_only_where_a_hash_has_a_like_one():
    table = pd.DataFrame(
        {
            "image": list("abcd"),
            "sha256": list("1123"),
            "hash": ["0" * 16, "0" * 16, "f" * 16, f"{2**60 - 1:016x}"],
        }
    )
    assert numbered(same_picture(table, lambda rows: pytest.fail("asked"))) == [0, 0, 1, 2]
    counts, pairs, _ = find_twins(table, {"train": np.ones(4, bool)}, None)
    assert counts.images.tolist() == [2, 0] and pairs.values.tolist() == [["exact", "b", "a"]]
    assert same_picture(table[:0], None).tolist() == [] and find_twins(
        table[:0], {"train": np.ones(0, bool)}, None
    )[0].images.tolist() == [0, 0]


def test_rows_whose_pictures_are_the_same_are_one_group(script, folders, capsys):
    """Six images, two of which are near twins, two the same, one broken; eight rows that show
    them, or none."""

    def noise(seed):
        return Image.fromarray(
            np.random.default_rng(seed).integers(0, 255, (4, 6, 3), np.uint8)
        ).resize((240, 160), Image.Resampling.BICUBIC)

    rows = []
    for name, picture in {
        "0.jpg": noise(0),
        "1.jpg": noise(1),
        "2.jpg": noise(0).resize((160, 107)),
        "3.jpg": noise(1),
        "4.jpg": noise(4),
        "5.jpg": None,
    }.items():
        data = io.BytesIO()
        picture.save(data, "JPEG", quality=80) if picture else data.write(b"<html>")
        rows.append({"image": name, **validate(data.getvalue(), Images(size=64))[1]})
    table = pd.DataFrame(rows)
    counts, pairs, table["group"] = find_twins(
        table,
        {"train": np.array([1, 1, 1, 1, 0, 0], bool), "test": np.array([0, 0, 0, 0, 1, 1], bool)},
        stored_colours(table),
    )
    assert table.group.tolist() == ["0.jpg", "1.jpg", "0.jpg", "1.jpg", "4.jpg", "5.jpg"]
    assert pairs.values.tolist() == [
        ["exact", "3.jpg", "1.jpg"],
        ["near", "2.jpg", "0.jpg"],
    ] and counts.images.tolist() == [2, 0, 0, 2, 0, 0]
    job = Job(
        Config(
            task="price",
            models=("lightgbm",),
            data=Data(folder="shelf", labels=("price",), group="image"),
        ),
        Paths("shelf"),
        None,
    )
    job.paths.images.parent.mkdir(parents=True)
    table.to_csv(job.paths.images, index=False)
    group = group_by_image
    images = np.array(["4.jpg", "3.jpg", "2.jpg", "5.jpg", "0.jpg", "1.jpg", "", "5.jpg"], object)
    assert group(images, job).tolist() == [
        "4.jpg",
        "1.jpg",
        "0.jpg",
        "5.jpg",
        "0.jpg",
        "1.jpg",
        "",
        "5.jpg",
    ]
    assert (
        "warning 2 of 8 training rows show what is taken for one image" in capsys.readouterr().out
    )


def test_group_image_needs_pictures_and_no_column(script, folders):
    data = Data(
        folder="shelf",
        id="id",
        labels=("price",),
        text=("name",),
        group="image",
        train_image="",
        test_image="",
    )
    folder = folders / "input/shelf"
    folder.mkdir(parents=True)
    (folder / "train.csv").write_text("id,name,price\n1,a,3\n2,b,4\n")
    (folder / "test.csv").write_text("id,name\n3,c\n")
    one_row = data.model_copy(update={"max_train_rows": 1})
    config = Config(task="price", models=("lightgbm",), data=one_row)
    for answers, split in (("", "train"), ("test", "test")):
        rows, files = raw_rows(Job(config, Paths("shelf", answers), None))
        assert set(rows.group) == {""}
        assert rows.split.tolist() == [split]
        assert files == [f"{split}.csv"]

    with pytest.raises(
        UserError,
        match="data.group=image keeps rows of one image together and data.train_image is empty",
    ):
        script("split_files").main(
            [
                "price",
                "data.folder=shelf",
                "data.id=id",
                "data.labels=price",
                "data.text=name",
                "data.group=image",
                "models=ridge",
            ]
        )


@pytest.mark.parametrize("answers, split", [("", "train"), ("test", "test")])
def test_training_rows_are_drawn_by_the_seed_and_rows_to_answer_never(folders, answers, split):
    folder = folders / "input/shelf"
    folder.mkdir(parents=True)
    table = pd.DataFrame({"id": range(30), "name": "a", "price": 2.0})
    table[:20].to_csv(folder / "train.csv", index=False)
    table[20:].drop(columns="price").to_csv(folder / "test.csv", index=False)

    def ids(**drawn):
        data = Data(folder="shelf", id="id", labels=("price",), text=("name",), **drawn)
        job = Job(Config(task="price", models=("ridge",), data=data), Paths("shelf", answers), None)
        rows, _ = raw_rows(job)
        assert set(rows.split) == {split}
        assert rows.index.tolist() == list(range(len(rows)))
        return rows.id.tolist()

    n = 10 if answers else 20
    assert len(ids()) == len(ids(max_train_rows=99)) == n
    some = ids(max_train_rows=5, seed=1)
    assert ids(max_train_rows=5, seed=1) == some
    if answers:
        assert some == ids() == ids(max_train_rows=5, seed=2)
    else:
        assert len(some) == 5
        assert some != ids(max_train_rows=5, seed=2)


def test_a_filled_pattern_that_is_a_link_stays_as_it_is(tmp_path):
    links = [
        "https://a.test/x/../y.jpg?w=1",
        "http://a.test/%00",
        "ftp://a.test/z",
        "../secret.jpg",
        "inside/1.jpg",
        "",
    ]
    table = pd.DataFrame({"link": links})
    assert image_names(table, "{link}", tmp_path) == [*links[:3], "", "inside/1.jpg", ""]
    assert image_names(table, "images/{link:name}", tmp_path)[:2] == ["images/y.jpg", "images/%00"]
    with pytest.raises(UserError, match="!r has no meaning here; write {link}"):
        image_names(table, "{link!r}", tmp_path)


@pytest.mark.parametrize(
    "task, columns",
    [
        ("attributes", {"tone": ["a", "b"]}),
        ("entity", {"entity_name": ["width"] * 2, "entity_value": ["1 inch"] * 2}),
        ("price", {"cost": ["1", "2"]}),
    ],
)
def test_a_column_called_image_is_no_group_of_its_own(tmp_path, task, columns):
    label = list(columns)[-1]
    train = pd.DataFrame({"id": ["1", "2"], "image": ["a.jpg", "b.jpg"], **columns})
    train.to_csv(tmp_path / "train.csv", index=False)
    train.drop(columns=label).to_csv(tmp_path / "test.csv", index=False)
    data = Data(
        category_column="",
        labels=(label,),
        question="entity_name",
        group="image",
        train_image="{image}",
        test_image="{image}",
    )
    rows, _ = load_task(task).read_rows(data, tmp_path)
    assert set(rows.group) == {""} and rows.image.tolist() == ["a.jpg", "b.jpg"] * 2
    rows, _ = load_task(task).read_rows(data.model_copy(update={"group": "id"}), tmp_path)
    assert rows.group.tolist() == ["1", "2", "", ""]


def test_what_shows_one_picture_is_in_one_fold(catalogue, folders):
    images = folders / "input/fashion/images"
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (4, 6, 3), np.uint8)).resize(
        (240, 160), Image.Resampling.BICUBIC
    )
    for i in range(12):  # twelve rows of one look, each of other bytes
        noise.save(images / f"{i}.jpg", quality=95 - i)
    for i in (48, 49):  # and so look two test rows
        noise.save(images / f"{i}.jpg", quality=i)
    (images / "50.jpg").write_bytes((images / "0.jpg").read_bytes())
    settings = [
        *CATALOGUE,
        "data.group=image",
        "data.n_folds=3",
        "data.category_column=",
        "data.id=id",
    ]
    without = run_script("split_files", "fashion", *settings)
    assert (
        without.returncode == 1
        and "images.csv is missing; run: python scripts/02_download_images.py fashion"
        in without.stderr
    )
    printed = {}
    for name, *rows in PREPARATION:
        done = run_script(name, "fashion", *rows, *settings)
        printed[rows[-1] if rows else name] = done.stdout
        assert done.returncode == 0, done.stderr
    table = pd.read_csv(folders / "working/fashion/folds.csv", dtype=str, keep_default_na=False)
    one = table[:12]
    assert (
        set(one.group) == {"images/0.jpg"} and one.fold.nunique() == one.validation.nunique() == 1
    )
    assert "rows_in_the_largest" in done.stdout
    assert set(table.split) == {"train"}

    # the test rows' table names the training image that each looks like
    test = Paths("fashion", "test")
    found = pd.read_csv(test.images).set_index("image")
    assert len(found) == 12
    twins = [f"images/{i}.jpg" for i in (48, 49, 50)]
    assert set(found.group[twins]) == {"images/0.jpg"}
    pairs = pd.read_csv(test.own / "duplicates.csv").to_numpy().tolist()
    for kind, image in zip(("near", "near", "exact"), twins, strict=True):
        assert [kind, image, "images/0.jpg"] in pairs

    assert "duplicates exact of test within train images 1" in printed["test"]
    by_row = pd.read_csv(folders / "working/fashion/twins.csv").set_index("id")
    assert set(by_row.group[["test:48", "test:49", "test:50"]]) == {"train:0"}
