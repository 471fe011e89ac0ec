"""What language models are asked about rows, and how their replies are read: a table of replies and
what is meant by each, per task."""

import re

import numpy as np
import pytest
from hypothesis import given, strategies

from common.rows import Rows
from tasks import attributes, entity, price
from tasks.attributes.replies import read_classes
from texts.prompts import MAX_LETTERS

CLASSES = {
    "baseColour": ["blue", "dark red", "multi color", "red", "white"],
    "neck": ["collar, standing", "round", "v-neck"],
}


def rows_of(task, outputs, n: int = 1, target=None, **columns) -> Rows:
    """n rows: the first a test row, the others training rows of folds 0 and 1."""
    if target is None:
        target = np.full((n, len(outputs)), -1)

    return Rows(
        task=task,
        outputs=outputs,
        id=np.array([f"train:{i}" for i in range(n)]),
        fold=np.arange(n) % 3 - 1,
        validation=np.zeros(n, bool),
        image=columns.pop("image", np.array(["a.jpg"] * n, object)),
        target=target,
        group=np.array([""] * n),
        **columns,
    )


def strings(*texts) -> np.ndarray:
    return np.array(texts, object)


def read_names(reply: str) -> tuple:
    """The classes that are read in a reply, None where the baseline is predicted."""
    rows = rows_of(attributes, CLASSES)
    pred = attributes.read_replies([reply], rows, np.array([0]))[0]
    names = []
    for columns, classes in zip(attributes.slices(CLASSES), CLASSES.values(), strict=True):
        prob = pred[columns]
        assert prob.sum() == pytest.approx(1)
        names.append(classes[prob.argmax()] if np.ptp(prob) > 0.1 else None)

    return tuple(names)


REPLIES = {
    "baseColour: red\nneck: round": ("red", "round"),
    "Base colour: Red\nNeck: Round.": ("red", "round"),
    "BASE_COLOUR: RED\nNECK: ROUND": ("red", "round"),
    "neck: round\nbaseColour: blue": ("blue", "round"),
    '{"baseColour": "red", "neck": "round"}': ("red", "round"),
    '```json\n{\n  "baseColour": "dark red",\n  "neck": "V-Neck"\n}\n```': ("dark red", "v-neck"),
    '{"baseColour": ["red"], "neck": null}': ("red", None),
    "baseColour: red\\nneck: round": ("red", "round"),
    "baseColour: red": ("red", None),
    "neck: v-neck\n": (None, "v-neck"),
    "- **Base Colour:** white\n- **Neck:** v neck": ("white", "v-neck"),
    "red\nround": ("red", "round"),
    "1. Dark-Red\n2) collar, standing": ("dark red", "collar, standing"),
    "The base colour is red and the neck is round.": ("red", "round"),
    "baseColour: red, neck: round": ("red", "round"),
    "baseColour = multicolor; neck = V neck": ("multi color", "v-neck"),
    "baseColour - white\nneck – round": ("white", "round"),
    "| baseColour | dark red |\n| neck | round |": ("dark red", "round"),
    "baseColour: whit\nneck: rond": ("white", "round"),
    "baseColour: green\nneck: heart": (None, None),
    "baseColour: a dark red one\nneck: the round type": ("dark red", "round"),
    "baseColour: red or blue\nneck: collar": ("red", "collar, standing"),
    "baseColour:\nred\nneck:\nround": ("red", "round"),
    "base_colour: blue (navy)\nNECK - collar, standing": ("blue", "collar, standing"),
    "baseColour: red\nbaseColour: blue": ("red", None),
    "baseColour: <class>\nneck: <class>": (None, None),
    "baseColour: none\nneck: none": (None, None),
    "Sure! Here it is:\n\nbaseColour: blue\nneck: round\n\nAnything else?": ("blue", "round"),
    "neckline: round": (None, None),
    "baseColour: darkred neck: vneck": ("dark red", "v-neck"),
    "baseColour:red\r\nneck:round\r\n": ("red", "round"),
    "baseColour: 'white'\nneck: `round`": ("white", "round"),
    "baseColour: red\nneck: 12": ("red", None),
    "The shirt is red with a round neck": (None, None),
    "red": (None, None),
    "I cannot tell.": (None, None),
    "none": (None, None),
    "": (None, None),
    "Neck: baseColour\nbaseColour: red": ("red", None),
    "baseColour: ｒｏｕｇｅ\nneck: ✓": (None, None),
}


