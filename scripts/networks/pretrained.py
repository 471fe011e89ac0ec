"""Where a pretrained encoder's files are, and its parts read from them: strictly, and without a
call home where they are had."""

import json
from importlib.util import find_spec
from pathlib import Path

from common.errors import UserError
from common.files import digest
from common.paths import safe_name

SHAPING = ("*.json", "*.txt", "*.model", "*.jinja")  # config, tokenizer, processor, pooling
TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
WANTED = ("*.safetensors", *SHAPING)  # files of a hub repository that are of use here


def find_weights(name: str, place: str) -> tuple[Path, bool]:
    """The directory with the model's files, and whether it is the user's own rather than the hub's
    cache.

    With a place (run.weights), or a name that is a path, nothing calls home. Raises UserError when it is not
    had.
    """
    top = Path(place).expanduser()
    tried = [Path(name).expanduser()] + [
        top / load_auto for load_auto in (name, safe_name(name), name.split("/")[-1]) if place
    ]
    if found := next(
        (folder for folder in tried if folder.is_dir() and any(folder.glob("*.json"))), None
    ):
        return found, True
    if place or name.startswith(("/", ".", "~")):
        there = sorted(p.name for p in (top if place else tried[0].parent).glob("*") if p.is_dir())
        raise UserError(
            f"no model {name}: looked for a directory "
            f"{', '.join(dict.fromkeys(map(str, tried)))}; directories there: "
            f"{', '.join(there[:20]) or 'none'}. Put it there (config.json, "
            "model.safetensors, the tokenizer's files), or name a hub "
            "model and leave run.weights empty: the hub is asked then"
        )
    try:
        from huggingface_hub import snapshot_download

        folder = Path(snapshot_download(name, allow_patterns=WANTED))
        if not any(folder.rglob("*.safetensors")):
            snapshot_download(
                name, allow_patterns="pytorch_model*"
            )  # older repositories: read as tensors only, nothing is run
        return folder, False
    except Exception as error:  # the hub and its HTTP client each raise their own
        raise UserError(
            f"no model {name}: no such directory, and the hub said {said(error)}. "
            f"Download it (hf download {name}), name its "
            "directory, or the folder it is in as run.weights"
        ) from None


def said(error: Exception) -> str:
    """An exception in one line, its start."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def weight_files(folder: Path) -> list[Path]:
    """The model's own weights in a directory: safetensors, or where there are none the older
    pytorch_model.bin."""
    return sorted(folder.glob("model*.safetensors")) or sorted(folder.glob("pytorch_model*.bin"))


def load_auto(auto, folder: Path, **more):
    """What one of transformers' Auto classes reads of the directory: config, tokenizer, processor.
    Raises UserError when it cannot."""
    if auto.__name__ == "AutoTokenizer" and not any(
        any(folder.glob(pattern)) for pattern in TOKENIZERS
    ):
        raise UserError(
            f"no tokenizer in {folder}: it needs tokenizer.json, or what its kind has: "
            f"{', '.join(TOKENIZERS[1:])}"
        )
    try:
        return auto.from_pretrained(folder, local_files_only=True, trust_remote_code=False, **more)
    except (
        Exception
    ) as error:  # OSError, ValueError, KeyError, what a file that is half there makes of them
        lacks = auto.__name__ == "AutoTokenizer" and not find_spec("sentencepiece")
        hint = "; some tokenizers, SigLIP's too, need sentencepiece, which is not installed"
        raise UserError(
            f"{auto.__name__} cannot read {folder}: {said(error)}{hint if lacks else ''}"
        ) from None


def read_model(auto, folder: Path, dtype=None, unused: tuple[str, ...] = ()):
    """The model of `folder` in float32, or `dtype`, loaded strictly. A key that is missing,
    misshaped or more than the model's own parts have is a UserError; keys of heads beside them are not
    read, and `unused` parts may be missing.
    """
    import torch

    model, info = load_auto(
        auto,
        folder,
        dtype=dtype or torch.float32,
        use_safetensors=bool(list(folder.glob("*.safetensors"))),
        weights_only=True,
        output_loading_info=True,
        ignore_mismatched_sizes=True,
    )  # they are a UserError here, with their names
    parts = {name for net in (model, model.base_model) for name, _ in net.named_children()}
    wrong = [f"missing {key}" for key in sorted(info["missing_keys"]) if not key.startswith(unused)]
    wrong += [
        f"extra {key}"
        for key in sorted(info["unexpected_keys"])
        if key.removeprefix(f"{model.base_model_prefix}.").split(".")[0] in parts
        and not key.startswith(unused)
        and not key.endswith(".position_ids")
    ]  # numbers from 0 on, which old files hold
    wrong += [
        f"{key} is {tuple(there)}, not {tuple(own)}"
        for key, there, own in sorted(info["mismatched_keys"])
    ] + list(info["error_msgs"] or [])
    if wrong:
        raise UserError(
            f"{folder} does not fit {type(model).__name__}: {'; '.join(map(str, wrong[:20]))}"
            f"{f' and {len(wrong) - 20} more' if len(wrong) > 20 else ''}"
        )
    return model.eval().requires_grad_(False)


def digest_files(folder: Path, weights, place: str) -> dict:
    """{name: digest} of a model's weights files and of all that shapes its tokens, pixels and
    pooling; names are paths under `place`, as `weights.weights_file` finds them."""
    top = Path(place).expanduser() if place else None
    files = sorted({*weights, *(file for pattern in SHAPING for file in folder.rglob(pattern))})
    return {
        str(file.relative_to(top) if top and file.is_relative_to(top) else file.absolute()): digest(
            file
        )
        for file in files
    }


def read_json(file: Path):
    """The file's values; {} where there is no such file. Raises UserError when it is no JSON."""
    try:
        return json.loads(file.read_text()) if file.is_file() else {}
    except ValueError as error:
        raise UserError(f"{file} is no JSON: {error}; get it again") from None
