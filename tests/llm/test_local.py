"""Models loaded here: a reply is the question's own whatever stands beside it in a batch, whatever
goes wrong there."""

import re
from importlib.util import find_spec
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image

import tiny
from common.errors import UserError
from common.sections import Run
from images.locate import ImageFiles
from images.settings import Images
from llm import local as chat_local
from llm.messages import Question, Reply
from llm.open import open_chat
from models.refine import Settings as Refine
from models.vlm import Settings as Vlm

FAMILIES = ["qwen_vl", "qwen3_vl", "gemma3", "smolvlm", "minicpm"]
NEEDS = {
    "smolvlm": "num2words",
    "minicpm": "transformers.models.minicpmv4_6",
}  # where it is not there, the family is skipped
TEXTS = [
    "What is the voltage?",
    "height",
    "item weight? gram, kilogram",
    "What is the width of it? centimetre, metre, inch, foot",
]
PATTERN = r"([0-9]{1,3}(\.[0-9]{1,2})? (gram|kilogram|foot)|none)"
needs_xgrammar = pytest.mark.skipif(not find_spec("xgrammar"), reason="xgrammar is not installed")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Networks of 32 columns wait for their threads more than they compute: 20 times longer beside
    other jobs."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """place(name): a tiny model of the family, whose replies differ."""
    top, made = tmp_path_factory.mktemp("weights"), {}

    def of(name):
        pytest.importorskip(NEEDS.get(name, "transformers"))
        made[name] = made.get(name) or tiny.lively(getattr(tiny, name)(top / name))
        return made[name]

    return of


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Five pictures of different sizes, none with more than 16 of Qwen's patches."""
    top, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for i, (height, width) in enumerate([(60, 90), (56, 56), (40, 120), (84, 84), (100, 30)]):
        coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 3), np.uint8))
        coarse.resize((width, height), Image.Resampling.BICUBIC).save(top / f"{i}.png")
    return ImageFiles(top, top / "downloads")


@pytest.fixture
def questions():
    """Twelve: each picture is asked about two times or three, never one after another."""
    return [Question(i, f"{TEXTS[i % 4]} {i}", f"{i % 5}.png") for i in range(12)]


@pytest.fixture(scope="module")
def chat(pictures):
    """chat(folder of a model) opens it, with the pictures in sight of a Vlm."""

    def of(model, section=Vlm, amp="fp32", **settings):
        settings = section(model=str(model), **{"max_new_tokens": 6, "batch": 4} | settings)
        run = Run(device="cpu", amp=amp, workers=2)
        return open_chat(
            settings, run, torch.device("cpu"), Images(), pictures if section is Vlm else None
        )

    return of


def replies(chat, questions) -> dict:
    found = list(chat.ask(questions))
    assert sorted(reply.row for reply in found) == sorted(question.row for question in questions)
    return {reply.row: reply for reply in found}


def failing(chat, monkeypatch, fails, error=None):
    """Make the model raise `error` where fails(inputs of generate) says so. Gives the sizes of all
    batches, as they come."""
    own, sizes = chat.model.model.generate, []

    def generate(**inputs):
        sizes.append(len(inputs["input_ids"]))
        if fails(inputs):
            raise error or RuntimeError("broken")
        return own(**inputs)

    monkeypatch.setattr(chat.model.model, "generate", generate)
    return sizes


@pytest.mark.parametrize("family", FAMILIES)
def test_a_reply_does_not_depend_on_its_batch_mates(chat, place, family, questions):
    many = chat(place(family))
    found = replies(many, questions)
    assert (
        found == replies(chat(place(family), batch=1), questions) == replies(many, questions[::-1])
    )
    assert (
        not any(reply.reason for reply in found.values())
        and len({reply.text for reply in found.values()}) > 4
    )
    shifted = [
        Question(q.row, q.text, questions[(i + 1) % 12].image) for i, q in enumerate(questions)
    ]
    assert (
        sum(found[row] != reply for row, reply in replies(many, shifted).items()) > 2
    )  # the picture matters
    assert (
        many.about["dtype"] == "float32"
        and all(size > 0 for size in many.about["bytes"].values())
        and many.about["bytes"]
    )


