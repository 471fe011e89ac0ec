"""A small set of entity questions in the official layout: drawn packs and product pages, and what
is printed on them.

A product has facts (entity -> amount); its picture prints them beside other numbers; a question
asks for one of them. Now and then the fact that is asked for is not printed.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from common.log import progress
from sample.folder import replacing_folder, spoil_files
from sample.labels import PACKS, draw_file

FOLDER = "demo_entity"  # in input_path
ROWS = {"train": 240, "test": 60}  # questions
MAINS, SIZES, LOAD = (
    (110, 120, 220, 230, (100, 240), (220, 240)),
    ("width", "depth", "height"),
    "maximum_weight_recommendation",
)
# kind -> (group_id, shape, family, {entity: amounts in gram, millilitre, centimetre, volt, watt; a
# pair is a range})
KINDS = {
    "Rolled Oats": (731432, "pouch", "food", {"item_weight": (340.2, 500, 510.3, 907.2, 1191)}),
    "Dark Chocolate": (459516, "box", "food", {"item_weight": (85, 100, 150, 198.5)}),
    "Trail Mix": (308856, "jar", "food", {"item_weight": (226.8, 340.2, 453.6, 750)}),
    "Whey Protein": (281678, "jar", "food", {"item_weight": (453.6, 907.2, 1000, 2268)}),
    "Tomato Soup": (459516, "can", "food", {"item_weight": (284, 305, 400, 800)}),
    "Magnesium Tablets": (846114, "bottle", "care", {"item_weight": (0.1, 0.2, 0.25, 0.4, 0.5)}),
    "Argan Shampoo": (369753, "bottle", "care", {"item_volume": (100, 236.6, 250, 354.9, 500)}),
    "Face Cream": (557758, "jar", "care", {"item_volume": (30, 50, 75, 100)}),
    "Cold Brew Coffee": (916768, "bottle", "drink", {"item_volume": (250, 330, 946.4, 1000, 1420)}),
    "Energy Drink": (916768, "can", "drink", {"item_volume": (250, 330, 354.9, 473.2)}),
    "Electric Kettle": (
        318770,
        "kettle",
        "drink",
        {"item_volume": (800, 1000, 1500, 1700), "wattage": (1500, 1850, 2200), "voltage": MAINS},
    ),
    "LED Floodlight": (
        752266,
        "lamp",
        "electric",
        {
            "wattage": (10, 30, 50, 150),
            "voltage": MAINS,
            "width": range(12, 40),
            "height": range(11, 30),
            "depth": range(3, 8),
        },
    ),
    "Light Bulb": (
        179080,
        "bulb",
        "electric",
        {"wattage": (4.5, 7, 9, 12, 60), "voltage": MAINS, "height": range(8, 15)},
    ),
    "Car Charger": (
        271537,
        "charger",
        "electric",
        {"wattage": (18, 20, 30, 45), "voltage": (5, 9, 12, 24, (12, 24))},
    ),
    "Book Shelf": (
        675317,
        "shelf",
        "home",
        {
            LOAD: (15000, 22680, 40000),
            "width": range(40, 110),
            "height": range(75, 190),
            "depth": range(22, 42),
        },
    ),
    "Cabinet": (
        784538,
        "cabinet",
        "home",
        {
            LOAD: (20000, 30000, 68040),
            "width": range(45, 120),
            "height": range(50, 95),
            "depth": range(28, 50),
        },
    ),
    "Step Stool": (
        801829,
        "stool",
        "home",
        {LOAD: (90720, 100000, 136080, 150000), "width": range(26, 45), "height": range(18, 48)},
    ),
    "Dumbbell": (
        178778,
        "dumbbell",
        "home",
        {"item_weight": (1000, 2268, 2500, 4536, 7500, 10000), "width": range(18, 42)},
    ),
    "Kitchen Scale": (
        120219,
        "scale",
        "home",
        {
            LOAD: (3000, 4536, 5000),
            "item_weight": (320, 453.6),
            "width": range(14, 24),
            "depth": range(16, 26),
        },
    ),
    "Child Seat": (
        120219,
        "seat",
        "home",
        {
            LOAD: (18000, (9000, 18000), (10000, 25000)),
            "item_weight": (2500, 3629),
            "height": range(55, 72),
        },
    ),
}
MEASURES = [  # entities, their units in gram, millilitre, centimetre, volt, watt
    (
        ("item_weight",),
        {"milligram": 0.001, "gram": 1, "kilogram": 1000, "ounce": 28.35, "pound": 453.6},
    ),
    ((LOAD,), {"kilogram": 1000, "pound": 453.6}),
    (("item_volume",), {"millilitre": 1, "litre": 1000, "fluid ounce": 29.574}),
    (SIZES, {"millimetre": 0.1, "centimetre": 1, "inch": 2.54, "foot": 30.48}),
    (("voltage",), {"volt": 1}),
    (("wattage",), {"watt": 1, "kilowatt": 1000}),
]
ABBREVIATIONS = {  # unit -> as it is printed after a number
    "milligram": ("mg", " mg", " MG"),
    "gram": ("g", " g", "G", " gm", " grams"),
    "kilogram": ("kg", " kg", "KG", " Kgs"),
    "ounce": (" oz", "oz", " OZ", " ounces"),
    "pound": (" lb", "lbs", " LBS", " pounds"),
    "millilitre": ("ml", " ml", " mL", "ML"),
    "litre": ("L", " L", " Ltr", " Liters"),
    "fluid ounce": (" fl oz", " FL OZ", " Fl. Oz."),
    "millimetre": ("mm", " mm", "MM"),
    "centimetre": ("cm", " cm", "CM"),
    "inch": ('"', " in", "in", " inch", " inches"),
    "foot": (" ft", "ft", " feet"),
    "volt": ("V", "V", " V", " Volts"),
    "watt": ("W", "W", " W", " Watts"),
    "kilowatt": ("kW", " kW"),
}
WORDS = {  # entity -> (beside the value on a pack or a page; in a table)
    "item_weight": (
        ("Net Wt {}", "NET WT. {}", "Net Weight: {}", "{}"),
        ("Item Weight", "Net weight", "Weight"),
    ),
    "item_volume": (
        ("{}", "Net contents {}", "Capacity {}", "Volume: {}"),
        ("Capacity", "Volume", "Content"),
    ),
    LOAD: (
        ("Max load {}", "Holds up to {}", "Weight capacity {}", "Supports {}"),
        ("Max. load", "Weight capacity", "Maximum weight"),
    ),
    "voltage": (("AC {}", "Voltage {}", "Input: {}", "{}"), ("Rated voltage", "Voltage", "Input")),
    "wattage": (("Power {}", "{}", "Max. {}"), ("Rated power", "Wattage", "Power")),
    "width": (("Width {}", "W {}", "{} W"), ("Width", "Product width", "W")),
    "height": (("Height {}", "H {}", "{} H"), ("Height", "Product height", "H")),
    "depth": (("Depth {}", "D {}", "{} D"), ("Depth", "Product depth", "D")),
}
DECOYS = {  # family -> print that answers nothing; n is any number from 10
    "food": (
        "Serving size {n} g",
        "{n}g protein per 100 g",
        "Sodium {n}0mg per serving",
        "{n}% MORE FREE",
        "Store below {n} C",
    ),
    "care": (
        "For {n} days",
        "Take with 200 ml of water",
        "{n} applications",
        "pH 5.5",
        "Now with {n} mg zinc",
    ),
    "drink": (
        "One glass: {n}0 ml",
        "Ready in {n} minutes",
        "Holds {n} cups",
        "{n}% less waste",
        "{n} mg caffeine per 100 ml",
    ),
    "electric": (
        "USB output 5V 2.1A",
        "50/60Hz",
        "{n}00 mA",
        "Saves {n}%",
        "As bright as {n}0W",
        "{n},000 hours",
        "Cable 1.{n} m",
        "IP65",
    ),
    "home": (
        "Set of 2",
        "Parcel weight {n}.4 kg",
        "Tested {n},000 times",
        "Leave {n} mm to the wall",
    ),
}
CLAIMS = (
    "Since 19{n}",
    "NEW",
    "{n} days money back",
    "Made for every day",
    "100% recyclable",
    "No. 1 in {n} countries",
)
BRANDS = (
    "Penny Pantry",
    "Bluebarrow",
    "Harrow & Finch",
    "Old Mill House",
    "Koekken",
    "MOREAU",
    "omori 1911",
    "Wick's",
)
DETAILS = (
    "Model|BX-{n}0",
    "Warranty|{n} months",
    "Parcel weight|{n}.4 kg",
    "Parcel size|{n} x 31 x 12 cm",
    "Batch|L{n}07",
    "Item no.|4{n}1",
)
ASKED = (
    0.35,
    0.35,
    0.3,
)  # shares of the products of which 1, 2, 3 facts are asked, as far as they have them
HIDDEN, RANGES, SECOND, SWAPPED, COMMA = (
    0.04,
    0.027,
    0.6,
    0.08,
    0.12,
)  # shares of: facts asked for that are not printed; training labels


@dataclass
class Product:
    """What is sold: its facts {entity: (numbers, unit)}, two numbers for a range; the entities
    asked for, of these the hidden ones, which are not printed; and the print as pairs (place,
    text)."""

    k: int
    group: int
    shape: str
    facts: dict
    asked: list
    hidden: set
    layout: str
    prints: list


def draw(folder: Path, seed: int = 0, rows: dict = ROWS) -> dict:
    """Draws the questions and their pictures into `folder`, replacing it at the end; the same bytes
    for the same seed. Gives counts."""
    folder = Path(folder)
    with replacing_folder(folder) as half:
        (half / "images").mkdir()
        rng = np.random.default_rng([seed, 0])
        products, questions = list_questions(rows, seed, rng)
        write_tables(half, questions, rng)
        files = [half / "images" / Path(link).name for link in questions.image_link.unique()]
        with ThreadPoolExecutor(
            min(8, os.cpu_count())
        ) as pool:  # Pillow and numpy let go of the lock
            sizes = pool.map(partial(draw_file, seed=seed), files, products)
            megabytes = sum(progress(sizes, "sample", len(files), unit="img"))
        spoiled = spoil_files(files, rng)
    return {
        **{f"{part}_rows": n for part, n in rows.items()},
        "images": len(files),
        "unprinted": int((~questions.printed).sum()),
        "megabytes": round(megabytes, 1),
        **spoiled,
    }


def list_questions(rows: dict, seed: int, rng) -> tuple[list[Product], pd.DataFrame]:
    """The products, and a row per question: part, image_link, group_id, entity_name, entity_value,
    printed.

    No picture is in both parts. What is not printed has no value in the test part, but has one in
    training, as officially."""
    products, table = [], []
    for part, n in rows.items():
        end = len(table) + n
        while len(table) < end:
            product, link = (
                make_product(seed, len(products) + 1),
                f"https://example.com/images/{rng.bytes(6).hex()}.jpg",
            )
            products.append(product)
            table += [
                (
                    part,
                    link,
                    product.group,
                    entity,
                    *product.facts[entity],
                    entity not in product.hidden,
                )
                for entity in product.asked[: end - len(table)]
            ]
    table = pd.DataFrame(
        table,
        columns=["part", "image_link", "group_id", "entity_name", "numbers", "unit", "printed"],
    )
    train = (table.part == "train").to_numpy()
    table["entity_value"] = [
        f"{numbers[0]} {unit}" for numbers, unit in zip(table.numbers, table.unit, strict=True)
    ]
    table.loc[~train & ~table.printed, "entity_value"] = ""
    pairs = np.flatnonzero(train & (table.numbers.map(len) == 2))
    for row in rng.permutation(pairs)[: round(RANGES * train.sum())]:
        (low, high), unit = table.loc[row, ["numbers", "unit"]]
        table.loc[row, "entity_value"] = rng.choice(
            [f"[{low}, {high}] {unit}", f"{low:g} {unit} to {high:g} {unit}"], p=[0.8, 0.2]
        )
    return products, table


def write_tables(folder: Path, questions: pd.DataFrame, rng):
    """Writes train.csv, which has no index, test.csv, whose indices have gaps, and solution.csv."""
    asked, (train, test) = (
        ["image_link", "group_id", "entity_name"],
        (questions[questions.part == part] for part in ("train", "test")),
    )
    test = test.assign(
        index=np.sort(rng.choice(len(test) + len(test) // 10 + 1, len(test), replace=False))
    )
    train.to_csv(folder / "train.csv", columns=[*asked, "entity_value"], index=False)
    test.to_csv(folder / "test.csv", columns=["index", *asked], index=False)
    test.to_csv(folder / "solution.csv", columns=["index", "entity_value"], index=False)


def make_product(seed: int, k: int) -> Product:
    """Product k from 1; all chance comes from (seed, k)."""
    rng = np.random.default_rng([seed, k])
    kind = str(rng.choice(list(KINDS)))
    group, shape, family, amounts = KINDS[kind]
    facts, said = choose_facts(amounts, rng)
    asked = rng.permutation(list(facts))[: rng.choice([1, 2, 3], p=ASKED)].tolist()
    hidden = {entity for entity in asked if rng.random() < HIDDEN}
    said = {
        entity: text
        for entity, text in said.items()
        if entity not in hidden and (entity in asked or rng.random() < 0.8)
    }
    usual = (
        "pack"
        if shape in PACKS
        else "sizes"
        if set(SIZES) & set(said) and rng.random() < 0.65
        else "points"
    )
    layout = "sheet" if rng.random() < 0.17 else usual
    return Product(
        k, group, shape, facts, asked, hidden, layout, compose(kind, family, layout, said, rng)
    )


def choose_facts(amounts: dict, rng) -> tuple[dict, dict]:
    """{entity: (numbers, unit)} and {entity: its print}; entities of one measure have one unit, and
    one second unit."""
    facts, said = {}, {}
    for entities, units in MEASURES:
        own = {
            entity: np.ravel(amounts[entity][rng.integers(len(amounts[entity]))])
            for entity in entities
            if entity in amounts
        }
        every = np.concatenate([*own.values(), []])
        handy = [
            unit
            for unit, size in units.items()
            if len(every) and 0.98 * size <= min(every) and max(every) <= 3000 * size
        ]
        names = rng.permutation(handy).tolist()
        names = (
            names[:1]
            + [unit for unit in names if is_metric(unit) != is_metric(names[0])][
                : rng.random() < SECOND
            ]
        )
        order = -1 if rng.random() < SWAPPED else 1
        for entity, amount in own.items():
            values = [
                (tuple(float(f"{a / units[name]:.3g}") for a in amount), name) for name in names
            ]
            facts[entity], texts = values[0], [tell(*value, rng) for value in values[::order]]
            said[entity] = (
                rng.choice(["{} ({})", "{} / {}", "{}/{}"]).format(*texts)
                if texts[1:]
                else texts[0]
            )
    return facts, said


def is_metric(unit: str) -> bool:
    """Whether a unit of weight, volume or length is a metric one."""
    return unit.endswith(("gram", "litre", "metre"))


def tell(numbers: tuple, unit: str, rng) -> str:
    """A value as sellers print it: 12 OZ, 1,5 kg, 220-240V."""
    text = "-".join(f"{number:g}" for number in numbers)
    return (
        text.replace(".", ",") if is_metric(unit) and rng.random() < COMMA else text
    ) + rng.choice(ABBREVIATIONS[unit])


def compose(kind: str, family: str, layout: str, said: dict, rng) -> list[tuple[str, str]]:
    """The print as pairs (place, text): the values `said`, with words that tell whose they are, and
    numbers that answer nothing."""

    def fill(text):
        return str(text).format(n=rng.integers(10, 60))

    prints = [
        ("title", kind),
        ("brand", str(rng.choice(BRANDS))),
        ("claim", fill(rng.choice(CLAIMS))),
    ]
    decoys = [fill(text) for text in rng.permutation(DECOYS[family])[: rng.integers(0, 3)]]
    if layout == "sheet":
        rows = [f"{rng.choice(WORDS[entity][1])}|{text}" for entity, text in said.items()]
        rows += [fill(text) for text in rng.permutation(DETAILS)[: max(2, 7 - len(rows))]]
        return (
            prints
            + [("row", row) for row in rng.permutation(rows).tolist()]
            + [("fine", text) for text in decoys]
        )
    points = {
        entity: text for entity, text in said.items() if layout != "sizes" or entity not in SIZES
    }
    prints += [
        (entity, text) for entity, text in said.items() if entity not in points
    ]  # beside arrows
    if {"voltage", "wattage"} <= set(points) and rng.random() < 0.5:
        points["voltage"] += f" 50Hz {points.pop('wattage')}"
    points = [str(rng.choice(WORDS[entity][0])).format(text) for entity, text in points.items()]
    placed = [("point", text) for text in points] + [
        ("fine" if layout == "pack" else "point", text) for text in decoys
    ]
    return prints + [placed[i] for i in rng.permutation(len(placed))]
