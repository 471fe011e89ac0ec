"""What language models are asked about an entity of a product, and what they may reply.

in: a row that asks for "voltage" → out: "What is the voltage of the product in the picture? ..."
"""

from texts.prompts import paragraph_of, without_control_tokens
from texts.units import ENTITIES


def prompt(rows, i: int, has_image: bool) -> str:
    """What a vision-language model is asked about row number i: about its image, else its text."""
    question = rows.question[i]
    entity = question.replace("_", " ")
    units = ", ".join(ENTITIES[question])

    if not has_image:
        return (
            f"{paragraph_of(rows, i)}What is the {entity} of the product? Reply with a number and "
            f"one of these units, in full: {units}. If the text does not tell, reply: none."
        )

    return (
        f"What is the {entity} of the product in the picture? Reply with a number and one of these "
        f"units, in full: {units}. If the picture does not tell, reply: none."
    )


def refine_prompt(rows, i: int, reply: str) -> str:
    """What a language model is asked about another's reply, whose control tokens are left out."""
    question = rows.question[i]
    reply = without_control_tokens(reply)
    entity = question.replace("_", " ")
    units = ", ".join(ENTITIES[question])
    return (
        f'A model was asked for the {entity} of a product and replied: "{reply}"\n'
        f"Write that value as a number and one of these units, in full: {units}. Write nothing "
        "else. If the reply has no such value, write: none."
    )


def pattern(rows, i: int) -> str:
    """The regular expression of the replies that can be right."""
    units = "|".join(ENTITIES[rows.question[i]])
    return rf"([0-9]{{1,6}}(\.[0-9]{{1,4}})? ({units})|none)"


refine_pattern = pattern
