"""What 00_data_analysis.py says, against tables small enough to be counted by hand."""

import json
import tarfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import tasks
from common.errors import UserError
from common.sections import Data
from config import Config
from conftest import run_script
from images.locate import ImageFiles
from images.names import link_name
from tasks import load_analysis
from tasks.attributes import analysis as attributes
from tasks.entity import analysis as entity
from tasks.image_analysis import analyse_images
from tasks.price import analysis as price
from tasks.raw import overview, read_raw
from tasks.tables import as_records, format_cell, quantiles, show

SHOP = dict(
    folder="shop",
    id="sku",
    category_column="",
    labels=("cost",),
    text=("title", "about"),
    train_image="",
    test_image="",
)
LOOKS = dict(
    folder="looks",
    category_column="",
    labels=("tone", "kind"),
    train_image="",
    test_image="",
    n_folds=3,
)
FACTS = dict(
    folder="facts",
    id="index",
    question="entity_name",
    category_column="group_id",
    labels=("entity_value",),
    group="img",
    train_image="",
    test_image="",
)


@pytest.fixture
def raw_of(folders):
    """raw_of(task, data, train csv, test csv): the raw tables as the analysis of the task gets
    them."""

    def read(task: str, data: dict, train: str, test: str):
        config = Config(task=task, models=("lightgbm",), data=Data(**data))
        folder = folders / "input" / config.data.folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "train.csv").write_text(train)
        (folder / "test.csv").write_text(test)
        return read_raw(config, load_analysis(task).needs(config.data))

    return read


def records(tables: dict) -> dict[str, list[dict]]:
    return as_records({"it": tables})["it"]


def facts(tables: dict, title: str, column: str = "value") -> dict:
    return {row["what"]: row[column] for row in records(tables)[title]}


def test_every_task_has_an_analysis():
    for name in tasks.NAMES:
        assert load_analysis(name).needs
        assert load_analysis(name).analyse
    with pytest.raises(UserError, match="no task 'sounds'; there are: attributes, entity, price"):
        load_analysis("sounds")


def test_rows_columns_and_cells_are_counted(raw_of):
    train = "sku,title,about,cost,shop,note\n1,a,,2,x,NA\n2,a,,2,x,NA\n2,b,c,,x,\n"
    found = records(overview(raw_of("price", SHOP, train, "sku,title,about\n2,a,\n3,b,b\n")))
    assert found["files"] == [
        {
            "split": "train",
            "file": "train.csv",
            "rows": 3,
            "columns": 6,
            "distinct ids": 2,
            "ids in the other": 2,
            "rows that repeat another": 1,
        },
        {
            "split": "test",
            "file": "test.csv",
            "rows": 2,
            "columns": 3,
            "distinct ids": 2,
            "ids in the other": 1,
            "rows that repeat another": 0,
        },
    ]
    columns = {row.pop("column"): row for row in found["columns"]}
    assert columns["about"] == {
        "in": "train test",
        "empty train": 2,
        "empty test": 1,
        "reads as unknown": 0,
        "distinct": 1,
        "constant": False,
        "most frequent": "c",
        "rows": 1,
    }
    assert columns["note"] == {
        "in": "train",
        "empty train": 1,
        "empty test": None,
        "reads as unknown": 2,
        "distinct": 1,
        "constant": False,
        "most frequent": "NA",
        "rows": 2,
    }
    assert [name for name, row in columns.items() if row["constant"]] == ["shop"]
    assert [name for name, row in columns.items() if row["in"] == "train"] == [
        "cost",
        "shop",
        "note",
    ]


def test_only_rows_of_the_config_s_categories_are_read(raw_of):
    data = {**LOOKS, "category_column": "of", "categories": ("Sarees",)}
    raw = raw_of(
        "attributes",
        data,
        "id,of,tone,kind\n1,Sarees,a,b\n2,Kurtis,a,b\n",
        "id,of\n1,Sarees\n2,Kurtis\n3,Sarees\n",
    )
    assert raw.train.id.tolist() == ["1"]
    assert raw.test.id.tolist() == ["1", "3"]
    assert [row["attribute"] for row in records(attributes.analyse(raw))["attributes"]] == [
        "Sarees/tone",
        "Sarees/kind",
    ]
    with pytest.raises(
        UserError, match="test.csv has no row of category Sarees; there are: Kurtis"
    ):
        raw_of("attributes", data, "id,of,tone,kind\n1,Sarees,a,b\n", "id,of\n2,Kurtis\n")


