"""What a table of entity values holds: entities, units and numbers, labels that are no one value,
what train and test share."""

import re

import numpy as np
import pandas as pd

from common.errors import UserError
from tasks.raw import Raw
from tasks.tables import QUANTILES, Tables, count_values, list_facts, quantiles
from texts.units import ENTITIES
from texts.values import parse, readings

ONE, FOREIGN, NONE, RANGE, OTHER = KINDS = (
    "one value",
    "in a unit of another entity",
    "no value",
    "a range",
    "anything else",
)


def needs(data) -> dict[str, list[str]]:
    if len(data.labels) != 1 or not data.question:
        raise UserError(
            f"data.labels={', '.join(data.labels)}, data.question={data.question}: they "
            "name the column of the value and the column "
            "of what is asked, e.g. data.labels=entity_value data.question=entity_name"
        )
    columns = [data.question, data.category_column, *data.text]
    return {
        "train": [*columns, *data.labels],
        "test": [data.id, *columns],
    }  # a training file may have no ids


def analyse(raw: Raw) -> Tables:
    """What is asked, what the labels are, how units and numbers spread, questions asked twice, what
    test rows were seen of."""
    data = raw.config.data
    rows = pd.DataFrame(
        {
            "entity": raw.train[data.question],
            "label": raw.train[data.labels[0]],
            "group": raw.train[data.category_column] if data.category_column else "",
        }
    )
    values = {label: parse(label) for label in set(rows.label)}
    rows["number"], rows["unit"] = (
        np.array([values[label] or (np.nan, "") for label in rows.label], object).reshape(-1, 2).T
    )
    rows["kind"] = [
        kind_of(label, entity, values[label])
        for label, entity in zip(rows.label, rows.entity, strict=True)
    ]
    known = rows[rows.kind.isin([ONE, FOREIGN])].astype({"number": float})
    found = {
        "entities": entities(rows, raw.test[data.question]),
        "labels": count_values(rows.kind, "label"),
        "labels that are no one value of their entity": odd_labels(rows),
        "units and numbers": units(known),
    }
    if data.category_column and len(known):
        found |= {
            "units of a group's entity": units_of_groups(known),
            "the unit is the most frequent": pd.DataFrame(
                [
                    {
                        "of the other rows": " and ".join(keys),
                        "rows": len(known),
                        "share": most_frequent(known, keys),
                    }
                    for keys in (["entity"], ["entity", "group"])
                ]
            ),
        }
    pictures = raw.image_names() or {
        split: table[data.group].to_numpy(str)
        for split, table in raw.splits.items()
        if data.group in table
    }
    if len(pictures) == 2:
        found |= {
            "questions per picture": questions_per_picture(pictures),
            "questions asked twice": list_facts(asked_twice(pictures["train"], rows)),
        }
    found["test rows that train has seen"] = seen(raw, pictures)
    if data.text:
        found["the label in the text"] = in_text(
            known, raw.train[list(data.text)].agg("\n".join, axis=1)[known.index]
        )
    return found


def kind_of(label: str, entity: str, value: tuple[float, str] | None) -> str:
    """One of KINDS; a range is two numbers: "[100.0, 240.0] volt", "10 kilogram to 15 kilogram"."""
    if value:
        return ONE if value[1] in ENTITIES.get(entity, ()) else FOREIGN
    return (
        NONE
        if not label
        else RANGE
        if re.match(r"\[[^,]+,[^,]+\]|.*\d.* to .*\d", label)
        else OTHER
    )


def entities(rows: pd.DataFrame, asked: pd.Series) -> pd.DataFrame:
    """Rows of train and test that ask for each entity, with shares, and train's by the kind of
    their label."""
    table = []
    for entity in sorted({*rows.entity, *asked}):
        kinds, test = rows.kind[rows.entity == entity].value_counts(), asked == entity
        table.append(
            {
                "entity": entity,
                "train": int(kinds.sum()),
                "of train": kinds.sum() / len(rows),
                "test": int(test.sum()),
                "of test": test.mean(),
                **{kind: int(kinds.get(kind, 0)) for kind in KINDS},
            }
        )
    return pd.DataFrame(table).sort_values(
        ["train", "entity"], ascending=[False, True], ignore_index=True
    )


def odd_labels(rows: pd.DataFrame) -> pd.DataFrame:
    """The labels that are no ONE value, their numbers as #, with their share of all rows."""
    odd = rows[rows.kind.isin([FOREIGN, RANGE, OTHER])]
    counts = (
        odd.groupby(["entity", odd.label.str.replace(r"\d+(\.\d+)?", "#", regex=True), "kind"])
        .size()
        .rename("rows")
        .reset_index()
    )
    counts = counts.assign(share=counts.rows / len(rows))
    return counts.sort_values(
        ["rows", "entity", "label"], ascending=[False, True, True], ignore_index=True
    )


def units(known: pd.DataFrame) -> pd.DataFrame:
    """Each entity's units, their rows and share of the entity's values, and the quantiles of their
    numbers."""
    of_entity = known.entity.value_counts()
    table = [
        {
            "entity": entity,
            "unit": unit,
            "rows": len(group),
            "share": len(group) / of_entity[entity],
            **quantiles(group.number),
        }
        for (entity, unit), group in known.groupby(["entity", "unit"])
    ]
    return pd.DataFrame(table, columns=["entity", "unit", "rows", "share", *QUANTILES]).sort_values(
        ["rows", "entity", "unit"], ascending=[False, True, True], ignore_index=True
    )


