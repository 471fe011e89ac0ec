"""Frozen pretrained encoders of transformers: the features of a row's text, its picture or both,
from a directory or the hub.

CLIP, SigLIP and SigLIP 2 (their joint space), Qwen2.5-VL, sentence-transformers directories such as
EmbeddingGemma, and any other text encoder (mean over its tokens). Nothing of sentence-transformers
is needed. timm's are in networks.backbone.
"""

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from common.errors import UserError
from networks.pooling import Sentence, Texts, sentence_modules
from networks.pretrained import digest_files, find_weights, load_auto, read_model, weight_files

TOWERS = (
    "clip",
    "siglip",
    "siglip2",
)  # model types with a text tower, a picture tower and a space of both
VLMS = ("qwen2_vl", "qwen2_5_vl")  # language models with a vision tower before them


@dataclass
class Encoder:
    """One side of a frozen model. `encode` gives its features, `order` the order in which texts
    waste no padding.

    weights and about are for the record: digests of the weights files, what was done to texts and
    pictures.
    """

    shape: tuple[int, ...]  # of one row's features: (d,), or (tokens, d)
    weights: dict
    about: dict
    device: object  # torch.device
    texts: Texts | None  # None for pictures
    # (texts, pictures) → hidden (b, n, d), mask (b, n), and the model's own pooled (b, d) or None
    states: Callable
    pool: Sentence  # (hidden, mask) → (b, d), where the model has none of its own
    tokens: int
    exact: bool  # no half precision, whatever the caller's autocast: the model overflows in fp16

    def order(self, texts) -> np.ndarray:
        """Row numbers (n,) of the texts, longest first by tokens."""
        return self.texts.order(texts)

    def encode(self, texts, pictures):
        """texts (b,), pictures uint8 (b, s, s, 3), None where the side has none → (b, *shape)
        float32 on the device.

        Of more than `tokens` tokens the first are kept; after a row's last one come exact zeros,
        and no token is all zero. Raises UserError on a value that is not finite.
        """
        import torch

        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, enabled=False) if self.exact else nullcontext(),
        ):
            hidden, mask, own = self.states(texts, pictures)
        with torch.inference_mode(), torch.autocast(self.device.type, enabled=False):
            if self.tokens > 1:
                out = pad_or_truncate(hidden.float(), mask, self.tokens)
            else:
                out = own.float() if own is not None else self.pool(hidden.float(), mask)
            if not out.isfinite().all():
                raise UserError(
                    f"{self.about['architecture']} gave features that are not finite; set "
                    "run.amp=fp32"
                )
        return out


def load_encoder(side: str, name: str, place: str, settings, device, dtype) -> Encoder:
    """The encoder of `side` (text, image, joint), frozen, on the device `where`.

    name: a directory, a folder of `place`, or with place "" a name on the hub. settings: tokens (1
    = pooled), max_length (of text), prompt ("" = the encoder's own). dtype: what the caller will
    autocast to, or None. Raises UserError when the weights are not there, do not fit, or the model has no such
    side.
    """
    from transformers import AutoConfig

    folder, local = find_weights(name, place)
    sentence = sentence_modules(folder) if side == "text" else Sentence()
    config = load_auto(AutoConfig, folder / sentence.path)
    family, sides = (
        (two_towers, ("text", "image"))
        if config.model_type in TOWERS
        else (language_and_vision, ("text", "image", "joint"))
        if config.model_type in VLMS
        else (text_only, ("text",))
    )
    if side not in sides:
        raise UserError(
            f"{name} is a {config.model_type}, which gives features of "
            f"{' and of '.join(sides)} here, not of {side}; "
            f"{side} is known of {', '.join(VLMS if side == 'joint' else TOWERS + VLMS)}"
        )
    sentence.layers = tuple(
        layer.to(device) if hasattr(layer, "to") else layer for layer in sentence.layers
    )
    model, states, texts, about = family(side, folder, config, sentence, settings, device, dtype)
    exact = config.model_type.startswith("gemma") and str(dtype) == "torch.float16"
    about = {
        "architecture": type(model).__name__,
        "revision": None if local else folder.name,
        "side": side,
        "tokens": settings.tokens,
        "dtype": "float32" if exact or dtype is None else str(dtype).removeprefix("torch."),
        "attention": getattr(model.config, "_attn_implementation", None),
        **about,
    }
    files = [*weight_files(folder / sentence.path), *sentence.files]
    weights = digest_files(folder, files, place) if local else {name: None}
    encoder = Encoder((), weights, about, device, texts, states, sentence, settings.tokens, exact)
    encoder.shape = tuple(encoder.encode(["a"], np.zeros((1, 64, 64, 3), np.uint8)).shape[1:])
    return encoder


def pad_or_truncate(hidden, mask, tokens: int):
    """The first tokens of each row (b, n, d), zeros where mask (b, n) is not: (b, tokens, d)."""
    from torch.nn.functional import pad

    hidden = hidden.masked_fill(~mask[..., None].bool(), 0)[:, :tokens]
    return pad(hidden, (0, 0, 0, tokens - hidden.shape[1]))


