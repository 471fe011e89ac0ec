"""What a table of entity values holds: entities, units and numbers, labels that are no single
value, what train and test share.

    in:  train.csv with columns image_link, group_id, entity_name, entity_value
    out: {"entities": a row per entity, "labels": a row per kind of label, ...}
"""

import re

import numpy as np
import pandas as pd

from tasks.entity.read import joined_texts, value_column
from tasks.raw import Raw
from tasks.tables import QUANTILES, Tables, count_values, list_facts, quantiles
from texts.units import ENTITIES
from texts.values import parse_distinct, readings

ONE = "one value"
FOREIGN = "in a unit of another entity"
NONE = "no value"
RANGE = "a range"
OTHER = "anything else"
KINDS = (ONE, FOREIGN, NONE, RANGE, OTHER)  # of labels
RANGE_PATTERN = re.compile(r"\[[^,]+,[^,]+\]|.*\d.* to .*\d")
DIGITS = re.compile(r"\d+(?:[.,]\d+)*|(?<!\w)[.,]\d+")


def needs(data) -> dict[str, list[str]]:
    """The columns that train and test must have; a training file may have no ids."""
    value = value_column(data)
    columns = [data.question, data.category_column, *data.text]
    return {"train": [*columns, value], "test": [data.id, *columns]}


def analyse(raw: Raw) -> Tables:
    """The tables of this analysis by title; those on groups, images and texts only where the config
    names them."""
    data = raw.config.data
    rows = training_rows(raw)
    known = rows[rows.kind.isin([ONE, FOREIGN])].astype({"number": float})
    tables = {
        "entities": entities(rows, raw.test[data.question]),
        "labels": count_values(rows.kind, "label"),
        "labels that are no one value of their entity": odd_labels(rows),
        "units and numbers": units(known),
    }

    if data.category_column and len(known):
        tables["units of a group's entity"] = units_of_groups(known)
        tables["the unit is the most frequent"] = guessed_units(known)

    images = image_ids(raw)
    if images:
        tables["questions per image"] = questions_per_image(images)
        tables["questions asked twice"] = list_facts(asked_twice(images["train"], rows))

    tables["test rows that train has seen"] = seen_in_train(raw, images)

    if data.text:
        texts = joined_texts(raw.train, data.text)
        tables["the label in the text"] = in_text(known, texts[known.index])

    return tables


def training_rows(raw: Raw) -> pd.DataFrame:
    """A row per training row: entity, label, group, number and unit (nan and "" where the label is
    no single value), kind."""
    data = raw.config.data
    label = raw.train[value_column(data)]
    entity = raw.train[data.question]
    group = raw.train[data.category_column] if data.category_column else ""

    value_of = parse_distinct(label)
    values = [value_of[text] for text in label]
    pairs = [value or (np.nan, "") for value in values]
    number, unit = np.array(pairs, object).reshape(-1, 2).T
    kinds = map(kind_of, label, entity, values)
    return pd.DataFrame(
        {
            "entity": entity,
            "label": label,
            "group": group,
            "number": number,
            "unit": unit,
            "kind": list(kinds),
        }
    )


def image_ids(raw: Raw) -> dict[str, np.ndarray]:
    """{split: (n,) the image of each row}, by its name or else by data.group; {} where a split has
    neither."""
    images = raw.image_names()

    if not images:
        group = raw.config.data.group
        for split, table in raw.splits.items():
            if group in table:
                images[split] = table[group].to_numpy(str)

    in_both = len(images) == 2
    return images if in_both else {}


def kind_of(label: str, entity: str, value: tuple[float, str] | None) -> str:
    """One of KINDS; a range is two numbers: "[100.0, 240.0] volt", "10 kilogram to 15 kilogram"."""
    if value:
        _, unit = value
        return ONE if unit in ENTITIES.get(entity, ()) else FOREIGN

    if not label:
        return NONE

    return RANGE if RANGE_PATTERN.match(label) else OTHER


