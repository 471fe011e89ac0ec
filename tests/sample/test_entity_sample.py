"""The entity sample: the official layout, the same bytes for a seed, faults as downloads have them,
values that are printed."""

import hashlib
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conftest import reason_of
from tasks.entity import sample as entity
from texts.units import ENTITIES
from texts.values import parse

LISTING = ["image_link", "group_id", "entity_name"]


def digest(folder) -> str:
    return hashlib.sha256(
        b"".join(p.name.encode() + p.read_bytes() for p in sorted(folder.rglob("*.*")))
    ).hexdigest()


def read(folder, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / f"{name}.csv", keep_default_na=False)


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """The sample, 96 training questions, and what its draw counted: drawn once, read by many."""
    folder = tmp_path_factory.mktemp("asked") / entity.FOLDER
    return folder, entity.draw(folder, rows={"train": 96, "test": 24})


@pytest.fixture(scope="module")
def listed():
    """The products and the questions of the whole sample; no picture is drawn."""
    return entity.list_questions(entity.ROWS, 0, np.random.default_rng([0, 0]))


def test_the_same_seed_asks_the_same_bytes_and_another_others(asked, tmp_path):
    for seed, same in ((0, True), (1, False)):
        entity.draw(tmp_path / str(seed), seed, rows={"train": 96, "test": 24})
        assert (digest(tmp_path / str(seed)) == digest(asked[0])) is same


def test_a_product_is_what_its_seed_and_number_make_it():
    assert entity.make_product(3, 7) == entity.make_product(3, 7) != entity.make_product(4, 7)


def test_the_entity_tables_are_in_the_official_layout(asked):
    train, test, solution = (read(asked[0], name) for name in ("train", "test", "solution"))
    assert (list(train), list(test), list(solution)) == (
        [*LISTING, "entity_value"],
        ["index", *LISTING],
        ["index", "entity_value"],
    )
    assert (len(train), len(test)) == (96, 24) and list(test["index"]) == list(solution["index"])
    assert (
        test["index"].is_monotonic_increasing
        and test["index"].is_unique
        and test["index"].iloc[-1] > len(test) - 1
    )
    assert (
        not set(train.image_link) & set(test.image_link)
        and not pd.concat([train, test]).duplicated(LISTING).any()
    )
    names = {Path(link).name for link in [*train.image_link, *test.image_link]}
    drawn = {file.name for file in (asked[0] / "images").iterdir()}
    assert (
        drawn < names
        and len(names - drawn) == asked[1]["missing"]
        and asked[1]["images"] == len(names)
    )


def test_faults_are_as_counted(asked):
    links = pd.concat([read(asked[0], name) for name in ("train", "test")]).image_link.unique()
    reasons = [reason_of(asked[0] / "images" / Path(link).name) for link in links]
    found = pd.Series([reason.split(":")[0] for reason in reasons if reason]).value_counts()
    assert (
        found.to_dict() == {"broken": asked[1]["corrupt"], "missing": asked[1]["missing"]}
        and min(found) > 0
    )


def test_all_is_asked_in_the_shares_that_are_meant(listed):
    products, questions = listed
    assert (
        set(questions.entity_name[questions.part == "train"])
        == set(questions.entity_name[questions.part == "test"])
        == set(ENTITIES)
    )
    assert 1.3 < len(questions) / len(products) < 1.5 and 0.02 < 1 - questions.printed.mean() < 0.06
    assert (questions.entity_value == "").equals(
        ~questions.printed & (questions.part == "test")
    ) and (questions.entity_value == "").any()


def test_labels_are_spelled_as_officially_save_the_ranges(listed):
    questions = listed[1].query("entity_value != ''")
    ranges = questions.entity_value.map(parse).isna()
    assert ranges.sum() == round(entity.RANGES * entity.ROWS["train"]) and set(
        questions.part[ranges]
    ) == {"train"}
    assert (
        questions.entity_value[ranges]
        .str.fullmatch(r"\[[\d.]+, [\d.]+\] [a-z]+|[\d.]+ ([a-z]+) to [\d.]+ \1")
        .all()
    )
    for name, value in questions.loc[~ranges, ["entity_name", "entity_value"]].itertuples(
        index=False
    ):
        assert re.fullmatch(r"\d+\.\d+ [a-z ]+", value) and parse(value)[1] in ENTITIES[name]


def test_the_value_asked_for_is_printed_unless_it_is_hidden(listed):
    products, questions = listed
    by_link, seen = dict(zip(questions.image_link.unique(), products, strict=True)), 0
    for row in questions.itertuples():
        product = by_link[row.image_link]
        numbers, unit = product.facts[row.entity_name]
        said = [
            text.replace(",", ".")
            for _, text in product.prints
            if re.search(
                "|".join(re.escape(letters) for letters in entity.ABBREVIATIONS[unit]), text
            )
        ]
        printed = any(
            re.search(rf"(?<![\d.]){re.escape('-'.join(f'{n:g}' for n in numbers))}(?![\d.])", text)
            for text in said
        )
        assert printed or not row.printed
        seen += printed and not row.printed  # by chance, as a number that is something else
    assert seen <= 2


def test_the_fewest_rows_that_may_be_asked_for_are_drawn(tmp_path):
    counts = entity.draw(tmp_path / "few", 0, rows={"train": 8, "test": 2})
    assert (
        (counts["train_rows"], counts["test_rows"])
        == (8, 2)
        == (len(read(tmp_path / "few", "train")), len(read(tmp_path / "few", "test")))
    )


def test_an_entity_draw_that_dies_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(entity, "spoil_files", lambda *a: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        entity.draw(tmp_path / "x", 0, rows={"train": 8, "test": 2})
    assert not (tmp_path / "x").exists()
