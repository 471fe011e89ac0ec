"""The configuration: what can be set, its default, its unit. The defaults are the published
systems.

The common sections stand in common/sections.py; the section of a model stands in the model's file,
that of a feature source in the source's, and both are found by name. A file of configs/ holds one
`config = Config(...)` with what differs, a dict per section. A file is stale when a section that it
was made with has changed. No file is made "with" `run` and `download`: they say how things are
computed and fetched, which changes no file.
"""

import ast
import runpy
import sys
import traceback
from pathlib import Path
from types import ModuleType

from pydantic import ValidationError, create_model, model_validator

from common.errors import UserError
from common.paths import ROOT
from common.sections import Data, Infer, Names, Post, Run, Section
from features import load_features
from images.settings import Download, Images
from models import NAMES, load_model


def sections(common) -> dict[str, type[Section]]:
    """{name: Settings} of all models and feature sources, each from the file of that name.

    common: names of the sections that every config has. Raises UserError when a file cannot be
    loaded or a name is taken.
    """
    for name in NAMES:
        if name in common:
            raise UserError(f"scripts/models/{name}: every config has this section; rename it")

    modules = load_models()
    for module in load_features():
        name = getattr(module, "SECTION", module.__name__.rpartition(".")[2])
        if name in modules or name in common:
            raise UserError(f"scripts/models/{name}: {module.__name__} has this name; take another")

        modules[name] = module

    with_settings = [name for name in sorted(modules) if hasattr(modules[name], "Settings")]
    return {name: modules[name].Settings for name in with_settings}


def load_models() -> dict[str, ModuleType]:
    """All models by name. Raises UserError when a file cannot be loaded."""
    modules = {}
    for name in NAMES:
        try:
            modules[name] = load_model(name)
        except UserError:
            raise
        except ModuleNotFoundError as error:
            raise UserError(
                f"scripts/models/{name} needs {error.name}, which {sys.executable} does not have; "
                "use .venv/bin/python, which make setup fills"
            ) from None
        except Exception as error:  # a model is Python: it may raise anything
            raise UserError(
                f"scripts/models/{name} cannot be loaded: {type(error).__name__}: {error}; "
                "mend it, or move it away"
            ) from None

    return modules


class Common(Section):
    """What every category has, whatever its models."""

    # a folder of tasks/
    task: str
    # files of models/: what is trained and predicted, and chosen from or blended
    models: Names = ()
    # categories whose submissions, one below the other, are this one's; then models are theirs
    concat: Names = ()
    data: Data = Data()
    images: Images = Images()
    download: Download = Download()
    infer: Infer = Infer()
    post: Post = Post()
    run: Run = Run()

    @model_validator(mode="after")
    def models_or_concat(self):
        if not self.models and not self.concat:
            raise ValueError("a category has models, or is made of others: set models or concat")

        for name in self.models:
            load_model(name).check(self)

        return self


def create_config() -> type[Common]:
    """Common with the sections of all models and feature sources."""
    try:
        settings = sections(Common.model_fields)
    except UserError as error:
        sys.exit(str(error))
    fields = {name: (section, section()) for name, section in settings.items()}
    return create_model("Config", __base__=Common, __doc__="All settings of a category.", **fields)


Config = create_config()


def categories() -> list[str]:
    """Every name that `load` knows."""
    return sorted(file.stem for file in (ROOT / "configs").glob("*.py"))


def load(category: str, overrides=()) -> Config:
    """`config` of configs/<category>.py, with each "section.key=value" of `overrides`. Raises
    UserError on anything that is not a setting."""
    if category not in categories():
        raise UserError(f"no config {category!r}; there are: {', '.join(categories())}")

    file = ROOT / "configs" / f"{category}.py"
    try:
        settings = runpy.run_path(str(file))["config"].model_dump(exclude_unset=True)
        for override in overrides:
            set_value(settings, override)

        config = Config.model_validate(settings)
    except ValidationError as error:
        lines = [explain(problem, category) for problem in error.errors()]
        raise UserError("; ".join(lines)) from None
    except KeyError:
        raise UserError(
            f"configs/{category}.py defines no `config`; write config = Config(...)"
        ) from None
    except UserError:
        raise
    except Exception as error:  # a config is Python: it may raise anything
        raise UserError(
            f"configs/{category}.py, line {line_of(error, file)}: {type(error).__name__}: {error}"
        ) from None

    require_known(category, config.concat)
    return config


def require_known(category: str, others) -> None:
    """Raises UserError where a category that config.concat names is none, or is `category`."""
    known = [name for name in categories() if name != category]
    for name in others:
        if name not in known:
            raise UserError(
                f"configs/{category}.py, concat: no category {name!r}; there are: "
                f"{', '.join(known)}"
            )


def line_of(error: Exception, file: Path) -> int | str:
    """The line of the file where an error was raised; "?" where it is not known."""
    if isinstance(error, SyntaxError):
        return error.lineno

    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(file)]
    return lines[-1] if lines else "?"


def set_value(settings: dict, override: str) -> None:
    """Set "section.key=value" in nested dicts; see `parse` for the value."""
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise UserError(
            f"{override!r} is not a setting: write section.key=value, e.g. net.epochs=1"
        )

    *section_names, name = key.split(".")
    for section in section_names:
        settings = settings.setdefault(section, {})
        if not isinstance(settings, dict):
            raise UserError(
                f"{key}: {section} is no section; write section.key=value, e.g. net.epochs=1"
            )

    settings[name] = parse(text)


def parse(text: str):
    """A Python literal where it is one, a tuple of strings where there are commas, else the
    text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        pass

    if "," not in text:
        return text

    items = [item.strip() for item in text.split(",")]
    return tuple(item for item in items if item)


def explain(problem: dict, category: str) -> str:
    """One of pydantic's errors as a line: where, what is wrong, what would be right."""
    key = ".".join(str(item) for item in problem["loc"])
    file = f"configs/{category}.py"

    if problem["type"] == "value_error":
        message = problem["msg"].removeprefix("Value error, ")
        return f"{file}, {key}: {message}" if key else f"{file}: {message}"

    if problem["type"] in ("model_type", "model_attributes_type"):
        return f"{file}: {key} is a section: write {key}.<setting>=..."

    if problem["type"] != "extra_forbidden":
        return f"{file}, {key}={problem['input']!r}: {problem['msg']}"

    section = Config
    for name in problem["loc"][:-1]:
        section = section.model_fields[name].annotation

    return f"{file}: there is no setting {key!r}; there are: {', '.join(section.model_fields)}"
