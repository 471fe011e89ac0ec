"""Weights on disk: their names, where they are found, and safetensors files loaded strictly."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from common.errors import UserError

# The name of a transformers model begins with the side of it that is used, e.g. "text:minilm". Any
# other name is a timm backbone's, with or without "timm:" before it.
TEXT, IMAGE, JOINT, CHAT = "text", "image", "joint", "chat"
SIDES = (TEXT, IMAGE, JOINT, CHAT)
TIMM = "timm"

# what DistributedDataParallel and torch.compile put before every key
PREFIXES = ("module.", "_orig_mod.")

SHOWN = 20  # problems that a message lists


def split_weights(name: str) -> tuple[str, str]:
    """The side, or "timm", and the bare name of pretrained weights: ("text", "minilm") of
    "text:minilm", ("timm", "convnext_base") of "convnext_base"."""
    side, colon, bare = name.partition(":")
    if colon and side in (*SIDES, TIMM):
        return side, bare

    return TIMM, name


def weights_file(name: str, weights_dir: str) -> Path | None:
    """The safetensors file of the weights `name`; None where there is none.

    Tried are, as they are and in the folder weights_dir (run.weights): <name>, <name>.safetensors,
    and model.safetensors in the folder <name> or in the one called like the name's last part.
    Raises UserError when weights_dir is no folder.
    """
    here = Path(name).expanduser()
    candidates = [here, here / "model.safetensors"]

    if weights_dir:
        top = Path(weights_dir).expanduser()
        if not top.is_dir():
            raise UserError(
                f"run.weights={weights_dir} is no folder; name the one that holds "
                f"{name}.safetensors"
            )

        last_part = name.rpartition("/")[2]
        candidates += [
            top / name,
            top / f"{name}.safetensors",
            top / name / "model.safetensors",
            top / last_part / "model.safetensors",
        ]

    return next((file for file in candidates if file.is_file()), None)


def save_weights(module_or_state, file: Path) -> None:
    """Write the tensors of a module or a state dict as a safetensors file."""
    from safetensors.torch import save_file

    state = module_or_state
    if not isinstance(state, dict):
        state = state.state_dict()

    tensors = {plain_key(key): value.detach().cpu().contiguous() for key, value in state.items()}
    save_file(tensors, file)
    file.chmod(0o644)  # safetensors makes its files private


def read_weights(file: Path) -> dict:
    """{key: torch tensor}. Raises UserError when the file is no safetensors file."""
    from safetensors.torch import load_file

    state = read_safetensors(load_file, file)
    return {plain_key(key): tensor for key, tensor in state.items()}


def save_arrays(arrays: dict, file: Path) -> None:
    """Write named numpy arrays as a safetensors file: for models without torch, whose import takes
    seconds."""
    from safetensors.numpy import save_file

    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    save_file(contiguous, file)
    file.chmod(0o644)


def read_arrays(file: Path) -> dict:
    """{name: numpy array} of save_arrays. Raises UserError when the file is no safetensors file."""
    from safetensors.numpy import load_file

    return read_safetensors(load_file, file)


def read_safetensors(load_file: Callable, file: Path) -> dict:
    """load_file(file). Raises UserError when it cannot be read."""
    from safetensors import SafetensorError

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
    """Load a state dict into the module. Raises UserError naming `source` and the keys that are
    missing, extra or misshaped: no weight is ever left at random."""
    expected = module.state_dict()
    state = {plain_key(key): tensor for key, tensor in state.items()}
    missing = [key for key in expected if key not in state]
    extra = [key for key in state if key not in expected]
    shared = [key for key in expected if key in state]
    misshaped = [key for key in shared if state[key].shape != expected[key].shape]

    problems = [f"missing {key}" for key in missing]
    problems += [f"extra {key}" for key in extra]

    for key in misshaped:
        shape, expected_shape = tuple(state[key].shape), tuple(expected[key].shape)
        problems.append(f"{key} is {shape}, not {expected_shape}")

    if problems:
        raise UserError(f"{source} does not fit the network: {first_problems(problems)}")

    module.load_state_dict(state, strict=True)


def first_problems(problems: list[str]) -> str:
    """The problems in one line; of many, the first and how many more there are."""
    text = "; ".join(problems[:SHOWN])
    if len(problems) > SHOWN:
        text += f" and {len(problems) - SHOWN} more"

    return text
