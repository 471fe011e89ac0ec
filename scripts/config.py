"""The configuration: what can be set, its default, its unit. The defaults are the published
systems.

The common sections stand in common/sections.py; the section of a model stands in the model's file,
that of a feature source in the source's, and both are found by name. A file of configs/ holds one
`config = Config(...)` with what differs, a dict per section. A file is stale when a section it was
made with has changed: `run` and `download` say how, never what, and are not such.
"""

import ast
import runpy
import sys
import traceback

from pydantic import ValidationError, create_model, model_validator

from common.errors import UserError
from common.paths import ROOT
from common.sections import Data, Images, Infer, Names, Post, Run, Section
from features import load_features
from images.settings import Download
from models import NAMES, load_model


def sections(common) -> dict[str, type[Section]]:
    """The sections of models and of feature sources by name, each from the file of that name. UserError
    on a file that cannot be loaded, and on a name that is taken."""
    modules = {}
    for name in NAMES:
        try:
            modules[name] = load_model(name)
        except Exception as error:  # a model is Python: it may say anything
            raise UserError(
                f"scripts/models/{name} cannot be loaded: {type(error).__name__}: {error}; "
                "mend it, or move it away"
            ) from None
    for module in load_features():
        name = getattr(module, "SECTION", module.__name__.rpartition(".")[2])
        if name in modules:
            raise UserError(f"scripts/models/{name}: {module.__name__} has this name; take another")
        modules[name] = module
    taken = [name for name in modules if name in common]
    if taken:
        raise UserError(
            f"scripts/models/{taken[0]}: every config has this section; take another name"
        )
    found = {name: getattr(module, "Settings", None) for name, module in modules.items()}
    return {name: found[name] for name in sorted(found) if found[name]}


class Common(Section):
    """What every category has, whatever its models."""

    task: str  # a folder of tasks/
    models: Names = ()  # files of models/: what is trained, predicted and ensembled
    concat: Names = ()  # categories whose submissions, one below the other, are this one's
    data: Data = Data()
    images: Images = Images()
    download: Download = Download()
    infer: Infer = Infer()
    post: Post = Post()
    run: Run = Run()

    @model_validator(mode="after")
    def models_or_join(self):
        if not self.models and not self.concat:
            raise ValueError("a category has models, or it is made of others: set models or concat")
        for name in self.models:
            load_model(name).check(self)
        return self


try:
    own = {name: (section, section()) for name, section in sections(Common.model_fields).items()}
except UserError as stop:
    sys.exit(str(stop))
Config = create_model("Config", __base__=Common, __doc__="All that a category is made with.", **own)


def categories() -> list[str]:
    """Every name that `load` knows."""
    return sorted(file.stem for file in (ROOT / "configs").glob("*.py"))


def load(category: str, overrides=()) -> Config:
    """configs/<category>.py's `config`, then each "section.key=value". Raises UserError on anything that is not
    a setting."""
    if category not in categories():
        raise UserError(f"no config {category!r}; there are: {', '.join(categories())}")
    try:
        config = runpy.run_path(str(ROOT / "configs" / f"{category}.py"))["config"]
        settings = config.model_dump(exclude_unset=True)
        for item in overrides:
            put(settings, item)
        return Config.model_validate(settings)
    except ValidationError as error:
        raise UserError("; ".join(explain(e, category) for e in error.errors())) from None
    except KeyError:
        raise UserError(
            f"configs/{category}.py defines no `config`; write config = Config(...)"
        ) from None
    except UserError:
        raise
    except Exception as error:  # a config is Python: it may say anything
        lines = [
            frame.lineno
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename.endswith(f"{category}.py")
        ]
        raise UserError(
            f"configs/{category}.py, line "
            f"{getattr(error, 'lineno', None) or next(iter(lines[::-1]), '?')}: "
            f"{type(error).__name__}: {error}"
        ) from None


def put(settings: dict, item: str) -> None:
    """Set "section.key=value" in nested dicts; a value is a Python literal, a,b,c for several, or
    plain text."""
    key, equals, text = item.partition("=")
    if not equals or not key:
        raise UserError(f"{item!r} is not a setting: write section.key=value, e.g. net.epochs=1")
    *path, name = key.split(".")
    for section in path:
        settings = settings.setdefault(section, {})
        if not isinstance(settings, dict):
            raise UserError(
                f"{key}: {section} is no section; write section.key=value, e.g. net.epochs=1"
            )
    settings[name] = parse(text)


def parse(text: str):
    """A Python literal when it is one, a tuple of strings when there are commas, else the text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return (
            tuple(part.strip() for part in text.split(",") if part.strip()) if "," in text else text
        )


def explain(error: dict, category: str) -> str:
    """One pydantic error of a Config as a line: where, what, what there is."""
    key = ".".join(str(part) for part in error["loc"])
    file = f"configs/{category}.py"
    if error["type"] == "value_error":
        said = error["msg"].removeprefix("Value error, ")
        return f"{file}, {key}: {said}" if key else f"{file}: {said}"
    if error["type"] in ("model_type", "model_attributes_type"):
        return f"{file}: {key} is a section: write {key}.<setting>=..."
    if error["type"] != "extra_forbidden":
        return f"{file}, {key}={error['input']!r}: {error['msg']}"
    model = Config
    for part in error["loc"][:-1]:
        model = model.model_fields[part].annotation
    return f"{file}: there is no setting {key!r}; there are: {', '.join(model.model_fields)}"
