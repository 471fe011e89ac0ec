"""The attribute task: reading, the official mean, blending, decoding, the submission and what may
be wrong with it."""

import numpy as np
import pandas as pd
import pytest

from common.errors import UserError
from common.sections import Data, Post
from metrics import f1
from tasks import attributes
from tasks.attributes import offsets

OUTPUTS = {"Sarees/attr_1": ["a", "b", "c"], "Sarees/attr_2": ["no", "yes"]}
DATA = Data(categories=("Sarees",))


def table(**columns):
    return pd.DataFrame(columns, dtype=str)


def random_case(rng, n=200, k=4):
    target = rng.integers(-1, k, n)
    pred = rng.dirichlet(np.ones(k), n)
    pred[np.arange(n), target] += 0.3
    return pred / pred.sum(1, keepdims=True), target


def test_the_official_mean_is_over_attributes_then_categories():
    assert attributes.official_mean({"A/1": 1.0, "A/2": 0.0, "B/1": 1.0}) == pytest.approx(0.75)
    assert attributes.official_mean({"A/1": 1.0, "A/2": float("nan")}) == 1.0
    assert attributes.official_mean({"tone": 1.0, "coin": 0.5}) == 0.75


def test_unlabelled_cells_count_nowhere():
    target = np.array([[0, -1], [1, 0]])
    answer = np.array([[0, 1], [1, 0]])
    assert attributes.score(answer, target, {"x": ["a", "b"], "y": ["a", "b"]}) == 1.0


@pytest.mark.parametrize("seed", range(5))
def test_an_offset_is_the_best_of_all(seed):
    pred, target = random_case(np.random.default_rng(seed), 60)
    labelled = target >= 0
    logp = np.log(pred[labelled])
    labels = target[labelled]
    best = offsets.best_offset(logp, labels, np.zeros(4), 1)

    def value(offset):
        shifted = logp + offset * np.eye(4)[1]
        return f1.scores(shifted.argmax(1), labels, 4)["hm"]

    # a grid can miss a narrow best, but never beat it
    best_of_grid = max(value(offset) for offset in np.linspace(-9, 9, 3601))
    assert value(best) >= best_of_grid - 1e-12


def test_offsets_gain_where_classes_are_rare_also_on_rows_they_were_not_fitted_on():
    rng = np.random.default_rng(0)
    prior = np.array([0.85, 0.1, 0.05])
    y = rng.choice(3, 4000, p=prior)
    z = rng.normal(size=(4000, 3)) + 1.2 * np.eye(3)[y] + np.log(prior)
    pred = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    offset = offsets.fit(pred[:2000], y[:2000])
    logp = np.log(pred[2000:])
    assert offsets.hm_of(logp + offset, y[2000:]) > offsets.hm_of(logp, y[2000:]) + 0.05


def test_without_a_label_there_are_no_offsets():
    pred = np.random.default_rng(0).dirichlet(np.ones(3), 40)
    assert not offsets.fit(pred, np.full(40, -1)).any()


def test_offsets_that_lose_on_the_other_half_are_not_taken():
    rng = np.random.default_rng(1)
    n_zero = 0
    for _ in range(20):
        pred = rng.dirichlet([20, 20, 20], 40)
        target = rng.integers(0, 3, 40)  # there is nothing to learn
        n_zero += not offsets.fit_if_worth(pred, target).any()

    assert n_zero >= 8


def test_offsets_that_gain_on_the_other_half_are_taken():
    rng = np.random.default_rng(1)
    target = np.arange(200) % 2
    noise = rng.uniform(-0.1, 0.1, (200, 1))
    pred = np.array([0.8, 0.2]) + noise * [1, -1]
    pred[target == 1] -= [0.15, -0.15]
    assert offsets.fit_if_worth(pred, target).any()


def test_blending_finds_the_better_model_and_sums_to_one():
    rng = np.random.default_rng(0)
    target = rng.integers(0, 2, (500, 1))
    good = np.where(np.eye(2, dtype=bool)[target[:, 0]], 0.8, 0.2)
    weights = attributes.fit_blend(
        np.stack([good, np.full((500, 2), 0.5)]), target, {"x": ["a", "b"]}
    )
    assert weights[0, 0] > 0.99
    assert weights.sum(0) == pytest.approx(1)