def test_attributes_by_hand(raw_of):
    rows = ["red,shirt"] * 4 + ["blue,dress"] * 3 + ["Red,shirt", "blue,", ","]
    train = "id,tone,kind\n" + "".join(f"{i},{row}\n" for i, row in enumerate(rows))
    found = records(attributes.analyse(raw_of("attributes", LOOKS, train, "id\n0\n")))
    assert found["attributes"] == [
        {
            "attribute": "tone",
            "classes": 3,
            "labelled": 9,
            "share": 0.9,
            "most frequent": "red",
            "its rows": 4,
            "its share": 4 / 9,
            "least frequent": "Red",
            "rows of it": 1,
            "under 3 rows": 1,
        },
        {
            "attribute": "kind",
            "classes": 2,
            "labelled": 8,
            "share": 0.8,
            "most frequent": "shirt",
            "its rows": 5,
            "its share": 5 / 8,
            "least frequent": "dress",
            "rows of it": 3,
            "under 3 rows": 0,
        },
    ]
    assert found["labels per row"] == [
        {"labelled": n, "of": 2, "rows": rows, "share": rows / 10}
        for n, rows in ((2, 8), (1, 1), (0, 1))
    ]
    assert found["classes in fewer rows than there are folds"] == [
        {"attribute": "tone", "class": "Red", "rows": 1}
    ]
    assert found["labels that differ only in case or blanks"] == [
        {"attribute": "tone", "spellings": "Red | red", "rows": "1 | 4"}
    ]
    kind, tone = found["attributes that tell of each other"]
    assert (kind["attribute"], kind["from"], kind["rows"]) == ("kind", "tone", 8)
    assert [kind[c] for c in ("V", "known", "majority", "gain")] == pytest.approx(
        [1, 1, 5 / 8, 1]
    )  # kind is a function of tone
    assert [tone[c] for c in ("V", "known", "majority", "gain")] == pytest.approx(
        [1, 7 / 8, 4 / 8, 3 / 4]
    )


@pytest.mark.parametrize(
    "count, v",
    [
        ([[2, 0], [0, 2]], 1),
        ([[3, 1], [3, 1]], 0),
        ([[3, 1], [1, 3]], 0.5),
        ([[2, 0, 0], [0, 2, 2]], 1),
    ],
)
def test_cramers_v(count, v):
    assert attributes.cramers_v(np.array(count)) == pytest.approx(v)


def test_prices_by_hand(raw_of):
    train = "sku,title,about,cost\n" + "".join(
        f"{i},{row}\n"
        for i, row in enumerate(
            (
                "tea,,1.99",
                "tea,,3.99",
                "soup,for $5,5",
                "soup,at $4.99,4.99",
                "rice,,-2",
                "rice,,0",
                "oil,,much",
                "oil,,",
                ",,5.004",
                "dear,,1000000",
            )
        )
    )
    raw = raw_of("price", SHOP, train, "sku,title,about\n1,tea,\n2,milk,white as snow\n3,,\n")
    found = price.analyse(raw)
    told = facts(found, "prices")
    known = np.array([1.99, 3.99, 5, 4.99, 5.004, 1e6])
    assert [
        told[k] for k in ("rows", "empty", "not a number", "zero", "negative", "above zero")
    ] == [10, 1, 1, 1, 1, 6]
    assert told["mean"] == pytest.approx(known.mean())
    assert told["standard deviation"] == pytest.approx(known.std())
    assert told["skew of log1p"] == pytest.approx(
        pd.Series(np.log1p(known)).skew() * (6 - 2) / np.sqrt(6 * 5)
    )  # pandas' is of a sample
    assert [value for what, value in told.items() if "interquartile" in what] == [
        1,
        1,
    ]  # 1.99 and a million
    assert records(found)["endings"] == [
        {"part": "cents", "ending": ".00", "rows": 3, "share": 1 / 2},
        {"part": "cents", "ending": ".99", "rows": 3, "share": 1 / 2},
        {"part": "of whole prices", "ending": "05", "rows": 2, "share": 2 / 3},
        {"part": "of whole prices", "ending": "00", "rows": 1, "share": 1 / 3},
    ]
    assert [row["price"] for row in records(found)["the lowest and the highest"]] == [
        -2,
        0,
        1.99,
        3.99,
        4.99,
        5,
        5.004,
        1e6,
    ]
    both = 200 * 2 / 5.98  # SMAPE of 1.99 for 3.99
    assert facts(found, next(title for title in found if title.startswith("the same")), "text") == {
        "distinct": 4,
        "in several rows": 1,
        "rows of these": 2,
        "with different prices": 1,
        "rows with these": 2,
        "SMAPE of the price of another row of it": pytest.approx(both),
        "floor of SMAPE on rows of these": pytest.approx(both / 2),
        "floor of SMAPE on all rows": pytest.approx(both / 5),
        "test rows that train has it of": 1,
    }
    assert (
        facts(found, next(title for title in found if title.startswith("the same")), "name")[
            "rows of these"
        ]
        == 4
    )
    assert facts(found, "money in texts") == {
        "texts that name an amount of money": 2,
        "texts that name the price itself": 2,
    }
    words = {(row["split"], row["column"]): row for row in records(found)["words per text"]}
    assert [words["test", "about"][k] for k in ("empty", "mean", "min", "median", "max")] == [
        2,
        1,
        0,
        0,
        3,
    ]
    assert [words["train", "all"][k] for k in ("empty", "mean", "max")] == [1, 1.3, 3]


