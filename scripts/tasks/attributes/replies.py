"""Reads the classes out of a language model's reply about a row.

in:  "Colour - dark-red\\nneck: Round." for {"colour": ["dark red", "blue"], "neck": ["round", "v"]}
out: class numbers 0 and 0, as probabilities: .8 and a fifth of the class frequencies
"""

import re
from difflib import get_close_matches
from functools import lru_cache

import numpy as np

from tasks.attributes.prompts import classes_asked
from tasks.attributes.submission import label_column, slices

# Probability of the class that a reply names; the rest is the baseline's, so that a class that no
# reply names keeps a chance. Of constants from .4 to .97, in blends with drawn models of all
# strengths, .8 is never far from the best: .035 of accuracy at most, where .5 and .97 are .06.
SAID = 0.8
ALIKE = 0.8  # of two spellings, by difflib's ratio: "whit" and "white" have .89
LIST_MARK = re.compile(r"\s*(?:[-*•]|\d+[.)])\s+")
WORDS = re.compile(r"[^\W_]+")
# after the words of an attribute's name: "colour: ", "**Colour:** ", "colour = ", "colour is ",
# "| colour | ", "length (cm): "
SEPARATOR = r"[\"'*`\s)\]%]*(?:[:=|→]|\s[-–—]\s|\bis\b)"


def read_replies(replies, rows, idx) -> np.ndarray:
    """Predictions (m, k) of a language model's replies (m,) to the row numbers idx (m,): where the
    class of an attribute can be read SAID of its probability, else the baseline."""
    pred = rows.baselines(idx)
    class_numbers = read_classes(replies, rows, idx)

    for a, columns in enumerate(slices(rows.outputs)):
        read = np.flatnonzero(class_numbers[:, a] >= 0)
        pred[read, columns] *= 1 - SAID
        pred[read, columns.start + class_numbers[read, a]] += SAID

    return pred


def is_clear(replies, rows, idx) -> np.ndarray:
    """(m,) bool: True where nothing is left to be refined, because every attribute that was asked
    can be read in the reply, or the reply has no word."""
    class_numbers = read_classes(replies, rows, idx)
    is_read = class_numbers >= 0
    clear = []
    for reply, i, is_read_of_row in zip(replies, idx, is_read, strict=True):
        asked = classes_asked(rows, i)
        is_asked = [output in asked for output in rows.outputs]
        clear.append(is_read_of_row[is_asked].all() or not WORDS.search(reply))

    return np.array(clear, bool)


def read_classes(replies, rows, idx) -> np.ndarray:
    """Class numbers (m, a) that the replies name, -1 where an attribute's class cannot be read."""
    place = {output: a for a, output in enumerate(rows.outputs)}
    classes_of = {output: tuple(classes) for output, classes in rows.outputs.items()}
    class_numbers = np.full((len(replies), len(place)), -1)

    for j, (reply, i) in enumerate(zip(replies, idx, strict=True)):
        asked = {label_column(output): output for output in classes_asked(rows, i)}
        for name, value in read_lines(reply, tuple(asked)).items():
            output = asked[name]
            class_numbers[j, place[output]] = find_class(value, classes_of[output])

    return class_numbers


def read_lines(reply: str, names: tuple[str, ...]) -> dict[str, str]:
    """{name: what the reply says of it} for lines "name: value", JSON, or sentences; in a reply
    without any name, its lines in the order of the names."""
    values = asked_lines(reply, names)
    if values:
        return values

    reply = reply.replace("\\n", "\n")
    by_key = {squashed(name): name for name in names}

    headings = list(heading(names).finditer(reply))
    if not headings:
        return lines_in_order(reply, names)

    ends = [match.start() for match in headings[1:]]
    for match, end in zip(headings, [*ends, len(reply)], strict=True):
        name = by_key.get(squashed(match["name"]))
        value = reply[match.end() : end].strip()

        if name is not None:  # a Turkish "ı" matches "i" and is none
            values.setdefault(name, value.partition("\n")[0])

    return values


