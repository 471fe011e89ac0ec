"""The text side of frozen encoders: tokens of a batch of texts, and what makes one vector of a
text's hidden states."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.errors import UserError
from networks.pretrained import read_json
from networks.weights import load_strict, read_weights

POOLING = ("mean", "cls", "lasttoken", "max")
DOCUMENT = (
    "document",
    "passage",
    "corpus",
)  # the names that sentence-transformers tries for a document's prompt, in its order


class Texts:
    """Texts to tokens as one encoder wants them: its prompt, at most `length` tokens, padded on the
    right.

    lower: the model was trained on lower case and its tokenizer does not see to it. fixed: always
    padded to `length`.
    """

    def __init__(
        self, tokenizer, limits, prompt: str = "", lower: bool = False, fixed: bool = False
    ):
        tokenizer.padding_side = tokenizer.truncation_side = "right"
        tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
        self.tokenizer, self.prompt, self.lower, self.fixed = tokenizer, prompt, lower, fixed
        self.nothing = "" if tokenizer("")["input_ids"] else " "
        self.length = min(n for n in (*limits, tokenizer.model_max_length) if n)
        self.about = {
            "prompt": prompt,
            "max_length": self.length,
            "lower": lower,
            "padding": "max_length" if fixed else "longest",
        }

    def full(self, texts) -> list[str]:
        """Each text after the prompt; of nothing at all a blank, where the tokenizer makes no token
        of nothing."""
        return [
            self.prompt + (text.lower() if self.lower else text) or self.nothing for text in texts
        ]

    def batch(self, texts, device) -> dict:
        """{"input_ids", "attention_mask"} (b, n) on the device."""
        found = self.tokenizer(
            self.full(texts),
            padding="max_length" if self.fixed else True,
            truncation=True,
            max_length=self.length,
            return_attention_mask=True,
            return_tensors="pt",
        )
        return {key: found[key].to(device) for key in ("input_ids", "attention_mask")}

    def order(self, texts) -> np.ndarray:
        """Row numbers (n,), longest first by tokens, equal lengths as they come."""
        lengths = [
            len(ids)
            for i in range(0, len(texts), 4096)
            for ids in self.tokenizer(
                self.full(texts[i : i + 4096]), truncation=True, max_length=self.length
            )["input_ids"]
        ]
        return np.argsort(-np.array(lengths, int), kind="stable")

    def inert(self, texts) -> list[str]:
        """The texts cut to `length` tokens, without what the tokenizer would read as marks of its
        own, e.g. a picture's place."""
        marks = re.compile(
            "|".join(
                map(re.escape, sorted(self.tokenizer.get_added_vocab(), key=len, reverse=True))
            )
            or r"(?!)"
        )
        texts = [marks.sub(" ", text) for text in self.full(texts)]
        found = self.tokenizer(
            texts,
            truncation=True,
            max_length=self.length,
            add_special_tokens=False,
            return_offsets_mapping=True,
        )
        return [
            text[: ends[-1][1]] if ends else text
            for text, ends in zip(texts, found["offset_mapping"], strict=True)
        ]


def pooled(mode: str, hidden, mask):
    """One vector (b, d) of hidden states (b, n, d) where mask (b, n) is true, which it is on the
    left: one of POOLING."""
    import torch

    mask = mask.bool()
    if mode == "cls":
        return hidden[:, 0]
    if mode == "lasttoken":
        return hidden[torch.arange(len(hidden), device=hidden.device), mask.sum(1).clamp(min=1) - 1]
    if mode == "max":
        return hidden.masked_fill(~mask[..., None], -torch.inf).amax(1)
    return hidden.masked_fill(~mask[..., None], 0).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)


