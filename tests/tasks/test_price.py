"""The price task: rows, bounds, blending, submissions and what is wrong with them."""

import numpy as np
import pandas as pd
import pytest

from common.errors import UserError
from common.sections import Data, Post
from tasks import price

DATA = Data(
    folder="shop",
    id="sample_id",
    category_column="",
    labels=("price",),
    text=("name", "about"),
    train_image="",
    test_image="",
)


def write_shop(folder, **columns):
    """Three training rows and two test rows; columns override cells of train.csv."""
    folder.mkdir(parents=True)
    train = pd.DataFrame(
        {
            "sample_id": ["5", "7", "6"],
            "name": ["tea", "", 'a "b"'],
            "about": ["green\nand good", "cup", ""],
            "price": ["3.5", "12.000000000000002", ""],
        }
    ).assign(**columns)
    train.to_csv(folder / "train.csv", index=False)
    pd.DataFrame({"sample_id": ["7", "1"], "name": ["x", "y"], "about": ["", ""]}).to_csv(
        folder / "test.csv", index=False
    )


def test_rows_and_targets(tmp_path):
    write_shop(tmp_path / "shop")
    rows, files = price.read_rows(DATA, tmp_path / "shop")
    assert rows.id.tolist() == ["train:5", "train:7", "train:6", "test:7", "test:1"]
    assert files == [
        "train.csv",
        "test.csv",
    ]
    assert rows.text.tolist() == ["tea\ngreen\nand good", "cup", 'a "b"', "x", "y"]
    assert set(rows.image) == {""}
    outputs = price.outputs(rows)
    target = price.encode(rows, outputs)
    assert outputs == {"price": [3.5, 12.000000000000002]}
    assert target[:, 0] == pytest.approx(
        [np.log1p(3.5), np.log1p(12.000000000000002), -1, -1, -1], rel=1e-15
    )
    assert price.answer(np.array([[0.0], [9.0], [np.log1p(5)]]), outputs)[:, 0] == pytest.approx(
        [3.5, 12.000000000000002, 5]
    )
    assert price.baseline(target, outputs)[0] == pytest.approx(
        (np.log1p(3.5) + np.log1p(12.000000000000002)) / 2
    )
    assert price.score(np.array([[3.5], [6.0], [1], [1], [1]]), target, outputs) == pytest.approx(
        (0 + 200 / 3) / 2
    )


@pytest.mark.parametrize(
    "columns, says",
    [
        ({"price": ["3", "-1", "2"]}, "price is '-1' at sample_id 7"),
        ({"price": ["0", "x", "inf"]}, "price is '0' at sample_id 5 and 2 more"),
        ({"sample_id": ["5", "5", "6"]}, "'5' 2 times"),
        ({"price": ["", "", ""]}, "no training row has a price"),
    ],
)
def test_rows_that_are_wrong_are_refused(tmp_path, columns, says):
    write_shop(tmp_path / "shop", **columns)
    with pytest.raises(UserError, match=says):
        price.outputs(price.read_rows(DATA, tmp_path / "shop")[0])


def test_a_blend_is_a_mean_and_a_useless_model_falls_out():
    rng = np.random.default_rng(0)
    target = rng.normal(3, 1, (2000, 1))
    good = [target + rng.normal(0, 0.3, target.shape) for _ in range(2)]
    outputs = {"price": [0.5, 900.0]}
    diverged = rng.normal(1e28, 1e27, target.shape)  # a grain of it would be a fortune
    with_it = price.fit_blend(np.stack([*good, diverged]), target, outputs)
    assert with_it[2, 0] < 0.02
    assert abs(price.apply_blend(np.stack([*good, diverged]), with_it, outputs) - target).max() < 2
    weights = price.fit_blend(np.stack([*good, rng.normal(0, 1, target.shape)]), target, outputs)
    assert weights.sum() == pytest.approx(1)
    assert weights[2, 0] < 0.02
    assert abs(weights[0, 0] - 0.5) < 0.1


TEST = pd.DataFrame({"sample_id": ["7", "1", "3"]})


def test_the_submission_is_in_the_order_of_test_and_every_price_is_written_in_full():
    spelled = price.format_answers(np.array([[0.1 + 0.2], [2.0], [7.25]]), {}).set_index(
        np.array(["test:3", "test:7", "test:1"])
    )
    made = price.submission(TEST, spelled, DATA, Post())
    assert made.to_csv(index=False) == "sample_id,price\n7,2.0\n1,7.25\n3,0.30000000000000004\n"
    assert price.problems(made.astype(str), TEST, {}, DATA, Post()) == []
    truth = pd.DataFrame({"sample_id": ["7", "1", "3"], "price": ["1.0", "7.25", ""]})
    assert price.score(
        price.read_answers(made.astype(str), {}, DATA), price.encode_table(truth, {}, DATA), {}
    ) == pytest.approx((200 / 3) / 2)


@pytest.mark.parametrize(
    "change, says",
    [
        (lambda t: t[["price", "sample_id"]], "columns are price,sample_id"),
        (lambda t: t[:2], "missing: 1 row, e.g. sample_id 3"),
        (lambda t: pd.concat([t, t[:1]]), "doubled: 1 row, e.g. sample_id 7"),
        (lambda t: t.assign(sample_id=["7", "1", "9"]), "not asked for"),
        (lambda t: t.assign(price=["1", "0", "2"]), "price is '0' at sample_id 1"),
        (lambda t: t.assign(price=["1", "", "2"]), "price is ''"),
        (lambda t: t.assign(price=["1", "nan", "2"]), "price is 'nan'"),
        (lambda t: t.assign(price=["1", "inf", "-2"]), "and 1 more rows"),
    ],
)
def test_what_is_wrong_with_a_submission_is_said(change, says):
    made = pd.DataFrame({"sample_id": ["7", "1", "3"], "price": ["1.5", "2", "3"]})
    assert says in " ".join(price.problems(change(made), TEST, {}, DATA, Post()))
