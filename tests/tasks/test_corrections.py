"""data.corrections: labels laid over the training table as it is read, in all three tasks."""

import hashlib

import pandas as pd
import pytest

from common.errors import UserError
from common.files import read_record
from common.paths import Paths
from common.sections import Data
from conftest import CATALOGUE, PREPARATION, run_script
from tasks import load_task

TABLES = {
    "attributes": {"id": ["1", "2", "3"], "tone": ["dark", "light", ""]},
    "price": {"id": ["1", "2", "3"], "tone": ["2.5", "300", ""]},
    "entity": {
        "id": ["1", "2", "3"],
        "asked": ["item_weight", "item_weight", "height"],
        "tone": ["2 gram", "1 kilogram", ""],
    },
}
COLUMN = {"attributes": "tone", "price": "price", "entity": "value"}
NEW = {"attributes": "light", "price": "3", "entity": "2 kilogram"}


@pytest.fixture(params=sorted(TABLES))
def task(request):
    return request.param


@pytest.fixture
def read(tmp_path, task):
    """read(lines of the corrections) are the labels of the training rows."""
    table = pd.DataFrame(TABLES[task])
    table.to_csv(tmp_path / "train.csv", index=False)
    table.drop(columns="tone").to_csv(tmp_path / "test.csv", index=False)
    data = Data(
        category_column="",
        labels=("tone",),
        question="asked",
        train_image="",
        test_image="",
        corrections="mended.csv",
    )

    def read(*lines: str) -> list[str]:
        (tmp_path / "mended.csv").write_text("\n".join(["id,column,value", *lines]) + "\n")
        rows, _ = load_task(task).read_rows(data, tmp_path)
        return rows[COLUMN[task]][rows.split == "train"].tolist()

    return read


def test_labels_are_mended_given_and_taken_away(read, task):
    raw = TABLES[task]["tone"]
    assert read() == raw
    assert read(f"1,tone,{NEW[task]}", f"3,tone,{raw[1]}", "2,tone,") == [NEW[task], "", raw[1]]


@pytest.mark.parametrize(
    "line, says",
    [
        ("9,tone,", "mended.csv: id '9': not in train.csv"),
        ("1,hue,dark", "mended.csv: column 'hue': not in the labels; there are: tone"),
        ("2,tone,beautiful", "mended.csv: value 'beautiful' at id 2 can be no tone; "),
    ],
)
def test_what_cannot_be_is_one_line(read, line, says):
    with pytest.raises(UserError, match=says) as error:
        read("1,tone,", line)
    assert "\n" not in str(error.value)


def test_a_cell_is_mended_once(read):
    with pytest.raises(UserError, match="column tone of id 1 is there twice"):
        read("1,tone,", "1,tone,")


def test_a_table_of_all_categories_serves_each(tmp_path):
    columns = {"id": ["1", "2"], "Category": ["Tees", "Sarees"], "a": ["x", "y"], "b": ["", "z"]}
    pd.DataFrame(columns).to_csv(tmp_path / "train.csv", index=False)
    pd.DataFrame(columns)[["id", "Category"]].to_csv(tmp_path / "test.csv", index=False)
    (tmp_path / "mended.csv").write_text("id,column,value\n1,a,\n2,b,\n")
    data = Data(categories=("Tees",), labels=("a",), train_image="", corrections="mended.csv")
    rows, _ = load_task("attributes").read_rows(data, tmp_path)
    assert rows["Tees/a"].tolist() == ["", ""]

    # y is a class of Sarees alone
    (tmp_path / "mended.csv").write_text("id,column,value\n1,a,y\n")
    with pytest.raises(UserError, match="value 'y' at id 1 can be no a; .* has e.g. x; "):
        load_task("attributes").read_rows(data, tmp_path)


def test_corrections_make_folds_stale_and_no_image_and_leave_the_raw_file(catalogue, folders):
    def call(name, *settings):
        done = run_script(name, "fashion", *CATALOGUE, "data.category_column=", *settings)
        assert done.returncode == 0, done.stderr
        return done.stdout

    paths = Paths("fashion")
    raw = folders / "input/fashion/train.csv"
    before = hashlib.sha256(raw.read_bytes()).hexdigest()
    for name, *options in PREPARATION:
        call(name, *options, "data.id=id")
    first = catalogue.index[catalogue.tone == "dark"][0]
    mended = folders / "input/fashion/mended.csv"
    mended.write_text(f"id,column,value\n{first},tone,light\n")
    settings = ["data.id=id", "data.corrections=mended.csv"]

    why = call("plan", *settings, "--why")
    assert "folds.csv was made with data.corrections=, not mended.csv" in why
    assert "images.csv" not in why.replace("images.csv:", "")
    call("split_files", *settings)
    folds = pd.read_csv(paths.folds, keep_default_na=False).set_index("id")
    assert folds.tone[f"train:{first}"] == "light"
    assert "mended.csv" in read_record(paths.folds)["raw"]

    mended.write_text(f"id,column,value\n{first},tone,mid\n")
    why = call("plan", *settings, "--why")
    assert "folds.csv was made from another mended.csv" in why
    assert "images.csv was" not in why
    assert hashlib.sha256(raw.read_bytes()).hexdigest() == before