def entities(rows: pd.DataFrame, asked: pd.Series) -> pd.DataFrame:
    """Rows of train and test that ask for each entity, with shares, and train's by the kind of
    their label. asked (m,): the entities of test."""
    table = []
    for entity in sorted({*rows.entity, *asked}):
        kinds = rows.kind[rows.entity == entity].value_counts()
        in_test = asked == entity
        row = {
            "entity": entity,
            "train": int(kinds.sum()),
            "of train": kinds.sum() / len(rows),
            "test": int(in_test.sum()),
            "of test": in_test.mean(),
        }

        for kind in KINDS:
            row[kind] = int(kinds.get(kind, 0))

        table.append(row)

    return sort_table(pd.DataFrame(table), "train", "entity")


def sort_table(table: pd.DataFrame, count: str, *names: str) -> pd.DataFrame:
    """The largest count first, equal ones by names."""
    ascending = [False] + [True] * len(names)
    return table.sort_values([count, *names], ascending=ascending, ignore_index=True)


def odd_labels(rows: pd.DataFrame) -> pd.DataFrame:
    """The labels that are no ONE value, their numbers as #, with their share of all rows."""
    is_odd = rows.kind.isin([FOREIGN, RANGE, OTHER])
    odd = rows[is_odd].copy()
    without_numbers = odd.label.str.replace(r"\d+(\.\d+)?", "#", regex=True)
    odd["label"] = without_numbers

    groups = odd.groupby(["entity", "label", "kind"])
    counts = groups.size().rename("rows")
    table = counts.reset_index()
    table["share"] = table.rows / len(rows)
    return sort_table(table, "rows", "entity", "label")


def units(known: pd.DataFrame) -> pd.DataFrame:
    """Each entity's units, their rows and share of the entity's values, and the quantiles of their
    numbers."""
    rows_of_entity = known.entity.value_counts()

    lines = []
    for (entity, unit), group in known.groupby(["entity", "unit"]):
        n = len(group)
        line = {
            "entity": entity,
            "unit": unit,
            "rows": n,
            "share": n / rows_of_entity[entity],
        }
        lines.append(line | quantiles(group.number))

    columns = ["entity", "unit", "rows", "share", *QUANTILES]
    table = pd.DataFrame(lines, columns=columns)
    return sort_table(table, "rows", "entity", "unit")


def units_of_groups(known: pd.DataFrame) -> pd.DataFrame:
    """The two most frequent units of an entity in a group, with their shares, the groups with most
    rows first."""
    table = []
    for (group, entity), unit in known.groupby(["group", "entity"]).unit:
        counts = count_values(unit, "unit")
        has_second = len(counts) > 1
        table.append(
            {
                "group": group,
                "entity": entity,
                "rows": len(unit),
                "unit": counts.unit[0],
                "share": counts.share[0],
                "next": counts.unit[1] if has_second else "",
                "its share": counts.share[1] if has_second else np.nan,
            }
        )

    return sort_table(pd.DataFrame(table), "rows", "group", "entity")


def guessed_units(known: pd.DataFrame) -> pd.DataFrame:
    """How often the most frequent unit of the entity, and of the entity in the group, is right."""
    table = []
    for keys in (["entity"], ["entity", "group"]):
        row = {
            "of the other rows": " and ".join(keys),
            "rows": len(known),
            "share": most_frequent(known, keys),
        }
        table.append(row)

    return pd.DataFrame(table)


def most_frequent(known: pd.DataFrame, keys: list[str]) -> float:
    """Share of rows whose unit is more frequent than any other among the other rows with their
    keys; a row alone has none."""
    counts = known.groupby([*keys, "unit"]).size()
    of_keys = counts.groupby(level=keys)

    # rows of the most frequent unit and of the next
    first = of_keys.max()
    second = of_keys.agg(second_largest)

    first_of_others = first - 1  # without the row itself
    is_guessed = first_of_others > second
    n_guessed = first[is_guessed].sum()
    return float(n_guessed / len(known))


def second_largest(counts: pd.Series) -> int:
    """0 where there is only one."""
    return counts.nlargest(2)[1:].sum()


def questions_per_image(images: dict[str, np.ndarray]) -> pd.DataFrame:
    """How many images have how many rows, in each split."""
    counts = {}
    for split, names in images.items():
        with_image = names[names != ""]
        rows_per_image = pd.Series(with_image).value_counts()
        counts[split] = rows_per_image.value_counts()

    n_rows = set()
    for count in counts.values():
        n_rows.update(count.index)

    table = pd.DataFrame({"rows": sorted(n_rows)})
    for split, count in counts.items():
        n_images = [int(count.get(n, 0)) for n in table.rows]
        table[f"images in {split}"] = n_images

    return table


