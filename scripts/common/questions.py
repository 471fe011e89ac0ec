"""The kinds of question that a task can ask and a model can answer."""

CLASSES = "classes"  # one of several classes for each of several attributes; labels may be missing
NUMBER = "number"  # one positive number, learnt as log1p
VALUE = "value"  # a number and its unit
KINDS = (CLASSES, NUMBER, VALUE)