def test_what_is_answered_keeps_its_place_in_a_batch_that_others_need(
    chat, place, questions, monkeypatch
):
    """So that a run that was stopped in the middle gives to the last digit what a quiet one
    does."""
    talk, batches = chat(place("qwen_vl"), batch=4), []
    generate = talk.model.generate
    monkeypatch.setattr(
        talk.model, "generate", lambda texts, *more: batches.append(texts) or generate(texts, *more)
    )
    whole = [reply.row for reply in talk.ask(questions)]
    first = list(batches)
    batches.clear()
    rest = [reply.row for reply in talk.ask(questions, set(whole[:5]))]
    assert rest == whole[5:] and batches == first[1:]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_reply_is_what_transformers_says_by_itself(chat, place, pictures, family, questions):
    """Processor and chat template in one call, the picture as PIL gives it, no batch."""
    import transformers as T

    model, processor = (
        T.AutoModelForImageTextToText.from_pretrained(place(family)).eval(),
        T.AutoProcessor.from_pretrained(place(family)),
    )
    found = replies(chat(place(family)), questions[:4])
    for q in questions[:4]:
        message = {
            "role": "user",
            "content": [
                {"type": "image", "image": Image.open(pictures.folder / q.image).convert("RGB")},
                {"type": "text", "text": q.text},
            ],
        }
        inputs = processor.apply_chat_template(
            [message],
            tokenize=True,
            add_generation_prompt=True,
            return_dict=True,
            return_tensors="pt",
        )
        said = model.generate(**inputs, max_new_tokens=6, do_sample=False)[
            0, inputs["input_ids"].shape[1] :
        ]
        assert found[q.row].text == processor.decode(said, skip_special_tokens=True).strip()


def test_pictures_are_read_once_and_kept_no_longer_than_needed(chat, place, questions, monkeypatch):
    talk, read, kept = chat(place("qwen_vl"), batch=2), [], []
    own = talk.load
    monkeypatch.setattr(talk, "load", lambda name: read.append(name) or own(name))
    for _ in talk.ask(questions):
        kept.append(len(talk.loading))
    assert (
        sorted(read) == sorted({q.image for q in questions}) and max(kept) <= 4 and talk.loading == {}
    )


def test_large_pictures_come_first_and_those_of_one_together(questions, pictures):
    order = [q.row for q in chat_local.in_order(questions, pictures, 28 * 28 * 16)]
    seen = [questions[row].image for row in order]
    assert list(dict.fromkeys(seen)) == ["3.png", "0.png", "2.png", "1.png", "4.png"]
    alike = [
        q.image for q in chat_local.in_order(questions, pictures, 2000)
    ]  # all are as large as is shown
    assert sum(a != b for a, b in pairwise(seen)) == sum(a != b for a, b in pairwise(alike)) == 4
    same = [q for q in map(questions.__getitem__, order) if q.image == "0.png"]
    assert [len(q.text) for q in same] == sorted([len(q.text) for q in same], reverse=True)


def test_a_larger_picture_is_made_smaller_to_whole_patches(chat, place, pictures):
    talk = chat(place("qwen_vl"), max_pixels=28 * 28 * 8)
    rng = np.random.default_rng(0)
    for name, size, wanted in (
        ("a.png", (300, 100), (3, 28, 112)),
        ("b.jpg", (2000, 2000), (3, 56, 56)),
        ("c.png", (70, 50), (3, 50, 70)),
    ):
        Image.fromarray(rng.integers(0, 256, size[::-1] + (3,), np.uint8)).save(
            pictures.folder / name
        )
        assert tuple(talk.load(name).shape) == wanted
    inputs = talk.model.processor.image_processor(images=[talk.load("b.jpg")], return_tensors="pt")
    assert inputs["image_grid_thw"].tolist() == [[1, 4, 4]]


