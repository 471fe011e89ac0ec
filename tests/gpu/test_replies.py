"""Vision-language models on the GPU: batches, quantized weights, constrained decoding."""

import re

import numpy as np
import pytest

import tiny

PATTERN = r"[0-9]{1,3} (gram|volt)|none"
IMAGE_SIZES = [(60, 90), (56, 56), (40, 120), (84, 84), (100, 30)]  # height, width


@pytest.fixture
def pictures(tmp_path):
    """Five images of different sizes, named 0.png to 4.png."""
    from PIL import Image

    from images.locate import ImageFiles

    folder = tmp_path / "images"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i, (height, width) in enumerate(IMAGE_SIZES):
        coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 3), np.uint8))
        coarse.resize((width, height)).save(folder / f"{i}.png")
    return ImageFiles(folder, folder / "downloads")


@pytest.fixture
def open_model(device, pictures):
    """open_model(folder, **settings of section vlm) loads the model for questions about the
    images."""
    from config import Config
    from llm.open import open_chat

    def load(folder, amp="fp32", **settings):
        config = Config(
            task="entity",
            models=("vlm",),
            vlm={"model": str(folder), "batch": 4, "max_new_tokens": 6} | settings,
            run={"device": device.type, "amp": amp, "workers": 2},
        )
        return open_chat(config.vlm, config.run, device, config.images, pictures)

    return load


def ask(chat, pattern: str = "") -> list[str]:
    """The replies to twelve questions, in the order of the questions."""
    from llm.messages import Question

    questions = [Question(i, f"What is it? {i}", f"{i % 5}.png", pattern) for i in range(12)]
    replies = sorted(chat.ask(questions), key=lambda reply: reply.row)
    assert [reply.row for reply in replies] == list(range(12))
    assert {reply.reason for reply in replies} == {""}  # none failed
    return [reply.text for reply in replies]


@pytest.mark.parametrize("family", ["qwen_vl", "qwen3_vl", "gemma3"])
def test_replies_do_not_depend_on_the_batch(open_model, tmp_path, no_tf32, family):
    folder = tiny.lively(getattr(tiny, family)(tmp_path / family))
    in_batches = ask(open_model(folder, batch=4))
    one_by_one = ask(open_model(folder, batch=1))
    assert in_batches == one_by_one
    if family != "gemma3":  # this tiny model gives the same reply to every question
        assert len(set(in_batches)) > 3


@pytest.mark.parametrize("bits", [4, pytest.param(8, marks=pytest.mark.gpu_only)])
def test_the_language_model_is_quantized_and_the_vision_tower_is_not(open_model, tmp_path, bits):
    pytest.importorskip("bitsandbytes")
    pytest.importorskip("accelerate")
    folder = tiny.qwen_vl(tmp_path / "qwen", columns=256)  # 4 bits: blocks of 64 weights
    chat = open_model(folder, bits=bits, amp="bf16")
    ask(chat)
    kinds = {name: type(module).__name__ for name, module in chat.model.model.named_modules()}
    whole = [name for name, kind in kinds.items() if kind == "Linear"]
    quantized = [
        name for name, kind in kinds.items() if kind.startswith("Linear") and kind != "Linear"
    ]
    assert quantized
    assert all("language_model" in name for name in quantized)
    assert "lm_head" in whole
    assert any("visual" in name for name in whole)
    assert not any("language_model" in name for name in whole)


def test_constrained_replies_match_the_pattern(open_model, tmp_path):
    pytest.importorskip("xgrammar")
    folder = tiny.lively(tiny.qwen_vl(tmp_path / "qwen"))
    constrained = ask(open_model(folder, constrained=True, max_new_tokens=20), PATTERN)
    free = ask(open_model(folder, max_new_tokens=20), PATTERN)
    assert all(re.fullmatch(PATTERN, text) for text in constrained), constrained
    assert not any(re.fullmatch(PATTERN, text) for text in free), free
