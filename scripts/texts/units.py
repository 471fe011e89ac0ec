"""The units that answers may have, and the names by which packs, people and language models call
them."""

import numpy as np

LENGTHS = ("centimetre", "foot", "inch", "metre", "millimetre", "yard")
WEIGHTS = ("gram", "kilogram", "microgram", "milligram", "ounce", "pound", "ton")
# what is asked for: the units that its answers may have, as the competition names them
ENTITIES = {
    "width": LENGTHS,
    "depth": LENGTHS,
    "height": LENGTHS,
    "item_weight": WEIGHTS,
    "maximum_weight_recommendation": WEIGHTS,
    "voltage": ("kilovolt", "millivolt", "volt"),
    "wattage": ("kilowatt", "watt"),
    "item_volume": (
        "centilitre",
        "cubic foot",
        "cubic inch",
        "cup",
        "decilitre",
        "fluid ounce",
        "gallon",
        "imperial gallon",
        "litre",
        "microlitre",
        "millilitre",
        "pint",
        "quart",
    ),
}
UNITS = tuple(sorted({unit for units in ENTITIES.values() for unit in units}))

# Lower case, without accents. Within a name, _ is nothing, or blanks, dots or hyphens; an s may
# follow two letters or more.
# A name has one unit: no French livre and German Pfund (500 g, or a pound), no Spanish pie (a foot,
# or a pie).
# ge, kge, cle, mle end in the sign of estimated contents; 0z, ib and |b are what OCR makes of oz
# and lb, in 1 to 2 % of its values;
# gsm is here because the label of packs with "240 gsm" is 240 gram (12 of 14).
NAMES = {
    unit: names.split()
    for unit, names in {
        "centimetre": "centimetre centimeter zentimeter centimetro centimetri cm",
        "foot": "foot feet ft pied '",
        "inch": "inch inches in pouce pulgada polegada pollice pollici zoll \" ''",
        "metre": "metre meter metro metri mtr mt m",
        "millimetre": "millimetre millimeter milimetre milimeter "
        "millimetro milimetro millimetri mm",
        "yard": "yard yd",
        "gram": "gram gramme gramm gramo grama grammo grammi gm grm gr g ge gsm",
        "kilogram": "kilo_gram kilogramme kilogramm kilogramo quilograma quilo chilogrammo "
        "chilogrammi kilo kgm kg kge",
        "microgram": "micro_gram microgramme mikrogramm microgramo micrograma mcg ug μg",
        "milligram": "milli_gram milligramme milligramm miligram miligramo miligrama milligrammo "
        "milligrammi mgm mg",
        "ounce": "ounce oz 0z onza onces oncia",
        "pound": "pound lb ib |b libra",
        "ton": "ton tonne tonnen tonelada metric_ton metric_tonne t",
        "kilovolt": "kilo_volt kv",
        "millivolt": "milli_volt mv",
        "volt": "volt voltio v v_ac v_dc volt_ac volt_dc",
        "kilowatt": "kilo_watt kilovatio kw",
        "watt": "watt vatio w",
        "centilitre": "centilitre centiliter zentiliter centilitro cl cle",
        "cubic foot": "cubic_foot cubic_feet cubic_ft cu_foot cu_feet cu_ft cft ft3 ft^3",
        "cubic inch": "cubic_inch cubic_inches cubic_in cu_inch cu_inches cu_in in3 in^3",
        "cup": "cup taza tasse",
        "decilitre": "decilitre deciliter deziliter decilitro dl",
        "fluid ounce": "fluid_ounce fluid_oz fl_ounce fl_oz fl_0z "
        "us_fl_oz us_fluid_ounce liquid_ounce "
        "oz_fl oz_liq",
        "gallon": "gallon galon galones gal us_gallon us_gal",
        "imperial gallon": "imperial_gallon imperial_gal imp_gallon imp_gal uk_gallon uk_gal",
        "litre": "litre liter litro litri ltr lit lt l",
        "microlitre": "micro_litre micro_liter mikroliter microlitro ul μl",
        "millilitre": "milli_litre milli_liter mililitre mililiter "
        "mililitro millilitro millilitri ml "
        "mle cc cm3 cm^3",
        "pint": "pint pinta pt",
        "quart": "quart qt",
    }.items()
}


FACTOR = {
    "centimetre": 1,
    "foot": 30.48,
    "inch": 2.54,
    "metre": 100,
    "millimetre": 0.1,
    "yard": 91.44,
    "gram": 1,
    "kilogram": 1e3,
    "microgram": 1e-6,
    "milligram": 1e-3,
    "ounce": 28.3495,
    "pound": 453.592,
    "ton": 1e6,
    "kilovolt": 1e3,
    "millivolt": 1e-3,
    "volt": 1,
    "kilowatt": 1e3,
    "watt": 1,
    "centilitre": 10,
    "cubic foot": 28316.8,
    "cubic inch": 16.3871,
    "cup": 236.588,
    "decilitre": 100,
    "fluid ounce": 29.5735,
    "gallon": 3785.41,
    "imperial gallon": 4546.09,
    "litre": 1e3,
    "microlitre": 1e-3,
    "millilitre": 1,
    "pint": 473.176,
    "quart": 946.353,
}  # centimetres, grams, …
FACTORS = np.array([FACTOR[unit] for unit in UNITS])
