"""The configuration: what can be set, its default, its unit. One section per concept; the defaults
are the published systems.

A file of configs/ holds one `config = Config(...)` with what differs. A file is stale when a
section it was made with has changed: `run` and `download` say how, never what, and are not such.
"""

import ast
import runpy
import traceback

from pydantic import ValidationError, model_validator

from common.errors import Stop
from common.paths import ROOT
from common.sections import Data, Download, Images, Infer, Names, Post, Run, Section
from features.ocr import Ocr
from features.store import Encode, Features
from models.clip import Clip
from models.fusion import Fusion
from models.heads import Heads
from models.knn import Knn
from models.mlp import Mlp
from models.net import Net
from models.reader import Reader
from models.refine import Refine
from models.ridge import Ridge
from models.stack import Stack
from models.svr import Svr
from models.table import Table
from models.text import Text
from models.vlm import Vlm
from texts.ngrams import Words


class Config(Section):
    """All that a category is made with."""

    task: str  # a folder of tasks/
    models: Names = ()  # files of models/: what is trained, predicted and ensembled
    join: Names = ()  # categories whose submissions make this one; then models are theirs
    data: Data = Data()
    images: Images = Images()
    download: Download = Download()
    net: Net = Net()
    features: Features = Features()
    heads: Heads = Heads()
    knn: Knn = Knn()
    encode: Encode = Encode()
    fusion: Fusion = Fusion()
    clip: Clip = Clip()
    text: Text = Text()
    words: Words = Words()
    ridge: Ridge = Ridge()
    mlp: Mlp = Mlp()
    svr: Svr = Svr()
    table: Table = Table()
    stack: Stack = Stack()
    ocr: Ocr = Ocr()
    reader: Reader = Reader()
    vlm: Vlm = Vlm()
    refine: Refine = Refine()
    infer: Infer = Infer()
    post: Post = Post()
    run: Run = Run()

    @model_validator(mode="after")
    def models_or_join(self):
        if not self.models and not self.join:
            raise ValueError("a category has models, or it joins others: set models or join")
        if "stack" in self.models and len(self.models) < 3 and not self.stack.train:
            raise ValueError(
                "a stack needs two other models or more before it, or tables of "
                "predictions: set models, or stack.train and stack.test"
            )
        if "refine" in self.models and "vlm" not in self.models:
            raise ValueError("refine corrects what vlm replies: set models=vlm,refine")
        return self


def categories() -> list[str]:
    """Every name that `load` knows."""
    return sorted(file.stem for file in (ROOT / "configs").glob("*.py"))


def load(category: str, overrides=()) -> Config:
    """configs/<category>.py's `config`, then each "section.key=value". Stop on anything that is not
    a setting."""
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
        raise Stop(
            f"configs/{category}.py defines no `config`; write config = Config(...)"
        ) from None
    except Stop:
        raise
    except Exception as error:  # a config is Python: it may say anything
        lines = [
            frame.lineno
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename.endswith(f"{category}.py")
        ]
        raise Stop(
            f"configs/{category}.py, line "
            f"{getattr(error, 'lineno', None) or next(iter(lines[::-1]), '?')}: "
            f"{type(error).__name__}: {error}"
        ) from None


def put(settings: dict, item: str) -> None:
    """Set "section.key=value" in nested dicts; a value is a Python literal, a,b,c for several, or
    plain text."""
    key, equals, text = item.partition("=")
    if not equals or not key:
        raise Stop(f"{item!r} is not a setting: write section.key=value, e.g. net.epochs=1")
    *sections, name = key.split(".")
    for section in sections:
        settings = settings.setdefault(section, {})
        if not isinstance(settings, dict):
            raise Stop(
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


def explain(error: dict, category: str, section: str) -> str:
    """One pydantic error of a section (Config, Net, ...) as a line: where, what, what there is."""
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] == "value_error":
        return (
            f"configs/{category}.py{', ' * bool(where)}{where}: "
            f"{error['msg'].removeprefix('Value error, ')}"
        )
    if error["type"] in ("model_type", "model_attributes_type"):
        return f"configs/{category}.py: {where} is a section: write {where}.<setting>=..."
    if error["type"] != "extra_forbidden":
        return f"configs/{category}.py, {where or section}={error['input']!r}: {error['msg']}"
    sections = [type(field.default) for field in Config.model_fields.values()]
    model = {c.__name__: c for c in [Config, *sections]}[section]
    for part in error["loc"][:-1]:
        model = model.model_fields[part].annotation
    return (
        f"configs/{category}.py: there is no setting {where!r}; there are: "
        f"{', '.join(model.model_fields)}"
    )
