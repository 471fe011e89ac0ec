"""What language models are asked about an entity of a product, and what they may reply."""

import re

from texts.units import ENTITIES

MARKS = re.compile(
    r"<\|[^|<>]*\|>|</?(?:start|end)_of_\w+>|</?s>"
)  # e.g. <|im_end|>, <end_of_turn>


def prompt(question: str) -> str:
    """What a vision-language model is asked of a picture."""
    return (
        f"What is the {question.replace('_', ' ')} of the product in the picture? Reply "
        "with a number and one of these units, in full: "
        f"{', '.join(ENTITIES[question])}. If the picture does not tell, reply: none."
    )


def refine_prompt(question: str, reply: str) -> str:
    """What a language model is asked about another's reply, without what would be a mark of its own
    in it."""
    reply = MARKS.sub(" ", reply)
    return (
        f"A model was asked for the {question.replace('_', ' ')} of a product and "
        f'replied: "{reply}"\nWrite that value as a number and one '
        f"of these units, in full: {', '.join(ENTITIES[question])}. Write nothing else. "
        "If the reply has no such value, write: none."
    )


def pattern(question: str) -> str:
    """The regular expression of the replies that can be right."""
    return rf"([0-9]{{1,6}}(\.[0-9]{{1,4}})? ({'|'.join(ENTITIES[question])})|none)"