def units_of_groups(known: pd.DataFrame) -> pd.DataFrame:
    """The two most frequent units of an entity in a group, with their shares, the groups with most
    rows first."""
    table = []
    for (group, entity), unit in known.groupby(["group", "entity"]).unit:
        counts = count_values(unit, "unit")
        first, second = (
            {"unit": "", "share": np.nan} if i >= len(counts) else counts.loc[i] for i in (0, 1)
        )
        table.append(
            {
                "group": group,
                "entity": entity,
                "rows": len(unit),
                "unit": first["unit"],
                "share": first["share"],
                "next": second["unit"],
                "its share": second["share"],
            }
        )
    return pd.DataFrame(
        table, columns=["group", "entity", "rows", "unit", "share", "next", "its share"]
    ).sort_values(["rows", "group", "entity"], ascending=[False, True, True], ignore_index=True)


def most_frequent(known: pd.DataFrame, keys: list[str]) -> float:
    """Share of rows whose unit is more frequent than any other among the other rows with their
    keys; a row alone has none."""
    count = known.groupby([*keys, "unit"]).size().groupby(level=keys)
    first, second = count.max(), count.agg(lambda rows: rows.nlargest(2)[1:].sum())
    return float(first[first - 1 > second].sum() / len(known))


def questions_per_picture(pictures: dict[str, np.ndarray]) -> pd.DataFrame:
    """How many pictures have how many rows, in each split."""
    counts = {
        split: pd.Series(names[names != ""]).value_counts().value_counts()
        for split, names in pictures.items()
    }
    most = sorted(set().union(*(count.index for count in counts.values())))
    return pd.DataFrame(
        {"rows": most}
        | {
            f"pictures in {split}": [int(count.get(n, 0)) for n in most]
            for split, count in counts.items()
        }
    )


def asked_twice(pictures: np.ndarray, rows: pd.DataFrame) -> dict:
    """Label noise: the same entity of the same picture in several training rows, and with how many
    different answers; numbers are compared as numbers, so that 8 gram is 8.0 gram."""
    answer = np.where(rows.unit != "", rows.number.astype(str) + " " + rows.unit, rows.label)
    groups = pd.Series(answer)[pictures != ""].groupby(
        [pictures[pictures != ""], rows.entity[pictures != ""].to_numpy()]
    )
    size, answers = groups.size(), groups.nunique()
    return {
        "questions": len(size),
        "asked in several rows": int((size > 1).sum()),
        "rows of theirs": int(size[size > 1].sum()),
        "with different answers": int((answers > 1).sum()),
        "rows with these": int(size[answers > 1].sum()),
    }


def seen(raw: Raw, pictures: dict[str, np.ndarray]) -> pd.DataFrame:
    """How many of test's groups, entities of groups and pictures train has rows of, and how many of
    test's rows have these."""
    data, keys = raw.config.data, {}
    if data.category_column:
        keys["group"] = {
            split: table[data.category_column].tolist() for split, table in raw.splits.items()
        }
        keys["entity of a group"] = {
            split: list(zip(keys["group"][split], table[data.question], strict=True))
            for split, table in raw.splits.items()
        }
    if len(pictures) == 2:
        keys["picture"] = {split: names.tolist() for split, names in pictures.items()}
    table = []
    for what, values in keys.items():
        known, asked, rows = set(values["train"]), set(values["test"]), len(values["test"])
        new = sum(value not in known for value in values["test"])
        table.append(
            {
                "what": what,
                "in train": len(known),
                "in test": len(asked),
                "never seen": len(asked - known),
                "share": len(asked - known) / len(asked),
                "test rows": rows,
                "of never seen": new,
                "their share": new / rows,
            }
        )
    return pd.DataFrame(table)


def in_text(known: pd.DataFrame, texts: pd.Series) -> pd.DataFrame:
    """Shares of the rows of one value whose number stands in their text in digits, a comma being a
    point or nothing, and whose number with its unit is among the readings of it, which know
    fractions and a letter O for a zero; per entity and of all."""
    number, value = [], []
    for text, entity, gold, unit in zip(texts, known.entity, known.number, known.unit, strict=True):
        digits = re.findall(r"\d+(?:[.,]\d+)*|(?<!\w)[.,]\d+", text)
        number.append(
            any(
                gold in (float_of(d.replace(",", ".")), float_of(d.replace(",", "")))
                for d in digits
            )
        )
        value.append(
            any(
                (found.number, found.unit) == (gold, unit)
                for found in readings(text, ENTITIES.get(entity, ()))
            )
        )
    table = pd.DataFrame(
        {"entity": known.entity, "empty": texts == "", "number": number, "value": value}
    )
    every = pd.concat([table, table.assign(entity="all")])
    return pd.DataFrame(
        [
            {
                "entity": entity,
                "rows": len(group),
                "empty text": int(group["empty"].sum()),
                "number in digits": group.number.mean(),
                "number with unit read": group.value.mean(),
            }
            for entity, group in every.groupby("entity")
        ]
    )


def float_of(digits: str) -> float:
    """Of digits with points; nan of two points."""
    return float(digits) if digits.count(".") < 2 else np.nan
