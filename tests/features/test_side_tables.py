"""Numeric tables from elsewhere: joined by id whatever their order, refused when they are of other
rows or no numbers."""

from types import SimpleNamespace

import numpy as np
import pytest

from common.errors import UserError
from common.paths import Paths
from common.sections import Data
from features.side_tables import digests, is_category, read_numbers, read_side
from models.lightgbm import Settings as Table

DATA = Data(folder="shop", id="sku", labels=("price",), text=("name",))
IDS = np.array(["train:2", "train:1", "test:1"])


@pytest.fixture
def write(folders):
    """write(train csv, test csv) as the folder's own tables and as more.csv, more_test.csv."""
    folder = folders / "input/shop"
    folder.mkdir(parents=True)
    (folder / "train.csv").write_text("sku,name,price\n2,a,3\n1,b,4\n")

    def put(train="sku,b,a,price,name\n1,.5,1,9,x\n2,,2,9,x\n", test="sku,a,b,c\n1,7,8,9\n"):
        (folder / "more.csv").write_text(train)
        (folder / "more_test.csv").write_text(test)
        return Table(train="more.csv", test="more_test.csv")

    return put


def job_of(rows: str) -> SimpleNamespace:
    return SimpleNamespace(config=SimpleNamespace(data=DATA), paths=Paths("shop", rows))


def test_columns_that_both_tables_have_are_joined_by_id(write):
    files = write()
    values, names = read_numbers(DATA, files, IDS)
    assert names == ["b", "a"]
    np.testing.assert_array_equal(values, [[np.nan, 2], [0.5, 1], [8, 7]])
    assert set(digests(job_of("test"), files)) == {"more.csv", "more_test.csv"}
    assert set(digests(job_of(""), files)) == {"more.csv"}
    assert read_numbers(DATA, Table(), IDS)[0].shape == (3, 0)


@pytest.mark.parametrize(
    "train, test, says",
    [
        (
            "sku,a\n1,1\n",
            "sku,a\n1,1\n",
            "more.csv has other rows than folds.csv: missing: 1 row, e.g. sku 2",
        ),
        ("sku,a\n1,1\n2,2\n2,3\n", "sku,a\n1,1\n", "doubled: 2 rows|doubled: 1 row"),
        ("sku,a\n1,1\n2,2\n3,3\n", "sku,a\n1,1\n", "not asked for: 1 row, e.g. sku 3"),
        ("sku,a\n1,1\n2,much\n", "sku,a\n1,1\n", "a is 'much' at train:2; it must be a number"),
        ("sku,a\n1,1\n2,2\n", "sku,b\n1,1\n", "no column in common"),
        ("id,a\n1,1\n2,2\n", "sku,a\n1,1\n", "more.csv has no column sku"),
    ],
)
def test_tables_that_do_not_fit_are_refused(write, train, test, says):
    with pytest.raises(UserError, match=says):
        read_numbers(DATA, write(train, test), IDS)


def test_tables_come_in_pairs(write):
    write()
    with pytest.raises(UserError, match="come in pairs: the one of the test rows is not named"):
        read_numbers(DATA, Table(train="more.csv"), IDS)


def test_columns_of_texts_are_categories_that_training_rows_teach(write):
    files = write("sku,b,a,name\n1,red,1,x\n2,,2,9\n", "sku,a,b\n1,7,blue\n")
    values, names = read_side(DATA, files, IDS)
    assert names == ["b (category)", "a"]
    assert is_category(names).tolist() == [True, False]
    # empty, the only colour of the training rows, one that they do not have
    np.testing.assert_array_equal(values, [[np.nan, 2], [0, 1], [1, 7]])
    assert read_side(DATA, Table(), IDS)[0].shape == (3, 0)


def test_a_text_in_a_column_of_numbers_is_refused(write):
    files = write("sku,a\n1,1\n2,2\n", "sku,a\n1,much\n")
    with pytest.raises(UserError, match="a is 'much' at test:1; it must be a number"):
        read_side(DATA, files, IDS)


def test_the_raw_table_itself_may_have_more_rows_and_its_namesake_may_not(write, folders):
    more = "sku,a\n1,7\n5,9\n"
    monday = folders / "monday.csv"
    monday.write_text(more)
    files = write("sku,a\n1,1\n2,2\n")

    data = DATA.model_copy(update={"test": str(monday)})
    values, _ = read_numbers(data, Table(train=files.train, test=str(monday)), IDS)
    assert values.tolist() == [[2], [1], [7]]

    elsewhere = folders / "input/shop/elsewhere"
    elsewhere.mkdir()
    (elsewhere / "test.csv").write_text(more)
    with pytest.raises(UserError, match="has other rows than rows.csv: not asked for: 1 row"):
        read_numbers(DATA, Table(train=files.train, test="elsewhere/test.csv"), IDS)
