"""The entity sample: the official layout, faults as real downloads, values that are printed."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conftest import reason_of
from tasks.entity import sample as entity
from tasks.entity.sample_prints import ABBREVIATIONS
from tasks.entity.sample_products import make_product
from texts.units import ENTITIES
from texts.values import parse

LISTING = ["image_link", "group_id", "entity_name"]


def read(folder, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / f"{name}.csv", keep_default_na=False)


def image_names(folder) -> list[str]:
    """The names of all images that the tables link to, each once."""
    tables = pd.concat([read(folder, name) for name in ("train", "test")])
    return [Path(link).name for link in tables.image_link.unique()]


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """The sample, 96 training questions, and what its draw counted: drawn once, read by many."""
    folder = tmp_path_factory.mktemp("asked") / entity.FOLDER
    return folder, entity.draw(folder, rows={"train": 96, "test": 24})


@pytest.fixture(scope="module")
def listed():
    """The products and the questions of the whole sample; no image is drawn."""
    return entity.list_questions(entity.ROWS, 0, np.random.default_rng([0, 0]))


def test_a_product_is_what_its_seed_and_number_make_it():
    product = make_product(3, 7)
    assert product == make_product(3, 7)
    assert product != make_product(4, 7)


def test_the_entity_tables_are_in_the_official_layout(asked):
    folder, _ = asked
    train, test, solution = (read(folder, name) for name in ("train", "test", "solution"))
    assert list(train) == [*LISTING, "entity_value"]
    assert list(test) == ["index", *LISTING]
    assert list(solution) == ["index", "entity_value"]
    assert (len(train), len(test)) == (96, 24)
    assert list(test["index"]) == list(solution["index"])

    index = test["index"]
    assert index.is_monotonic_increasing
    assert index.is_unique
    assert index.iloc[-1] > len(test) - 1  # there are gaps
    assert not set(train.image_link) & set(test.image_link)
    assert not pd.concat([train, test]).duplicated(LISTING).any()


def test_faults_are_as_counted(asked):
    folder, counts = asked
    names = image_names(folder)
    drawn = {file.name for file in (folder / "images").iterdir()}
    assert len(names) == counts["images"]
    assert drawn < set(names)
    assert len(names) - len(drawn) == counts["missing"]

    reasons = [reason_of(folder / "images" / name) for name in names]
    kinds = [reason.split(":")[0] for reason in reasons if reason]
    assert kinds.count("broken") == counts["corrupt"] > 0
    assert kinds.count("missing") == counts["missing"] > 0
    assert len(kinds) == counts["corrupt"] + counts["missing"]


def test_all_is_asked_in_the_shares_that_are_meant(listed):
    products, questions = listed
    for _, rows in questions.groupby("split"):
        assert set(rows.entity_name) == set(ENTITIES)
    assert 1.3 < len(questions) / len(products) < 1.5
    assert 0.02 < 1 - questions.printed.mean() < 0.06


def test_unprinted_values_are_unknown_in_the_test_split_alone(listed):
    _, questions = listed
    unknown = questions.entity_value == ""
    assert unknown.any()
    assert unknown.equals(~questions.printed & (questions.split == "test"))


def test_labels_are_spelled_as_officially_save_the_ranges(listed):
    _, questions = listed
    known = questions[questions.entity_value != ""]
    is_range = known.entity_value.map(parse).isna()
    ranges = known[is_range]
    assert len(ranges) == round(entity.RANGES * entity.ROWS["train"])
    assert set(ranges.split) == {"train"}
    pattern = r"\[[\d.]+, [\d.]+\] [a-z]+|[\d.]+ ([a-z]+) to [\d.]+ \1"
    assert ranges.entity_value.str.fullmatch(pattern).all()

    for question in known[~is_range].itertuples():
        assert re.fullmatch(r"\d+\.\d+ [a-z ]+", question.entity_value)
        _, unit = parse(question.entity_value)
        assert unit in ENTITIES[question.entity_name]


def is_printed(product, numbers, unit: str) -> bool:
    """Whether a line of the product's print has the numbers and the unit."""
    abbreviations = "|".join(map(re.escape, ABBREVIATIONS[unit]))
    value = re.escape("-".join(f"{number:g}" for number in numbers))
    for _, text in product.prints:
        has_unit = re.search(abbreviations, text)
        has_value = re.search(rf"(?<![\d.]){value}(?![\d.])", text.replace(",", "."))
        if has_unit and has_value:
            return True
    return False


def test_the_value_asked_for_is_printed_unless_it_is_hidden(listed):
    products, questions = listed
    product_of = dict(zip(questions.image_link.unique(), products, strict=True))
    by_chance = 0  # hidden values that a number which is something else equals
    for question in questions.itertuples():
        product = product_of[question.image_link]
        numbers, unit = product.facts[question.entity_name]
        printed = is_printed(product, numbers, unit)
        assert printed or not question.printed
        by_chance += printed and not question.printed
    assert by_chance <= 2


def test_the_fewest_rows_that_may_be_asked_for_are_drawn(tmp_path):
    counts = entity.draw(tmp_path / "few", 0, rows={"train": 8, "test": 2})
    for name, n in (("train", 8), ("test", 2)):
        assert counts[f"{name}_rows"] == n
        assert len(read(tmp_path / "few", name)) == n
