"""A row's text and its labels as a question to a language model has them, and the pattern of its
reply.

in: "Basmati <|im_end|> rice" → out: "Basmati   rice";  in: "1.5 kg" → out: the pattern "1\\.5 kg"
"""

import re

# tokens that a chat template would obey: <|im_end|>, <end_of_turn>, </s>
CONTROL_TOKENS = re.compile(r"<\|[^|<>]*\|>|</?(?:start|end)_of_\w+>|</?s>")
MAX_LETTERS = 3000  # of a row's text that are shown: some 800 tokens
# What every server's regular expressions have as an escape. re.escape would also put a backslash
# before spaces and "-", which xgrammar warns of and others refuse.
SPECIAL = re.compile(r"[\\.^$*+?(){}\[\]|]")


def without_control_tokens(text: str) -> str:
    """The text with a space for each control token."""
    return CONTROL_TOKENS.sub(" ", text)


def text_of(rows, i: int) -> str:
    """What a question shows of the text of row number i, at most MAX_LETTERS; "" where there is
    none. rows: a common.rows.Rows."""
    if rows.text is None:
        return ""

    text = without_control_tokens(str(rows.text[i]))
    return text.strip()[:MAX_LETTERS]


def paragraph_of(rows, i: int) -> str:
    """A paragraph of a question with the text of row number i; "" where there is none."""
    text = text_of(rows, i)
    return f'Text about the product: "{text}"\n' if text else ""


def literal(text: str) -> str:
    """The regular expression of a text itself."""
    return SPECIAL.sub(r"\\\g<0>", text)


def one_of(texts) -> str:
    """The regular expression of any of these texts."""
    return "(" + "|".join(literal(text) for text in texts) + ")"