def test_no_answer_beats_the_floor_of_equal_texts():
    prices = np.array([2.0, 3, 3, 7, 40])
    told = price.same({"train": pd.Series(["x"] * 5), "test": pd.Series(["y"])}, prices)
    answers = np.linspace(1, 50, 4901)
    best = min(float(np.mean(200 * np.abs(p - prices) / (p + prices))) for p in answers)
    assert (
        told["floor of SMAPE on all rows"]
        == told["floor of SMAPE on rows of these"]
        == pytest.approx(best)
    )


ENTITIES = """img,group_id,entity_name,entity_value
a,g1,item_weight,8.0 gram
a,g1,item_weight,8 gram
a,g1,item_weight,9 gram
b,g1,item_weight,2 kilogram
b,g2,width,10.0 inch
b,g2,width,"[1.0, 2.0] inch"
c,g2,width,5.0 gram
d,g2,voltage,10 volt to 20 volt
e,g2,voltage,3 horsepower
f,g2,voltage,
"""


def test_entity_values_by_hand(raw_of):
    raw = raw_of(
        "entity",
        FACTS,
        ENTITIES,
        "index,img,group_id,entity_name\n1,a,g1,item_weight\n2,z,g1,width\n3,z,g3,width\n4,y,g3,width\n",
    )
    tables = entity.analyse(raw)
    found = records(tables)
    none = {
        "one value": 0,
        "in a unit of another entity": 0,
        "no value": 0,
        "a range": 0,
        "anything else": 0,
    }
    assert found["entities"] == [
        {
            "entity": "item_weight",
            "train": 4,
            "of train": 0.4,
            "test": 1,
            "of test": 0.25,
            **none,
            "one value": 4,
        },
        {
            "entity": "voltage",
            "train": 3,
            "of train": 0.3,
            "test": 0,
            "of test": 0,
            **none,
            "no value": 1,
            "a range": 1,
            "anything else": 1,
        },
        {
            "entity": "width",
            "train": 3,
            "of train": 0.3,
            "test": 3,
            "of test": 0.75,
            **none,
            "one value": 1,
            "in a unit of another entity": 1,
            "a range": 1,
        },
    ]
    assert {row["label"]: row["rows"] for row in found["labels"]} == {
        **none,
        "one value": 5,
        "in a unit of another entity": 1,
        "no value": 1,
        "a range": 2,
        "anything else": 1,
    }
    assert {
        (row["entity"], row["label"], row["share"])
        for row in found["labels that are no one value of their entity"]
    } == {
        ("voltage", "# horsepower", 0.1),
        ("voltage", "# volt to # volt", 0.1),
        ("width", "# gram", 0.1),
        ("width", "[#, #] inch", 0.1),
    }
    gram, *_ = found["units and numbers"]
    assert [gram[k] for k in ("entity", "unit", "rows", "share", "min", "median", "max")] == [
        "item_weight",
        "gram",
        3,
        0.75,
        8,
        8,
        9,
    ]
    assert found["units of a group's entity"][0] == {
        "group": "g1",
        "entity": "item_weight",
        "rows": 4,
        "unit": "gram",
        "share": 0.75,
        "next": "kilogram",
        "its share": 0.25,
    }
    assert [row["share"] for row in found["the unit is the most frequent"]] == [3 / 6, 3 / 6]
    assert [list(row.values()) for row in found["questions per image"]] == [
        [1, 4, 2],
        [2, 0, 1],
        [3, 2, 0],
    ]
    assert facts(tables, "questions asked twice") == {
        "questions": 7,
        "asked in several rows": 2,
        "rows of theirs": 5,
        "with different answers": 2,
        "rows with these": 5,
    }
    seen = {row.pop("what"): list(row.values()) for row in found["test rows that train has seen"]}
    assert seen == {
        "group": [2, 2, 1, 0.5, 4, 2, 0.5],
        "entity of a group": [3, 3, 2, 2 / 3, 4, 3, 0.75],
        "image": [6, 3, 2, 2 / 3, 4, 3, 0.75],
    }


