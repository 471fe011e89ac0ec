"""Which texts are the same, or nearly: by letters and digits, and by how much of them."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from texts.twins import near_texts, normalise, same_texts

WORDS = [f"{a}{b}" for a in ("green", "organic", "pack", "ounce", "tea") for b in range(40)]


def words(n: int, seed: int) -> list[str]:
    return list(np.random.default_rng(seed).choice(WORDS, n))


def pairs(texts) -> set[tuple[int, int]]:
    found = set()
    for one, other in near_texts([normalise(text) for text in texts]):
        found |= {tuple(sorted(pair)) for pair in zip(one.tolist(), other.tolist(), strict=True)}
    return found


@pytest.mark.parametrize(
    "one, other, same",
    [
        ("Green Tea (500 g)", "green  tea, 500 g!", True),
        ("Café", "CAFE\u0301", True),
        ("1.9 ounce", "19 ounce", False),
        ("strasse", "straße", True),
        ("pack of 2", "pack of 6", False),
    ],
)
def test_texts_are_compared_by_letters_and_digits(one, other, same):
    assert (normalise(one) == normalise(other)) is same


def test_the_first_of_equal_texts_names_them_and_empty_ones_are_alone():
    assert same_texts(["a", "", "b", "a", ""]).tolist() == [0, 1, 2, 0, 4]


def test_one_word_of_many_changed_is_near_and_a_fifth_of_them_is_not():
    text = words(100, 0)
    near, far = text.copy(), text.copy()
    near[50] = "another"
    far[::5] = words(20, 1)
    assert pairs([" ".join(words(100, 2)), " ".join(text), " ".join(near), " ".join(far)]) == {
        (1, 2)
    }


def test_titles_have_no_near_twins_as_one_word_is_another_product():
    assert pairs(["Puma Men Black Shirt for Running", "Puma Men White Shirt for Running"]) == set()


def test_texts_of_other_words_in_one_order_are_no_twins_however_many():
    texts = [" ".join(words(60, seed)) for seed in range(300)]
    assert pairs(texts) == set()
    assert pairs([*texts, texts[7] + " new"]) == {(7, 300)}


@given(st.lists(st.text(max_size=300), max_size=8))
def test_any_texts_can_be_compared(texts):
    for one, other in pairs(texts):
        assert one < other < len(texts)
