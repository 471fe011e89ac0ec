"""Frozen encoders give the same features in half precision on the GPU as in fp32 on the CPU."""

import numpy as np
import pytest

import tiny

TEXTS = ["Item Name: Green tea, 6.0 Ounce", "value: 12 volt " * 9, "a"]
ENCODERS = [
    ("clip", "image"),
    ("clip", "text"),
    ("siglip", "image"),
    ("siglip", "text"),
    ("siglip2", "image"),
    ("embedding_gemma", "text"),
    ("minilm", "text"),
    ("deberta", "text"),
    ("qwen_vl", "text"),
    ("qwen_vl", "image"),
    ("qwen_vl", "joint"),
]


@pytest.mark.parametrize("family, side", ENCODERS)
def test_features_equal_those_of_the_cpu(device, tmp_path, family, side):
    import torch

    from common.sections import Run
    from config import Config
    from networks.device import autocast, precision
    from networks.encoders import load_encoder

    folder = getattr(tiny, family)(tmp_path / family)
    settings = Config(task="price", models=("fusion",), encode={"max_length": 64}).encode
    texts = None if side == "image" else TEXTS
    images = np.random.default_rng(0).integers(0, 256, (3, 96, 96, 3), np.uint8)
    images = None if side == "text" else images

    def features(on, amp):
        dtype = precision(Run(amp=amp), on)
        encoder = load_encoder(side, str(folder), "", settings, on, dtype)
        with autocast(on, dtype):
            return encoder.encode(texts, images).cpu()

    expected = features(torch.device("cpu"), "fp32")
    actual = features(device, "auto" if device.type == "cuda" else "bf16")
    similarity = torch.nn.functional.cosine_similarity(actual, expected)
    to_another_row = torch.nn.functional.cosine_similarity(actual, expected.roll(1, 0))
    assert actual.shape == expected.shape
    assert similarity.min() > 0.999 > to_another_row.max()


@pytest.mark.gpu_only
@pytest.mark.compiles
@pytest.mark.parametrize("family", ["embedding_gemma"])
def test_compiled_layers_give_the_same_features(device, tmp_path, family):
    import torch

    from common.sections import Run
    from config import Config
    from networks.compile import compile_layers
    from networks.device import autocast, precision
    from networks.encoders import load_encoder

    folder = getattr(tiny, family)(tmp_path / family)
    settings = Config(task="price", models=("fusion",), encode={"max_length": 64}).encode
    dtype = precision(Run(), device)
    encoder = load_encoder("text", str(folder), "", settings, device, dtype)
    with autocast(device, dtype):
        expected = encoder.encode(TEXTS, None)
        assert compile_layers(encoder.model) > 1
        actual = encoder.encode(TEXTS, None)
        fewer = encoder.encode(TEXTS[1:], None)
    similarity = torch.nn.functional.cosine_similarity(actual, expected)
    assert similarity.min() > 0.999
    assert torch.nn.functional.cosine_similarity(fewer, expected[1:]).min() > 0.999
