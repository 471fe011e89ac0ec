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
        group=731432,
        shape="pouch",
        family="food",
        amounts={"item_weight": (340.2, 500, 510.29, 907.2, 1191)},
    ),
    "Dark Chocolate": Kind(
        group=459516,
        shape="box",
        family="food",
        amounts={"item_weight": (85, 100, 150, 198.5)},
    ),
    "Trail Mix": Kind(
        group=308856,
        shape="jar",
        family="food",
        amounts={"item_weight": (226.8, 340.2, 453.6, 750)},
    ),
    "Whey Protein": Kind(
        group=281678,
        shape="jar",
        family="food",
        amounts={"item_weight": (453.6, 907.2, 1000, 2268)},
    ),
    "Tomato Soup": Kind(
        group=459516,
        shape="can",
        family="food",
        amounts={"item_weight": (284, 305, 400, 800)},
    ),
    "Magnesium Tablets": Kind(
        group=846114,
        shape="bottle",
        family="care",
        amounts={"item_weight": (0.1, 0.2, 0.25, 0.4, 0.5)},
    ),
    "Argan Shampoo": Kind(
        group=369753,
        shape="bottle",
        family="care",
        amounts={"item_volume": (100, 236.6, 250, 354.9, 500)},
    ),
    "Face Cream": Kind(
        group=557758,
        shape="jar",
        family="care",
        amounts={"item_volume": (30, 50, 75, 100)},
    ),
    "Cold Brew Coffee": Kind(
        group=916768,
        shape="bottle",
        family="drink",
        amounts={"item_volume": (250, 330, 946.4, 1000, 1420)},
    ),
    "Energy Drink": Kind(
        group=916768,
        shape="can",
        family="drink",
        amounts={"item_volume": (250, 330, 354.9, 473.2)},
    ),
    "Electric Kettle": Kind(
        group=318770,
        shape="kettle",
        family="drink",
        amounts={
            "item_volume": (800, 1000, 1500, 1700),
            "wattage": (1500, 1850, 2200),
            "voltage": MAINS,
        },
    ),
    "LED Floodlight": Kind(
        group=752266,
        shape="lamp",
        family="electric",
        amounts={
            "wattage": (10, 30, 50, 150),
            "voltage": MAINS,
            "width": range(12, 40),
            "height": range(11, 30),
            "depth": range(3, 8),
        },
    ),
    "Light Bulb": Kind(
        group=179080,
        shape="bulb",
        family="electric",
        amounts={"wattage": (4.5, 7, 9, 12, 60), "voltage": MAINS, "height": range(8, 15)},
    ),
    "Car Charger": Kind(
        group=271537,
        shape="charger",
        family="electric",
        amounts={"wattage": (18, 20, 30, 45), "voltage": (5, 9, 12, 24, (12, 24))},
    ),
    "Book Shelf": Kind(
        group=675317,
        shape="shelf",
        family="home",
        amounts={
            LOAD: (15000, 22680, 40000),
            "width": range(40, 110),
            "height": range(75, 190),
            "depth": range(22, 42),
        },
    ),
    "Cabinet": Kind(
        group=784538,
        shape="cabinet",
        family="home",
        amounts={
            LOAD: (20000, 30000, 68040),
            "width": range(45, 120),
            "height": range(50, 95),
            "depth": range(28, 50),
        },
    ),
    "Step Stool": Kind(
        group=801829,
        shape="stool",
        family="home",
        amounts={
            LOAD: (90720, 100000, 136080, 150000),
            "width": range(26, 45),
            "height": range(18, 48),
        },
    ),
    "Dumbbell": Kind(
        group=178778,
        shape="dumbbell",
        family="home",
        amounts={"item_weight": (1000, 2268, 2500, 4536, 7500, 10000), "width": range(18, 42)},
    ),
    "Kitchen Scale": Kind(
        group=120219,
        shape="scale",
        family="home",
        amounts={
            LOAD: (3000, 4536, 5000),
            "item_weight": (320, 453.6),
            "width": range(14, 24),
            "depth": range(16, 26),
        },
    ),
    "Child Seat": Kind(
        group=120219,
        shape="seat",
        family="home",
        amounts={
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
    n_asked = rng.choice([1, 2, 3], p=QUESTION_SHARES)
    asked = shuffled[:n_asked]
    hidden = {entity for entity in asked if rng.random() < HIDDEN}

    printed = {}
    for entity, text in texts.items():
        if entity in hidden:
            continue
        if entity in asked or rng.random() < UNASKED:
            printed[entity] = text

    layout = choose_layout(kind.shape, printed, rng)
    prints = compose(name, kind.family, layout, printed, rng)
    return Product(
        k=k,
        group=kind.group,
        shape=kind.shape,
        facts=facts,
        asked=asked,
        hidden=hidden,
        layout=layout,
        prints=prints,
    )


def choose_layout(shape: str, printed, rng) -> str:
    """One of sample.labels.LAYOUTS, from the shape and the entities that are printed."""
    has_size = not set(SIZES).isdisjoint(printed)
    layout = "points"
    if shape in PACKS:
        layout = "pack"
    elif has_size and rng.random() < 0.65:
        layout = "sizes"

    if rng.random() < 0.17:
        layout = "sheet"
    return layout


def choose_facts(amounts: dict, rng) -> tuple[dict, dict]:
    """The facts {entity: (numbers, unit)} and their print {entity: text}, e.g. "12 oz (340 g)"."""
    facts = {}
    texts = {}
    for measure in MEASURES:
        chosen = choose_amounts(measure, amounts, rng)
        units = choose_units(measure.units, chosen, rng)
        is_swapped = rng.random() < SWAPPED
        for entity, amount in chosen.items():
            values = [convert(amount, unit) for unit in units]
            facts[entity] = values[0]
            if is_swapped:
                values = values[::-1]
            texts[entity] = print_values(values, rng)
    return facts, texts


def choose_amounts(measure: Measure, amounts: dict, rng) -> dict[str, np.ndarray]:
    """One of the amounts of each entity of a measure, as an array: two numbers are a range."""
    chosen = {}
    for entity in measure.entities:
        if entity not in amounts:
            continue
        choices = amounts[entity]
        i = rng.integers(len(choices))
        amount = choices[i]
        chosen[entity] = np.ravel(amount)
    return chosen


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
    if not has_second:
        return [first]

    is_first_metric = is_metric(first)
    others = [unit for unit in shuffled if is_metric(unit) != is_first_metric]
    return [first, *others[:1]]


def is_handy(amounts: dict[str, np.ndarray], unit: str) -> bool:
    """Whether there are amounts, and all of them are about 1 to 3000 in the unit."""
    if not amounts:
        return False

    numbers = np.concatenate([*amounts.values()])
    size = TABLE[unit].factor
    smallest = 0.98 * size
    largest = 3000 * size
    return min(numbers) >= smallest and max(numbers) <= largest


def convert(amount: np.ndarray, unit: str) -> tuple[tuple[float, ...], str]:
    """The amount in the unit, to three digits: (numbers, unit)."""
    numbers = amount / TABLE[unit].factor
    rounded = [float(f"{number:.3g}") for number in numbers]
    return tuple(rounded), unit
