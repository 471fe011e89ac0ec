"""Frozen pretrained encoders of transformers: features of a row's text, its image, or both.

A model lies in a directory or on the hub. Known are CLIP, SigLIP and SigLIP 2 (their joint space),
Qwen2-VL and Qwen2.5-VL, sentence-transformers directories such as EmbeddingGemma, and any other
text encoder (the mean over its tokens). timm's encoders are in networks.backbone.
in: "Basmati rice 5 kg" → out: 768 numbers; or up to `tokens` rows of them, one per token
"""

import json
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import pad

from common.errors import UserError
from networks.pooling import SentencePooling, read_sentence_modules
from networks.pretrained import digest_files, find_weights, load_auto, read_model, weight_files
from networks.tokens import TextTokenizer
from networks.weights import IMAGE, JOINT, TEXT
from networks.windows import group_windows

# model types with a text tower, an image tower and a space that both share
TWO_TOWERS = ("clip", "siglip", "siglip2")
# model types of language models with a vision tower before them
VISION_LANGUAGE = ("qwen2_vl", "qwen2_5_vl")


@dataclass(frozen=True)
class Request:
    """What an encoder is made of and for."""

    side: str  # TEXT, IMAGE or JOINT
    folder: Path  # the model's directory
    config: object  # its transformers config
    sentence: SentencePooling
    settings: object  # tokens (1 = pooled), max_length (of texts), prompt ("" = the encoder's own)
    device: torch.device
    dtype: torch.dtype | None  # what the caller will autocast to


@dataclass(frozen=True)
class States:
    """What a model computes of a batch."""

    hidden: torch.Tensor  # (b, n, d)
    mask: torch.Tensor  # (b, n), true for tokens, false for padding
    pooled: torch.Tensor | None = None  # (b, d), where the model pools by itself


class Encoder:
    """One side of a frozen model.

    shape: of one row's features, (d,) or (tokens, d); texts: the TextTokenizer, None for images;
    weights: {name: digest} of the weights files, for the record.
    """

    SIDES: tuple[str, ...] = ()  # that models of this family have
    pooling_name = "mean"  # for the record

    def __init__(self, request: Request):
        self.side = request.side
        self.device = request.device
        self.tokens = request.settings.tokens
        self.pooling = request.sentence
        # Gemma overflows in fp16, so it computes in fp32 whatever the caller's autocast
        is_gemma = request.config.model_type.startswith("gemma")

        self.full_precision = is_gemma and request.dtype == torch.float16
        self.dtype = torch.float32
        if request.dtype is not None and not self.full_precision:
            self.dtype = request.dtype

        self.texts: TextTokenizer | None = None
        self.image_processor = None
        self.shape: tuple[int, ...] = ()
        self.weights: dict = {}
        self.revision: str | None = None  # on the hub

    def states(self, texts, images) -> States:
        """The model's states of texts (b,) and images uint8 (b, s, s, 3); None where the side has
        none."""
        raise NotImplementedError

    def encode(self, texts, images):
        """Features (b, *shape) float32, on the device, of texts (b,) and of images uint8
        (b, s, s, 3); None where the side has none.

        Of more than `tokens` tokens the first are kept; after a row's last token come exact zeros,
        and no token is all zero. Raises UserError when a value is not finite.
        """
        no_autocast = torch.autocast(self.device.type, enabled=False)
        model_precision = no_autocast if self.full_precision else nullcontext()
        with torch.inference_mode(), model_precision:
            states = self.states(texts, images)

        with torch.inference_mode(), no_autocast:
            features = self.features(states)
            if not features.isfinite().all():
                raise UserError(
                    f"{type(self.model).__name__} gave features that are not finite; set "
                    "run.amp=fp32"
                )

        return features

    def features(self, states: States):
        """The features (b, *shape) float32 of the model's states."""
        if self.tokens > 1:
            return pad_or_truncate(states.hidden.float(), states.mask, self.tokens)

        if states.pooled is not None:
            return states.pooled.float()

        return self.pooling(states.hidden.float(), states.mask)

    def process(self, images) -> dict:
        """The image processor's batch of images uint8 (b, s, s, 3), on the device."""
        batch = self.image_processor(images=on_device(images, self.device), return_tensors="pt")
        return batch.to(self.device)

    def description(self) -> dict:
        """How the features are made, for their record."""
        description = {
            "architecture": type(self.model).__name__,
            "revision": self.revision,
            "side": self.side,
            "tokens": self.tokens,
            "dtype": str(self.dtype).removeprefix("torch."),
            "attention": getattr(self.model.config, "_attn_implementation", None),
            "pooling": self.pooling_name,
        }
        if self.image_processor is not None:
            description["image"] = json.loads(self.image_processor.to_json_string())

        if self.texts is not None:
            description["text"] = self.texts.description

        return description


