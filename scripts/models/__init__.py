"""A model says how a question is answered; it knows no task. One file each, found by name.

Every file defines
  FIT          the script that trains it; "" when nothing is trained
  PREDICT      the script that predicts: 06_infer or 07_stack
  PER          what there is a member of: each "fold", each "part" of the rows, "all" of them
  ANSWERS      what it can be asked for: "classes", "number", "value"
  PICTURES     whether it can say nothing of a row without a picture; TEXTS  whether it reads rows'
               texts
  SETTINGS     the config's sections (or section.key) that shape its fit, and INFER those that shape
               its predictions
  SHARES       where it is there and True: processes of torchrun can train one member together, see
               networks.distributed
  NETWORK      where it is there and True: it computes on a GPU where there is one (networks.device)
  inputs(config, paths, k)  the files that member k reads beside folds.csv
  packages(config)          where it is there: {package of requirements.txt that only some models
                            take: whether this one does}
  weights(config)           names of the pretrained weights that it starts from: a timm backbone,
                            timm:<backbone>, or <side>:<transformers model> with side text, image,
                            joint or chat
  fit(job, k, rows, file)   train member k and write it to `file`; gives what its record adds
                            (history)
  predict(job, k, rows, wanted)  predictions (m, K) for the row numbers `wanted` (m,):
                                 probabilities, log1p of a price, or values with
                            their weights
  unseen(job, rows)         where it is there: which rows (n,) it had no picture of, though it
                            answers them
  done(job, k)              where it is there: after the predictions are written, clear away what
                            only they needed
of a language model, a member per part, instead of fit and predict
  questions(job, k, rows, use)  replies that need no asking, and questions, for the row numbers of
                                part k: see llm.messages
Torch is imported inside functions: Make asks these files what they need before anything runs.
"""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

from common.errors import Stop

NAMES = sorted(m.name for m in iter_modules([str(Path(__file__).parent)]))


def load_model(name: str) -> ModuleType:
    """The model's module, e.g. "net" for models/net.py."""
    if name not in NAMES:
        raise Stop(f"no model {name!r}; there are: {', '.join(NAMES)}")
    return import_module(f"models.{name}")


def split_member(member: str) -> tuple[str, int]:
    """("net", 0) of "net_0"."""
    name, _, k = member.rpartition("_")
    if not name or not k.isdigit():
        raise Stop(f"{member!r} is no member; write <model>_<fold or part>, e.g. {NAMES[-1]}_0")
    return name, int(k)


def count_members(name: str, data) -> int:
    """How many members a model has; data: the config's section."""
    return {"fold": data.n_folds, "part": data.parts, "all": 1}[load_model(name).PER]
