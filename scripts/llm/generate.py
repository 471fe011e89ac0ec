"""A language model of transformers that replies to prompts, several at a time, greedily: twice is
the same.

Any model of AutoModelForImageTextToText (Qwen2.5-VL, Qwen3-VL, MiniCPM-V 4.x, SmolVLM, Gemma 3) is
shown pictures; of AutoModelForCausalLM any is told text alone.
"""

import re
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

from common.errors import UserError
from llm.grammar import Grammars, need_xgrammar
from networks.device import precision
from networks.pretrained import find_weights, load_auto, read_model, weight_files

WHOLE = [
    "model.visual",
    "model.vision_tower",
    "model.vision_model",
    "model.merger",
    "model.connector",
    "model.multi_modal_projector",
    "lm_head",
]  # never in few bits: a tower would lose the small print that is to be read


class ChatModel:
    """generate(texts, pictures, patterns) gives replies; about says, for the record, what gives
    them.

    settings: section Vlm or Refine; run: config.run; device: torch.device; sees: whether pictures
    are shown. Raises UserError when the weights are not there or do not fit, or a package is missing that the
    settings need.
    """

    def __init__(self, settings, run, device, sees: bool):
        from transformers import AutoProcessor, AutoTokenizer

        section, self.device, self.sees = settings.section, device, sees
        if settings.constrained:
            need_xgrammar(f"{section}.constrained")
        if settings.bits and not find_spec("bitsandbytes"):
            raise UserError(
                f"{section}.bits={settings.bits} needs the package bitsandbytes, which is "
                "not installed: pip install bitsandbytes "
                f"accelerate, or set {section}.bits=0"
            )
        folder, local = find_weights(settings.model, run.weights)
        self.model, self.dtype = load(folder, settings.bits, run, device, sees)
        self.reader = load_auto(AutoProcessor if sees else AutoTokenizer, folder)
        self.template, self.tokenizer = (
            self.reader.chat_template,
            getattr(self.reader, "tokenizer", self.reader),
        )
        if sees and not self.template:
            raise UserError(
                f"{settings.model} has no chat template, so how it is shown a picture is "
                "not known; take an instruction-tuned model"
            )
        self.tokenizer.padding_side = "left"
        self.tokenizer.pad_token = self.tokenizer.pad_token or self.tokenizer.eos_token
        ends = only_greedy(self.model, self.tokenizer, settings.max_new_tokens)
        self.grammars = (
            Grammars(self.tokenizer, self.model.config.get_text_config().vocab_size, ends)
            if settings.constrained
            else None
        )
        marks = (
            re.escape(token.content)
            for token in self.tokenizer.added_tokens_decoder.values()
            if token.special
        )
        self.marks, self.prompt = (
            re.compile("|".join(marks) or r"(?!)"),
            lru_cache(4096)(self.templated),
        )
        self.about = {
            "model": settings.model,
            "architecture": type(self.model).__name__,
            "revision": None if local else folder.name,
            "bytes": {
                file.name: file.stat().st_size for file in weight_files(folder)
            },  # to hash 15 GB for each part would cost it a minute
            "dtype": str(self.dtype).removeprefix("torch."),
            "bits": settings.bits,
            "constrained": settings.constrained,
            "ends": ends,
            "attention": getattr(self.model.config, "_attn_implementation", None),
        }

    @property
    def step(self) -> int:
        """Pixels that a picture's sides are multiples of when the model has cut it into patches; 1
        where it does not do so."""
        own = self.reader.image_processor
        return own.patch_size * own.merge_size if hasattr(own, "merge_size") else 1

    def generate(self, texts, pictures, patterns) -> list[str]:
        """What the model says to each text, beside its picture, uint8 tensor (3, h, w), where it
        sees; a reply is of the form of its pattern where decoding is constrained and max_new_tokens
        suffice. Raises what the model raises, ValueError when fp16 overflows."""
        import torch
        from transformers import LogitsProcessorList

        prompts, start = [self.prompt(text) for text in texts], self.tokenizer.bos_token
        framed = self.template and (
            not self.sees or start and prompts[0].startswith(start)
        )  # transformers' own rule
        shown = {"images": [[picture.to(self.device)] for picture in pictures]} if self.sees else {}
        inputs = self.reader(
            text=prompts, padding=True, add_special_tokens=not framed, return_tensors="pt", **shown
        )
        inputs = {
            key: x.to(self.device, self.dtype if x.is_floating_point() else None)
            for key, x in inputs.items()
            if self.sees or key != "token_type_ids"
        }  # tokenizers give them to language models that know none
        constraint = [self.grammars.bind(patterns)] if self.grammars else []
        with torch.inference_mode():
            found = self.model.generate(
                **inputs, logits_processor=LogitsProcessorList([are_numbers, *constraint])
            )
        new = found[:, inputs["input_ids"].shape[1] :]
        return [
            text.strip()
            for text in self.tokenizer.batch_decode(
                new, skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
        ]

    def templated(self, text: str) -> str:
        """The text as the model's template puts it in a chat, what would be a mark in it blanked;
        without a template as it is."""
        text = self.marks.sub(" ", text)
        if not self.template:
            return text
        content = (
            [{"type": "image"}, {"type": "text", "text": text}] if self.sees else text
        )  # one user message: Gemma 2 has no system role
        quick = (
            {"enable_thinking": False} if "enable_thinking" in str(self.template) else {}
        )  # max_new_tokens are for the reply
        return self.reader.apply_chat_template(
            [{"role": "user", "content": content}],
            tokenize=False,
            add_generation_prompt=True,
            **quick,
        )


def load(folder: Path, bits: int, run, device, sees: bool):
    """The model on the device, read strictly, and the dtype of its weights: precision's, but
    float32 for a Gemma in fp16, where it overflows. With bits the language model's matrices have as
    many, by bitsandbytes."""
    import torch
    import transformers

    auto = transformers.AutoModelForImageTextToText if sees else transformers.AutoModelForCausalLM
    dtype = precision(run, device) or torch.float32
    if dtype == torch.float16 and load_auto(transformers.AutoConfig, folder).model_type.startswith(
        "gemma"
    ):
        dtype = torch.float32
    if not bits:
        return read_model(auto, folder, dtype).to(device), dtype
    few = transformers.BitsAndBytesConfig(
        load_in_4bit=bits == 4,
        load_in_8bit=bits == 8,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=WHOLE,
    )
    quantised = SimpleNamespace(
        __name__=auto.__name__,
        from_pretrained=lambda *args, **more: auto.from_pretrained(
            *args, quantization_config=few, device_map={"": str(device)}, **more
        ),
    )
    return read_model(quantised, folder, dtype), dtype


def only_greedy(model, tokenizer, most: int) -> list[int]:
    """Make the model give its most likely words, at most so many tokens, whatever its files say: no
    temperature, and no penalty on repetition, which would be one on the units that the question
    names. Gives the tokens that end a reply."""
    from transformers import GenerationConfig

    own = model.generation_config
    ends = own.eos_token_id if isinstance(own.eos_token_id, list) else [own.eos_token_id]
    ends = sorted({token for token in (*ends, tokenizer.eos_token_id) if token is not None})
    model.generation_config = GenerationConfig(
        do_sample=False,
        max_new_tokens=most,
        bos_token_id=own.bos_token_id,
        eos_token_id=ends,
        pad_token_id=tokenizer.pad_token_id,
    )
    return ends


def are_numbers(_, scores):
    """A logits processor that changes nothing. Raises ValueError where fp16 has overflowed: it
    would pass for a word."""
    if scores.isnan().any():
        raise ValueError("the model's values are no numbers; set run.amp=fp32")
    return scores
