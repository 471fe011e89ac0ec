"""Rows that show the same: found in either evidence, joined over both, kept in one fold unless test
rows have theirs in train as often."""

import pandas as pd
import pytest

from common.files import read_record
from common.paths import Paths
from common.sections import Data
from conftest import run_script
from pipeline.twins import find_twins, keeps_twins_together, waits_for_images

LONG = "a text of many words that tells one product from all others of the shop and is long enough "


def rows_of(train, test=()) -> pd.DataFrame:
    """Rows of (image, text) pairs."""
    table = pd.DataFrame([*train, *test], columns=["image", "text"])
    table["split"] = ["train"] * len(train) + ["test"] * len(test)
    table["id"] = [f"{split}:{i}" for i, split in enumerate(table.split)]
    return table


def groups(rows, looks=None) -> list[str]:
    return find_twins(rows, looks or {}).names(rows.id.to_numpy()).tolist()


def test_rows_are_joined_by_image_or_text_and_by_way_of_others():
    rows = rows_of([("1.jpg", "tea"), ("2.jpg", "Tea!"), ("2.jpg", "rice"), ("3.jpg", "soap")])
    assert groups(rows) == ["train:0", "train:0", "train:0", ""]
    assert groups(rows, {"1.jpg": "1.jpg", "3.jpg": "1.jpg"}) == ["train:0"] * 4


def test_rows_without_image_and_text_are_alone():
    assert groups(rows_of([("", ""), ("", ""), ("1.jpg", "")])) == ["", "", ""]


def test_near_texts_are_twins():
    text = (
        LONG + "with green tea of the first harvest in a tin of five hundred gram net weight each"
    )
    rows = rows_of([("", text), ("", LONG[::-1]), ("", text + " new")])
    assert groups(rows) == ["train:0", "", "train:0"]


def test_what_many_rows_share_is_no_product():
    named = [(f"{i}.jpg", "") for i in range(60)]
    rows = rows_of([*named, *[("none.jpg", "")] * 21, ("0.jpg", "")])
    assert groups(rows).count("train:0") == 2 and "train:60" not in groups(rows)


@pytest.mark.parametrize(
    "n_test_twins, group, together",
    [
        (0, "auto", True),
        (4, "auto", True),
        (5, "auto", False),
        (20, "auto", False),
        (20, "twins", True),
        (0, "", False),
        (0, "brand", False),
    ],
)
def test_twins_stay_in_one_fold_unless_test_rows_have_them_too(n_test_twins, group, together):
    train = [(f"{i // 2 if i < 20 else i}.jpg", "") for i in range(40)]  # half of them are twins
    test = [(f"{0 if i < n_test_twins else f'new{i}'}.jpg", "") for i in range(20)]
    twins = find_twins(rows_of(train, test), {})
    assert twins.counts()["any"] == {"train": 20, "test": n_test_twins}
    assert keeps_twins_together(Data(group=group), twins) is together


@pytest.mark.parametrize(
    "group, image, waits",
    [
        ("auto", "images/{id}.jpg", True),
        ("auto", "{link}", False),
        ("auto", "", False),
        ("twins", "{link}", True),
        ("image", "images/{id}.jpg", True),
        ("", "images/{id}.jpg", False),
        ("brand", "images/{id}.jpg", False),
    ],
)
def test_folds_wait_for_images_that_are_the_same_on_every_machine(group, image, waits):
    assert waits_for_images(Data(group=group, train_image=image)) is waits


PRICES = [
    "models=ridge",
    "data.folder=shelf",
    "data.id=id",
    "data.category_column=",
    "data.labels=price",
    "data.text=name",
    "data.train_image=",
    "data.test_image=",
]


def write_shelf(folders, names, test_names):
    folder = folders / "input/shelf"
    folder.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame({"id": range(len(names)), "name": names})
    table["price"] = 1 + table.id % 7
    table.to_csv(folder / "train.csv", index=False)
    pd.DataFrame({"id": range(len(test_names)), "name": test_names}).to_csv(
        folder / "test.csv", index=False
    )


def split(*settings) -> pd.DataFrame:
    done = run_script("split_files", "price", *PRICES, *settings)
    assert done.returncode == 0, done.stderr
    return pd.read_csv(Paths("price").folds, keep_default_na=False)


def test_the_first_step_keeps_twins_in_one_fold_and_lists_them(folders):
    names = [f"product {i % 30}" for i in range(40)]
    write_shelf(folders, names, [f"other {i}" for i in range(10)])
    folds = split()
    fold = folds.fold[:40].to_numpy()
    assert (fold[:10] == fold[30:]).all() and (folds.group != "").sum() == 20
    facts = read_record(Paths("price").folds)["twins"]
    assert facts["rows_with_twin"]["text"] == {"train": 20, "test": 0}
    assert facts["kept_together"] and facts["training_rows_with_twin_in_other_fold"] == 0
    twins = pd.read_csv(Paths("price").dir / "twins.csv")
    assert len(twins) == 20 and twins.group[0] == "train:0" and twins.text.all()

    split("data.group=")
    facts = read_record(Paths("price").folds)["twins"]
    assert not facts["kept_together"] and facts["training_rows_with_twin_in_other_fold"] > 0


def test_folds_are_those_of_rows_alone_where_nothing_is_kept_together(folders):
    names = [f"product {i % 30}" for i in range(40)]
    file = Paths("price").folds
    for test_names in ([f"product {i}" for i in range(10)], [f"other {i}" for i in range(10)]):
        write_shelf(folders, names if "product 0" in test_names else names[:30], test_names)
        split()
        with_auto = file.read_bytes()
        split("data.group=")
        assert file.read_bytes() == with_auto
