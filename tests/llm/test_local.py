"""Models loaded here: a reply is the question's own whatever stands beside it in a batch, whatever
goes wrong there."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image

from common.errors import UserError
from llm.local import in_order
from llm.messages import Question, Reply

pytestmark = pytest.mark.usefixtures("one_thread")

FAMILIES = ["qwen_vl", "qwen3_vl", "gemma3", "smolvlm", "minicpm"]


@pytest.fixture
def make_fail(monkeypatch):
    """make_fail(chat, fails, error): the model raises `error` where fails(inputs of generate).

    Returns the sizes of all batches, as they come.
    """

    def replace(chat, fails, error=None) -> list[int]:
        sizes = []
        generate = chat.model.model.generate

        def failing_generate(**inputs):
            sizes.append(len(inputs["input_ids"]))
            if fails(inputs):
                raise error or RuntimeError("broken")
            return generate(**inputs)

        monkeypatch.setattr(chat.model.model, "generate", failing_generate)
        return sizes

    return replace


@pytest.mark.parametrize("family", FAMILIES)
def test_a_reply_does_not_depend_on_its_batch_mates(
    open_local, model_folder, replies, image_questions, family
):
    chat = open_local(model_folder(family))
    found = replies(chat, image_questions)
    assert replies(open_local(model_folder(family), batch=1), image_questions) == found
    assert replies(chat, image_questions[::-1]) == found
    assert {reply.reason for reply in found.values()} == {""}
    assert len({reply.text for reply in found.values()}) > 4
    assert chat.about["dtype"] == "float32"
    assert chat.about["bytes"]
    assert all(size > 0 for size in chat.about["bytes"].values())


@pytest.mark.parametrize("family", FAMILIES)
def test_a_reply_depends_on_its_image(open_local, model_folder, replies, image_questions, family):
    chat = open_local(model_folder(family))
    found = replies(chat, image_questions)
    images = [question.image for question in image_questions]
    shifted = []
    for question, image in zip(image_questions, images[1:] + images[:1], strict=True):
        shifted.append(Question(question.row, question.text, image))
    others = replies(chat, shifted)
    assert sum(found[row] != others[row] for row in found) > 2


@pytest.mark.parametrize("family", FAMILIES)
def test_questions_without_an_image_are_answered_among_others(
    open_local, model_folder, replies, image_questions, family
):
    asked = []
    for question in image_questions:
        image = "" if question.row % 3 == 0 else question.image
        asked.append(Question(question.row, question.text, image))

    folder = model_folder(family)
    found = replies(open_local(folder), asked)
    assert {reply.reason for reply in found.values()} == {""}

    # as by a chat that is shown no image at all, and as with their images
    with_image = replies(open_local(folder), image_questions)
    alone = replies(open_local(folder, image_files=None), asked[::3])
    for row, reply in found.items():
        assert reply == (alone if row % 3 == 0 else with_image)[row]


def test_what_is_answered_keeps_its_place_in_a_batch_that_others_need(
    open_local, model_folder, image_questions, monkeypatch
):
    """So that a run that was stopped in the middle gives to the last digit what an uninterrupted
    one does."""
    chat = open_local(model_folder("qwen_vl"), batch=4)
    generate, batches = chat.model.generate, []

    def noted(texts, *others):
        batches.append(texts)
        return generate(texts, *others)

    monkeypatch.setattr(chat.model, "generate", noted)
    rows = [reply.row for reply in chat.ask(image_questions)]
    first = list(batches)
    batches.clear()
    rest = [reply.row for reply in chat.ask(image_questions, set(rows[:5]))]
    assert rest == rows[5:]
    assert batches == first[1:]


def test_images_are_read_once_and_kept_no_longer_than_needed(
    open_local, model_folder, image_questions, monkeypatch
):
    chat = open_local(model_folder("qwen_vl"), batch=2)
    load, names = chat.load, []

    def noted(name: str):
        names.append(name)
        return load(name)

    monkeypatch.setattr(chat, "load", noted)
    kept = [len(chat.loading) for _ in chat.ask(image_questions)]
    assert sorted(names) == sorted({question.image for question in image_questions})
    assert max(kept) <= 4
    assert chat.loading == {}


def test_large_images_come_first_and_those_of_one_together(image_questions, photos):
    ordered = in_order(image_questions, photos, 28 * 28 * 16)
    images = [question.image for question in ordered]
    assert list(dict.fromkeys(images)) == ["3.png", "0.png", "2.png", "1.png", "4.png"]
    assert sum(a != b for a, b in pairwise(images)) == 4
    lengths = [len(question.text) for question in ordered if question.image == "0.png"]
    assert lengths == sorted(lengths, reverse=True)

    # where all are as large as is shown, those of one image still stand together
    images = [question.image for question in in_order(image_questions, photos, 2000)]
    assert sum(a != b for a, b in pairwise(images)) == 4


@pytest.mark.parametrize(
    "name, size, shape",
    [
        ("a.png", (300, 100), (3, 28, 112)),
        ("b.jpg", (2000, 2000), (3, 56, 56)),
        ("c.png", (70, 50), (3, 50, 70)),
    ],
)
def test_a_larger_image_is_made_smaller_to_whole_patches(
    open_local, model_folder, photos, name, size, shape
):
    chat = open_local(model_folder("qwen_vl"), max_pixels=28 * 28 * 8)
    width, height = size
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(photos.folder / name)
    assert tuple(chat.load(name).shape) == shape


def test_the_models_processor_does_not_resize_it_once_more(open_local, model_folder, photos):
    chat = open_local(model_folder("qwen_vl"), max_pixels=28 * 28 * 8)
    Image.new("RGB", (2000, 2000), "grey").save(photos.folder / "d.jpg")
    inputs = chat.model.processor.image_processor(images=[chat.load("d.jpg")], return_tensors="pt")
    assert inputs["image_grid_thw"].tolist() == [[1, 4, 4]]


def test_a_bad_image_has_its_reason_and_harms_no_other(
    open_local, model_folder, replies, image_questions, photos
):
    (photos.folder / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 not an image")
    expected = replies(open_local(model_folder("qwen_vl")), image_questions)
    bad = {2: "bad.jpg", 5: "absent.jpg"}
    asked = []
    for question in image_questions:
        image = bad.get(question.row, question.image)
        asked.append(Question(question.row, question.text, image))

    found = replies(open_local(model_folder("qwen_vl")), asked)
    broken, absent = (found.pop(row) for row in bad)
    assert broken.reason.startswith("image: broken")
    assert broken.final
    assert broken.text == ""
    assert absent == Reply(5, "", "image: missing")

    for row, reply in found.items():
        assert reply == expected[row]


def test_a_fault_of_resizing_is_not_taken_for_a_bad_image(
    open_local, model_folder, image_questions, monkeypatch
):
    def failing_resize(*args):
        raise ValueError("no such filter")

    chat = open_local(model_folder("qwen_vl"), max_pixels=4096)
    monkeypatch.setattr(Image.Image, "resize", failing_resize)
    with pytest.raises(ValueError, match="no such filter"):
        list(chat.ask(image_questions))


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_memory_that_ends_halves_the_batch(
    open_local, model_folder, replies, image_questions, make_fail, error
):
    expected = replies(open_local(model_folder("qwen_vl")), image_questions)
    chat = open_local(model_folder("qwen_vl"), batch=8)
    sizes = make_fail(chat, lambda inputs: len(inputs["input_ids"]) > 2, error)
    assert replies(chat, image_questions) == expected
    assert sizes == [8, 4, 2, 2, 2, 2, 2, 2]


def test_a_halved_batch_grows_back(
    open_local, model_folder, image_questions, make_fail, monkeypatch
):
    """The images of later questions are smaller."""
    monkeypatch.setattr("llm.local.GROW_AFTER", 3)
    chat = open_local(model_folder("qwen_vl"), batch=4)
    sizes = make_fail(
        chat, lambda inputs: len(sizes) == 1, torch.OutOfMemoryError("CUDA out of memory")
    )
    assert len(list(chat.ask(image_questions))) == 12
    assert sizes == [4, 2, 2, 2, 4, 2]


def test_one_question_that_is_too_large_is_told_so(
    open_local, model_folder, replies, image_questions, make_fail
):
    def is_large(inputs) -> bool:
        return [1, 6, 6] in inputs["image_grid_thw"].tolist()

    expected = replies(open_local(model_folder("qwen_vl")), image_questions)
    chat = open_local(model_folder("qwen_vl"))
    make_fail(chat, is_large, torch.OutOfMemoryError("CUDA out of memory"))
    found = replies(chat, image_questions)
    assert {row for row in found if found[row] != expected[row]} == {3, 8}
    assert found[3] == Reply(3, "", "out of memory")


def test_only_the_row_that_fails_fails(
    open_local, model_folder, replies, image_questions, monkeypatch
):
    expected = replies(open_local(model_folder("qwen_vl")), image_questions)
    chat = open_local(model_folder("qwen_vl"))
    prompt = chat.model.prompt

    def failing_prompt(text: str, has_image: bool) -> str:
        return 1 / 0 if text == image_questions[4].text else prompt(text, has_image)

    monkeypatch.setattr(chat.model, "prompt", failing_prompt)
    found = replies(chat, image_questions)
    assert found.pop(4) == Reply(4, "", "ZeroDivisionError: division by zero")
    for row, reply in found.items():
        assert reply == expected[row]


def test_a_model_that_answers_nothing_stops(open_local, model_folder, image_questions, make_fail):
    chat = open_local(model_folder("qwen_vl"))
    sizes = make_fail(chat, lambda inputs: True)
    message = (
        "answers nothing: 8 questions in a row failed, the last with RuntimeError: broken; "
        "and a plain one"
    )
    with pytest.raises(UserError, match=message):
        list(chat.ask(image_questions))
    assert sizes == [4, 1, 1, 1, 1, 4, 1, 1, 1, 1, 1]


def test_many_bad_questions_do_not_stop_a_model_that_works(
    open_local, model_folder, replies, image_questions, make_fail
):
    chat = open_local(model_folder("qwen_vl"))
    make_fail(chat, lambda inputs: inputs["input_ids"].shape[1] > 40)
    long_text = "item weight " * 20
    asked = [Question(question.row, long_text, question.image) for question in image_questions]
    found = replies(chat, asked)
    assert {reply.reason for reply in found.values()} == {"RuntimeError: broken"}


def test_failures_between_successes_are_no_streak(
    open_local, model_folder, image_questions, make_fail, monkeypatch
):
    chat = open_local(model_folder("qwen_vl"), batch=1)
    prompt = chat.model.prompt

    def failing_prompt(text: str, has_image: bool) -> str:
        return 1 / 0 if text == "?" else prompt(text, has_image)

    sizes = make_fail(chat, lambda inputs: False)
    monkeypatch.setattr(chat.model, "prompt", failing_prompt)
    image = image_questions[0].image
    asked = [Question(i, "!" if i % 4 == 0 else "?", image) for i in range(24)]
    found = list(chat.ask(asked))
    assert sum(reply.reason != "" for reply in found) == 18
    assert len(sizes) == 6  # and no plain question
