"""The entity task: what is read, the five cases of its F1, votes, the threshold, and what the
organisers would refuse."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from common.errors import UserError
from common.sections import Data
from metrics.value_f1 import best_threshold, f1
from pipeline.folds import assign_parts
from tasks import entity
from texts.units import ENTITIES, UNITS
from texts.value_codes import NONE, OTHER, WIDTH, combine, encode_predictions, encode_values

DATA = Data(
    id="index",
    question="entity_name",
    category_column="group_id",
    labels=("entity_value",),
    group="image_link",
    train_image="images/{image_link:name}",
    test_image="images/{image_link:name}",
)


def targets(*values, question="item_weight"):
    return encode_values(pd.Series(values), [question] * len(values))


def answers(*values, question="item_weight"):
    encoded = targets(*values, question=question)
    return np.where(encoded[:, 1:] % WIDTH == NONE, [0, -1], encoded)


def test_f1_has_its_five_cases():
    """Right; wrong; answered though there is no value; not answered though there is one; rightly
    not answered."""
    scores = f1(
        answers("5.0 gram", "6.0 gram", "7.0 gram", "", ""),
        targets("5 gram", "5.0 gram", "", "9.0 gram", ""),
    )
    assert (scores["precision"], scores["recall"]) == (1 / 3, 1 / 2)
    assert scores["f1"] == pytest.approx(2 * (1 / 3) * (1 / 2) / (1 / 3 + 1 / 2))
    assert scores["answered"] == 3 / 5
    assert scores["right"] == 1 / 5


@pytest.mark.parametrize(
    "answer, label, right",
    [
        ("5.0 gram", "5 gram", 1),
        ("5.0 gram", "5.0 kilogram", 0),
        ("5.01 gram", "5.0 gram", 0),
        ("0.5 gram", "0.50 gram", 1),
        ("100.0 volt", "[100.0, 240.0] volt", 0),
    ],
)
def test_numbers_are_compared_as_numbers_and_units_as_units(answer, label, right):
    question = "voltage" if "volt" in label else "item_weight"
    assert f1(answers(answer, question=question), targets(label, question=question))["f1"] == right


def test_rows_without_a_label_count_nowhere():
    target = np.concatenate([targets("5.0 gram"), [[-1, -1]]])
    assert f1(answers("5.0 gram", "6.0 gram"), target)["f1"] == 1


def test_a_label_that_is_no_one_value_can_only_be_missed():
    target = targets("[100.0, 240.0] volt", question="voltage")
    assert target[0, 1] % WIDTH == OTHER
    assert f1(answers("", question="voltage"), target)["recall"] == 0
    assert f1(answers("100.0 volt", question="voltage"), target)["precision"] == 0


def test_votes_add_up_by_value_whatever_their_place():
    a = encode_predictions(
        [[(1.5, "gram", 0.5), (2.0, "kilogram", 0.3)], []], ["item_weight", "height"]
    )
    b = encode_predictions(
        [[(2.0, "kilogram", 0.9)], [(3.0, "inch", 0.2)]], ["item_weight", "height"]
    )
    kilogram, gram, inch = (
        WIDTH * e + UNITS.index(u)
        for e, u in (
            (list(ENTITIES).index("item_weight"), "kilogram"),
            (list(ENTITIES).index("item_weight"), "gram"),
            (list(ENTITIES).index("height"), "inch"),
        )
    )
    mean = entity.average(np.stack([a, b])).reshape(2, -1, 3)
    assert mean[0, :2] == pytest.approx(np.array([[2.0, kilogram, 0.6], [1.5, gram, 0.25]]))
    assert mean[0, 2:, 1].tolist() == [-1] * 6
    assert mean[1, 0] == pytest.approx([3.0, inch, 0.1])
    assert mean[1, 1:, 2].sum() == 0
    assert combine(np.stack([a, b]), np.array([1, 0])).reshape(2, -1, 3)[0, :2] == pytest.approx(
        np.array([[1.5, gram, 0.5], [2.0, kilogram, 0.3]])
    )


def test_of_no_rows_there_are_no_predictions():
    assert encode_predictions([], []).shape == (0, 24)
    assert combine(np.zeros((3, 0, 24)), np.ones(3)).shape == (
        0,
        24,
    )
    assert entity.read_replies([], asking(), []).shape == (0, 24)


def test_more_values_than_slots_keep_the_likeliest():
    many = encode_predictions(
        [[(float(i), "gram", i / 100) for i in range(1, 20)]], ["item_weight"]
    )
    other = encode_predictions([[(float(i), "gram", 0.3) for i in range(30, 38)]], ["item_weight"])
    assert many.reshape(-1, 3)[:, 0].tolist() == [19, 18, 17, 16, 15, 14, 13, 12]
    assert sorted(
        combine(np.stack([many, other]), np.array([0.5, 0.5])).reshape(-1, 3)[:, 0]
    ) == list(range(30, 38))


def test_the_threshold_is_the_best_there_is():
    rng = np.random.default_rng(0)
    for _ in range(50):
        n = 30
        target = targets(*rng.choice(["1.0 gram", "2.0 gram", "", "1 gram to 2 gram"], n))
        weight = rng.choice([0.1, 0.2, 0.5, 0.9], n)
        pred = encode_predictions(
            [
                [(float(rng.integers(1, 3)), "gram", w)] if rng.random() < 0.8 else []
                for w in weight
            ],
            ["item_weight"] * n,
        )
        tried = {
            t: entity.score(entity.apply_decode(pred, np.array([t]), {}), target, {})
            for t in (0, 0.15, 0.3, 0.7, 0.95)
        }
        threshold, best = best_threshold(pred, target)
        assert best == pytest.approx(max(tried.values()))
        assert entity.score(
            entity.apply_decode(pred, np.array([threshold]), {}), target, {}
        ) == pytest.approx(best)


def test_a_vote_takes_the_better_model_and_one_model_has_all_of_it():
    target = targets(*["1.0 gram"] * 20)
    good, bad = (
        encode_predictions([[(number, "gram", 0.8)]] * 20, ["item_weight"] * 20)
        for number in (1.0, 2.0)
    )
    weights = entity.fit_blend(np.stack([bad, good]), target, {})
    assert (
        entity.score(
            entity.answer(entity.apply_blend(np.stack([bad, good]), weights, {}), {}), target, {}
        )
        == 1
    )
    assert entity.fit_blend(good[None], target, {}).tolist() == [[1.0]]


def write(folder, train, test):
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(train).to_csv(folder / "train.csv", index=False, quoting=1)
    pd.DataFrame(test).to_csv(folder / "test.csv", index=False, quoting=1)


TRAIN = {
    "image_link": [
        "https://x.test/a/1.jpg",
        "https://x.test/a/1.jpg",
        "https://x.test/../../e.jpg",
    ],
    "group_id": ["7", "7", "8"],
    "entity_name": ["height", "width", "item_weight"],
    "entity_value": ["1.0 inch", "2 foot", ""],
}
TEST = {
    "index": [3, 9],
    "image_link": ["https://x.test/2.jpg?v=1", "https://x.test/.."],
    "group_id": ["7", "9"],
    "entity_name": ["height", "voltage"],
}


def test_rows_are_read_as_the_organisers_ship_them(tmp_path):
    write(tmp_path, TRAIN, TEST)
    rows, files = entity.read_rows(DATA, tmp_path)
    assert rows.id.tolist() == ["train:0", "train:1", "train:2", "test:3", "test:9"]
    assert files == [
        "train.csv",
        "test.csv",
    ]
    assert rows.image.tolist() == [
        "images/1.jpg",
        "images/1.jpg",
        "images/e.jpg",
        "images/2.jpg",
        "",
    ]
    assert [
        name for name in ENTITIES if name in ("width", "height", "item_weight", "voltage")
    ] == list(entity.outputs(rows))
    target = entity.encode(rows, {})
    assert target[:3, 0].tolist() == [1.0, 2.0, 0.0]
    assert target[2, 1] % WIDTH == NONE
    assert (target[3:] == -1).all()


def test_only_the_categories_asked_for_are_taken(tmp_path):
    write(tmp_path, TRAIN, TEST)
    rows, _ = entity.read_rows(DATA.model_copy(update={"categories": ("7",)}), tmp_path)
    assert rows.id.tolist() == ["train:0", "train:1", "test:3"]


def test_a_bare_carriage_return_in_a_text_moves_no_row(tmp_path, folders, script):
    texts = {"ocr": ["net 4 g\rOver 5 sold", "b\r", "c"]}
    write(
        folders / "input/entity_ocr",
        {**TRAIN, **texts, "entity_value": ["1.0 inch", "2.0 foot", "3.0 gram"]},
        {**TEST, "ocr": ["x\ry", "z"]},
    )
    for rows in ("", "test"):
        options = ["--rows", rows, "data.n_folds=2", "data.validation=0"]
        script("split_files").main(["entity_ocr", *options])
    from common.paths import Paths
    from pipeline.load import read_folds

    training, to_answer = (read_folds(Paths("entity_ocr", rows).table) for rows in ("", "test"))
    assert training.id.tolist() == ["train:0", "train:1", "train:2"]
    assert to_answer.id.tolist() == ["test:3", "test:9"]


def test_a_question_that_is_no_entity_is_named(tmp_path):
    write(tmp_path, TRAIN | {"entity_name": ["height", "colour", "width"]}, TEST)
    with pytest.raises(UserError, match="entity_name is 'colour' at index 1; there are: width"):
        entity.read_rows(DATA, tmp_path)


def submitted(*predictions, index=("3", "9")):
    test = pd.DataFrame(TEST, dtype=str)
    return entity.problems(
        pd.DataFrame({"index": list(index), "prediction": list(predictions)}), test, {}, DATA, None
    )


def test_a_valid_submission_has_no_problems():
    assert submitted("1.0 inch", "220.0 volt") == []
    assert submitted("", "") == []
    assert submitted("12 centimeter", "nan") == []


@pytest.mark.parametrize(
    "prediction, says",
    [
        ("1e3 inch", "'1e3 inch' at index 3"),
        ("inch", "'inch'"),
        ("1.0inch", "must be a number, a blank and a unit"),
        ("1.0 gram", "in a unit of height: centimetre"),
        ("1.0 inches", "in a unit of height"),
        ("1,000 inch", "must be a number"),
        ("1. inch", "must be a number"),
    ],
)
def test_one_bad_row_fails_the_file_and_is_named(prediction, says):
    assert any(says in problem for problem in submitted(prediction, "220.0 volt"))


def organisers(prediction: str) -> bool:
    """Whether the organisers' checker takes a cell: their parse_string and common_mistake, to the
    letter but for the exceptions."""
    import re

    text = "" if str(prediction) == "nan" else prediction.strip()
    if text == "":
        return True
    if not re.compile(r"^-?\d+(\.\d+)?\s+[a-zA-Z\s]+$").match(text):
        return False
    unit = text.split(maxsplit=1)[1]
    return any(u in UNITS for u in (unit, unit.replace("ter", "tre"), unit.replace("feet", "foot")))


@pytest.mark.parametrize(
    "prediction",
    [
        "12 inch",
        "12  inch",
        "12\tinch",
        "12 fluid  ounce",
        "12 fluid\tounce",
        "12 fluid ounce",
        "12.5 centimeter",
        "3 feet",
        "3 cubic feet",
        "-4 inch",
        "4",
        "4 inches",
        "4.5.6 inch",
        "nan",
        "",
        " 7 gram ",
        "1e3 gram",
        "7 quarter",
        "7 Gram",
        "7 milliliter",
        "١ gram",
        "7 gram.",
    ],
)
def test_what_is_refused_is_what_the_organisers_refuse(prediction):
    """Units of another entity apart: here the entity has whatever unit was given."""
    given = prediction.strip()
    unit = given.partition(" ")[2].strip().replace("ter", "tre").replace("feet", "foot")
    entity_of = next(
        (
            name
            for name, units in ENTITIES.items()
            if unit in units or given.split()[1:] and " ".join(given.split()[1:]) in units
        ),
        "item_weight",
    )
    test = pd.DataFrame(
        {"index": ["3"], "image_link": ["x"], "group_id": ["7"], "entity_name": [entity_of]}
    )
    problems = entity.problems(
        pd.DataFrame({"index": ["3"], "prediction": [given]}), test, {}, DATA, None
    )
    assert (problems == []) is organisers(prediction), problems


def test_ids_are_checked():
    assert any("missing: 1 row, e.g. index 9" in p for p in submitted("", "", index=("3", "4")))
    assert any("doubled" in p for p in submitted("", "", index=("3", "3")))


def test_spelling_and_reading_go_round():
    target = targets("12.5 gram", "8 ounce")
    table = pd.DataFrame({"prediction": entity.format_answers(target, {}).prediction})
    assert table.prediction.tolist() == ["12.5 gram", "8.0 ounce"]
    assert f1(entity.read_answers(table, {}, DATA), target)["f1"] == 1
    loose = pd.DataFrame({"prediction": ["12.50  gram", "nan"]})
    assert f1(entity.read_answers(loose, {}, DATA), target)["precision"] == 1
    assert f1(entity.read_answers(loose, {}, DATA), target)["answered"] == 0.5


def test_mistakes_are_listed_with_label_and_answer():
    target = targets("5.0 gram", "6.0 gram", "", "1 gram to 2 gram", "7.0 gram")
    rows = pd.DataFrame(
        {
            "id": list("abcde"),
            "question": "item_weight",
            "image": "",
            "value": ["5.0 gram", "6.0 gram", "", "1 gram to 2 gram", "7.0 gram"],
        }
    )
    wrong = entity.mistakes(answers("5.0 gram", "6.5 gram", "7.0 gram", "", ""), target, {}, rows)
    assert wrong.id.tolist() == list("bcde")
    assert wrong.label.tolist() == rows.value.tolist()[1:]
    assert wrong.answer.tolist() == ["6.5 gram", "7.0 gram", "", ""]


def test_labels_that_are_no_values_stop_at_once(tmp_path):
    write(tmp_path, TRAIN | {"entity_value": ["blah", "lots of it", ""]}, TEST)
    with pytest.raises(
        UserError, match="no training row has a value like '12.5 gram', e.g. 'blah'"
    ):
        entity.outputs(entity.read_rows(DATA, tmp_path)[0])


def asking(*questions) -> SimpleNamespace:
    """Rows that ask for these entities, of what the verbs for language models look at."""
    return SimpleNamespace(question=np.array(questions, object), text=None)


def test_prompts_name_the_entity_and_its_units_and_replies_are_read():
    for question, units in ENTITIES.items():
        rows = asking(question)
        assert question.replace("_", " ") in entity.prompt(rows, 0, True)
        assert all(u in entity.refine_prompt(rows, 0, "x") for u in units)
    rows = asking(*["item_weight"] * 4)
    pred = entity.read_replies(["It weighs 5 kg.", "none", ""], rows, np.arange(3))
    pred = pred.reshape(3, -1, 3)
    assert pred[0, 0].tolist()[::2] == [5.0, 1.0]
    assert (pred[1:, :, 2] == 0).all()
    replies = ["5 kg", "none", "", "about 5 stone"]
    assert entity.is_clear(replies, rows, np.arange(4)).tolist() == [True, True, True, False]


def test_what_was_asked_about_an_image_is_asked_in_the_same_words():
    rows = asking("height", "voltage")
    assert entity.prompt(rows, 0, True) == (
        "What is the height of the product in the picture? Reply with a number and one of these "
        "units, in full: centimetre, foot, inch, metre, millimetre, yard. If the picture does not "
        "tell, reply: none."
    )
    assert entity.refine_prompt(rows, 1, "12 </s>v") == (
        'A model was asked for the voltage of a product and replied: "12  v"\n'
        "Write that value as a number and one of these units, in full: kilovolt, millivolt, volt. "
        "Write nothing else. If the reply has no such value, write: none."
    )
    for pattern in (entity.pattern, entity.refine_pattern):
        assert pattern(rows, 1) == (r"([0-9]{1,6}(\.[0-9]{1,4})? (kilovolt|millivolt|volt)|none)")


def test_parts_are_equal_and_a_picture_is_in_one():
    images = np.repeat([f"{i}.jpg" for i in range(300)], 2)
    part = assign_parts(images, 7)
    assert sorted(set(part)) == list(range(7))
    assert np.ptp(np.bincount(part)) <= 2
    assert all(len(set(part[images == image])) == 1 for image in images[:20])
    assert (np.diff(part) >= 0).all()
    assert np.bincount(assign_parts(np.array([""] * 100), 10)).tolist() == [10] * 10


def test_rows_taken_are_a_fair_draw():
    from pipeline.load import draw as take

    rows = take(1000, 400, 0)
    assert len(set(rows)) == 400
    assert (np.diff(rows) > 0).all()
    assert abs(rows.mean() - 500) < 40
    assert take(1000, 400, 0).tolist() == rows.tolist() != take(1000, 400, 1).tolist()
    assert len(take(153, 0, 0)) == len(take(153, 999, 0)) == 153