def test_a_number_spelt_in_two_ways_is_one_answer():
    rows = pd.DataFrame(
        {
            "entity": ["voltage"] * 4 + ["wattage"],
            "label": ["5 volt", "5.0 volt", "5.0 volt", "6.0 volt", "5 horsepower"],
            "number": [5.0, 5, 5, 6, np.nan],
            "unit": ["volt"] * 4 + [""],
        }
    )
    told = entity.asked_twice(np.array(["a", "a", "b", "b", "a"]), rows)
    assert list(told.values()) == [3, 2, 4, 1, 2]


def test_a_unit_is_guessed_without_the_row_itself():
    known = pd.DataFrame(
        {
            "entity": "width",
            "group": list("aaabbbc"),
            "unit": ["inch", "inch", "foot", "inch", "foot", "yard", "foot"],
        }
    )
    assert (
        entity.most_frequent(known, ["entity"]) == 0
    )  # inch 3, foot 3: without itself neither leads
    assert entity.most_frequent(known[:6], ["entity"]) == 0  # inch 3, foot 2
    assert entity.most_frequent(known[:4], ["entity"]) == 3 / 4
    assert entity.most_frequent(known[:2], ["entity", "group"]) == 1


def test_labels_are_sought_in_the_text(raw_of):
    rows = [
        "width,10.0 inch,10in wide",
        'width,2.5 inch,"2,5 cm"',
        "width,3.0 inch,",
        'item_weight,1000 gram,"Approx.1,000 g"',
        "item_weight,1.5 pound,1 1/2 lb",
    ]
    raw = raw_of(
        "entity",
        {**FACTS, "text": ("ocr",)},
        "img,group_id,entity_name,entity_value,ocr\n" + "".join(f"a,g,{r}\n" for r in rows),
        "index,img,group_id,entity_name,ocr\n1,a,g,width,\n",
    )
    found = {
        row.pop("entity"): list(row.values())
        for row in records(entity.analyse(raw))["the label in the text"]
    }
    assert found == {
        "all": [5, 1, 3 / 5, 3 / 5],
        "width": [3, 1, 2 / 3, 1 / 3],
        "item_weight": [2, 0, 1 / 2, 1],
    }


def picture(seed: int, size=(240, 160)) -> Image.Image:
    return Image.fromarray(
        np.random.default_rng(seed).integers(0, 255, (4, 6, 3), np.uint8)
    ).resize(size, Image.Resampling.BICUBIC)


@pytest.fixture
def gallery(raw_of, folders):
    """Nine images named by train.csv, three by test.csv: equal bytes, near-duplicates, broken,
    missing and outside ones among them."""
    top = folders / "input/shop"
    (top / "images").mkdir(parents=True)

    def save(name, image, **how):
        return image.save(top / "images" / name, **how)

    for name, seed in (("0.jpg", 0), ("1.jpg", 1), ("2.jpg", 2)):
        save(name, picture(seed), quality=95)
    (top / "images/3.jpg").write_bytes((top / "images/0.jpg").read_bytes())
    save("4.jpg", picture(1).resize((160, 107)), quality=70)
    save("5.png", picture(5, (30, 30)).convert("L"))
    (top / "images/6.jpg").write_bytes((top / "images/0.jpg").read_bytes()[:700])
    (top / "images/7.jpg").write_text("<html>")
    (top / "images/t0.jpg").write_bytes((top / "images/2.jpg").read_bytes())
    save("t1.jpg", picture(9), quality=95)
    names = [
        "0.jpg",
        "1.jpg",
        "2.jpg",
        "3.jpg",
        "4.jpg",
        "5.png",
        "6.jpg",
        "7.jpg",
        "8.jpg",
        "../../secret.jpg",
    ]

    def table(names):
        return "".join(f"{i},{name}\n" for i, name in enumerate(names))

    return raw_of(
        "price",
        {**SHOP, "text": (), "train_image": "images/{pic}", "test_image": "images/{pic}"},
        "sku,pic,cost\n" + "".join(f"{i},{name},1\n" for i, name in enumerate(names)),
        "sku,pic\n" + table(["t0.jpg", "t1.jpg", "1.jpg"]),
    )