def asked_twice(images: np.ndarray, rows: pd.DataFrame) -> dict:
    """Label noise: the same entity of the same image in several training rows, and with how many
    different answers; numbers are compared as numbers, so that 8 gram is 8.0 gram."""
    value = rows.number.astype(str) + " " + rows.unit
    has_one_value = rows.unit != ""
    answer = np.where(has_one_value, value, rows.label)
    entity = rows.entity.to_numpy()

    has_image = images != ""
    answers = pd.Series(answer[has_image])
    keys = [images[has_image], entity[has_image]]
    questions = answers.groupby(keys)

    n_rows = questions.size()
    n_answers = questions.nunique()
    is_repeated = n_rows > 1
    differs = n_answers > 1
    return {
        "questions": len(n_rows),
        "asked in several rows": int(is_repeated.sum()),
        "rows of theirs": int(n_rows[is_repeated].sum()),
        "with different answers": int(differs.sum()),
        "rows with these": int(n_rows[differs].sum()),
    }


def seen_in_train(raw: Raw, images: dict[str, np.ndarray]) -> pd.DataFrame:
    """How many of test's groups, entities of groups and images train has rows of, and how many of
    test's rows have these."""
    data = raw.config.data
    keys = {}  # {what is compared: {split: its value in each row}}

    if data.category_column:
        groups = {}
        pairs = {}
        for split, table in raw.splits.items():
            group = table[data.category_column].tolist()
            entity = table[data.question]
            groups[split] = group
            pairs[split] = list(zip(group, entity, strict=True))

        keys["group"] = groups
        keys["entity of a group"] = pairs

    if images:
        keys["image"] = {split: names.tolist() for split, names in images.items()}

    rows = []
    for name, of_split in keys.items():
        row = seen_row(name, of_split["train"], of_split["test"])
        rows.append(row)

    return pd.DataFrame(rows)


def seen_row(name: str, train: list, test: list) -> dict:
    """How many distinct values, and how many rows, of test are not in train."""
    known = set(train)
    asked = set(test)
    n_new = len(asked - known)
    n_new_rows = sum(value not in known for value in test)

    return {
        "what": name,
        "in train": len(known),
        "in test": len(asked),
        "never seen": n_new,
        "share": n_new / len(asked),
        "test rows": len(test),
        "of never seen": n_new_rows,
        "their share": n_new_rows / len(test),
    }


def in_text(known: pd.DataFrame, texts: pd.Series) -> pd.DataFrame:
    """Of the rows with one value, per entity and of all, the shares whose number stands in their
    text in digits, and whose number with its unit is among the readings of it.

    In digits a comma is a point or nothing; readings know fractions and a letter O for a zero.
    """
    has_number = []
    has_value = []

    for text, row in zip(texts, known.itertuples(), strict=True):
        numbers = numbers_in(text)
        has_number.append(row.number in numbers)

        allowed_units = ENTITIES.get(row.entity, ())
        values = [(reading.number, reading.unit) for reading in readings(text, allowed_units)]
        has_value.append((row.number, row.unit) in values)

    table = pd.DataFrame(
        {
            "entity": known.entity,
            "empty": texts == "",
            "number": has_number,
            "value": has_value,
        }
    )
    of_all = table.assign(entity="all")
    with_all = pd.concat([table, of_all])

    shares = []
    for entity, group in with_all.groupby("entity"):
        row = {
            "entity": entity,
            "rows": len(group),
            "empty text": int(group["empty"].sum()),
            "number in digits": group.number.mean(),
            "number with unit read": group.value.mean(),
        }
        shares.append(row)

    return pd.DataFrame(shares)


def numbers_in(text: str) -> set[float]:
    """The numbers that stand in a text in digits; a comma is read as a point, and as nothing."""
    numbers = set()
    for digits in DIGITS.findall(text):
        as_point = digits.replace(",", ".")
        as_nothing = digits.replace(",", "")

        for number in (as_point, as_nothing):
            if number.count(".") < 2:
                numbers.add(float(number))

    return numbers
