"""The units that answers may have: one table of how large each is, and by which names packs, people
and language models call it.

A new kind of question is a line of ENTITIES; a new unit, or a new name of one, a line of TABLE.
"""

from typing import NamedTuple

import numpy as np


class Unit(NamedTuple):
    """A unit, e.g. inch: Unit("cm", 2.54, "inch in")."""

    base: str  # the unit that `factor` counts in: cm, g, ml, V or W
    factor: float  # how many of the base are in one
    names: str  # how it is written, separated by blanks


# Names are in lower case, without accents. Within a name, _ is nothing, or blanks, dots or hyphens;
# an s may follow two letters or more. A name has one unit: no French livre and German Pfund (500 g,
# or a pound), no Spanish pie (a foot, or a pie). ge, kge, cle, mle end in the sign of estimated
# contents; 0z, ib and |b are what OCR makes of oz and lb, in 1 to 2 % of its values; gsm is here
# because the label of packs with "240 gsm" is 240 gram (12 of 14).
TABLE = {
    # length
    "centimetre": Unit("cm", 1, "centimetre centimeter zentimeter centimetro centimetri cm"),
    "foot": Unit("cm", 30.48, "foot feet ft pied '"),
    "inch": Unit("cm", 2.54, "inch inches in pouce pulgada polegada pollice pollici zoll \" ''"),
    "metre": Unit("cm", 100, "metre meter metro metri mtr mt m"),
    "millimetre": Unit(
        "cm",
        0.1,
        "millimetre millimeter milimetre milimeter millimetro milimetro millimetri mm",
    ),
    "yard": Unit("cm", 91.44, "yard yd"),
    # weight
    "gram": Unit("g", 1, "gram gramme gramm gramo grama grammo grammi gm grm gr g ge gsm"),
    "kilogram": Unit(
        "g",
        1e3,
        "kilo_gram kilogramme kilogramm kilogramo quilograma quilo chilogrammo chilogrammi kilo "
        "kgm kg kge",
    ),
    "microgram": Unit(
        "g", 1e-6, "micro_gram microgramme mikrogramm microgramo micrograma mcg ug μg"
    ),
    "milligram": Unit(
        "g",
        1e-3,
        "milli_gram milligramme milligramm miligram miligramo miligrama milligrammo milligrammi "
        "mgm mg",
    ),
    "ounce": Unit("g", 28.3495, "ounce oz 0z onza onces oncia"),
    "pound": Unit("g", 453.592, "pound lb ib |b libra"),
    "ton": Unit("g", 1e6, "ton tonne tonnen tonelada metric_ton metric_tonne t"),
    # voltage
    "kilovolt": Unit("V", 1e3, "kilo_volt kv"),
    "millivolt": Unit("V", 1e-3, "milli_volt mv"),
    "volt": Unit("V", 1, "volt voltio v v_ac v_dc volt_ac volt_dc"),
    # power
    "kilowatt": Unit("W", 1e3, "kilo_watt kilovatio kw"),
    "watt": Unit("W", 1, "watt vatio w"),
    # volume
    "centilitre": Unit("ml", 10, "centilitre centiliter zentiliter centilitro cl cle"),
    "cubic foot": Unit(
        "ml", 28316.8, "cubic_foot cubic_feet cubic_ft cu_foot cu_feet cu_ft cft ft3 ft^3"
    ),
    "cubic inch": Unit(
        "ml", 16.3871, "cubic_inch cubic_inches cubic_in cu_inch cu_inches cu_in in3 in^3"
    ),
    "cup": Unit("ml", 236.588, "cup taza tasse"),
    "decilitre": Unit("ml", 100, "decilitre deciliter deziliter decilitro dl"),
    "fluid ounce": Unit(
        "ml",
        29.5735,
        "fluid_ounce fluid_oz fl_ounce fl_oz fl_0z us_fl_oz us_fluid_ounce liquid_ounce oz_fl "
        "oz_liq",
    ),
    "gallon": Unit("ml", 3785.41, "gallon galon galones gal us_gallon us_gal"),
    "imperial gallon": Unit(
        "ml", 4546.09, "imperial_gallon imperial_gal imp_gallon imp_gal uk_gallon uk_gal"
    ),
    "litre": Unit("ml", 1e3, "litre liter litro litri ltr lit lt l"),
    "microlitre": Unit("ml", 1e-3, "micro_litre micro_liter mikroliter microlitro ul μl"),
    "millilitre": Unit(
        "ml",
        1,
        "milli_litre milli_liter mililitre mililiter mililitro millilitro millilitri ml mle cc "
        "cm3 cm^3",
    ),
    "pint": Unit("ml", 473.176, "pint pinta pt"),
    "quart": Unit("ml", 946.353, "quart qt"),
}


def units_of(base: str) -> tuple[str, ...]:
    """The units that measure the same as `base`, in the order of TABLE."""
    return tuple(name for name, unit in TABLE.items() if unit.base == base)


LENGTHS, WEIGHTS = units_of("cm"), units_of("g")
# what is asked for: the units that its answers may have, as the competition names them
ENTITIES = {
    "width": LENGTHS,
    "depth": LENGTHS,
    "height": LENGTHS,
    "item_weight": WEIGHTS,
    "maximum_weight_recommendation": WEIGHTS,
    "voltage": units_of("V"),
    "wattage": units_of("W"),
    "item_volume": units_of("ml"),
}
UNITS = tuple(sorted(TABLE))  # a unit's place here is its number in texts.value_codes
SPELLINGS = {name: unit.names.split() for name, unit in TABLE.items()}
FACTORS = np.array([TABLE[name].factor for name in UNITS], float)  # (31,)