def test_strata_are_the_rarest_labels():
    target = np.array([[0, 0], [0, 1], [0, 1], [1, -1], [-1, -1]])
    assert attributes.strata(target).tolist() == [2, 3, 3, 1, -1]


def write_titles(folder, titles):
    """A training table with names of products, and a test table with `titles`."""
    train = table(id=["1", "2"], tone=["red", "blue"], name=["Red shoe", ""], about=["old", ""])
    train.to_csv(folder / "train.csv", index=False)
    test = table(id=["1", "3"], name=titles, about=["", ""])
    test.to_csv(folder / "test.csv", index=False)


TITLES = Data(
    category_column="",
    labels=("tone",),
    text=("name", "about"),
    train_image="",
    test_image="",
)


def test_rows_have_texts_where_columns_are_named_and_no_image_where_none_is(tmp_path):
    write_titles(tmp_path, ["Blue hat", "Red hat"])
    rows, _ = attributes.read_rows(TITLES, tmp_path)
    assert rows.text.tolist() == ["Red shoe\nold", "", "Blue hat", "Red hat"]
    assert rows.image.tolist() == [""] * 4
    assert list(attributes.outputs(rows)) == ["tone"]

    without = TITLES.model_copy(update={"text": ()})
    assert "text" not in attributes.read_rows(without, tmp_path)[0]


def test_texts_that_are_empty_in_every_row_are_refused(tmp_path):
    write_titles(tmp_path, ["", ""])
    with pytest.raises(UserError, match="test.csv: name, about is empty in every row"):
        attributes.read_rows(TITLES, tmp_path)


def write_official(folder, labels=("a ", "b\n", ""), categories=("Sarees", "Sarees", "Kurtis")):
    folder.mkdir(parents=True, exist_ok=True)
    train = table(
        id=["0", "1", "2"],
        Category=categories,
        len=["2"] * 3,
        attr_1=labels,
        attr_2=["NA", "", "x"],
    )
    train.to_csv(folder / "train.csv", index=False)
    table(id=["0", "7"], Category=["Sarees", "Sarees"]).to_csv(folder / "test.csv", index=False)
    pd.DataFrame(
        {
            "Category": ["Sarees", "Kurtis"],
            "No_of_attribute": [2, 1],
            "Attribute_list": [["p", "q"], ["p"]],
        }
    ).to_parquet(folder / "category_attributes.parquet")


def test_official_rows_are_stripped_and_the_two_files_ids_kept_apart(tmp_path):
    write_official(tmp_path)
    rows, files = attributes.read_rows(DATA, tmp_path)
    assert rows.id.tolist() == ["train:0", "train:1", "test:0", "test:7"]
    assert rows["Sarees/attr_1"].tolist() == ["a", "b", "", ""]
    assert rows["Sarees/attr_2"].tolist() == ["NA", "", "", ""]
    assert rows.image.tolist() == [
        "train_images/000000.jpg",
        "train_images/000001.jpg",
        "test_images/000000.jpg",
        "test_images/000007.jpg",
    ]
    assert files == ["train.csv", "category_attributes.parquet", "test.csv"]
    assert attributes.outputs(rows) == {"Sarees/attr_1": ["a", "b"], "Sarees/attr_2": ["NA"]}
    assert attributes.encode(rows, attributes.outputs(rows)).tolist() == [
        [0, 0],
        [1, -1],
        [-1, -1],
        [-1, -1],
    ]


def test_an_attribute_without_any_label_is_named(tmp_path):
    write_official(tmp_path, labels=("", "", "x"))
    with pytest.raises(UserError, match="Sarees/attr_1 has no label"):
        attributes.outputs(attributes.read_rows(DATA, tmp_path)[0])


