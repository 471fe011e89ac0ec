"""A model says how a question is answered; it knows no task. One file each, found by name.

Every file defines
  FIT          the script that trains it; "" when nothing is trained
  PREDICT      the script that predicts: 06_infer, a member per fold; 07_stack, one for all
  ANSWERS      what it can be asked for: "classes", "number"
  PICTURES     whether it can say nothing of a row without a picture; TEXTS  whether it reads rows' texts
  SETTINGS     the config's sections (or section.key) that shape its fit, and INFER those that shape its predictions
  inputs(config, paths, k)  the files that member k reads beside folds.csv
  weights(config)           names of the pretrained weights that it starts from: a timm backbone, timm:<backbone>, or
                            <side>:<transformers model> with side text, image or joint
  fit(job, k, rows, file)   train member k and write it to `file`; gives what its record adds (history)
  predict(job, k, rows, wanted)  predictions (m, K) for the row numbers `wanted` (m,): probabilities, or log1p of a price
  done(job, k)              where it is there: after the predictions are written, clear away what only they needed
Torch is imported inside functions: Make asks these files what they need before anything runs.
"""
from importlib import import_module
from pathlib import Path
from types import ModuleType

from common.errors import Stop

NAMES = sorted(p.stem for p in Path(__file__).parent.glob("*.py") if p.stem != "__init__")


def load_model(name: str) -> ModuleType:
    """The model's module, e.g. "net" for models/net.py."""
    if name not in NAMES:
        raise Stop(f"no model {name!r}; there are: {', '.join(NAMES)}")
    return import_module(f"common.models.{name}")


def split_member(member: str) -> tuple[str, int]:
    """("net", 0) of "net_0"."""
    name, _, k = member.rpartition("_")
    if not name or not k.isdigit():
        raise Stop(f"{member!r} is no member; write <model>_<fold>, e.g. {NAMES[-1]}_0")
    return name, int(k)
