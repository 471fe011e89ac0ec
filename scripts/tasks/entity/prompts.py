"""What language models are asked about an entity of a product, and what they may reply."""

import re

from texts.units import ENTITIES

# tokens that a chat template would obey: <|im_end|>, <end_of_turn>, </s>
CONTROL_TOKENS = re.compile(r"<\|[^|<>]*\|>|</?(?:start|end)_of_\w+>|</?s>")


def prompt(question: str) -> str:
    """What a vision-language model is asked about an image."""
    entity = question.replace("_", " ")
    units = ", ".join(ENTITIES[question])
    return (
        f"What is the {entity} of the product in the picture? Reply with a number and one of these "
        f"units, in full: {units}. If the picture does not tell, reply: none."
    )


def refine_prompt(question: str, reply: str) -> str:
    """What a language model is asked about another's reply, whose control tokens are left out."""
    reply = CONTROL_TOKENS.sub(" ", reply)
    entity = question.replace("_", " ")
    units = ", ".join(ENTITIES[question])
    return (
        f'A model was asked for the {entity} of a product and replied: "{reply}"\n'
        f"Write that value as a number and one of these units, in full: {units}. Write nothing "
        "else. If the reply has no such value, write: none."
    )


def pattern(question: str) -> str:
    """The regular expression of the replies that can be right."""
    units = "|".join(ENTITIES[question])
    return rf"([0-9]{{1,6}}(\.[0-9]{{1,4}})? ({units})|none)"
