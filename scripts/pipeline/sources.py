"""Every source of features by name: those of features/ and those that a model has for itself."""

from functools import cache

from features import load_features
from features.source import Source, collect_sources, kind_of
from models import NAMES, load_model


@cache
def all_sources() -> dict[str, Source]:
    """{name: Source}, the files of features/ first."""
    return collect_sources([*load_features(), *map(load_model, NAMES)])


def source_of(stem: str) -> Source:
    """The source that makes features/<stem>; any other name is that of a timm encoder."""
    sources = all_sources()
    return sources.get(kind_of(stem), sources["timm"])