@pytest.mark.parametrize(
    "data, says",
    [
        (Data(categories=("Shoes",)), "'Shoes' is not in .*; there are: Sarees, Kurtis"),
        (Data(categories=("Sarees",), id="sku"), "no column sku; it has: id, Category"),
        (Data(categories=("Sarees",), train_image="{file}.jpg"), "no column file"),
        (Data(categories=("Kurtis",)), "test.csv has no row of category Kurtis"),
    ],
)
def test_wrong_tables_are_named(tmp_path, data, says):
    write_official(tmp_path)
    with pytest.raises(UserError, match=says):
        attributes.read_rows(data, tmp_path)


@pytest.mark.parametrize(
    "ids, says",
    [
        (["0", "a1", "2"], "id is 'a1' in row 3"),
        (["0", "12.7", "2"], "id is '12.7'"),
        (["0", "0", "2"], "'0' 2 times"),
    ],
)
def test_ids_that_would_name_another_picture_stop(tmp_path, ids, says):
    write_official(tmp_path)
    train = pd.read_csv(tmp_path / "train.csv", dtype=str)
    train.assign(id=ids).to_csv(tmp_path / "train.csv", index=False)
    with pytest.raises(UserError, match=says):
        attributes.read_rows(DATA, tmp_path)


def test_a_missing_label_column_and_a_broken_attribute_table_are_named(tmp_path):
    write_official(tmp_path)
    pd.read_csv(tmp_path / "train.csv", dtype=str).drop(columns="attr_2").to_csv(
        tmp_path / "train.csv", index=False
    )
    with pytest.raises(UserError, match="train.csv has no column attr_2"):
        attributes.read_rows(DATA, tmp_path)
    (tmp_path / "category_attributes.parquet").write_text("no parquet")
    with pytest.raises(UserError, match="cannot read Category and No_of_attribute"):
        attributes.read_rows(DATA, tmp_path)


def test_all_categories_in_one_are_outputs_of_their_own(tmp_path):
    write_official(tmp_path, labels=("a", "b", "x"))
    rows, _ = attributes.read_rows(Data(), tmp_path)
    assert attributes.outputs(rows) == {
        "Kurtis/attr_1": ["x"],
        "Sarees/attr_1": ["a", "b"],
        "Sarees/attr_2": ["NA"],
    }
    assert "Kurtis/attr_2" not in rows


TEST = table(id=["7", "0"], Category=["Sarees", "Sarees"])
LABELS = pd.DataFrame.from_dict(
    {
        "test:0": {"Sarees/attr_1": "a", "Sarees/attr_2": "no"},
        "test:7": {"Sarees/attr_1": "c", "Sarees/attr_2": "yes"},
    },
    orient="index",
)


def test_the_submission_has_the_official_columns_in_the_order_of_test():
    made = attributes.submission(TEST, LABELS, DATA, Post())
    assert list(made) == ["id", "Category", "len"] + [f"attr_{i}" for i in range(1, 11)]
    assert made.iloc[0].tolist() == ["7", "Sarees", 2, "c", "yes"] + ["dummy_value"] * 8
    assert attributes.problems(made.astype(str), TEST, OUTPUTS, DATA, Post()) == []


@pytest.mark.parametrize(
    "change, says",
    [
        (lambda t: t.drop(columns="len"), "columns are"),
        (lambda t: t.iloc[:1], "missing: 1 row, e.g. id 0"),
        (lambda t: pd.concat([t, t[:1]]), "doubled: 1 row, e.g. id 7"),
        (lambda t: t.assign(id=["7", "9"]), "not asked for: 1 row"),
        (lambda t: t.assign(attr_9=["", "x"]), "attr_9 is empty in 1 rows, e.g. id 7"),
        (lambda t: t.assign(len="3"), "len must be 2"),
        (lambda t: t.assign(attr_1=["a", "z"]), "attr_1 is 'z' at id 0"),
        (lambda t: t.assign(Category="Kurtis"), "Category differs"),
    ],
)
def test_what_is_wrong_with_a_submission_is_said(change, says):
    made = attributes.submission(TEST, LABELS, DATA, Post()).astype(str)
    assert says in attributes.problems(change(made), TEST, OUTPUTS, DATA, Post())[0]
