"""What language models are asked about the attributes of a row, and what they may reply.

in:  the image of a shirt, attributes {"colour": ["blue", "red"], "neck": ["round", "v"]}
out: the reply "colour: red\\nneck: round"
"""

from tasks.attributes.submission import category_of, label_column
from texts.prompts import literal, one_of, paragraph_of, without_control_tokens

MAX_SHOWN = 200  # classes of an attribute that a question lists
# Classes of an attribute that a pattern has: xgrammar reads 1,000 in a second, 3,000 in seven.
MAX_BOUND = 1000
ANY_LINE = "[^\n]{1,100}"
NO_ANSWER = "none"  # what a refiner writes of an attribute that the reply does not tell


def classes_asked(rows, i: int) -> dict[str, list[str]]:
    """{attribute: its classes} of what is asked of row number i: the attributes of its category."""
    categories = {category_of(output) for output in rows.outputs}
    if len(categories) == 1:
        return rows.outputs

    category = rows.category[i]
    asked = {}
    for output, classes in rows.outputs.items():
        if category_of(output) == category:
            asked[output] = classes

    return asked


def prompt(rows, i: int, has_image: bool) -> str:
    """What a vision-language model is asked about row number i: all its attributes at once."""
    asked = classes_asked(rows, i)
    product = "the product in the picture" if has_image else "this product"
    category = category_of(next(iter(asked)))
    kind = f"It is one of: {category}.\n" if category else ""
    form = "\n".join(f"{label_column(output)}: <class>" for output in asked)
    return (
        f"{paragraph_of(rows, i)}{kind}Of which class is {product} in each of these attributes?\n"
        f"{listed(asked)}\n"
        f"Reply with these lines, each with one of the attribute's classes, and nothing else:\n"
        f"{form}"
    )


def refine_prompt(rows, i: int, reply: str) -> str:
    """What a language model is asked about another's reply, whose control tokens are left out."""
    asked = classes_asked(rows, i)
    form = "\n".join(f"{label_column(output)}: <class>" for output in asked)
    return (
        f'A model was asked for attributes of a product and replied: "'
        f'{without_control_tokens(reply)}"\n'
        f"These are the attributes with their classes:\n{listed(asked)}\n"
        f"Write what the reply says as these lines, each with one of the attribute's classes, or "
        f"{NO_ANSWER} where the reply does not tell, and nothing else:\n{form}"
    )


def listed(asked: dict[str, list[str]]) -> str:
    """A line per attribute with its classes, e.g. "colour: blue | red"."""
    lines = []
    for output, classes in asked.items():
        line = f"{label_column(output)}: {' | '.join(some_of(classes))}"
        if len(classes) > MAX_SHOWN:
            line += " | or another such class"

        lines.append(line)

    return "\n".join(lines)


def some_of(classes: list[str]) -> list[str]:
    """The classes, or MAX_SHOWN of them from all over the sorted list."""
    n = len(classes)
    if n <= MAX_SHOWN:
        return classes

    return [classes[j * n // MAX_SHOWN] for j in range(MAX_SHOWN)]


def pattern(rows, i: int) -> str:
    """The regular expression of the replies that can be right: a line per attribute, in order."""
    return pattern_of(classes_asked(rows, i))


def refine_pattern(rows, i: int) -> str:
    """The same, where each attribute may also be NO_ANSWER."""
    return pattern_of(classes_asked(rows, i), NO_ANSWER)


def pattern_of(asked: dict[str, list[str]], *extra: str) -> str:
    """The lines "attribute: class"; extra: what may stand for a class of any attribute.

    An attribute of more than MAX_BOUND classes is answered in free words, which are read by their
    spelling.
    """
    lines = []
    for output, classes in asked.items():
        answer = ANY_LINE
        if len(classes) <= MAX_BOUND:
            answer = one_of(dict.fromkeys([*classes, *extra]))

        lines.append(f"{literal(label_column(output))}: {answer}")

    return "\n".join(lines)
