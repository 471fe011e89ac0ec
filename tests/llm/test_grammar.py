"""Constrained decoding: a reply has the form of its own question's pattern, or there is none."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from common.errors import UserError
from llm.messages import Question, Reply
from models.refine import Settings as Refine
from tasks import attributes, price

pytest.importorskip("xgrammar")
pytestmark = pytest.mark.usefixtures("one_thread")

FAMILIES = ["qwen_vl", "qwen3_vl", "gemma3", "smolvlm", "minicpm"]
VALUE = r"([0-9]{1,3}(\.[0-9]{1,2})? (gram|kilogram|foot)|none)"


@pytest.mark.parametrize("family", FAMILIES)
def test_replies_have_the_form_of_their_own_pattern(
    open_local, model_folder, replies, image_questions, family
):
    patterns = [VALUE, "", r"[a-f]{2,5}"]
    asked = []
    for question in image_questions:
        pattern = patterns[question.row % 3]
        asked.append(Question(question.row, question.text, question.image, pattern))

    folder = model_folder(family)
    free = replies(open_local(folder, max_new_tokens=24), image_questions)
    found = replies(open_local(folder, constrained=True, max_new_tokens=24), asked)
    alone = replies(open_local(folder, constrained=True, max_new_tokens=24, batch=1), asked)
    assert found == alone
    for row, reply in found.items():
        pattern = patterns[row % 3]
        assert reply.reason == ""
        if pattern:
            assert re.fullmatch(pattern, reply.text)
        else:
            assert reply == free[row]


@pytest.fixture
def refiner(open_local, model_folder):
    return open_local(model_folder("gemma2"), Refine, constrained=True, max_new_tokens=3)


def test_a_reply_that_is_cut_is_none(refiner, replies):
    found = replies(refiner, [Question(0, "a", pattern="[a-z]{30}")])
    assert found[0] == Reply(0, "", "not whole after max_new_tokens=3")


def test_a_pattern_that_cannot_be_read_stops(refiner):
    with pytest.raises(UserError, match=r"cannot read the pattern \(a: .*write it simpler"):
        list(refiner.ask([Question(0, "a", pattern="(a")]))


def test_an_attribute_gets_one_of_its_classes_and_a_price_is_a_number(
    open_local, model_folder, replies, image_questions
):
    """Classes with what regular expressions obey, as people write them in a table."""
    outputs = {
        "Sleeve (length)": ["3/4", "a-b", "half & half", "1.5", "[x] | y", "50% off", "à la mode"],
        "tone": ["light grey", "dark, very"],
    }
    classes = SimpleNamespace(outputs=outputs, sizes=[7, 2])
    prices = SimpleNamespace(outputs={"price": [0.5, 980.0]})
    asked = []
    for question in image_questions:
        task, rows = (attributes, classes) if question.row % 2 else (price, prices)
        pattern = task.pattern(rows, 0)
        asked.append(Question(question.row, question.text, question.image, pattern))

    chat = open_local(model_folder("qwen_vl"), constrained=True, max_new_tokens=80)
    found = replies(chat, asked)
    for question in asked:
        assert re.fullmatch(question.pattern, found[question.row].text)

    odd = [found[question.row].text for question in asked if question.row % 2]
    assert attributes.is_clear(odd, classes, np.zeros(len(odd), int)).all()