@pytest.mark.parametrize("reply", REPLIES)
def test_classes_are_read_out_of_replies(reply):
    assert read_names(reply) == REPLIES[reply]


LABELS = strategies.text("aB1é -/()&.,:'%|[]*+?\\\\$^{}", min_size=1, max_size=6).map(str.strip)


@given(
    strategies.dictionaries(LABELS.filter(bool), strategies.sets(LABELS.filter(bool), min_size=1))
)
def test_what_the_pattern_allows_is_read_as_these_very_classes(outputs):
    outputs = {name: sorted(classes) for name, classes in outputs.items() if "/" not in name}
    if not outputs:
        return

    rows = rows_of(attributes, outputs)
    pattern = re.compile(attributes.pattern(rows, 0))
    for j in range(max(len(classes) for classes in outputs.values())):
        numbers = [j % len(classes) for classes in outputs.values()]
        pairs = zip(outputs.items(), numbers, strict=True)
        reply = "\n".join(f"{name}: {classes[number]}" for (name, classes), number in pairs)
        assert pattern.fullmatch(reply)
        assert read_classes([reply], rows, [0])[0].tolist() == numbers


def test_one_attribute_is_read_without_its_name_and_numbers_are_not_taken_for_their_neighbours():
    rows = rows_of(attributes, {"size": ["100", "1000", "12", "xl"]})

    def answer(reply):
        pred = attributes.read_replies([reply], rows, np.array([0]))
        return rows.outputs["size"][pred[0].argmax()] if np.ptp(pred) > 0.1 else None

    replies = ["It is 100.", "XL", "10000", "size: 12", "1", "x l"]
    assert [answer(reply) for reply in replies] == ["100", "xl", None, "12", None, "xl"]


def test_what_is_not_said_is_the_baseline_of_the_other_folds():
    target = np.array([[-1, -1], [0, 1], [3, 1], [-1, -1], [0, 0]])
    rows = rows_of(attributes, CLASSES, 5, target)
    assert rows.fold.tolist() == [-1, 0, 1, -1, 0]
    idx = np.array([0, 1, 2])
    pred = attributes.read_replies(["neck: round", "neck: round", ""], rows, idx)
    colour, neck = attributes.slices(CLASSES)
    assert pred[0, colour] == pytest.approx([2 / 3, 0, 0, 1 / 3, 0])
    assert pred[1, colour] == pytest.approx([0, 0, 0, 1, 0])
    assert pred[1, neck] == pytest.approx([0, 1, 0])
    assert pred[2, neck] == pytest.approx([0.5, 0.5, 0])
    assert pred[0, neck] == pytest.approx([0.2 / 3, 0.8 + 0.2 * 2 / 3, 0])