def pictures_of(raw, most: int):
    return analyse_images(raw, ImageFiles(raw.folder, raw.folder.parent / "downloads"), most)


def test_pictures_by_hand(gallery):
    tables = pictures_of(gallery, 0)
    found = records(tables)
    assert found["names"] == [
        {
            "split": "train",
            "rows": 10,
            "images": 9,
            "missing": 1,
            "not downloaded": 0,
            "in the other split": 1,
            "empty or leads out of the folder": True,
        },
        {
            "split": "test",
            "rows": 3,
            "images": 3,
            "missing": 0,
            "not downloaded": 0,
            "in the other split": 1,
            "empty or leads out of the folder": False,
        },
    ]
    assert facts(tables, "read") == {
        "images that are there": 10,
        "read": 10,
        "usable": 8,
        "not usable": 2,
    }
    assert [(row["reason"], row["images"], row["example"]) for row in found["not usable"]] == [
        ("broken: image file is truncated", 1, "images/6.jpg"),
        ("broken: no image", 1, "images/7.jpg"),
    ]
    assert {row["kind"]: row["rows"] for row in found["formats and modes"]} == {
        "JPEG RGB": 8,
        "PNG L": 1,
    }
    assert {row["size"]: row["rows"] for row in found["most frequent sizes"]} == {
        "240x160": 7,
        "160x107": 1,
        "30x30": 1,
    }
    width = found["quantiles of pixels and bytes"][0]
    assert (width["what"], width["min"], width["median"], width["max"]) == ("width", 30, 240, 240)
    counts = {
        (row["kind"], row["of"], row["in"]): (row["images"], row["read"])
        for row in found["duplicates"]
    }
    assert counts == {
        ("exact", "train", "train"): (2, 8),
        ("exact", "test", "test"): (0, 3),
        ("exact", "test", "train"): (1, 3),
        ("near", "train", "train"): (2, 8),
        ("near", "test", "test"): (0, 3),
        ("near", "test", "train"): (1, 3),
    }
    assert {(row["kind"], row["same as"], row["image"]) for row in found["pairs"]} == {
        ("exact", "images/0.jpg", "images/3.jpg"),
        ("exact", "images/2.jpg", "images/t0.jpg"),
        ("near", "images/1.jpg", "images/4.jpg"),
    }


def test_a_sample_of_pictures_is_the_same_each_time(gallery):
    first, second = (records(pictures_of(gallery, 4)) for _ in range(2))
    assert first == second
    assert facts(pictures_of(gallery, 4), "read")["read"] == 4
    assert first["names"][0]["missing"] == 1  # asked of every name


def test_pictures_that_are_not_there_are_counted_and_no_more(raw_of):
    raw = raw_of(
        "price",
        {**SHOP, "text": (), "train_image": "{sku}.jpg", "test_image": "{sku}.jpg"},
        "sku,cost\n1,2\n2,3\n",
        "sku\n1\n",
    )
    assert list(pictures_of(raw, 0)) == ["names"]
    assert pictures_of(raw, 0)["names"].missing.tolist() == [2, 1]
    assert (
        pictures_of(raw_of("price", {**SHOP, "text": ()}, "sku,cost\n1,2\n", "sku\n1\n"), 0) == {}
    )


def test_links_that_are_downloaded_and_members_of_archives_are_read(raw_of, folders):
    link = "https://a.test/1.jpg"
    raw = raw_of(
        "price",
        {**SHOP, "text": (), "train_image": "{link}", "test_image": "{link}"},
        "sku,link,cost\n1,https://a.test/1.jpg,2\n2,,3\n",
        "sku,link\n1,https://a.test/2.jpg\n2,pics/3.jpg\n3,4.jpg\n",
    )
    file = folders / "input/downloads" / link_name(link)
    file.parent.mkdir(parents=True)
    picture(1).save(file, "JPEG")
    with tarfile.open(raw.folder / "all.tar", "w") as archive:
        archive.add(file, "pics/3.jpg")
    found = records(pictures_of(raw, 0))
    assert [
        [
            row[key]
            for key in ("images", "missing", "not downloaded", "empty or leads out of the folder")
        ]
        for row in found["names"]
    ] == [[1, 0, 0, True], [3, 1, 1, False]]
    assert found["pairs"] == [{"kind": "exact", "image": "pics/3.jpg", "same as": link}]


