"""What the report says of mistakes: kinds of wrong values and what each costs, prices that look
wrong, classes with hostile names."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tasks import load_task
from tasks.attributes.confusions import confusion
from tasks.entity import confusions
from tasks.price import figures as of_price
from texts.value_codes import encode_predictions, encode_values
from views import rows_of, view_of

HOSTILE = "<script>alert('$x^$')</script> 🍵 \u202eabc\u202c $\\frac{1}{0}$ "
# (label, answer, other candidates, kind of mistake)
CASES = [
    ("1.0 gram", "1.0 gram", [], None),
    ("1.0 gram", "", [], confusions.NOTHING),
    ("", "1.0 gram", [], confusions.NEEDLESS),
    ("[1, 2] gram", "1.0 gram", [], confusions.NOT_ONE),
    ("5.0 gram", "5.0 kilogram", [], confusions.UNIT),
    ("1000.0 gram", "1.0 kilogram", [], confusions.AMOUNT),
    ("200.0 gram", "2.0 gram", [], confusions.POWER_OF_TEN),
    ("2.0 gram", "20.0 gram", [], confusions.POWER_OF_TEN),
    ("7.0 gram", "9.0 gram", [(7.0, "gram", 0.2)], confusions.CANDIDATE),
    ("7.0 gram", "9.0 gram", [], confusions.UNREAD),
    ("", "", [], None),
]


@pytest.fixture
def values() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """answer, target, pred of CASES."""
    questions = ["item_weight"] * len(CASES)
    target = encode_values(pd.Series([label for label, *_ in CASES]), questions)
    parsed = []
    for _, text, others, _ in CASES:
        number, _, unit = text.partition(" ")
        parsed.append([(float(number), unit, 0.6), *others] if text else others)
    pred = encode_predictions(parsed, questions)
    return load_task("entity").answer(pred, {}), target, pred


def test_kinds_of_mistakes_by_hand(values):
    expected = [-1 if kind is None else confusions.KINDS.index(kind) for *_, kind in CASES]
    assert confusions.kinds(*values).tolist() == expected


def test_without_a_label_there_is_no_mistake(values):
    answer, target, pred = values
    unlabelled = np.where(np.arange(2) == 1, -1, target)
    assert (confusions.kinds(answer, unlabelled, pred) == -1).all()


def test_what_each_kind_of_mistake_costs(values):
    table = confusions.mistakes(*values).frame.set_index("mistake")
    assert table["rows"].sum() == 9
    assert table.loc[confusions.POWER_OF_TEN, "rows"] == 2
    # 3 right, 6 wrong and 1 not answered in place of 1, 8 and 1
    without = 2 * 3 / (2 * 3 + 6 + 1)
    assert table.loc[confusions.POWER_OF_TEN, "F1 without it"] == pytest.approx(without)
    assert table.loc[confusions.AMOUNT, "for example"] == "1000.0 gram → 1.0 kilogram"


def test_units_that_are_mistaken(values):
    answer, target, _ = values
    table = confusions.units(answer, target)[0].frame
    # 5 gram and 1000 gram, of 7 in gram that are answered
    assert table.values.tolist() == [["item_weight", "gram", "kilogram", 2, 1, 7]]


def test_a_price_is_suspect_where_all_models_are_off_on_one_side():
    ridge = np.array([[40.0], [40.0], [10.0]])
    view = replace(
        view_of("price"),
        rows=rows_of("price", np.log1p([[10.0], [10.0], [10.0]])),
        preds={"ridge": np.log1p(ridge), "mlp": np.log1p([[30.0], [5.0], [10.0]])},
        merged=np.log1p(ridge),
        answer=ridge,
    )
    verdict = of_price.verdict(view)
    assert verdict.suspicion.tolist() == pytest.approx([np.log(3), 0, 0])
    assert verdict.loss.tolist() == pytest.approx([1.2, 1.2, 0])
    assert verdict.facts(0) == {
        "price": "10.00",
        "predicted": "40.00",
        "off by": "4 times too high",
        "models": "ridge 40.00, mlp 30.00",
    }


def test_classes_with_hostile_names_are_drawn():
    classes = [HOSTILE + "a", HOSTILE * 100, "x"]
    figure = confusion(HOSTILE, classes, np.array([0, 1, 2, 1]), np.array([0, 1, 1, 2]))
    assert "<script>" not in figure.svg
    assert "&lt;script" in figure.svg
