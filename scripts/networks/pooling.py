"""One vector per text from a text encoder's hidden states, as sentence-transformers directories say
(modules.json, 1_Pooling, 2_Dense, ...); the mean over the tokens for all others.

The package sentence-transformers gives the same bits on the same directories (6.2.0, compared for
each of MODES and for EmbeddingGemma). It is not used because it loads loosely: a weight that is
missing in the transformer stays random with a warning, and a Dense layer may come from a pickle
file. What it would save, the few formulas below, is less than the checks that would remain.
"""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from common.errors import UserError
from networks.pretrained import read_json
from networks.weights import load_strict, read_weights

MODES = ("mean", "cls", "lasttoken", "max")
LAYERS = ("Dense", "Normalize")
ACTIVATIONS = {"Identity": nn.Identity, "Tanh": nn.Tanh, "ReLU": nn.ReLU, "GELU": nn.GELU}
# names of a document's prompt, in the order in which sentence-transformers tries them
DOCUMENT_PROMPTS = ("document", "passage", "corpus")


def pool_tokens(mode: str, hidden, mask):
    """One vector (b, d) of hidden states (b, n, d), by one of MODES.

    mask (b, n): true for a text's tokens, which come first; false for the padding after them.
    """
    if mode == "cls":
        return hidden[:, 0]

    if mode == "lasttoken":
        rows = torch.arange(len(hidden), device=hidden.device)
        last = mask.sum(1).clamp(min=1) - 1
        return hidden[rows, last]

    padding = ~mask[..., None].bool()
    if mode == "max":
        return hidden.masked_fill(padding, -torch.inf).amax(1)

    # a state of padding may be NaN, and NaN times 0 is NaN
    return masked_mean(hidden.masked_fill(padding, 0), mask)


def masked_mean(x, mask):
    """Mean (b, d) over the tokens (b, t, d) where mask (b, t) is true; 0 where none is."""
    weight = mask.to(x.dtype)[..., None]
    return (x * weight).sum(1) / weight.sum(1).clamp(min=1)


class Normalize(nn.Module):
    """Vectors (b, d) at length 1."""

    def forward(self, x):
        return nn.functional.normalize(x, dim=-1)


@dataclass
class SentencePooling:
    """What follows the transformer in a sentence-transformers directory, and how texts are
    prepared. The defaults are for any other directory."""

    path: str = ""  # of the transformer, in the directory
    mode: str = "mean"  # one of MODES
    kinds: tuple[str, ...] = ()  # of the layers after the pooling: some of LAYERS
    layers: nn.Module = field(default_factory=nn.Sequential)  # (b, d) → (b, d')
    files: tuple[Path, ...] = ()  # the weights of the layers
    max_length: int = 0  # tokens; 0 = not said
    prompt: str = ""  # before a document
    lower: bool = False  # texts are read in lower case

    def __call__(self, hidden, mask):
        """One vector (b, d') of hidden states (b, n, d) and their mask (b, n)."""
        return self.layers(pool_tokens(self.mode, hidden, mask))


def read_sentence_modules(folder: Path) -> SentencePooling:
    """What the directory's modules.json says; the defaults where there is none.

    Raises UserError on a module or a setting that is not known here: the result would differ.
    """
    if not (folder / "modules.json").is_file():
        return SentencePooling()

    modules = read_json(folder / "modules.json")
    kinds = [module["type"].rsplit(".", 1)[-1] for module in modules]
    paths = [folder / module["path"] for module in modules]

    if kinds[:2] != ["Transformer", "Pooling"] or not set(kinds[2:]) <= set(LAYERS):
        raise UserError(
            f"{folder}/modules.json has {', '.join(kinds)}; known is Transformer, "
            "Pooling, then any of Dense and Normalize"
        )

    transformer, pooling, *_ = paths
    layers = [read_layer(kind, path) for kind, path in zip(kinds[2:], paths[2:], strict=True)]
    dense = [path for kind, path in zip(kinds, paths, strict=True) if kind == "Dense"]
    config = read_json(transformer / "sentence_bert_config.json")
    return SentencePooling(
        path=str(transformer.relative_to(folder)),
        mode=read_mode(pooling / "config.json"),
        kinds=tuple(kinds[2:]),
        layers=nn.Sequential(*layers),
        files=tuple(path / "model.safetensors" for path in dense),
        max_length=config.get("max_seq_length") or 0,
        prompt=document_prompt(folder / "config_sentence_transformers.json"),
        lower=bool(config.get("do_lower_case")),
    )


def document_prompt(file: Path) -> str:
    """The prompt that sentence-transformers puts before a document; "" where there is none."""
    config = read_json(file)
    prompts = config.get("prompts") or {}

    for name in (*DOCUMENT_PROMPTS, config.get("default_prompt_name")):
        if name in prompts:
            return prompts[name] or ""

    return ""


def read_mode(file: Path) -> str:
    """The one of MODES that a Pooling module's config names, in its new key pooling_mode or the old
    ones (pooling_mode_mean_tokens). Raises UserError when it names another."""
    config = read_json(file)
    modes = config.get("pooling_mode") or old_modes(config) or ["mean"]
    if isinstance(modes, str):
        modes = [modes]

    includes_prompt = config.get("include_prompt", True)
    if len(modes) != 1 or modes[0] not in MODES or not includes_prompt:
        raise UserError(
            f"{file} pools by {', '.join(modes)}, include_prompt={includes_prompt}; "
            f"known is one of {', '.join(MODES)}, with the prompt"
        )

    return modes[0]


def old_modes(config: dict) -> list[str]:
    """The modes that are on in the old keys of a Pooling module's config."""
    prefix = "pooling_mode_"
    on = [key for key, value in config.items() if key.startswith(prefix) and value]
    modes = [key.removeprefix(prefix) for key in on]
    return [mode.removesuffix("_tokens").removesuffix("_token") for mode in modes]


def read_layer(kind: str, folder: Path) -> nn.Module:
    """A module (b, d) → (b, d') that follows the pooling."""
    return Normalize() if kind == "Normalize" else read_dense(folder)


def read_dense(folder: Path) -> nn.Module:
    """A Dense module, its weights loaded strictly. Raises UserError on a kind that is not known."""
    config = read_json(folder / "config.json")
    name = config.get("activation_function", "torch.nn.Tanh").rsplit(".", 1)[-1]
    reads = config.get("module_input_name", "sentence_embedding")
    if name not in ACTIVATIONS or config.get("use_residual") or reads != "sentence_embedding":
        raise UserError(
            f"{folder}/config.json is a Dense layer of a kind that is not known here; "
            f"known are {', '.join(ACTIVATIONS)} on the embedding"
        )

    has_bias = config.get("bias", True)
    layer = nn.Linear(config["in_features"], config["out_features"], bias=has_bias)

    state = read_weights(folder / "model.safetensors")
    state = {key.removeprefix("linear."): tensor for key, tensor in state.items()}
    load_strict(layer, state, folder)
    return nn.Sequential(layer, ACTIVATIONS[name]())