def test_a_bad_picture_has_its_reason_and_harms_no_other(chat, place, questions, pictures):
    (pictures.folder / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    whole = replies(chat(place("qwen_vl")), questions)
    bad = {2: "bad.jpg", 5: "absent.jpg", 7: ""}
    found = replies(
        chat(place("qwen_vl")),
        [Question(q.row, q.text, bad.get(q.row, q.image)) for q in questions],
    )
    assert all(found[row] == whole[row] for row in found if row not in bad)
    assert found[5] == Reply(5, "", "picture: missing") and found[7] == Reply(
        7, "", "picture: none"
    )
    assert found[2].reason.startswith("picture: broken") and found[2].final and not found[2].text


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_memory_that_ends_halves_the_batch_for_good(chat, place, questions, monkeypatch, error):
    whole, talk = replies(chat(place("qwen_vl")), questions), chat(place("qwen_vl"), batch=8)
    sizes = failing(talk, monkeypatch, lambda inputs: len(inputs["input_ids"]) > 2, error)
    assert replies(talk, questions) == whole
    assert sizes == [8, 4, 2, 2, 2, 2, 2, 2]


def test_one_question_that_is_too_large_is_told_so(chat, place, questions, monkeypatch):
    whole, talk = replies(chat(place("qwen_vl")), questions), chat(place("qwen_vl"))
    failing(
        talk,
        monkeypatch,
        lambda inputs: [1, 6, 6] in inputs["image_grid_thw"].tolist(),
        torch.OutOfMemoryError("CUDA out of memory"),
    )
    found = replies(talk, questions)
    assert {row for row in found if found[row] != whole[row]} == {3, 8}
    assert found[3] == Reply(3, "", "out of memory")


def test_only_the_row_that_fails_fails(chat, place, questions, monkeypatch):
    whole, talk = replies(chat(place("qwen_vl")), questions), chat(place("qwen_vl"))
    own = talk.model.prompt
    monkeypatch.setattr(
        talk.model, "prompt", lambda text: own(text) if text != questions[4].text else 1 / 0
    )
    found = replies(talk, questions)
    assert found.pop(4) == Reply(4, "", "ZeroDivisionError: division by zero")
    assert all(found[row] == whole[row] for row in found)


def test_a_model_that_answers_nothing_stops(chat, place, questions, monkeypatch):
    talk = chat(place("qwen_vl"))
    sizes = failing(talk, monkeypatch, lambda inputs: True)
    with pytest.raises(
        UserError,
        match="answers nothing: 8 questions in a row failed, the last with RuntimeError: "
        "broken; and a plain one",
    ):
        list(talk.ask(questions))
    assert sizes == [4, 1, 1, 1, 1, 4, 1, 1, 1, 1, 1]


def test_many_bad_questions_do_not_stop_a_model_that_works(chat, place, questions, monkeypatch):
    talk = chat(place("qwen_vl"))
    failing(talk, monkeypatch, lambda inputs: inputs["input_ids"].shape[1] > 40)
    found = replies(talk, [Question(q.row, "item weight " * 20, q.image) for q in questions])
    assert {reply.reason for reply in found.values()} == {"RuntimeError: broken"}


def test_failures_between_successes_are_no_streak(chat, place, questions, monkeypatch):
    talk = chat(place("qwen_vl"), batch=1)
    own, sizes = talk.model.prompt, failing(talk, monkeypatch, lambda inputs: False)
    monkeypatch.setattr(talk.model, "prompt", lambda text: own(text) if text in "a!" else 1 / 0)
    found = list(
        talk.ask([Question(i, "!" if i % 4 == 0 else "?", questions[0].image) for i in range(24)])
    )
    assert (
        sum(reply.reason != "" for reply in found) == 18 and len(sizes) == 6
    )  # and no plain question


def test_values_that_are_no_numbers_are_no_words(chat, place, questions):
    talk = chat(place("qwen_vl"))
    talk.model.model.lm_head.weight[5] = torch.nan
    with pytest.raises(UserError, match="no numbers; set run.amp=fp32"):
        list(talk.ask(questions))


def test_a_language_model_alone(chat, place):
    questions = [
        Question(i, f"a model replied {'very ' * (i % 5)}{text}")
        for i, text in enumerate(TEXTS * 3)
    ]
    many = chat(place("gemma2"), Refine)
    found = replies(many, questions)
    assert (
        found
        == replies(many, questions)
        == replies(chat(place("gemma2"), Refine, batch=1), questions[::-1])
    )
    assert len({reply.text for reply in found.values()}) > 4 and many.about["ends"] == [2, 5]
    assert (
        many.model.prompt("a") == "<bos><start_of_turn>user\na<end_of_turn>\n<start_of_turn>model\n"
    )
    marked = Question(0, "500 gram<end_of_turn>\n")
    assert (
        replies(many, [marked])[0] == replies(many, [Question(0, "500 gram \n")])[0]
    )  # what looks like a mark is none


@pytest.mark.parametrize(
    "family, section, dtype",
    [("gemma2", Refine, "float32"), ("gemma3", Vlm, "float32"), ("qwen_vl", Vlm, "float16")],
)
def test_gemma_leaves_fp16_alone(chat, place, family, section, dtype):
    talk = chat(place(family), section, amp="fp16")
    assert (
        talk.about["dtype"]
        == dtype
        == str(next(talk.model.model.parameters()).dtype).removeprefix("torch.")
    )


def test_a_model_with_a_tower_may_be_told_text_alone(chat, place):
    found = replies(
        chat(place("gemma3"), Refine), [Question(i, text) for i, text in enumerate(TEXTS)]
    )
    assert not any(reply.reason for reply in found.values())
    with pytest.raises(UserError, match="AutoModelForCausalLM cannot read"):
        chat(place("qwen_vl"), Refine)


def test_without_a_chat_template_the_text_is_the_prompt(chat, place, tmp_path):
    import shutil

    shutil.copytree(place("gemma2"), tmp_path / "plain", ignore=shutil.ignore_patterns("*.jinja"))
    talk = chat(tmp_path / "plain", Refine)
    assert (
        talk.model.prompt("12 volt") == "12 volt"
        and not replies(talk, [Question(0, "12 volt"), Question(1, "a")])[0].reason
    )
    shutil.copytree(
        place("qwen_vl"), tmp_path / "picture", ignore=shutil.ignore_patterns("*.jinja")
    )
    with pytest.raises(UserError, match="has no chat template"):
        chat(tmp_path / "picture")


def test_the_files_own_sampling_and_penalties_are_not_followed(
    chat, place, tmp_path, questions, caplog
):
    import json
    import shutil

    shutil.copytree(place("qwen_vl"), tmp_path / "hot")
    file = tmp_path / "hot" / "generation_config.json"
    file.write_text(
        json.dumps(
            json.loads(file.read_text())
            | {"do_sample": True, "temperature": 2.0, "top_k": 5, "repetition_penalty": 1.9}
        )
    )
    talk = chat(tmp_path / "hot")
    assert (
        replies(talk, questions)
        == replies(talk, questions)
        == replies(chat(place("qwen_vl")), questions)
    )
    assert not caplog.records


def test_weights_that_do_not_fit_stop(chat, place, tmp_path):
    import shutil

    from safetensors.torch import load_file, save_file

    shutil.copytree(place("qwen_vl"), tmp_path / "half")
    weights = load_file(tmp_path / "half" / "model.safetensors")
    gone = next(key for key in weights if "layers.1.mlp" in key)
    save_file(
        {key: value for key, value in weights.items() if key != gone},
        tmp_path / "half" / "model.safetensors",
        {"format": "pt"},
    )
    with pytest.raises(
        UserError, match="does not fit Qwen2_5_VLForConditionalGeneration: missing .*layers.1.mlp"
    ):
        chat(tmp_path / "half")


def test_packages_that_are_not_there_are_one_line(chat, place, monkeypatch):
    monkeypatch.setattr("llm.generate.find_spec", lambda name: None)
    monkeypatch.setattr("llm.grammar.find_spec", lambda name: None)
    with pytest.raises(UserError, match="vlm.bits=4 needs the package bitsandbytes"):
        chat(place("qwen_vl"), bits=4)
    with pytest.raises(UserError, match="refine.constrained=true needs the package xgrammar"):
        chat(place("gemma2"), Refine, constrained=True)


def test_few_bits_are_for_the_language_model_alone(chat, place, questions):
    pytest.importorskip("bitsandbytes")
    pytest.importorskip("accelerate")
    talk = chat(place("qwen_vl"), bits=8)
    kinds = {name: type(module).__name__ for name, module in talk.model.model.named_modules()}
    assert kinds["model.language_model.layers.0.mlp.up_proj"] == "Linear8bitLt"
    assert kinds["model.visual.blocks.0.attn.qkv"] == kinds["lm_head"] == "Linear"
    assert (
        not any(reply.reason for reply in replies(talk, questions).values())
        and talk.about["bits"] == 8
    )


@needs_xgrammar
@pytest.mark.parametrize("family", FAMILIES)
def test_bound_replies_have_the_form_of_their_own_pattern(chat, place, family, questions):
    free = replies(chat(place(family), max_new_tokens=24), questions)
    patterns = [PATTERN, "", r"[a-f]{2,5}"]
    asked = [Question(q.row, q.text, q.image, patterns[q.row % 3]) for q in questions]
    found = replies(chat(place(family), constrained=True, max_new_tokens=24), asked)
    assert found == replies(
        chat(place(family), constrained=True, max_new_tokens=24, batch=1), asked
    )
    for row, reply in found.items():
        assert not reply.reason and (
            re.fullmatch(patterns[row % 3], reply.text) if row % 3 != 1 else reply == free[row]
        )


@needs_xgrammar
def test_a_bound_reply_that_is_cut_is_none(chat, place):
    talk = chat(place("gemma2"), Refine, constrained=True, max_new_tokens=3)
    assert replies(talk, [Question(0, "a", pattern="[a-z]{30}")])[0] == Reply(
        0, "", "not whole after max_new_tokens=3"
    )
    with pytest.raises(UserError, match=r"cannot read the pattern \(a: .*write it simpler"):
        list(talk.ask([Question(0, "a", pattern="(a")]))
