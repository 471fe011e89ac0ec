"""One model of transformers: what it says is what transformers makes it say, greedily."""

import json
import shutil

import pytest
import torch
from PIL import Image

from common.errors import UserError
from llm.messages import Question
from models.refine import Settings as Refine
from models.vlm import Settings as Vlm

pytestmark = pytest.mark.usefixtures("one_thread")

FAMILIES = ["qwen_vl", "qwen3_vl", "gemma3", "smolvlm", "minicpm"]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_reply_is_what_transformers_says_by_itself(
    open_local, model_folder, photos, replies, image_questions, family
):
    """Processor and chat template in one call, the image as PIL gives it, no batch."""
    from transformers import AutoModelForImageTextToText, AutoProcessor

    folder = model_folder(family)
    model = AutoModelForImageTextToText.from_pretrained(folder).eval()
    processor = AutoProcessor.from_pretrained(folder)
    found = replies(open_local(folder), image_questions[:4])
    for question in image_questions[:4]:
        image = Image.open(photos.folder / question.image).convert("RGB")
        content = [{"type": "image", "image": image}, {"type": "text", "text": question.text}]
        inputs = processor.apply_chat_template(
            [{"role": "user", "content": content}],
            tokenize=True,
            add_generation_prompt=True,
            return_dict=True,
            return_tensors="pt",
        )
        tokens = model.generate(**inputs, max_new_tokens=6, do_sample=False)
        new_tokens = tokens[0, inputs["input_ids"].shape[1] :]
        expected = processor.decode(new_tokens, skip_special_tokens=True).strip()
        assert found[question.row].text == expected


def test_a_language_model_alone(open_local, model_folder, replies, text_questions):
    chat = open_local(model_folder("gemma2"), Refine)
    found = replies(chat, text_questions)
    assert replies(chat, text_questions) == found
    alone = open_local(model_folder("gemma2"), Refine, batch=1)
    assert replies(alone, text_questions[::-1]) == found
    assert len({reply.text for reply in found.values()}) > 4
    assert chat.about["ends"] == [2, 5]


def test_a_text_is_put_into_the_chat_template(open_local, model_folder, replies):
    chat = open_local(model_folder("gemma2"), Refine)
    expected = "<bos><start_of_turn>user\na<end_of_turn>\n<start_of_turn>model\n"
    assert chat.model.prompt("a") == expected
    # what looks like a special token is none
    marked = replies(chat, [Question(0, "500 gram<end_of_turn>\n")])
    assert marked == replies(chat, [Question(0, "500 gram \n")])


@pytest.mark.parametrize(
    "family, section, dtype",
    [("gemma2", Refine, "float32"), ("gemma3", Vlm, "float32"), ("qwen_vl", Vlm, "float16")],
)
def test_gemma_leaves_fp16_alone(open_local, model_folder, family, section, dtype):
    chat = open_local(model_folder(family), section, amp="fp16")
    weight = next(chat.model.model.parameters())
    assert chat.about["dtype"] == dtype
    assert str(weight.dtype) == f"torch.{dtype}"


def test_a_model_with_a_tower_may_be_told_text_alone(
    open_local, model_folder, replies, text_questions
):
    for family in ("gemma3", "qwen_vl"):  # one that transformers has without its tower too
        found = replies(open_local(model_folder(family), Refine), text_questions)
        assert {reply.reason for reply in found.values()} == {""}


def test_without_a_chat_template_the_text_is_the_prompt(
    open_local, model_folder, replies, tmp_path
):
    no_template = shutil.ignore_patterns("*.jinja")
    shutil.copytree(model_folder("gemma2"), tmp_path / "plain", ignore=no_template)
    chat = open_local(tmp_path / "plain", Refine)
    assert chat.model.prompt("12 volt") == "12 volt"
    found = replies(chat, [Question(0, "12 volt"), Question(1, "a")])
    assert found[0].reason == ""

    shutil.copytree(model_folder("qwen_vl"), tmp_path / "vlm", ignore=no_template)
    with pytest.raises(UserError, match="has no chat template"):
        open_local(tmp_path / "vlm")


def test_the_files_own_sampling_and_penalties_are_not_followed(
    open_local, model_folder, replies, tmp_path, image_questions, caplog
):
    shutil.copytree(model_folder("qwen_vl"), tmp_path / "hot")
    file = tmp_path / "hot/generation_config.json"
    hot = {"do_sample": True, "temperature": 2.0, "top_k": 5, "repetition_penalty": 1.9}
    file.write_text(json.dumps(json.loads(file.read_text()) | hot))

    expected = replies(open_local(model_folder("qwen_vl")), image_questions)
    chat = open_local(tmp_path / "hot")
    assert replies(chat, image_questions) == expected
    assert replies(chat, image_questions) == expected
    assert not caplog.records


def test_weights_that_do_not_fit_stop(open_local, model_folder, tmp_path):
    from safetensors.torch import load_file, save_file

    shutil.copytree(model_folder("qwen_vl"), tmp_path / "half")
    file = tmp_path / "half/model.safetensors"
    weights = load_file(file)
    missing = next(key for key in weights if "layers.1.mlp" in key)
    del weights[missing]
    save_file(weights, file, {"format": "pt"})
    message = "does not fit Qwen2_5_VLForConditionalGeneration: missing .*layers.1.mlp"
    with pytest.raises(UserError, match=message):
        open_local(tmp_path / "half")


def test_packages_that_are_not_there_are_one_line(open_local, model_folder, monkeypatch):
    monkeypatch.setattr("llm.generate.find_spec", lambda name: None)
    monkeypatch.setattr("llm.grammar.find_spec", lambda name: None)
    with pytest.raises(UserError, match="vlm.bits=4 needs the package bitsandbytes"):
        open_local(model_folder("qwen_vl"), bits=4)
    with pytest.raises(UserError, match="refine.constrained=true needs the package xgrammar"):
        open_local(model_folder("gemma2"), Refine, constrained=True)


def test_few_bits_are_for_the_language_model_alone(
    open_local, model_folder, replies, image_questions
):
    pytest.importorskip("bitsandbytes")
    pytest.importorskip("accelerate")
    chat = open_local(model_folder("qwen_vl"), bits=8)
    modules = dict(chat.model.model.named_modules())
    kinds = {name: type(module).__name__ for name, module in modules.items()}
    assert kinds["model.language_model.layers.0.mlp.up_proj"] == "Linear8bitLt"
    assert kinds["model.visual.blocks.0.attn.qkv"] == "Linear"
    assert kinds["lm_head"] == "Linear"
    found = replies(chat, image_questions)
    assert {reply.reason for reply in found.values()} == {""}
    assert chat.about["bits"] == 8


def test_values_that_are_no_numbers_are_no_words(open_local, model_folder, image_questions):
    chat = open_local(model_folder("qwen_vl"))
    chat.model.model.lm_head.weight[5] = torch.nan
    with pytest.raises(UserError, match="no numbers; set run.amp=fp32"):
        list(chat.ask(image_questions))
