"""What language models are asked about the price of a row, and what they may reply.

in: "Basmati rice 5 kg" and its image → out: the reply "21.20"
"""

from texts.prompts import paragraph_of, without_control_tokens


def prompt(rows, i: int, has_image: bool) -> str:
    """What a vision-language model is asked about row number i. The training prices say in which
    currency: the model is told the least and the highest."""
    low, high = rows.outputs["price"]
    product = "the product in the picture" if has_image else "this product"
    return (
        f"{paragraph_of(rows, i)}What is the price of {product}? The prices of such products go "
        f"from {low:.10g} to {high:.10g}. Reply with the price as a number, without a currency, "
        "and nothing else."
    )


def refine_prompt(rows, i: int, reply: str) -> str:
    """What a language model is asked about another's reply, whose control tokens are left out."""
    reply = without_control_tokens(reply)
    return (
        f'A model was asked for the price of a product and replied: "{reply}"\n'
        "Write that price as a number, without a currency, and nothing else. If the reply has no "
        "price, write: none."
    )


def pattern(rows, i: int) -> str:
    """The regular expression of a price: not more digits than the highest training price has, two
    decimals, or four where prices below 0.1 are among them."""
    low, high = rows.outputs["price"]
    digits = len(str(int(high)))
    decimals = 2 if low >= 0.1 else 4
    return rf"[0-9]{{1,{digits}}}(\.[0-9]{{1,{decimals}}})?"


def refine_pattern(rows, i: int) -> str:
    """The same, or none."""
    return f"({pattern(rows, i)}|none)"