@pytest.mark.parametrize(
    "task, data, train, test",
    [
        ("attributes", LOOKS, "id,tone,kind\n1,,\n", "id\n1\n"),
        ("price", SHOP, "sku,title,about,cost\n1,,,-1\n", "sku,title,about\n1,,\n"),
        (
            "entity",
            {**FACTS, "text": ("ocr",)},
            "img,group_id,entity_name,entity_value,ocr\na,g,width,,\n",
            "index,img,group_id,entity_name,ocr\n1,a,g,width,\n",
        ),
    ],
)
def test_a_table_without_labels_is_counted_too(raw_of, task, data, train, test):
    raw = raw_of(task, data, train, test)
    assert all(
        isinstance(show(title, table), str)
        for title, table in load_analysis(task).analyse(raw).items()
    )


def test_a_table_is_aligned_and_cut():
    assert show(
        "two", pd.DataFrame({"name": ["a", "long"], "n": [1234, 5], "x": [0.12345, np.nan]})
    ).splitlines() == ["two", "  name      n       x", "  a     1,234  0.1235", "  long      5"]
    assert show("none", pd.DataFrame(columns=["a"])) == "none: none"
    assert show("many", pd.DataFrame({"n": range(1000)})).splitlines()[-1] == "  and 970 more"
    assert [format_cell(v) for v in (True, False, 2.0, 1234.5, np.inf, "a\nb", None)] == [
        "yes",
        "",
        "2",
        "1,234",
        "inf",
        "a b",
        "",
    ]
    assert quantiles([1, 2, 3])["median"] == 2
    assert np.isnan(quantiles([])["max"])


@pytest.mark.parametrize(
    "category, settings, sections",
    [
        ("fashion", ["data.labels=tone,kind"], ["raw files", "attributes", "images"]),
        ("price", ["data.id=sku", "data.labels=cost", "data.text=title"], ["raw files", "price"]),
        ("entity_ocr", ["data.group=img"], ["raw files", "entity"]),
    ],
)
def test_the_script_needs_no_earlier_step_and_writes_what_it_prints(
    script, folders, capsys, category, settings, sections
):
    tables = {
        "fashion": ("id,tone,kind\n1,a,b\n2,,b\n", "id\n3\n"),
        "price": ("sku,title,cost\n1,tea,2\n2,rice,4\n", "sku,title\n3,milk\n"),
        "entity_ocr": (
            ENTITIES.replace("entity_value\n", "entity_value,ocr\n").replace(
                "gram\n", "gram,8 g\n"
            ),
            "index,img,group_id,entity_name,ocr\n1,a,g1,width,\n",
        ),
    }
    folder = folders / "input" / category
    folder.mkdir(parents=True)
    for name, text in zip(("train.csv", "test.csv"), tables[category], strict=True):
        (folder / name).write_text(text)
    script("data_analysis").main([category, *settings])
    file = folders / "working" / category / "analysis.json"
    report, printed = json.loads(file.read_text()), capsys.readouterr().out
    assert list(report) == sections
    assert all(f"{section.upper()} of {category}" in printed for section in sections)
    assert all(title in printed for tables in report.values() for title in tables)
    record = json.loads(file.with_name("analysis.json.json").read_text())
    assert record["settings"]["task"] == sections[1]
    assert set(record["raw"]) == {
        "train.csv",
        "test.csv",
    }


@pytest.mark.parametrize(
    "args, says",
    [
        (["nothing"], "no config 'nothing'; there are: "),
        (["price", "data.labels=cost"], "train.csv has no column cost; it has: sample_id, price"),
        (["price", "data.labels=price,cost"], "a price is one column"),
        (["price", "--images", "-1"], "--images -1 is no number of images"),
        (
            ["price", "data.train_image=images/{id}.jpg"],
            "no column id; there are: sample_id, price",
        ),
    ],
)
def test_what_is_wrong_ends_in_one_line(folders, args, says):
    (folders / "input/price").mkdir(parents=True)
    (folders / "input/price/train.csv").write_text("sample_id,price\n1,2\n2,3\n")
    (folders / "input/price/test.csv").write_text("sample_id\n3\n")
    done = run_script("data_analysis", *args, *(["data.text="] if args[0] == "price" else []))
    assert done.returncode == 1
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert not list((folders / "working").rglob("analysis.json"))
