"""A language model of transformers that replies to prompts, several at a time, greedily: the same
prompt always gets the same reply.

Any model of AutoModelForImageTextToText (Qwen2.5-VL, Qwen3-VL, MiniCPM-V 4.x, SmolVLM, Gemma 3) is
shown images; any of AutoModelForCausalLM is given text alone.
"""

import re
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

from common.errors import UserError
from llm.grammar import RegexConstraints, need_xgrammar
from networks.device import precision
from networks.pretrained import find_weights, load_auto, read_model, weight_files

# Never quantized: a vision tower of few bits would lose the small print that is to be read.
NOT_QUANTIZED = [
    "model.visual",
    "model.vision_tower",
    "model.vision_model",
    "model.merger",
    "model.connector",
    "model.multi_modal_projector",
    "lm_head",
]
PROMPTS_KEPT = 4096  # of the last texts, so that retries and halved batches cost no templating


class ChatModel:
    """generate(texts, images, patterns) gives replies; about says, for the record, what gives them.

    settings: config section vlm or refine; run: section Run; device: torch.device; takes_images:
    whether images are shown. Raises UserError when the weights are not there or do not fit, or a
    package that the settings need is missing.
    """

    def __init__(self, settings, run, device, takes_images: bool):
        from transformers import AutoProcessor, AutoTokenizer

        require_packages(settings)
        folder, is_local = find_weights(settings.model, run.weights)

        takes_images = takes_images or is_vision_language(folder)
        self.device, self.takes_images = device, takes_images

        self.model, self.dtype = load(folder, settings.bits, run, device, takes_images)
        self.processor = load_auto(AutoProcessor if takes_images else AutoTokenizer, folder)
        self.template = self.processor.chat_template
        if takes_images and not self.template:
            raise UserError(
                f"{settings.model} has no chat template, so how it is shown an image is "
                "not known; take an instruction-tuned model"
            )

        self.tokenizer = getattr(self.processor, "tokenizer", self.processor)
        self.tokenizer.padding_side = "left"
        self.tokenizer.pad_token = self.tokenizer.pad_token or self.tokenizer.eos_token
        self.special_tokens = special_tokens_pattern(self.tokenizer)
        self.prompt = lru_cache(PROMPTS_KEPT)(self.apply_template)

        end_ids = make_greedy(self.model, self.tokenizer, settings.max_new_tokens)

        self.constraints = None
        if settings.constrained:
            vocab_size = self.model.config.get_text_config().vocab_size
            self.constraints = RegexConstraints(self.tokenizer, vocab_size, end_ids)

        self.about = {
            "model": settings.model,
            "architecture": type(self.model).__name__,
            "revision": None if is_local else folder.name,
            # sizes alone: to hash 15 GB for each part would cost it a minute
            "bytes": {file.name: file.stat().st_size for file in weight_files(folder)},
            "dtype": str(self.dtype).removeprefix("torch."),
            "bits": settings.bits,
            "constrained": settings.constrained,
            "ends": end_ids,
            "attention": getattr(self.model.config, "_attn_implementation", None),
        }

    @property
    def patch(self) -> int:
        """Pixels that an image's sides are multiples of once the model has cut it into patches; 1
        where it does not do so."""
        processor = self.processor.image_processor
        if not hasattr(processor, "merge_size"):
            return 1

        return processor.patch_size * processor.merge_size

    def generate(self, texts: list[str], images: list, patterns: list[str]) -> list[str]:
        """The model's reply to each text.

        images: a uint8 tensor (3, h, w) for each text, or None for each. patterns: a regular
        expression for each text, which its reply matches where decoding is constrained and
        max_new_tokens suffice. Raises what the model raises, ValueError when fp16 overflows.
        """
        import torch
        from transformers import LogitsProcessorList

        shows_images = self.takes_images and images[0] is not None
        prompts = [self.prompt(text, shows_images) for text in texts]
        inputs = self.encode(prompts, images if shows_images else [])
        processors = LogitsProcessorList([check_finite])

        if self.constraints:
            processors.append(self.constraints.logits_processor(patterns))

        with torch.inference_mode():
            tokens = self.model.generate(**inputs, logits_processor=processors)

        prompt_length = inputs["input_ids"].shape[1]
        new_tokens = tokens[:, prompt_length:]
        replies = self.tokenizer.batch_decode(
            new_tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return [reply.strip() for reply in replies]

    def encode(self, prompts: list[str], images: list) -> dict:
        """What the model's forward takes, {name: tensor on the device}, padded on the left. images:
        one for each prompt, or none."""
        kwargs = {}
        if images:
            kwargs["images"] = [[image.to(self.device)] for image in images]

        encoded = self.processor(
            text=prompts,
            padding=True,
            add_special_tokens=not self.has_special_tokens(prompts[0]),
            return_tensors="pt",
            **kwargs,
        )

        inputs = {}
        for name, tensor in encoded.items():
            # tokenizers give token types to language models that know none
            if self.takes_images or name != "token_type_ids":
                dtype = self.dtype if tensor.is_floating_point() else None
                inputs[name] = tensor.to(self.device, dtype)

        return inputs

    def has_special_tokens(self, prompt: str) -> bool:
        """Whether the template has put the special tokens into a prompt: transformers' own rule."""
        if not self.template:
            return False

        if not self.takes_images:
            return True

        start = self.tokenizer.bos_token
        return bool(start) and prompt.startswith(start)

    def apply_template(self, text: str, has_image: bool = False) -> str:
        """The text as the model's template puts it in a chat; without a template as it is.

        What looks like a special token in it becomes a space.
        """
        text = self.special_tokens.sub(" ", text)
        if not self.template:
            return text

        content: str | list = text
        if self.takes_images:
            content = [{"type": "text", "text": text}]

            if has_image:
                content.insert(0, {"type": "image"})

        kwargs = {}
        if "enable_thinking" in str(self.template):
            kwargs["enable_thinking"] = False  # max_new_tokens are for the reply

        return self.processor.apply_chat_template(
            [{"role": "user", "content": content}],  # one message: Gemma 2 has no system role
            tokenize=False,
            add_generation_prompt=True,
            **kwargs,
        )


def is_vision_language(folder: Path) -> bool:
    """Whether transformers reads a model as a vision-language model alone, so that this is done
    though it is shown no image."""
    from transformers import AutoConfig
    from transformers.models.auto import modeling_auto

    model_type = load_auto(AutoConfig, folder).model_type
    is_language = model_type in modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    has_vision = model_type in modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
    return has_vision and not is_language


def require_packages(settings) -> None:
    """Raises UserError when a package that the settings need is not installed."""
    section = settings.section
    if settings.constrained:
        need_xgrammar(f"{section}.constrained")

    if settings.bits and not find_spec("bitsandbytes"):
        raise UserError(
            f"{section}.bits={settings.bits} needs the package bitsandbytes, which is not "
            f"installed: pip install bitsandbytes accelerate, or set {section}.bits=0"
        )


def load(folder: Path, bits: int, run, device, takes_images: bool):
    """(model on the device, dtype of its weights), read strictly.

    The dtype is networks.device.precision's, but float32 for a Gemma in fp16, where it overflows.
    bits: 4 or 8 quantizes the language model's matrices by bitsandbytes; 0 = as they are.
    """
    import torch
    import transformers

    from networks.windows import group_windows

    auto = transformers.AutoModelForCausalLM

    if takes_images:
        auto = transformers.AutoModelForImageTextToText

    dtype = precision(run, device) or torch.float32
    if dtype == torch.float16:
        config = load_auto(transformers.AutoConfig, folder)
        if config.model_type.startswith("gemma"):
            dtype = torch.float32

    if bits:
        auto = quantized(auto, bits, dtype, device)
        model = read_model(auto, folder, dtype)
    else:
        model = read_model(auto, folder, dtype).to(device)

    group_windows(model)
    return model, dtype


def quantized(auto, bits: int, dtype, device) -> SimpleNamespace:
    """One of transformers' Auto classes that reads its models in 4 or 8 bits, onto the device."""
    from transformers import BitsAndBytesConfig

    config = BitsAndBytesConfig(
        load_in_4bit=bits == 4,
        load_in_8bit=bits == 8,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=NOT_QUANTIZED,
    )

    def from_pretrained(*args, **kwargs):
        device_map = {"": str(device)}
        return auto.from_pretrained(
            *args, quantization_config=config, device_map=device_map, **kwargs
        )

    return SimpleNamespace(__name__=auto.__name__, from_pretrained=from_pretrained)


def special_tokens_pattern(tokenizer) -> re.Pattern:
    """Matches the text of any special token, e.g. "<end_of_turn>"; nothing where there is none."""
    tokens = tokenizer.added_tokens_decoder.values()
    escaped = [re.escape(token.content) for token in tokens if token.special]
    return re.compile("|".join(escaped) or r"(?!)")


def make_greedy(model, tokenizer, max_new_tokens: int) -> list[int]:
    """Make the model give its most likely tokens, whatever its files say: no temperature, and no
    penalty on repetition, which would be one on the units that the question names.

    Returns the ids of the tokens that end a reply.
    """
    from transformers import GenerationConfig

    config = model.generation_config

    ends = config.eos_token_id
    if not isinstance(ends, list):
        ends = [ends]

    end_ids = {*ends, tokenizer.eos_token_id} - {None}
    end_ids = sorted(end_ids)

    model.generation_config = GenerationConfig(
        do_sample=False,
        max_new_tokens=max_new_tokens,
        bos_token_id=config.bos_token_id,
        eos_token_id=end_ids,
        pad_token_id=tokenizer.pad_token_id,
    )

    return end_ids


def check_finite(_, scores):
    """A logits processor that changes nothing. Raises ValueError where fp16 has overflowed: a NaN
    would pass for a token."""
    if scores.isnan().any():
        raise ValueError("the model's values are no numbers; set run.amp=fp32")

    return scores