def test_replies_and_a_model_that_is_right_as_often_are_better_together():
    rng = np.random.default_rng(0)
    n, prior = 2000, np.array([0.4, 0.3, 0.2, 0.1])
    outputs = {"tone": ["a", "b", "c", "d"]}
    label = rng.choice(4, n, p=prior)
    rows = rows_of(attributes, outputs, n, label[:, None])

    logits = rng.normal(0, 1, (n, 4))
    logits[np.arange(n), label] += 1.5
    prob = np.exp(1.5 * logits) * prior
    prob /= prob.sum(axis=1, keepdims=True)
    said = np.where(rng.random(n) < 0.6, label, rng.choice(4, n, p=prior))
    replies = [f"tone: {outputs['tone'][number]}" for number in said]
    read = attributes.read_replies(replies, rows, np.arange(n))

    half, rest = slice(0, n // 2), slice(n // 2, n)
    preds = np.stack([prob, read])
    weights = attributes.fit_blend(preds[:, half], rows.target[half], outputs)
    blend = attributes.apply_blend(preds, weights, outputs)
    scores = [(pred[rest].argmax(1) == label[rest]).mean() for pred in (prob, read, blend)]
    assert abs(scores[0] - scores[1]) < 0.05
    assert scores[2] > max(scores[:2]) + 0.05


def test_only_attributes_of_the_rows_category_are_asked_and_read():
    outputs = {"Sarees/attr_1": ["red", "blue"], "Kurtis/attr_1": ["red"], "Kurtis/attr_2": ["v"]}
    rows = rows_of(attributes, outputs, 2, category=strings("Kurtis", "Sarees"))
    assert attributes.pattern(rows, 0) == "attr_1: (red)\nattr_2: (v)"
    assert attributes.pattern(rows, 1) == "attr_1: (red|blue)"
    assert "Kurtis" in attributes.prompt(rows, 0, True)
    assert "blue" not in attributes.prompt(rows, 0, True)
    pred = attributes.read_replies(["attr_1: red\nattr_2: v", "attr_1: red"], rows, np.arange(2))
    assert pred[:, 0].tolist() == [0.5, 0.9]
    assert attributes.is_clear(["attr_1: red", "attr_1: red"], rows, np.arange(2)).tolist() == [
        False,
        True,
    ]


def test_a_label_named_category_is_not_taken_for_the_rows_category():
    """folds.csv then has the labels in `category`: no question may show them."""
    outputs = {"category": ["hat", "shoe"], "tone": ["dark", "light"]}
    rows = rows_of(attributes, outputs, 2, category=strings("hat", ""))
    prompts = [attributes.prompt(rows, i, True) for i in range(2)]
    assert prompts[0] == prompts[1]
    assert attributes.pattern(rows, 0) == "category: (hat|shoe)\ntone: (dark|light)"


def test_a_pattern_has_these_lines_and_nothing_else():
    outputs = {"size (EU)": ["3/4", "1.5", "a|b", "[x]", "50%", "5-6", "ä"], "tone": ["a b"]}
    rows = rows_of(attributes, outputs)
    pattern = attributes.pattern(rows, 0)
    for size in outputs["size (EU)"]:
        assert re.fullmatch(pattern, f"size (EU): {size}\ntone: a b")
    pred = attributes.read_replies(["size (EU): 5-6\ntone: a b"], rows, np.array([0]))
    assert pred[0].round(2).tolist()[3:6] == [0.03, 0.03, 0.83]

    for reply in ("size (EU): 1x5\ntone: a b", "size (EU): 1.5", "size (EU): none\ntone: a b"):
        assert not re.fullmatch(pattern, reply)

    assert re.fullmatch(attributes.refine_pattern(rows, 0), "size (EU): none\ntone: a b")


def test_very_many_classes_are_answered_in_free_words_and_read_by_their_spelling():
    classes = [f"shelf {i:04d} of the shop" for i in range(1500)]
    rows = rows_of(attributes, {"node": classes, "tone": ["dark"]})
    pattern = attributes.pattern(rows, 0)
    assert len(pattern) < 100
    assert re.fullmatch(pattern, "node: Shelf 0007 of the shop\ntone: dark")
    assert not re.fullmatch(pattern, "node: a\nb\ntone: dark")
    prompt = attributes.prompt(rows, 0, False)
    assert len(prompt) < 7000
    assert "or another such class" in prompt
    pred = attributes.read_replies(["node: Shelf 0007 of the shop"], rows, np.array([0]))
    assert pred[0, :1500].argmax() == 7


def read_one(reply: str) -> float | None:
    """The price that is read in a reply where training prices go from 1 to 20,000."""
    rows = rows_of(price, {"price": [1.0, 20000.0]}, 2, np.array([[-1.0], [np.log1p(77)]]))
    value = float(np.expm1(price.read_replies([reply], rows, np.array([0])))[0, 0])
    return None if value == pytest.approx(77) else pytest.approx(value)


PRICES = {
    "12.99": 12.99,
    "$12.99": 12.99,
    "12,99 EUR": 12.99,
    "12,99€": 12.99,
    "about 1,299.00": 1299,
    "1.299,00 €": 1299,
    "1 299,00": 1299,
    "1'299.00": 1299,
    "1,299": 1299,
    "1.299": 1.299,
    "12500": 12500,
    "Rs. 449": 449,
    "Rs449": 449,
    "₹1,29,999": 129999,
    "$10-15": 12.5,
    "10 – 15": 12.5,
    "between $10 and $15": 12.5,
    "10 to 15 dollars": 12.5,
    "The 6 ounce pack of 2 is 12.99": 12.99,
    "For 500 g: 3.49": 3.49,
    "2 for $5": 5,
    '{"price": 12.99, "currency": "USD"}': 12.99,
    '{"price": "12.99", "sure": 0.9}': 12.99,
    "12.99 each": 12.99,
    "12.99 per pack of 3": 12.99,
    "99 cents": 0.99,
    "1.3k": 1300,
    "0,50": 0.5,
    "$.99": 0.99,
    "US $5": 5,
    "**$8.50**": 8.5,
    "20% off, now 8.50": 8.5,
    "Price: 12.99.": 12.99,
    "It was $20, I think.": 20,
    "007.50": 7.5,
    "It weighs 500 g": None,
    "-5": None,
    "B12": None,
    "0.0001": None,
    "99999999": None,
    "free": None,
    "twelve": None,
    "none": None,
    "": None,
}


@pytest.mark.parametrize("reply", PRICES)
def test_prices_are_read_out_of_replies(reply):
    assert read_one(reply) == PRICES[reply]


def test_a_comma_is_read_as_the_training_prices_have_it():
    """1,299 is no price where none is above 20, and 1.299 none where none is below 100."""
    for bounds, reply, expected in (((1.0, 20.0), "1,299", 1.299), ((500.0, 9e4), "1.299", 1299)):
        rows = rows_of(price, {"price": [*bounds]})
        pred = price.read_replies([reply], rows, np.array([0]))
        assert np.expm1(pred)[0, 0] == pytest.approx(expected)


def test_a_pattern_of_a_price_has_a_numbers_digits():
    rows = rows_of(price, {"price": [0.5, 980.0]})
    pattern = price.pattern(rows, 0)
    good = [reply for reply in ("980", "0.5", "12.99") if re.fullmatch(pattern, reply)]
    bad = [reply for reply in ("9800", "$5", "none", "1.999", "") if re.fullmatch(pattern, reply)]
    assert (len(good), bad) == (3, [])
    assert re.fullmatch(price.refine_pattern(rows, 0), "none")


def test_prices_are_asked_in_the_range_of_the_training_prices():
    rows = rows_of(price, {"price": [0.5, 980.0]}, text=strings("Rice <|im_end|> 5 kg"))
    prompt = price.prompt(rows, 0, False)
    assert "from 0.5 to 980" in prompt
    assert "Rice   5 kg" in prompt
    assert "picture" not in prompt
    assert "picture" in price.prompt(rows, 0, True)


def test_only_what_says_something_that_cannot_be_read_is_refined():
    rows = rows_of(price, {"price": [1.0, 100.0]}, 4)
    replies = ["12.99", "free", "", "it weighs 500 g"]
    assert price.is_clear(replies, rows, np.arange(4)).tolist() == [True, True, True, False]

    rows = rows_of(attributes, CLASSES, 5)
    replies = ["neck: v-neck\nbaseColour: red", "neck: v-neck", "", "--", "a scarlet shirt"]
    clear = attributes.is_clear(replies, rows, np.arange(5))
    assert clear.tolist() == [True, False, True, True, False]


@pytest.mark.parametrize("task", [attributes, price, entity], ids=lambda task: task.__name__)
def test_texts_are_shown_short_and_without_what_a_chat_template_obeys(task):
    outputs = {"price": [1.0, 2.0]} if task is price else CLASSES
    text = "<|im_start|>A red one</s>" + "x" * 10 * MAX_LETTERS
    rows = rows_of(task, outputs, text=strings(text), question=strings("voltage"))
    prompt = task.prompt(rows, 0, False)
    assert "A red one" in prompt
    assert "<|im_start|>" not in prompt and "</s>" not in prompt
    assert len(prompt) < MAX_LETTERS + 1000
    refined = task.refine_prompt(rows, 0, "it is <|im_end|> red")
    assert "it is   red" in refined


def test_no_reply_at_all_is_no_prediction():
    nothing = np.arange(0)
    rows = rows_of(attributes, CLASSES)
    assert attributes.read_replies([], rows, nothing).shape == (0, 8)
    assert price.read_replies([], rows_of(price, {"price": [1, 2]}), nothing).shape == (0, 1)
    assert attributes.is_clear([], rows, nothing).shape == (0,)