class TwoTowers(Encoder):
    """CLIP, SigLIP, SigLIP 2. Pooled features are in the joint space, before they are brought to
    length 1.

    SigLIP was trained on lower case texts padded to 64 tokens, without a mask (transformers'
    convert_siglip2_to_hf.py).
    """

    SIDES = (TEXT, IMAGE)
    pooling_name = "joint space"

    def __init__(self, request: Request):
        from transformers import AutoModel, AutoTokenizer

        super().__init__(request)

        self.is_siglip = request.config.model_type != "clip"
        self.model = read_model(AutoModel, request.folder)
        if self.side == IMAGE:
            self.model.text_model = None  # the other tower need not be on the device
            self.image_processor = image_processor(request.folder)
        else:
            self.model.vision_model = None
            max_length = request.config.text_config.max_position_embeddings
            limits = [max_length]

            if not self.is_siglip:
                limits.append(request.settings.max_length)

            self.texts = TextTokenizer(
                load_auto(AutoTokenizer, request.folder),
                limits,
                request.settings.prompt,
                lower=self.is_siglip,
                fixed_length=self.is_siglip,
            )

        self.model.to(self.device)

    def states(self, texts, images) -> States:
        return self.image_states(images) if self.side == IMAGE else self.text_states(texts)

    def image_states(self, images) -> States:
        batch = self.process(images)
        out = self.model.get_image_features(**batch)
        hidden = out.last_hidden_state
        every_token = torch.ones(hidden.shape[:2], device=self.device)
        mask = batch.get("pixel_attention_mask", every_token)
        return States(hidden, mask, out.pooler_output)

    def text_states(self, texts) -> States:
        batch = self.texts.tokenize(texts, self.device)
        if self.is_siglip:
            out = self.model.get_text_features(input_ids=batch["input_ids"])
        else:
            out = self.model.get_text_features(**batch)

        return States(out.last_hidden_state, batch["attention_mask"], out.pooler_output)


class TextEncoder(Encoder):
    """A text encoder, in a sentence-transformers directory or not. Its own pooler is not used, and
    its weights may be missing."""

    SIDES = (TEXT,)

    def __init__(self, request: Request):
        from transformers import AutoModel, AutoTokenizer

        super().__init__(request)
        sentence, settings = request.sentence, request.settings
        folder = request.folder / sentence.path
        self.pooling_name = " ".join([sentence.mode, *sentence.kinds])
        self.model = read_model(AutoModel, folder, unused=("pooler.",)).to(self.device)
        # keys and values are kept for tokens that follow; here none do
        self.model.config.use_cache = False
        max_positions = getattr(request.config, "max_position_embeddings", 0)
        self.texts = TextTokenizer(
            load_auto(AutoTokenizer, folder),
            [settings.max_length, sentence.max_length, max_positions],
            settings.prompt or sentence.prompt,
            sentence.lower,
        )

    def states(self, texts, images) -> States:
        batch = self.texts.tokenize(texts, self.device)
        return States(self.model(**batch).last_hidden_state, batch["attention_mask"])


