"""Encoders' files are read strictly: what is missing, misshaped, too much, damaged or not known
here is one line that names it."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

import tiny
from common.errors import UserError
from tiny import load

TEXTS = [
    "Item Name: Green tea",
    "",
    "height 10 centimetre, value 12 volt and much more text than the others have",
    "12 volt",
]


def change(folder, how):
    """The directory's weights after `how` (state dict → state dict)."""
    file = folder / "model.safetensors"
    save_file(how(load_file(file)), file, {"format": "pt"})


@pytest.mark.parametrize(
    "name, side", [("clip", "text"), ("siglip", "image"), ("minilm", "text"), ("qwen_vl", "joint")]
)
def test_weights_that_do_not_fit_are_named(tmp_path, name, side):
    folder = getattr(tiny, name)(tmp_path / name)
    state = load_file(folder / "model.safetensors")
    key = next(k for k in state if ".1." in k and k.endswith("weight") and state[k].ndim == 2)
    named = ".".join(key.split(".")[-3:])  # newer transformers rename the trunk's prefix
    change(folder, lambda s: {k: v for k, v in s.items() if k != key})
    with pytest.raises(UserError, match=f"does not fit .*missing .*{named}"):
        load(tmp_path, side, name)
    change(folder, lambda s: {**state, key: state[key][:-1].contiguous()})
    with pytest.raises(UserError, match=f"does not fit .*{named} is "):
        load(tmp_path, side, name)
    change(folder, lambda s: {**state, key.replace(".1.", ".7."): state[key].clone()})
    with pytest.raises(UserError, match="does not fit .*extra .*\\.7\\."):
        load(tmp_path, side, name)
    change(folder, lambda s: {k + "x" if k == key else k: v for k, v in state.items()})
    with pytest.raises(UserError, match=f"missing .*{named}"):
        load(tmp_path, side, name)


def test_heads_beside_the_trunk_are_not_wanted(tmp_path):
    """A masked language model's file: the trunk under its prefix, a head, no pooler, old position
    numbers."""
    folder = tiny.minilm(tmp_path / "minilm")
    before = load(tmp_path, "text", "minilm").encode(TEXTS, None)
    change(
        folder,
        lambda s: (
            {f"bert.{k}": v for k, v in s.items() if not k.startswith("pooler.")}
            | {
                "cls.predictions.bias": torch.zeros(3),
                "bert.embeddings.position_ids": torch.arange(128)[None],
            }
        ),
    )
    assert torch.equal(load(tmp_path, "text", "minilm").encode(TEXTS, None), before)


def test_dense_weights_are_strict_too(tmp_path):
    folder = tiny.embedding_gemma(tmp_path / "g")
    save_file({"linear.weights": torch.zeros(64, 32)}, folder / "2_Dense" / "model.safetensors")
    with pytest.raises(UserError, match="missing weight; extra weights"):
        load(tmp_path, "text", "g")


@pytest.mark.parametrize("pooling", ["weightedmean", "mean_sqrt_len_tokens", ["cls", "mean"]])
def test_a_pooling_that_is_not_known_is_refused(tmp_path, pooling):
    tiny.minilm(tmp_path / "m", pooling)
    with pytest.raises(UserError, match="known is one of mean, cls, lasttoken, max"):
        load(tmp_path, "text", "m")


def test_a_module_that_is_not_known_is_refused(tmp_path):
    folder = tiny.minilm(tmp_path / "m")
    modules = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(
        json.dumps(modules[:1] + [{"path": "", "type": "sentence_transformers.models.LSTM"}])
    )
    with pytest.raises(UserError, match="has Transformer, LSTM; known is"):
        load(tmp_path, "text", "m")


@pytest.mark.parametrize(
    "broken, what",
    [
        ("model.safetensors", "AutoModel cannot read"),
        ("tokenizer.json", "no tokenizer in|AutoTokenizer cannot read"),
    ],
)
def test_a_damaged_or_missing_file_is_one_stop(tmp_path, broken, what):
    folder = tiny.clip(tmp_path / "clip")
    (folder / broken).write_bytes(b"junk")
    with pytest.raises(UserError, match=what):
        load(tmp_path, "text", "clip")
    (folder / broken).unlink()
    with pytest.raises(UserError, match=what):
        load(tmp_path, "text", "clip")


def test_an_older_directory_with_a_bin_file_is_read_as_tensors_alone(tmp_path):
    """As deberta-v3's on the hub: the same model; a pickle that would run code is refused."""
    from networks.finetune import load_text_model

    folder = tiny.deberta(tmp_path / "deberta")
    before, _, weights = load_text_model("deberta", str(tmp_path), pretrained=True)
    state = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(state, folder / "pytorch_model.bin")
    after, _, other = load_text_model("deberta", str(tmp_path), pretrained=True)
    assert all(
        torch.equal(a, b)
        for a, b in zip(before.state_dict().values(), after.state_dict().values(), strict=True)
    )
    assert "deberta/model.safetensors" in weights and "deberta/pytorch_model.bin" in other
    ran = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return ran.write_text, ("x",)

    torch.save({"x": Evil()}, folder / "pytorch_model.bin")
    with pytest.raises(UserError, match="cannot read"):
        load_text_model("deberta", str(tmp_path), pretrained=True)
    assert not ran.exists()
