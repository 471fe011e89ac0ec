"""What the sellers of the price sample write about a product.

in:  a product with kind="Honey", brand="Moreau Frères", size=12, unit="Ounce", pack=2, ...
out: "Item Name: Moreau Frères Classic Honey Clover, 12 Ounce (Pack of 2)", and further lines
"""

from typing import NamedTuple


class Spelling(NamedTuple):
    """How a seller writes a unit."""

    text: str
    size: int  # in the kind's unit


SPELLINGS = {  # unit of a kind -> its spellings, the usual one first
    "Ounce": [
        Spelling("Ounce", 1),
        Spelling("ounce", 1),
        Spelling("oz", 1),
        Spelling("OZ", 1),
        Spelling("Pound", 16),
    ],
    "Fl Oz": [
        Spelling("Fl Oz", 1),
        Spelling("fl oz", 1),
        Spelling("Fluid Ounce", 1),
        Spelling("FL OZ", 1),
    ],
    "Count": [Spelling("Count", 1), Spelling("count", 1), Spelling("ct", 1)],
}
BULLETS = (
    "{flavour} {kind}: the {trait} recipe of {brand}, made in small steps, never in a hurry",
    '"Tastes like home" – {brand} has heard it often, and means to keep it so',
    "No artificial colors, flavors or preservatives; ½ the sugar of the {kind} you know",
    "Perfect for lunch boxes, picnics, road trips & late nights",
    "PACKED FRESH ✓ Each piece is sealed by hand, then checked, then checked again",
    "Store in a cool, dry place (below 25 °C); best within 3 months of opening",
    'Great gift for those who say they "don\'t really like" {kind}',
)
DESCRIPTIONS = (
    "{brand} began with one kitchen, one table and {flavour} {kind}. The kitchen has "
    "grown; the recipe has not.",
    'Looking for {trait} {kind}? You’ve found it.\nServe it plain, or share it: "more, '
    "please\" is what you'll hear.",
    "{kind}, {flavour}. Crème de la crème for cooks, bakers, and everybody else — "
    "<b>no</b> compromises.",
)


def write_listing(product, rng) -> str:
    """What the seller wrote; nothing in it tells whether the label is a premium one.

    It is a name, up to five bullet points, perhaps a description, mostly the total quantity and
    its unit.
    """
    words = {
        "brand": product.brand,
        "trait": product.trait,
        "kind": product.kind,
        "flavour": product.flavour,
    }
    spelling, *others = SPELLINGS[product.unit]
    if rng.random() < 0.15:
        spelling = others[rng.integers(len(others))]

    name = " ".join(words.values())
    size = name_quantity(product, rng)
    lines = [f"Item Name: {name}, {size}"]

    # A single bullet point has no number.
    shuffled = rng.permutation(BULLETS)
    n_bullets = max(0, rng.integers(-1, 6))
    for i, text in enumerate(shuffled[:n_bullets], 1):
        number = f" {i}" if n_bullets > 1 else ""
        bullet = text.format(**words)
        lines.append(f"Bullet Point{number}: {bullet}")

    if rng.random() < 0.45:
        text = rng.choice(DESCRIPTIONS)
        description = text.format(**words)
        lines.append(f"Product Description: {description}")

    # The quantity may be missing, or stand there as nan.
    value_line = rng.choice(["yes", "nan", "no"], p=[0.88, 0.07, 0.05])
    if value_line == "yes":
        quantity = product.size * product.pack / spelling.size
        lines.append(f"Value: {quantity}")
        lines.append(f"Unit: {spelling.text}")
    elif value_line == "nan":
        lines.append("Value: nan")
        lines.append("Unit: None")
    return "\n".join(lines) + "\n"


def name_quantity(product, rng) -> str:
    """The quantity as it stands in an item's name; one name in ten forgets the pack."""
    size = f"{product.size:g}"
    unit = product.unit
    lower = unit.lower()

    # A single item is no pack.
    pack = product.pack
    if pack == 1 or rng.random() < 0.1:
        return rng.choice([f"{size} {unit}", f"{size} {lower}"])

    spellings = [
        f"{size} {unit} (Pack of {pack})",
        f"{size} {lower}, {pack} pack",
        f"{size}-{unit} - {pack}/Case",
    ]
    return rng.choice(spellings)
