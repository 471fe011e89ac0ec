"""The products of the entity sample: their facts, what is asked of them, what their images print.

in:  make_product(seed=0, k=7)
out: Product(k=7, facts={"item_weight": ((12.0,), "ounce")}, asked=["item_weight"], prints=[...])
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sample.labels import PACKS
from tasks.entity.sample_prints import LOAD, SIZES, compose, is_metric, print_values
from texts.units import TABLE

QUESTION_SHARES = (0.35, 0.35, 0.3)  # products that 1, 2, 3 questions are asked about, if they can
HIDDEN = 0.04  # share of the questions whose answer is not printed
UNASKED = 0.8  # share of the other facts that are printed
SECOND = 0.6  # share of the values that are printed in a second unit too
SWAPPED = 0.08  # share of these whose label is in the unit that is printed last


class Kind(NamedTuple):
    """A kind of product."""

    group: int  # group_id
    shape: str  # of sample.packs.SHAPES or sample.things.THINGS
    family: str  # of DECOYS
    amounts: dict  # entity -> amounts in g, ml, cm, V or W; a pair is a range


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


def convert(amount: np.ndarray, unit: str) -> tuple[tuple[float, ...], str]:
    """The amount in the unit, to three digits: (numbers, unit)."""
    return tuple(float(f"{number:.3g}") for number in amount / TABLE[unit].factor), unit