def on_device(pictures: np.ndarray, device) -> list:
    """Pictures uint8 (b, s, s, 3) as b tensors (3, s, s) on the device: what the image processors
    work on where it is."""
    import torch

    return list(torch.from_numpy(np.ascontiguousarray(pictures)).to(device).permute(0, 3, 1, 2))


def image_processor(folder: Path):
    """The model's own image processor, the one that works on tensors; before `backend` came in,
    that had to be asked for."""
    from transformers import AutoImageProcessor

    fast = {} if find_spec("transformers.image_processing_backends") else {"use_fast": True}
    return load_auto(AutoImageProcessor, folder, **fast)


def two_towers(side, folder, config, sentence, settings, device, dtype):
    """CLIP, SigLIP, SigLIP 2: pooled is the embedding in the space of both sides, before it is
    brought to length 1.

    SigLIP was trained on lower case texts padded to 64 tokens, without a mask (transformers'
    convert_siglip2_to_hf.py).
    """
    import torch
    from transformers import AutoModel, AutoTokenizer

    model = read_model(AutoModel, folder)
    siglip = config.model_type != "clip"
    setattr(model, "vision_model" if side == "text" else "text_model", None)  # not to be moved
    model.to(device)
    if side == "image":
        processor = image_processor(folder)

        def states(_, pictures):
            batch = processor(images=on_device(pictures, device), return_tensors="pt").to(device)
            out = model.get_image_features(**batch)
            every = torch.ones(out.last_hidden_state.shape[:2], device=device)
            return (
                out.last_hidden_state,
                batch.get("pixel_attention_mask", every),
                out.pooler_output,
            )

        return (
            model,
            states,
            None,
            {"pooling": "joint space", "image": json.loads(processor.to_json_string())},
        )
    limit = config.text_config.max_position_embeddings
    texts = Texts(
        load_auto(AutoTokenizer, folder),
        [limit] if siglip else [settings.max_length, limit],
        settings.prompt,
        lower=siglip,
        fixed=siglip,
    )

    def states(rows, _):
        batch = texts.batch(rows, device)
        out = model.get_text_features(**({"input_ids": batch["input_ids"]} if siglip else batch))
        return out.last_hidden_state, batch["attention_mask"], out.pooler_output

    return model, states, texts, {"pooling": "joint space", "text": texts.about}


def text_only(side, folder, config, sentence, settings, device, dtype):
    """A text encoder, in a sentence-transformers directory or not; its own pooler is not used and
    may be missing."""
    from transformers import AutoModel, AutoTokenizer

    place = folder / sentence.path
    model = read_model(AutoModel, place, unused=("pooler.",)).to(device)
    limits = (settings.max_length, sentence.length, getattr(config, "max_position_embeddings", 0))
    texts = Texts(
        load_auto(AutoTokenizer, place), limits, settings.prompt or sentence.prompt, sentence.lower
    )

    def states(rows, _):
        batch = texts.batch(rows, device)
        return model(**batch).last_hidden_state, batch["attention_mask"], None

    return (
        model,
        states,
        texts,
        {"pooling": " ".join([sentence.pooling, *sentence.kinds]), "text": texts.about},
    )


def language_and_vision(side, folder, config, sentence, settings, device, dtype):
    """Qwen2.5-VL: the vision tower's merged patches, or the language model's last hidden states of
    a text, alone or with a picture.

    On a GPU its weights are in `dtype`: in float32 they would not fit many.
    """
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    model = read_model(
        AutoModelForImageTextToText, folder, dtype if device.type == "cuda" else None
    ).model
    if side != "joint":
        setattr(model, "language_model" if side == "image" else "visual", None)  # not to be moved
    model.to(device)
    processor = load_auto(AutoProcessor, folder)
    texts = Texts(processor.tokenizer, [settings.max_length], settings.prompt)

    def of_image(_, pictures):
        batch = processor.image_processor(
            images=on_device(pictures, device), return_tensors="pt"
        ).to(device)
        found = torch.stack(
            list(model.get_image_features(**batch).pooler_output)
        )  # squares of one size have as many patches each
        return found, torch.ones(found.shape[:2], device=device), None

    def of_text(rows, _):
        batch = texts.batch(rows, device)
        return model(**batch, use_cache=False).last_hidden_state, batch["attention_mask"], None

    def of_both(rows, pictures):
        chats = [
            processor.apply_chat_template(
                [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": text}]}],
                tokenize=False,
                add_generation_prompt=True,
            )
            for text in texts.inert(rows)
        ]
        batch = processor(
            text=chats, images=on_device(pictures, device), padding=True, return_tensors="pt"
        ).to(device)
        return model(**batch, use_cache=False).last_hidden_state, batch["attention_mask"], None

    about = {
        "image": {"image": json.loads(processor.image_processor.to_json_string())},
        "text": {"text": texts.about},
    }
    about["joint"] = {
        **about["image"],
        **about["text"],
        "chat": "one user message: picture, text; then the mark of the answer",
    }
    states = {"image": of_image, "text": of_text, "joint": of_both}[side]
    return model, states, None if side == "image" else texts, {"pooling": "mean", **about[side]}
