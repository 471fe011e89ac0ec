"""Weights on disk: found, and loaded strictly from safetensors."""

from pathlib import Path

import numpy as np

from common.errors import UserError

PREFIXES = (
    "module.",
    "_orig_mod.",
)  # what DistributedDataParallel and torch.compile put before every key


# What the name of a transformers model begins with: the side of it that is used. Any other name is
# a timm backbone's, with or without "timm:" before it.
SIDES = ("text", "image", "joint", "chat")
TIMM = "timm"


def split_weights(name: str) -> tuple[str, str]:
    """The side, or "timm", and the bare name of pretrained weights: ("text", "minilm") of
    "text:minilm", ("timm", "convnext_base") of "convnext_base"."""
    side, colon, bare = name.partition(":")
    if colon and side in (*SIDES, TIMM):
        return side, bare
    return TIMM, name


def weights_file(name: str, place: str) -> Path | None:
    """The file of the weights `name` in the folder `place` (run.weights): <name> as it is,
    <name>.safetensors, or model.safetensors in the folder <name> or in one called like the name's
    last part. None where there is none of them.

    Raises UserError when `place` is no folder.
    """
    top = Path(place).expanduser()
    if place and not top.is_dir():
        raise UserError(
            f"run.weights={place} is no folder; name the one that holds {name}.safetensors"
        )
    tried = [Path(name).expanduser(), Path(name).expanduser() / "model.safetensors"]
    if place:
        tried += [
            top / name,
            top / f"{name}.safetensors",
            top / name / "model.safetensors",
            top / name.rpartition("/")[2] / "model.safetensors",
        ]
    return next((file for file in tried if file.is_file()), None)


def save_weights(module_or_state, file: Path) -> None:
    """A module's or state dict's tensors as a safetensors file."""
    from safetensors.torch import save_file

    state = module_or_state if isinstance(module_or_state, dict) else module_or_state.state_dict()
    save_file({plain_key(k): v.detach().cpu().contiguous() for k, v in state.items()}, file)
    file.chmod(0o644)  # safetensors makes its files private


def read_weights(file: Path) -> dict:
    """{key: tensor}; Raises UserError when the file is no safetensors file."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return {plain_key(k): v for k, v in load_file(file).items()}
    except (SafetensorError, OSError) as error:
        raise UserError(f"cannot read {file}: {error}; remove it and run make again") from None


def save_arrays(arrays: dict, file: Path) -> None:
    """Named numpy arrays as a safetensors file: for models without torch, which takes seconds to
    import."""
    from safetensors.numpy import save_file

    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, file)
    file.chmod(0o644)


def read_arrays(file: Path) -> dict:
    """{name: array} of save_arrays; Raises UserError when the file is no safetensors file."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(file)
    except (SafetensorError, OSError) as error:
        raise UserError(f"cannot read {file}: {error}; remove it and run make again") from None


def plain_key(key: str) -> str:
    """The key without the prefixes of wrappers, also between its parts."""
    for prefix in PREFIXES:
        key = key.removeprefix(prefix).replace("." + prefix, ".")
    return key


def load_strict(module, state: dict, source) -> None:
    """Load every key into the module. Raises UserError listing what is missing, extra or misshaped: nothing is
    ever left at random."""
    own = module.state_dict()
    state = {plain_key(k): v for k, v in state.items()}
    wrong = [f"missing {k}" for k in own if k not in state] + [
        f"extra {k}" for k in state if k not in own
    ]
    wrong += [
        f"{k} is {tuple(state[k].shape)}, not {tuple(own[k].shape)}"
        for k in own
        if k in state and state[k].shape != own[k].shape
    ]
    if wrong:
        raise UserError(
            f"{source} does not fit the network: "
            f"{'; '.join(wrong[:20])}{f' and {len(wrong) - 20} more' if len(wrong) > 20 else ''}"
        )
    module.load_state_dict(state, strict=True)
