"""The checkpoint of a training run: where it stands, and the state of all that a step changes."""

from dataclasses import dataclass, field
from pathlib import Path

import torch

from common.files import replacing
from common.log import log


@dataclass
class TrainingState:
    """Where a training run stands."""

    epoch: int = 0  # epochs that are finished
    step: int = 0  # steps of the next epoch that are finished
    loss: float = 0.0  # sum over those steps
    history: list[dict] = field(default_factory=list)  # an entry for each finished epoch
    best: dict = field(default_factory=dict)  # state dict of the best epoch, on the CPU
    best_score: float | list[float] | None = None  # what Learner.evaluate gave for it
    best_epoch: int = 0  # 1 = the first


def save_checkpoint(file: Path, **state) -> None:
    """Write tensors, numbers, strings and containers of them, whole or not at all."""
    with replacing(file) as tmp:
        torch.save(state, tmp)


def load_checkpoint(file: Path, key: str) -> dict:
    """The state that was saved under the same key (what the run is made with); {} where there is
    none."""
    if not file.exists():
        return {}

    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch has one for every way in which a file can be broken
        log(checkpoint=file.name, unreadable=f"{type(error).__name__}; starting anew")
        return {}

    if state.get("key") != key or "at" not in state:
        log(checkpoint=file.name, made="with other settings; starting anew")
        return {}

    return state
