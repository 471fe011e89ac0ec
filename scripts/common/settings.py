"""A category's settings: configs/<category>.py, then each "section.key=value" of the command line.

`make all SET="section.key=value ..."` changes a setting for that run. An unknown key, a wrong type or an impossible value stops
at once.
"""
import ast
import runpy
import traceback

from pydantic import ValidationError

from common.config import Config
from common.errors import Stop
from common.paths import ROOT


def categories() -> list[str]:
    """Every name that `load` knows."""
    return sorted(file.stem for file in (ROOT / "configs").glob("*.py"))


def load(category: str, overrides=()) -> Config:
    """configs/<category>.py's `config`, then each "section.key=value". Stop on anything that is not a setting."""
    if category not in categories():
        raise Stop(f"no config {category!r}; there are: {', '.join(categories())}")
    try:
        config = runpy.run_path(str(ROOT / "configs" / f"{category}.py"))["config"]
        settings = config.model_dump(exclude_unset=True)
        for item in overrides:
            put(settings, item)
        return Config.model_validate(settings)
    except ValidationError as error:
        raise Stop("; ".join(explain(e, category, error.title) for e in error.errors())) from None
    except KeyError:
        raise Stop(f"configs/{category}.py defines no `config`; write config = Config(...)") from None
    except Stop:
        raise
    except Exception as error:  # a config is Python: it may say anything
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(f"{category}.py")]
        raise Stop(f"configs/{category}.py, line {getattr(error, 'lineno', None) or next(iter(lines[::-1]), '?')}: {type(error).__name__}: {error}") from None


def put(settings: dict, item: str) -> None:
    """Set "section.key=value" in nested dicts; a value is a Python literal, a,b,c for several, or plain text."""
    key, equals, text = item.partition("=")
    if not equals or not key:
        raise Stop(f"{item!r} is not a setting: write section.key=value, e.g. net.epochs=1")
    *sections, name = key.split(".")
    for section in sections:
        settings = settings.setdefault(section, {})
        if not isinstance(settings, dict):
            raise Stop(f"{key}: {section} is no section; write section.key=value, e.g. net.epochs=1")
    settings[name] = parse(text)


def parse(text: str):
    """A Python literal when it is one, a tuple of strings when there are commas, else the text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return tuple(part.strip() for part in text.split(",") if part.strip()) if "," in text else text


def explain(error: dict, category: str, section: str) -> str:
    """One pydantic error of a section (Config, Net, ...) as a line: where, what, what there is."""
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] == "value_error":
        return f"configs/{category}.py{', ' * bool(where)}{where}: {error['msg'].removeprefix('Value error, ')}"
    if error["type"] in ("model_type", "model_attributes_type"):
        return f"configs/{category}.py: {where} is a section: write {where}.<setting>=..."
    if error["type"] != "extra_forbidden":
        return f"configs/{category}.py, {where or section}={error['input']!r}: {error['msg']}"
    sections = [type(field.default) for field in Config.model_fields.values()]
    model = {c.__name__: c for c in [Config, *sections]}[section]
    for part in error["loc"][:-1]:
        model = model.model_fields[part].annotation
    return f"configs/{category}.py: there is no setting {where!r}; there are: {', '.join(model.model_fields)}"