class VisionLanguage(Encoder):
    """Qwen2.5-VL: the vision tower's merged patches, or the language model's last hidden states of
    a text, alone or after an image.

    On a GPU its weights are in the caller's dtype: in float32 they would not fit many.
    """

    SIDES = (TEXT, IMAGE, JOINT)

    def __init__(self, request: Request):
        from transformers import AutoModelForImageTextToText, AutoProcessor

        super().__init__(request)
        dtype = request.dtype if self.device.type == "cuda" else None

        self.model = read_model(AutoModelForImageTextToText, request.folder, dtype).model
        # what the side does not use need not be on the device
        if self.side == IMAGE:
            self.model.language_model = None

        if self.side == TEXT:
            self.model.visual = None

        self.model.to(self.device)
        group_windows(self.model)

        settings = request.settings

        self.processor = load_auto(AutoProcessor, request.folder)
        if self.side != TEXT:
            self.image_processor = self.processor.image_processor

        if self.side != IMAGE:
            self.texts = TextTokenizer(
                self.processor.tokenizer, [settings.max_length], settings.prompt
            )

    def states(self, texts, images) -> States:
        if self.side == IMAGE:
            return self.image_states(images)

        if self.side == TEXT:
            return self.language_states(self.texts.tokenize(texts, self.device))

        return self.language_states(self.chats(texts, images))

    def image_states(self, images) -> States:
        out = self.model.get_image_features(**self.process(images))
        # images are square and of one size, so each has as many patches
        hidden = torch.stack(list(out.pooler_output))
        return States(hidden, torch.ones(hidden.shape[:2], device=self.device))

    def language_states(self, batch) -> States:
        hidden = self.model(**batch, use_cache=False).last_hidden_state
        return States(hidden, batch["attention_mask"])

    def chats(self, texts, images):
        """The batch of one user message per row, image and text, up to where the answer begins."""
        prompts = [self.chat_prompt(text) for text in self.texts.without_marks(texts)]
        batch = self.processor(
            text=prompts,
            images=on_device(images, self.device),
            padding=True,
            return_tensors="pt",
        )
        return batch.to(self.device)

    def chat_prompt(self, text: str) -> str:
        content = [{"type": "image"}, {"type": "text", "text": text}]
        messages = [{"role": "user", "content": content}]
        return self.processor.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True
        )

    def description(self) -> dict:
        description = super().description()
        if self.side == JOINT:
            description["chat"] = "one user message: image, text; then the mark of the answer"

        return description


def load_encoder(side: str, name: str, weights_dir: str, settings, device, dtype) -> Encoder:
    """The encoder of a side (TEXT, IMAGE or JOINT), frozen, on the device.

    name: a directory, a folder in weights_dir (run.weights), or with weights_dir="" a model of the
    hub. settings, dtype: see Request. Raises UserError when the weights are not found or do not
    fit, or when the model has no such side.
    """
    from transformers import AutoConfig

    folder, is_local = find_weights(name, weights_dir)
    sentence = SentencePooling()

    if side == TEXT:
        sentence = read_sentence_modules(folder)
        sentence.layers.to(device)

    config = load_auto(AutoConfig, folder / sentence.path)
    family = family_of(config.model_type)
    if side not in family.SIDES:
        known = VISION_LANGUAGE if side == JOINT else TWO_TOWERS + VISION_LANGUAGE
        raise UserError(
            f"{name} is a {config.model_type}, which gives features of "
            f"{' and of '.join(family.SIDES)} here, not of {side}; "
            f"{side} is known of {', '.join(known)}"
        )

    encoder = family(Request(side, folder, config, sentence, settings, device, dtype))
    if is_local:
        files = [*weight_files(folder / sentence.path), *sentence.files]
        encoder.weights = digest_files(folder, files, weights_dir)
    else:
        encoder.weights = {name: None}
        encoder.revision = folder.name

    example = encoder.encode(["a"], np.zeros((1, 64, 64, 3), np.uint8))
    encoder.shape = tuple(example.shape[1:])
    return encoder


def family_of(model_type: str) -> type[Encoder]:
    """The class that knows models of a transformers model type."""
    if model_type in TWO_TOWERS:
        return TwoTowers

    if model_type in VISION_LANGUAGE:
        return VisionLanguage

    return TextEncoder


def pad_or_truncate(hidden, mask, tokens: int):
    """Token states (b, tokens, d) of hidden (b, n, d): zero where mask (b, n) is, and after the
    n-th."""
    hidden = hidden.masked_fill(~mask[..., None].bool(), 0)[:, :tokens]
    return pad(hidden, (0, 0, 0, tokens - hidden.shape[1]))


def on_device(images: np.ndarray, device) -> list:
    """Images uint8 (b, s, s, 3) as b tensors (3, s, s) on the device, where the image processors
    then work."""
    batch = torch.from_numpy(np.ascontiguousarray(images)).to(device)
    return list(batch.permute(0, 3, 1, 2))


def image_processor(folder: Path):
    """The model's own image processor, in its version that works on tensors."""
    from transformers import AutoImageProcessor

    # before image_processing_backends, that version had to be asked for
    options = {} if find_spec("transformers.image_processing_backends") else {"use_fast": True}
    return load_auto(AutoImageProcessor, folder, **options)
