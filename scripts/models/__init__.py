"""A model says how a question is answered; it knows no task. One file or folder each, found by
name.

A file models/<name>.py is a model; `models=<name>` in a config uses it. It defines
  ANSWERS           the kinds of question that it can answer, of common.questions
  Settings          a common.sections.Section: the config's section of the model's name
  predict(job, k, rows, idx)
                    predictions (m, K) for the row numbers idx (m,): probabilities, log1p of a
                    number, or values with their weights. The rows are all training rows, idx those
                    of fold k; or with rows to answer behind them (fold -1), and idx these
and, where it needs them
  fit(job, k, rows, file)   train member k and write it to `file`; returns what its record adds
                    (history). A model without `fit` is not trained. A network is a
                    networks.learner.Learner, trained by networks.training.fit_network
  inputs(config, paths, k)  the files that member k reads beside folds.csv; paths: those of the
                    rows that it predicts, paths.of("") those of the training rows
  weights(config)   names of the pretrained weights that it starts from: see networks.weights
  weights_to_answer(config)   those without which it cannot answer once it is trained, where these
                    are not all of weights(config)
  packages(config)  {package of requirements.txt that only some models take: whether this one does}
  secrets(config)   names of environment variables that it reads
  check(config)     ValueError, in words, where the config cannot be right
  evidence(config)  in place of EVIDENCE, where the config says what it looks at
  SOURCES           {name: features.source.Source}: features that 03 makes for it
  missing_image(job, rows)  which rows (n,) it had no image of, though it answers them
  clean_up(job, k)  after the predictions are written, clear away what only they needed
  questions(job, k, rows, idx)   of a language model, a member per part, instead of fit and predict:
                    replies that need no asking, and questions, for the row numbers idx of part k:
                    see llm.messages
and those of DEFAULTS that differ. Nothing else has to be edited: the config, make's help, the
graph, the kernels and the report find a model by its file's name.

Only `load_model(name)` fills in the defaults. Torch is imported inside functions: make asks these
files what they need before anything runs.
"""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import MappingProxyType, ModuleType

from common.errors import UserError

NAMES = sorted(module.name for module in iter_modules(__path__))
EVIDENCE_KINDS = ("image", "text", "columns")
DEFAULTS = {
    "PER": "fold",  # what there is a member of: each "fold", each "part" of the rows, "all" of them
    "NEEDS_IMAGE": False,  # it can say nothing of a row without an image
    "NEEDS_TEXT": False,  # it reads the rows' texts
    # what it looks at, of "image", "text", "columns"; () = what the other models look at
    "EVIDENCE": (),
    "NETWORK": False,  # it computes on a GPU where there is one (networks.device)
    "DISTRIBUTED": False,  # processes of torchrun can train one member together
    "PREDICT_SETTINGS": (),  # sections of the config, or section.key, that shape its predictions
    "SOURCES": MappingProxyType({}),  # read-only, as all models share it
    "inputs": lambda config, paths, k: [],
    "weights": lambda config: [],
    "packages": lambda config: {},
    "secrets": lambda config: [],
    "check": lambda config: None,
}


def load_model(name: str) -> ModuleType:
    """The model's module, e.g. "net" for models/net.py. FIT_SETTINGS, the sections that shape its
    fit, is the model's own where the file does not say otherwise."""
    if name not in NAMES:
        raise UserError(f"no model {name!r}; there are: {', '.join(NAMES)}")

    model = import_module(f"models.{name}")
    if not hasattr(model, "ANSWERS"):
        raise UserError(
            f"scripts/models/{name} has no ANSWERS; scripts/models/__init__.py lists what it needs"
        )

    defaults = {"FIT_SETTINGS": (name,)} | DEFAULTS
    for key, value in defaults.items():
        if not hasattr(model, key):
            setattr(model, key, value)

    if not hasattr(model, "weights_to_answer"):
        model.weights_to_answer = model.weights

    return model


def is_trained(name: str) -> bool:
    """Whether the model has something to fit."""
    return hasattr(load_model(name), "fit")


def evidence_of(name: str, config) -> tuple[str, ...]:
    """What a model of the config looks at, of EVIDENCE_KINDS and in their order."""
    evidence = own_evidence(name, config)
    if not evidence:
        for other in config.models:
            evidence |= own_evidence(other, config)

    return tuple(kind for kind in EVIDENCE_KINDS if kind in evidence)


def own_evidence(name: str, config) -> set[str]:
    """What a model's file says that it looks at; empty where that is what the others look at."""
    model = load_model(name)
    return set(model.evidence(config) if hasattr(model, "evidence") else model.EVIDENCE)


def weights_of(models, config, to_answer: bool = False) -> list[str]:
    """Names of the pretrained weights that any of these models starts from, sorted; to_answer:
    those that they cannot answer without once they are trained."""
    names = set()
    for model in map(load_model, models):
        names.update(model.weights_to_answer(config) if to_answer else model.weights(config))

    return sorted(names)


def secrets_of(config) -> list[str]:
    """Names of the environment variables that the config's models read."""
    names = []
    for model in config.models:
        names += load_model(model).secrets(config)

    return names


def split_member(member: str) -> tuple[str, int]:
    """("net", 0) of "net_0"."""
    name, _, k = member.rpartition("_")
    if not name or not k.isdigit():
        raise UserError(
            f"{member!r} is no member; write <model>_<fold or part>, e.g. {NAMES[-1]}_0"
        )

    return name, int(k)


def pred_file(paths, member: str) -> Path:
    """Where a member's predictions lie; a language model's are its replies."""
    name, _ = split_member(member)
    if load_model(name).PER == "part":
        return paths.replies(member)

    return paths.pred(member)


def inputs_of(member: str, config, paths) -> list[Path]:
    """The files that a member reads beside folds.csv."""
    name, k = split_member(member)
    return load_model(name).inputs(config, paths, k)


def count_members(name: str, data) -> int:
    """How many members a model has; data: the config's section."""
    counts = {"fold": data.n_folds, "part": data.parts, "all": 1}
    return counts[load_model(name).PER]
