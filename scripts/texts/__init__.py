"""What a text says, in numbers: n-grams, quantities, units, values.

Every file here may be imported.
"""
