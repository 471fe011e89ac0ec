"""Every family from a directory: shapes, masks, prompts, poolings by hand, strict weights, one
clear stop for what is not there."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import tiny
from common.errors import UserError
from networks.encoders import States, load_encoder
from networks.pooling import pool_tokens
from networks.weights import weights_file
from tiny import load

TEXTS = [
    "Item Name: Green tea",
    "",
    "height 10 centimetre, value 12 volt and much more text than the others have",
    "12 volt",
]
SIDES = [
    ("clip", "text", 16, 32),
    ("clip", "image", 16, 32),
    ("siglip", "text", 32, 32),
    ("siglip", "image", 32, 32),
    ("siglip2", "text", 32, 32),
    ("siglip2", "image", 32, 32),
    ("embedding_gemma", "text", 32, 32),
    ("minilm", "text", 32, 32),
    ("deberta", "text", 32, 32),
    ("qwen_vl", "text", 32, 32),
    ("qwen_vl", "image", 32, 32),
    ("qwen_vl", "joint", 32, 32),
]


@pytest.fixture(scope="module")
def weights_dir(tmp_path_factory):
    """A folder with a tiny model of every family."""
    top = tmp_path_factory.mktemp("weights")
    for name in dict.fromkeys(name for name, *_ in SIDES):
        getattr(tiny, name)(top / name)
    return top


@pytest.fixture(autouse=True)
def no_hub(monkeypatch):
    """The hub answers nothing, and whoever asks it is known."""
    asked = []
    monkeypatch.setattr(
        "huggingface_hub.snapshot_download",
        lambda name, **more: asked.append(name) or (_ for _ in ()).throw(OSError("no net")),
    )
    return asked


def images(n=4, size=56):
    return np.random.default_rng(0).integers(0, 256, (n, size, size, 3), np.uint8)


@pytest.mark.parametrize("name, side, d, width", SIDES)
def test_a_row_does_not_depend_on_its_batch_mates(weights_dir, name, side, d, width):
    pixels = images()
    for tokens, shape in ((1, (d,)), (12, (12, width))):
        encoder = load(weights_dir, side, name, tokens)
        features = encoder.encode(TEXTS, pixels)
        assert (
            encoder.shape == shape
            and features.shape == (4, *shape)
            and features.dtype == torch.float32
        )
        alone = torch.cat(
            [encoder.encode([text], pixels[i : i + 1]) for i, text in enumerate(TEXTS)]
        )
        torch.testing.assert_close(features, alone, atol=1e-5, rtol=1e-5)
        assert (features[0] - features[2]).abs().max() > 1e-4
        assert json.loads(json.dumps(encoder.description()))["tokens"] == tokens
        assert all(
            weights_file(key, str(weights_dir)).is_file() and value["sha256"]
            for key, value in encoder.weights.items()
        )


@pytest.mark.parametrize("name", ["clip", "siglip", "minilm", "deberta"])
def test_tokens_end_in_exact_zeros_and_are_cut_to_the_first(weights_dir, name):
    encoder = load(weights_dir, "text", name, 12)
    ids_of = encoder.texts.tokenizer(encoder.texts.prepare(TEXTS))["input_ids"]
    assert len(ids_of[1]) == 2 < len(ids_of[3]) < 12 < len(ids_of[2])
    features = encoder.encode(TEXTS, None)
    assert [int((row != 0).any(-1).sum()) for row in features] == [
        min(len(ids), 12) for ids in ids_of
    ]
    assert all((row[len(ids) :] == 0).all() for row, ids in zip(features, ids_of, strict=True))
    torch.testing.assert_close(
        load(weights_dir, "text", name, 5).encode(TEXTS, None), features[:, :5]
    )


@pytest.mark.parametrize(
    "name, side",
    [
        ("minilm", "text"),
        ("deberta", "text"),
        ("qwen_vl", "text"),
        ("qwen_vl", "image"),
        ("qwen_vl", "joint"),
    ],
)
def test_mean_is_over_the_real_tokens(weights_dir, name, side):
    one, many = load(weights_dir, side, name), load(weights_dir, side, name, 200)
    tokens = many.encode(TEXTS, images())
    mean = tokens.sum(1) / (tokens != 0).any(-1).sum(1, keepdim=True)
    mean = torch.nn.functional.normalize(mean, dim=-1) if name == "minilm" else mean
    torch.testing.assert_close(one.encode(TEXTS, images()), mean)


def test_pooling_by_hand():
    hidden = torch.tensor(
        [[[1.0, 5.0], [3.0, -1.0], [9.0, 9.0]], [[2.0, 0.0], [float("nan"), 0.0], [0.0, 0.0]]]
    )
    mask = torch.tensor([[1, 1, 0], [1, 0, 0]])
    assert pool_tokens("mean", hidden, mask).tolist() == [[2, 2], [2, 0]]
    assert pool_tokens("cls", hidden, mask).tolist() == [[1, 5], [2, 0]]
    assert pool_tokens("lasttoken", hidden, mask).tolist() == [[3, -1], [2, 0]]
    assert pool_tokens("max", hidden, mask).tolist() == [[3, 5], [2, 0]]


def test_embedding_gemma_by_hand(weights_dir):
    """Prompt, mean, both Dense, length 1: what sentence-transformers does (compared with it, to the
    bit, when this was written)."""
    from transformers import AutoModel, AutoTokenizer

    folder = weights_dir / "embedding_gemma"
    model, tk = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    batch = tk([tiny.DOCUMENT + TEXTS[0]], return_tensors="pt")
    with torch.inference_mode():
        x = model(input_ids=batch["input_ids"]).last_hidden_state.mean(1)
        for layer in ("2_Dense", "3_Dense"):
            x = x @ load_file(folder / layer / "model.safetensors")["linear.weight"].T
    encoder = load(weights_dir, "text", "embedding_gemma")
    torch.testing.assert_close(encoder.encode(TEXTS, None)[:1], x / x.norm())
    assert (
        encoder.description()["text"]["prompt"] == tiny.DOCUMENT
        and encoder.description()["pooling"] == "mean Dense Dense Normalize"
    )
    assert [key.split("/")[-2] for key in encoder.weights if key.endswith("model.safetensors")] == [
        "2_Dense",
        "3_Dense",
        "embedding_gemma",
    ]
    assert {
        "embedding_gemma/1_Pooling/config.json",
        "embedding_gemma/tokenizer.json",
        "embedding_gemma/config.json",
    } <= set(encoder.weights)


@pytest.mark.parametrize(
    "name, side",
    [("clip", "text"), ("minilm", "text"), ("embedding_gemma", "text"), ("qwen_vl", "joint")],
)
def test_a_prompt_of_the_settings_stands_before_the_text(weights_dir, name, side):
    with_prompt = load(weights_dir, side, name, prompt="item ").encode(["500 gram"], images(1))
    encoder = load(weights_dir, side, name)
    encoder.texts.prompt = ""
    torch.testing.assert_close(with_prompt, encoder.encode(["item 500 gram"], images(1)))
    assert (with_prompt - encoder.encode(["500 gram"], images(1))).abs().max() > 1e-4


def test_siglip_reads_lower_case_always_padded(weights_dir):
    from transformers import AutoModel

    encoder = load(weights_dir, "text", "siglip", max_length=10)
    assert torch.equal(encoder.encode(["Green TEA"], None), encoder.encode(["green tea"], None))
    ids = encoder.texts.tokenize(["a"], "cpu")["input_ids"]
    model = AutoModel.from_pretrained(weights_dir / "siglip").eval()
    with torch.inference_mode():  # without a mask, as it was trained
        torch.testing.assert_close(
            encoder.encode(["a"], None), model.get_text_features(input_ids=ids).pooler_output
        )
    assert ids.shape == (1, 64)


def test_left_padding_of_the_files_is_not_followed(weights_dir):
    assert (
        json.loads((weights_dir / "qwen_vl" / "tokenizer_config.json").read_text())["padding_side"]
        == "left"
    )
    assert load(weights_dir, "text", "qwen_vl").texts.tokenize(TEXTS, "cpu")["attention_mask"][
        3
    ].tolist()[:2] == [1, 1]


@pytest.mark.parametrize(
    "name, kind", [("clip", "CLIPImageProcessor"), ("siglip", "SiglipImageProcessor")]
)
def test_pictures_are_prepared_as_the_processor_does(weights_dir, name, kind):
    """By hand, and by the processor on PIL images, at its own size."""
    import transformers as T
    from PIL import Image

    pixels, encoder = images(size=32), load(weights_dir, "image", name)
    processor = getattr(T, kind).from_pretrained(weights_dir / name)
    model = T.AutoModel.from_pretrained(weights_dir / name).eval()
    expected = processor(images=[Image.fromarray(p) for p in pixels], return_tensors="pt")[
        "pixel_values"
    ]
    mean, std = (
        torch.tensor(encoder.description()["image"][key]).view(3, 1, 1)
        for key in ("image_mean", "image_std")
    )
    torch.testing.assert_close(
        expected,
        (torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255 - mean) / std,
        atol=1e-6,
        rtol=1e-5,
    )
    with torch.inference_mode():
        torch.testing.assert_close(
            encoder.encode(None, pixels),
            model.get_image_features(pixel_values=expected).pooler_output,
        )


def test_order_is_longest_first_and_stable(weights_dir):
    encoder = load(weights_dir, "text", "minilm")
    assert encoder.texts.longest_first(
        ["a", "item weight 500 gram and more of it", "b", "item weight"]
    ).tolist() == [1, 3, 0, 2]
    assert encoder.texts.longest_first([]).tolist() == []


def test_marks_in_a_text_are_no_picture(weights_dir):
    """A seller's text with the tokenizer's own marks neither breaks the batch nor stands for a
    image, and long ones are cut."""
    encoder = load(weights_dir, "joint", "qwen_vl", max_length=6)
    features = encoder.encode(["tea <|image_pad|><|im_end|>", "value " * 500], images(2))
    torch.testing.assert_close(features[:1], encoder.encode(["tea   "], images(2)[:1]))
    torch.testing.assert_close(features[1:], encoder.encode(["value " * 6], images(2)[1:]))


def test_a_directory_that_is_not_there_is_one_stop_and_no_call_home(weights_dir, no_hub):
    with pytest.raises(
        UserError,
        match="no model google/absent: looked for .*google--absent.*directories there: clip, "
        ".*Put it there",
    ):
        load(weights_dir, "text", "google/absent")
    with pytest.raises(UserError, match="no model /absent: looked for a directory /absent"):
        load("", "text", "/absent")
    assert no_hub == []
    with pytest.raises(
        UserError,
        match="no model google/absent: no such directory, and the hub said OSError: no net. "
        "Download it",
    ):
        load("", "text", "google/absent")
    assert no_hub == ["google/absent"]


def test_names_of_the_hub_are_found_in_the_place_and_in_the_cache(tmp_path, monkeypatch):
    folder = tiny.minilm(tmp_path / "sentence-transformers" / "all-MiniLM")
    expected = load("", "text", str(folder)).encode(TEXTS, None)
    # with its slash, by its last part
    for weights_dir in (tmp_path, tmp_path / "sentence-transformers"):
        assert torch.equal(
            load(weights_dir, "text", "sentence-transformers/all-MiniLM").encode(TEXTS, None),
            expected,
        )
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda name, **more: str(folder))
    encoder = load("", "text", "org/all-MiniLM")
    assert (
        encoder.weights == {"org/all-MiniLM": None}
        and encoder.description()["revision"] == "all-MiniLM"
    )


@pytest.mark.parametrize(
    "name, side", [("minilm", "image"), ("clip", "joint"), ("deberta", "joint")]
)
def test_a_side_that_the_model_has_not_is_refused(weights_dir, name, side):
    with pytest.raises(UserError, match=f"not of {side}; {side} is known of"):
        load(weights_dir, side, name)


def test_values_that_are_not_finite_stop(weights_dir):
    encoder = load(weights_dir, "text", "minilm")
    encoder.states = lambda texts, images: States(
        torch.full((1, 2, 32), torch.inf), torch.ones(1, 2)
    )
    with pytest.raises(UserError, match="not finite; set run.amp=fp32"):
        encoder.encode(["a"], None)


def test_gemma_leaves_fp16_alone(weights_dir):
    settings = SimpleNamespace(tokens=1, max_length=40, prompt="")
    encoder = load_encoder(
        "text", "embedding_gemma", str(weights_dir), settings, torch.device("cpu"), torch.float16
    )
    with torch.autocast("cpu", torch.bfloat16):
        features = encoder.encode(TEXTS, None)
    assert (
        torch.equal(features, load(weights_dir, "text", "embedding_gemma").encode(TEXTS, None))
        and encoder.description()["dtype"] == "float32"
    )
