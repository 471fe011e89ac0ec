"""The entity system's rows of the bench: cutting a csv in 100 parts, merging them, reading the
values in replies."""

import itertools
import re
from pathlib import Path

import numpy as np

ROWS, PARTS = 131_187, 100  # of the 2024 challenge's test.csv, and as the published system cuts it
SHORT = {
    "cm": "centimetre",
    "ft": "foot",
    "in": "inch",
    "m": "metre",
    "mm": "millimetre",
    "yd": "yard",
    "g": "gram",
    "kg": "kilogram",
    "mcg": "microgram",
    "mg": "milligram",
    "oz": "ounce",
    "lbs": "pound",
    "lb": "pound",
    "kv": "kilovolt",
    "mv": "millivolt",
    "v": "volt",
    "kw": "kilowatt",
    "w": "watt",
    "cl": "centilitre",
    "fl oz": "fluid ounce",
    "gal": "gallon",
    "l": "litre",
    "ml": "millilitre",
    "pt": "pint",
    "qt": "quart",
}


def questions(file: Path, n: int) -> Path:
    """A test.csv of n rows as the challenge has it: ids with gaps, links, groups, entities."""
    rng = np.random.default_rng(0)
    columns = (
        np.cumsum(rng.integers(1, 3, n)),
        rng.integers(0, 10**8, n),
        rng.integers(10**5, 10**6, n),
    )
    rows = (
        f"{i},https://m.media-amazon.com/images/I/{image}.jpg,{group},item_weight\n"
        for i, image, group in zip(*columns, strict=True)
    )
    file.write_text("index,image_link,group_id,entity_name\n" + "".join(rows))
    return file


def splitting(folder: Path, race):
    """test.csv → 100 parts."""
    import pandas as pd

    from pipeline.parts import split_csv

    file, number = questions(folder / "test.csv", ROWS), itertools.count()

    def today():
        table, size = pd.read_csv(file), ROWS // PARTS
        for i in range(PARTS):
            table[i * size : (i + 1) * size if i < PARTS - 1 else ROWS].to_csv(
                folder / f"part_{i}.csv", index=False
            )

    yield (
        f"split {ROWS:,} rows in {PARTS}",
        "pandas",
        "records as they are, ids checked, manifest, fsync",
        *race(today, lambda: split_csv(file, folder / f"ours_{next(number)}", PARTS)),
        "100 files made safe on this disk",
    )


def merging(folder: Path, race, scanned: int = 3_000):
    """100 parts → one table in the order of test.csv: a scan for each id, a table that grows part
    by part, one concat; against ours, which alone looks whether every id is there once."""
    import pandas as pd

    from pipeline.parts import merge_csv, split_csv

    out = folder / "out.csv"

    def tables(parts):
        return [pd.read_csv(file) for file in sorted(parts.glob("part_*.csv"))]

    def scan(file, parts):
        table = pd.concat(tables(parts))
        rows = [table[table["index"] == i].iloc[0] for i in pd.read_csv(file)["index"]]
        pd.DataFrame(rows).to_csv(out, index=False)

    def grow(file, parts):
        merged = pd.DataFrame()
        for table in tables(parts):
            merged = pd.concat([merged, table])
        merged.to_csv(out, index=False)

    def concat(file, parts):
        pd.concat(tables(parts)).to_csv(out, index=False)

    for n, today, says in (
        (scanned, scan, "pandas, a scan for each id: O(n²)"),
        (ROWS, grow, "pandas, concat in a loop, nothing checked"),
        (ROWS, concat, "pandas, one concat, nothing checked"),
    ):
        file, parts = questions(folder / f"{n}.csv", n), folder / f"parts_{n}"
        split_csv(file, parts, PARTS)
        yield (
            f"merge {PARTS} parts, {n:,} rows",
            says,
            "records as they are, every id checked, fsync",
            *race(lambda: today(file, parts), lambda: merge_csv(parts, out)),
            "reading the ids; a copy",
        )


def replies(n: int, distinct: bool) -> tuple[list[str], list[str]]:
    """Answers of a language model and the entities asked for: in few words, of which a quarter are
    distinct (of as many labels of the challenge an eighth are), or in sentences that all are."""
    rng = np.random.default_rng(0)
    units = {
        "item_weight": ("g", "kg", "oz", "lbs", "gram", "pounds"),
        "width": ("cm", "in", "mm", "inches"),
        "voltage": ("V", "volt"),
        "item_volume": ("ml", "fl oz", "L", "litre"),
    }
    names = rng.choice(list(units), n, p=(0.4, 0.5, 0.05, 0.05))
    numbers = rng.lognormal(np.log(15), 1.2, n)
    spelled = [
        f"{x:.{places}f}{'' if tight else ' '}{units[name][k % len(units[name])]}"
        for x, places, tight, name, k in zip(
            numbers,
            rng.choice(3, n, p=(0.6, 0.3, 0.1)),
            rng.random(n) < 0.5,
            names,
            rng.integers(0, 12, n),
            strict=True,
        )
    ]
    said = [
        f"Based on image {i}, the {name} is {text}." if distinct else text
        for i, (name, text) in enumerate(zip(names, spelled, strict=True))
    ]
    return said, names.tolist()


def normalising(folder: Path, race):
    """Replies → values: a search for each alias until one is found, against one expression for all
    of them."""
    from texts.units import UNITS
    from texts.values import read_values

    aliases = sorted(
        (SHORT | {unit: unit for unit in UNITS}).items(), key=lambda alias: -len(alias[0])
    )

    def today(texts):
        answers = []
        for text in texts:
            for alias, unit in aliases:
                if found := re.search(rf"(\d+(?:\.\d+)?)\s*{alias}s?\b", text, re.IGNORECASE):
                    answers.append(f"{float(found[1])} {unit}")
                    break
            else:
                answers.append("")
        return answers

    for distinct in (False, True):
        texts, entities = replies(ROWS, distinct)
        yield (
            f"values of {ROWS:,} replies, {len(set(zip(texts, entities, strict=True))):,} distinct",
            f"a re.search for each of {len(aliases)} aliases",
            "one expression; number words, fractions, thousands, slips of OCR",
            *race(lambda: today(texts), lambda: read_values(texts, entities)),
            "each distinct reply once",
        )
