"""What the images of the entity sample print: values as sellers write them, and other numbers.

in:  compose("Trail Mix", "food", "pack", {"item_weight": "12 oz"}, rng)
out: [("title", "Trail Mix"), ("brand", "Bluebarrow"), ("claim", "NEW"), ("point", "Net Wt 12 oz"),
     ("fine", "Serving size 30 g")]
"""

SIZES = ("width", "depth", "height")
LOAD = "maximum_weight_recommendation"
COMMA = 0.12  # share of the metric values printed with a decimal comma
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


def compose(name: str, family: str, layout: str, texts: dict, rng) -> list[tuple[str, str]]:
    """The print as pairs (kind, text): the values `texts`, and numbers that answer nothing.

    The kinds are title, brand, claim, point, fine (print), row (name|value), or an entity, whose
    value stands beside an arrow.
    """
    brand = str(rng.choice(BRANDS))
    claim = fill_in(rng.choice(CLAIMS), rng)
    decoys = choose_decoys(family, rng)
    prints = [("title", name), ("brand", brand), ("claim", claim)]

    if layout == "sheet":
        rows = compose_rows(texts, rng)
        prints += with_kind("row", rows)
        prints += with_kind("fine", decoys)
        return prints

    # Sizes may stand beside arrows; all other values stand in lines.
    beside_arrows = SIZES if layout == "sizes" else ()
    others = {}
    for entity, text in texts.items():
        if entity in beside_arrows:
            prints.append((entity, text))
        else:
            others[entity] = text

    # A decoy may come before, between or behind the values.
    points = compose_points(others, rng)
    lines = with_kind("point", points)
    decoy_kind = "fine" if layout == "pack" else "point"
    lines += with_kind(decoy_kind, decoys)
    order = rng.permutation(len(lines))
    prints += [lines[i] for i in order]
    return prints


def with_kind(kind: str, texts: list[str]) -> list[tuple[str, str]]:
    return [(kind, text) for text in texts]


def choose_decoys(family: str, rng) -> list[str]:
    """Up to two lines of print that answer nothing."""
    shuffled = rng.permutation(DECOYS[family])
    n = rng.integers(0, 3)
    return [fill_in(text, rng) for text in shuffled[:n]]


def compose_rows(texts: dict, rng) -> list[str]:
    """The rows "name|value" of a table: the values, and details that answer nothing."""
    rows = []
    for entity, text in texts.items():
        name = rng.choice(ROW_NAMES[entity])
        rows.append(f"{name}|{text}")

    # Seven rows, or two more than there are values.
    n_details = max(2, 7 - len(rows))
    details = rng.permutation(DETAILS)
    for text in details[:n_details]:
        row = fill_in(text, rng)
        rows.append(row)
    return rng.permutation(rows).tolist()


def compose_points(texts: dict, rng) -> list[str]:
    """The values with words that tell whose they are: "Net Wt 12 oz"."""
    texts = dict(texts)
    has_both = "voltage" in texts and "wattage" in texts
    if has_both and rng.random() < 0.5:
        # In one line, as "AC 230V 50Hz 60W".
        wattage = texts.pop("wattage")
        texts["voltage"] += f" 50Hz {wattage}"

    points = []
    for entity, text in texts.items():
        phrase = rng.choice(PHRASES[entity])
        point = str(phrase).format(text)
        points.append(point)
    return points


def fill_in(text: str, rng) -> str:
    """The text with a random number for {n}; one is drawn even where it has none."""
    return str(text).format(n=rng.integers(10, 60))


def print_values(values: list, rng) -> str:
    """One value (numbers, unit) as sellers print it, or two that say the same."""
    texts = []
    for numbers, unit in values:
        text = print_value(numbers, unit, rng)
        texts.append(text)

    if len(texts) == 1:
        return texts[0]
    pattern = rng.choice(["{} ({})", "{} / {}", "{}/{}"])
    return pattern.format(*texts)


def print_value(numbers: tuple, unit: str, rng) -> str:
    """A value as sellers print it: 12 OZ, 1,5 kg, 220-240V."""
    digits = [f"{number:g}" for number in numbers]
    text = "-".join(digits)
    if is_metric(unit) and rng.random() < COMMA:
        text = text.replace(".", ",")

    abbreviation = rng.choice(ABBREVIATIONS[unit])
    return text + abbreviation


def is_metric(unit: str) -> bool:
    """Whether a unit of weight, volume or length is a metric one."""
    return unit.endswith(("gram", "litre", "metre"))