@dataclass
class Sentence:
    """What follows a transformer in a sentence-transformers directory; the defaults are for any
    other: the mean over its tokens."""

    path: str = ""  # of the transformer in the directory
    pooling: str = "mean"  # one of POOLING
    kinds: tuple = ()  # of the layers: Dense, Normalize
    layers: tuple = ()  # torch modules (b, d) → (b, d')
    files: tuple = ()  # the layers' weights
    length: int = 0  # max_seq_length, 0 where it is not said
    prompt: str = ""  # of a document
    lower: bool = False

    def __call__(self, hidden, mask):
        """One vector (b, d') of hidden states (b, n, d)."""
        x = pooled(self.pooling, hidden, mask)
        for layer in self.layers:
            x = layer(x)
        return x


def sentence_modules(folder: Path) -> Sentence:
    """What the directory's modules.json says, as sentence-transformers reads it; Sentence() where
    there is none.

    Raises UserError on a module or setting that is not known here: the result would differ.
    """
    if not (folder / "modules.json").is_file():
        return Sentence()
    modules = [
        (module["type"].rsplit(".", 1)[-1], folder / module["path"])
        for module in read_json(folder / "modules.json")
    ]
    kinds = [kind for kind, _ in modules]
    if kinds[:2] != ["Transformer", "Pooling"] or not set(kinds[2:]) <= {"Dense", "Normalize"}:
        raise UserError(
            f"{folder}/modules.json has {', '.join(kinds)}; known is Transformer, "
            "Pooling, then any of Dense and Normalize"
        )
    top, config = (
        read_json(modules[0][1] / "sentence_bert_config.json"),
        read_json(folder / "config_sentence_transformers.json"),
    )
    prompts = config.get("prompts") or {}
    own = next(
        (prompts[key] for key in DOCUMENT if key in prompts),
        prompts.get(config.get("default_prompt_name")),
    )
    return Sentence(
        str(modules[0][1].relative_to(folder)),
        pooling_mode(modules[1][1]),
        tuple(kinds[2:]),
        tuple(dense(place) if kind == "Dense" else normalised for kind, place in modules[2:]),
        tuple(place / "model.safetensors" for kind, place in modules[2:] if kind == "Dense"),
        top.get("max_seq_length") or 0,
        own or "",
        bool(top.get("do_lower_case")),
    )


def pooling_mode(place: Path) -> str:
    """The one of POOLING that a Pooling module's config names, in its old keys
    (pooling_mode_mean_tokens) or its new one."""
    config = read_json(place / "config.json")
    old = [
        key.removeprefix("pooling_mode_").removesuffix("_tokens").removesuffix("_token")
        for key, on in config.items()
        if key.startswith("pooling_mode_") and on
    ]
    mode = config.get("pooling_mode") or old or ["mean"]
    modes = [mode] if isinstance(mode, str) else mode
    if len(modes) != 1 or modes[0] not in POOLING or not config.get("include_prompt", True):
        raise UserError(
            f"{place}/config.json pools by {', '.join(modes)}, "
            f"include_prompt={config.get('include_prompt', True)}; "
            f"known is one of {', '.join(POOLING)}, with the prompt"
        )
    return modes[0]


def dense(place: Path):
    """A Dense module as a torch module (b, d) → (b, d'), its weights loaded strictly."""
    from torch import nn

    config, known = (
        read_json(place / "config.json"),
        {"Identity": nn.Identity, "Tanh": nn.Tanh, "ReLU": nn.ReLU, "GELU": nn.GELU},
    )
    act = config.get("activation_function", "torch.nn.Tanh").rsplit(".", 1)[-1]
    if (
        act not in known
        or config.get("use_residual")
        or config.get("module_input_name", "sentence_embedding") != "sentence_embedding"
    ):
        raise UserError(
            f"{place}/config.json is a Dense layer of a kind that is not known here; "
            f"known are {', '.join(known)} on the embedding"
        )
    layer = nn.Linear(config["in_features"], config["out_features"], bias=config.get("bias", True))
    load_strict(
        layer,
        {
            key.removeprefix("linear."): v
            for key, v in read_weights(place / "model.safetensors").items()
        },
        place,
    )
    return nn.Sequential(layer, known[act]())


def normalised(x):
    """Rows (b, d) of length 1."""
    from torch.nn.functional import normalize

    return normalize(x, dim=-1)