def asked_lines(reply: str, names: tuple[str, ...]) -> dict[str, str]:
    """{name: value} of a reply that has the lines that it was asked for, to the letter; else {}."""
    lines = reply.strip().split("\n")
    if len(lines) != len(names):
        return {}

    values = {}
    for line, name in zip(lines, names, strict=True):
        if not line.startswith(f"{name}: "):
            return {}

        values[name] = line.removeprefix(f"{name}: ")

    return values


def lines_in_order(reply: str, names: tuple[str, ...]) -> dict[str, str]:
    """{name: line} where the reply has as many lines as there are names; else {}."""
    lines = [line for line in reply.splitlines() if WORDS.search(line)]
    if len(names) == 1 and lines:
        return {names[0]: reply}

    if len(lines) != len(names):
        return {}

    values = [LIST_MARK.sub("", line, count=1) for line in lines]
    return dict(zip(names, values, strict=True))


@lru_cache(256)
def heading(names: tuple[str, ...]) -> re.Pattern:
    """Finds an attribute's name, whatever its case and the signs in it, and what separates it from
    its value. The longest comes first: "trim colour" is not "colour"."""
    spellings = [spelling(name) for name in sorted(names, key=len, reverse=True)]
    return re.compile(rf"(?<![^\W_])(?P<name>{'|'.join(spellings)}){SEPARATOR}", re.IGNORECASE)


def spelling(name: str) -> str:
    """The pattern of a name: "baseColour" is also "base colour" and "Base-Colour"."""
    words = WORDS.findall(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name))
    return r"[\W_]{0,3}".join(words) if words else re.escape(name)


def squashed(text: str) -> str:
    """The text's letters and digits in lower case; the text itself where there are none."""
    return "".join(WORDS.findall(text.casefold())) or text


@lru_cache(1 << 16)
def find_class(value: str, classes: tuple[str, ...]) -> int:
    """The number of the class that a value names, -1 where none is near.

    In this order: the class itself; its letters and digits in lower case; the first class whose
    words stand in the value; the one class that has the value's words; the nearest spelling with
    the same digits.
    """
    value = value.strip()
    if value in classes:
        return classes.index(value)

    key = squashed(value)
    keys = keys_of(classes)
    if key in keys:
        return keys[key]

    number = class_within(value, classes)
    if number >= 0:
        return number

    return nearest_spelling(key, keys)


@lru_cache(1024)
def keys_of(classes: tuple[str, ...]) -> dict[str, int]:
    """{squashed class: its number}, of classes alike the first."""
    keys: dict[str, int] = {}
    for number, name in enumerate(classes):
        keys.setdefault(squashed(name), number)

    return keys


@lru_cache(1024)
def padded_words(classes: tuple[str, ...]) -> list[str]:
    """The words of each class in lower case, with spaces around: " dark red "."""
    return [padded(name) for name in classes]


def padded(text: str) -> str:
    words = WORDS.findall(text.casefold())
    return f" {' '.join(words)} "


def class_within(value: str, classes: tuple[str, ...]) -> int:
    """The number of the first class whose words stand in the value, "dark red" rather than "red";
    else of the only class in which the value's words stand; else -1."""
    words = padded(value)
    if not words.strip():
        return -1

    names = padded_words(classes)
    within = [number for number, name in enumerate(names) if name.strip() and name in words]
    if within:
        return min(within, key=lambda number: (words.index(names[number]), -len(names[number])))

    around = [number for number, name in enumerate(names) if words in name]
    return around[0] if len(around) == 1 else -1


def nearest_spelling(key: str, keys: dict[str, int]) -> int:
    """The number of the class whose squashed name is nearest, with the same digits; -1 if none."""
    digits = re.findall(r"\d", key)
    for near in get_close_matches(key, keys, cutoff=ALIKE):
        if re.findall(r"\d", near) == digits:
            return keys[near]

    return -1
