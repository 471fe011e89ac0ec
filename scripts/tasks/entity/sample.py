"""A small set of entity questions in the official layout: drawn packs and product pages.

in:  draw(Path("input/demo_entity"))
out: train.csv with rows like `https://.../1f.jpg,308856,item_weight,12.0 ounce`, test.csv,
     solution.csv, images/1f.jpg

A product has facts, as item_weight → 12 ounce. Its image prints them beside other numbers, and a
question asks for one of them. Now and then the fact that is asked for is not printed.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from common.log import progress
from sample.folder import draw_files, make_link, replacing_folder, spoil_files
from sample.labels import PACKS, draw_file
from texts.units import TABLE

FOLDER = "demo_entity"  # in input_path
ROWS = {"train": 240, "test": 60}  # questions

QUESTION_SHARES = (0.35, 0.35, 0.3)  # products that 1, 2, 3 questions are asked about, if they can
HIDDEN = 0.04  # share of the questions whose answer is not printed
UNASKED = 0.8  # share of the other facts that are printed
RANGES = 0.027  # share of the training labels that are ranges
SECOND = 0.6  # share of the values that are printed in a second unit too
SWAPPED = 0.08  # share of these whose label is in the unit that is printed last
COMMA = 0.12  # share of the metric values printed with a decimal comma


class Kind(NamedTuple):
    """A kind of product."""

    group: int  # group_id
    shape: str  # of sample.packs.SHAPES or sample.things.THINGS
    family: str  # of DECOYS
    amounts: dict  # entity -> amounts in g, ml, cm, V or W; a pair is a range


SIZES = ("width", "depth", "height")
LOAD = "maximum_weight_recommendation"
MAINS = (110, 120, 220, 230, (100, 240), (220, 240))  # volts
KINDS = {
    "Rolled Oats": Kind(
        731432, "pouch", "food", {"item_weight": (340.2, 500, 510.29, 907.2, 1191)}
    ),
    "Dark Chocolate": Kind(459516, "box", "food", {"item_weight": (85, 100, 150, 198.5)}),
    "Trail Mix": Kind(308856, "jar", "food", {"item_weight": (226.8, 340.2, 453.6, 750)}),
    "Whey Protein": Kind(281678, "jar", "food", {"item_weight": (453.6, 907.2, 1000, 2268)}),
    "Tomato Soup": Kind(459516, "can", "food", {"item_weight": (284, 305, 400, 800)}),
    "Magnesium Tablets": Kind(
        846114, "bottle", "care", {"item_weight": (0.1, 0.2, 0.25, 0.4, 0.5)}
    ),
    "Argan Shampoo": Kind(369753, "bottle", "care", {"item_volume": (100, 236.6, 250, 354.9, 500)}),
    "Face Cream": Kind(557758, "jar", "care", {"item_volume": (30, 50, 75, 100)}),
    "Cold Brew Coffee": Kind(
        916768, "bottle", "drink", {"item_volume": (250, 330, 946.4, 1000, 1420)}
    ),
    "Energy Drink": Kind(916768, "can", "drink", {"item_volume": (250, 330, 354.9, 473.2)}),
    "Electric Kettle": Kind(
        318770,
        "kettle",
        "drink",
        {"item_volume": (800, 1000, 1500, 1700), "wattage": (1500, 1850, 2200), "voltage": MAINS},
    ),
    "LED Floodlight": Kind(
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
    "Light Bulb": Kind(
        179080,
        "bulb",
        "electric",
        {"wattage": (4.5, 7, 9, 12, 60), "voltage": MAINS, "height": range(8, 15)},
    ),
    "Car Charger": Kind(
        271537,
        "charger",
        "electric",
        {"wattage": (18, 20, 30, 45), "voltage": (5, 9, 12, 24, (12, 24))},
    ),
    "Book Shelf": Kind(
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
    "Cabinet": Kind(
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
    "Step Stool": Kind(
        801829,
        "stool",
        "home",
        {LOAD: (90720, 100000, 136080, 150000), "width": range(26, 45), "height": range(18, 48)},
    ),
    "Dumbbell": Kind(
        178778,
        "dumbbell",
        "home",
        {"item_weight": (1000, 2268, 2500, 4536, 7500, 10000), "width": range(18, 42)},
    ),
    "Kitchen Scale": Kind(
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
    "Child Seat": Kind(
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


class Measure(NamedTuple):
    """Entities whose values have the same unit in one product, and the units they may have."""

    entities: tuple[str, ...]
    units: tuple[str, ...]


MEASURES = (
    Measure(("item_weight",), ("milligram", "gram", "kilogram", "ounce", "pound")),
    Measure((LOAD,), ("kilogram", "pound")),
    Measure(("item_volume",), ("millilitre", "litre", "fluid ounce")),
    Measure(SIZES, ("millimetre", "centimetre", "inch", "foot")),
    Measure(("voltage",), ("volt",)),
    Measure(("wattage",), ("watt", "kilowatt")),
)
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
PHRASES = {  # entity -> what stands beside its value on a pack or a page
    "item_weight": ("Net Wt {}", "NET WT. {}", "Net Weight: {}", "{}"),
    "item_volume": ("{}", "Net contents {}", "Capacity {}", "Volume: {}"),
    LOAD: ("Max load {}", "Holds up to {}", "Weight capacity {}", "Supports {}"),
    "voltage": ("AC {}", "Voltage {}", "Input: {}", "{}"),
    "wattage": ("Power {}", "{}", "Max. {}"),
    "width": ("Width {}", "W {}", "{} W"),
    "height": ("Height {}", "H {}", "{} H"),
    "depth": ("Depth {}", "D {}", "{} D"),
}
ROW_NAMES = {  # entity -> its name in a table
    "item_weight": ("Item Weight", "Net weight", "Weight"),
    "item_volume": ("Capacity", "Volume", "Content"),
    LOAD: ("Max. load", "Weight capacity", "Maximum weight"),
    "voltage": ("Rated voltage", "Voltage", "Input"),
    "wattage": ("Rated power", "Wattage", "Power"),
    "width": ("Width", "Product width", "W"),
    "height": ("Height", "Product height", "H"),
    "depth": ("Depth", "Product depth", "D"),
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
DETAILS = (  # name|value in a table
    "Model|BX-{n}0",
    "Warranty|{n} months",
    "Parcel weight|{n}.4 kg",
    "Parcel size|{n} x 31 x 12 cm",
    "Batch|L{n}07",
    "Item no.|4{n}1",
)


@dataclass
class Product:
    """What is sold, and what its image prints."""

    k: int  # from 1
    group: int  # group_id
    shape: str
    facts: dict  # entity -> (numbers, unit); two numbers are a range
    asked: list[str]  # entities that are asked for
    hidden: set[str]  # those of them that are not printed
    layout: str  # of sample.labels.LAYOUTS
    prints: list[tuple[str, str]]  # (kind, text); the kinds are those of compose


def draw(folder: Path, seed: int = 0, rows: dict = ROWS) -> dict:
    """Draw questions and images into `folder`, which they replace at the end; return counts.

    The same seed draws the same bytes.
    """
    with replacing_folder(folder) as half:
        rng = np.random.default_rng([seed, 0])
        products, questions = list_questions(rows, seed, rng)
        write_tables(half, questions, rng)
        images = half / "images"
        images.mkdir()
        files = [images / Path(link).name for link in questions.image_link.unique()]
        sizes = draw_files(draw_file, files, products, seed)
        megabytes = sum(progress(sizes, "sample", len(files), unit="img"))
        spoiled = spoil_files(files, rng)

    return {
        "train_rows": rows["train"],
        "test_rows": rows["test"],
        "images": len(files),
        "unprinted": int((~questions.printed).sum()),
        "megabytes": round(megabytes, 1),
        **spoiled,
    }


def list_questions(rows: dict, seed: int, rng) -> tuple[list[Product], pd.DataFrame]:
    """The products, and the questions {split: n} about them as a table.

    Its columns are split, image_link, group_id, entity_name, entity_value, printed. No image is in
    both splits. What is not printed has no value in the test split, but has one in training, as in
    the official tables.
    """
    products, questions = [], []
    for split, n in rows.items():
        end = len(questions) + n
        while len(questions) < end:
            product = make_product(seed, len(products) + 1)
            products.append(product)
            link = make_link(rng)
            for entity in product.asked[: end - len(questions)]:
                numbers, unit = product.facts[entity]
                question = {
                    "split": split,
                    "image_link": link,
                    "group_id": product.group,
                    "entity_name": entity,
                    "numbers": numbers,
                    "unit": unit,
                    "printed": entity not in product.hidden,
                }
                questions.append(question)

    table = pd.DataFrame(questions)
    table["entity_value"] = write_labels(table, rng)
    return products, table


def write_labels(questions: pd.DataFrame, rng) -> list[str]:
    """The values of the questions as labels: "12.0 ounce", a few ranges, "" for no value."""
    labels = []
    ranges = []  # training rows whose value is one
    for i, question in enumerate(questions.itertuples()):
        is_train = question.split == "train"
        label = f"{question.numbers[0]} {question.unit}"
        if not is_train and not question.printed:
            label = ""
        labels.append(label)
        if is_train and len(question.numbers) == 2:
            ranges.append(i)

    n_train = (questions.split == "train").sum()
    for i in rng.permutation(ranges)[: round(RANGES * n_train)]:
        low, high = questions.numbers[i]
        unit = questions.unit[i]
        spellings = [f"[{low}, {high}] {unit}", f"{low:g} {unit} to {high:g} {unit}"]
        labels[i] = rng.choice(spellings, p=[0.8, 0.2])
    return labels


def write_tables(folder: Path, questions: pd.DataFrame, rng) -> None:
    """Write train.csv, which has no index, test.csv, whose indices have gaps, and solution.csv."""
    asked = ["image_link", "group_id", "entity_name"]
    train = questions[questions.split == "train"]
    train.to_csv(folder / "train.csv", columns=[*asked, "entity_value"], index=False)

    test = questions[questions.split == "test"]
    n = len(test)
    n_indices = n + n // 10 + 1
    indices = rng.choice(n_indices, n, replace=False)
    test = test.assign(index=np.sort(indices))
    test.to_csv(folder / "test.csv", columns=["index", *asked], index=False)
    test.to_csv(folder / "solution.csv", columns=["index", "entity_value"], index=False)


def make_product(seed: int, k: int) -> Product:
    """Product k, from 1; the same seed and k make the same product."""
    rng = np.random.default_rng([seed, k])
    name = str(rng.choice(list(KINDS)))
    kind = KINDS[name]
    facts, texts = choose_facts(kind.amounts, rng)

    shuffled = rng.permutation(list(facts)).tolist()
    asked = shuffled[: rng.choice([1, 2, 3], p=QUESTION_SHARES)]
    hidden = {entity for entity in asked if rng.random() < HIDDEN}
    printed = {}
    for entity, text in texts.items():
        if entity in hidden:
            continue
        if entity in asked or rng.random() < UNASKED:
            printed[entity] = text

    layout = choose_layout(kind.shape, printed, rng)
    prints = compose(name, kind.family, layout, printed, rng)
    return Product(k, kind.group, kind.shape, facts, asked, hidden, layout, prints)


def choose_layout(shape: str, printed, rng) -> str:
    """One of sample.labels.LAYOUTS, from the shape and the entities that are printed."""
    layout = "points"
    if shape in PACKS:
        layout = "pack"
    elif not set(SIZES).isdisjoint(printed) and rng.random() < 0.65:
        layout = "sizes"
    return "sheet" if rng.random() < 0.17 else layout


def choose_facts(amounts: dict, rng) -> tuple[dict, dict]:
    """The facts {entity: (numbers, unit)} and their print {entity: text}, e.g. "12 oz (340 g)"."""
    facts, texts = {}, {}
    for entities, units in MEASURES:
        chosen = {}
        for entity in entities:
            if entity in amounts:
                i = rng.integers(len(amounts[entity]))
                chosen[entity] = np.ravel(amounts[entity][i])
        chosen_units = choose_units(units, chosen, rng)
        is_swapped = rng.random() < SWAPPED
        for entity, amount in chosen.items():
            values = [convert(amount, unit) for unit in chosen_units]
            facts[entity] = values[0]
            texts[entity] = print_values(values[::-1] if is_swapped else values, rng)
    return facts, texts


def choose_units(units, amounts: dict, rng) -> list[str]:
    """A unit in which all amounts have handy numbers, perhaps followed by a second one.

    One of the two is metric and the other is not.
    """
    handy = [unit for unit in units if is_handy(amounts, unit)]
    shuffled = rng.permutation(handy).tolist()
    has_second = rng.random() < SECOND  # drawn without amounts too: the demo's bytes need it
    if not shuffled:
        return []
    first = shuffled[0]
    others = [unit for unit in shuffled if is_metric(unit) != is_metric(first)]
    return [first, *others[:1]] if has_second else [first]


def is_handy(amounts: dict[str, np.ndarray], unit: str) -> bool:
    """Whether there are amounts, and all of them are about 1 to 3000 in the unit."""
    if not amounts:
        return False

    size = TABLE[unit].factor
    numbers = np.concatenate(list(amounts.values()))
    is_large_enough = min(numbers) >= 0.98 * size
    is_small_enough = max(numbers) <= 3000 * size
    return is_large_enough and is_small_enough


def is_metric(unit: str) -> bool:
    """Whether a unit of weight, volume or length is a metric one."""
    return unit.endswith(("gram", "litre", "metre"))


def convert(amount: np.ndarray, unit: str) -> tuple[tuple[float, ...], str]:
    """The amount in the unit, to three digits: (numbers, unit)."""
    return tuple(float(f"{number:.3g}") for number in amount / TABLE[unit].factor), unit


def print_values(values: list, rng) -> str:
    """One value (numbers, unit) as sellers print it, or two that say the same."""
    texts = [print_value(numbers, unit, rng) for numbers, unit in values]
    if len(texts) == 1:
        return texts[0]
    return rng.choice(["{} ({})", "{} / {}", "{}/{}"]).format(*texts)


def print_value(numbers: tuple, unit: str, rng) -> str:
    """A value as sellers print it: 12 OZ, 1,5 kg, 220-240V."""
    text = "-".join(f"{number:g}" for number in numbers)
    if is_metric(unit) and rng.random() < COMMA:
        text = text.replace(".", ",")
    return text + rng.choice(ABBREVIATIONS[unit])


def fill_in(text: str, rng) -> str:
    """The text with a random number for {n}; one is drawn even where it has none."""
    return str(text).format(n=rng.integers(10, 60))


def compose(name: str, family: str, layout: str, texts: dict, rng) -> list[tuple[str, str]]:
    """The print as pairs (kind, text): the values `texts`, and numbers that answer nothing.

    The kinds are title, brand, claim, point, fine (print), row (name|value), or an entity, whose
    value stands beside an arrow.
    """
    brand = str(rng.choice(BRANDS))
    claim = fill_in(rng.choice(CLAIMS), rng)
    prints = [("title", name), ("brand", brand), ("claim", claim)]
    decoys = choose_decoys(family, rng)
    if layout == "sheet":
        rows = compose_rows(texts, rng)
        prints += with_kind("row", rows)
        prints += with_kind("fine", decoys)
        return prints

    beside_arrows = SIZES if layout == "sizes" else ()
    others = {}
    for entity, text in texts.items():
        if entity in beside_arrows:
            prints.append((entity, text))
        else:
            others[entity] = text
    lines = with_kind("point", compose_points(others, rng))
    lines += with_kind("fine" if layout == "pack" else "point", decoys)
    prints += [lines[i] for i in rng.permutation(len(lines))]
    return prints


def choose_decoys(family: str, rng) -> list[str]:
    """Up to two lines of print that answer nothing."""
    shuffled = rng.permutation(DECOYS[family])
    n = rng.integers(0, 3)
    return [fill_in(text, rng) for text in shuffled[:n]]


def with_kind(kind: str, texts: list[str]) -> list[tuple[str, str]]:
    return [(kind, text) for text in texts]


def compose_rows(texts: dict, rng) -> list[str]:
    """The rows "name|value" of a table: the values, and details that answer nothing."""
    rows = [f"{rng.choice(ROW_NAMES[entity])}|{text}" for entity, text in texts.items()]
    details = rng.permutation(DETAILS)[: max(2, 7 - len(rows))]
    rows += [fill_in(text, rng) for text in details]
    return rng.permutation(rows).tolist()


def compose_points(texts: dict, rng) -> list[str]:
    """The values with words that tell whose they are: "Net Wt 12 oz"."""
    texts = dict(texts)
    if {"voltage", "wattage"} <= set(texts) and rng.random() < 0.5:
        texts["voltage"] += f" 50Hz {texts.pop('wattage')}"
    return [str(rng.choice(PHRASES[entity])).format(text) for entity, text in texts.items()]
