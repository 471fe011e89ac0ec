"""Every source of features by name: those of features/ and those that a model has for itself."""

from functools import cache
from pathlib import Path

from common.files import record_path
from common.paths import Paths
from features import load_features
from features.source import Source, collect_sources, kind_of
from features.store import names_file
from models import NAMES, load_model


@cache
def all_sources() -> dict[str, Source]:
    """{name: Source}, the files of features/ first."""
    return collect_sources([*load_features(), *map(load_model, NAMES)])


def source_of(stem: str) -> Source:
    """The source that makes features/<stem>; any other name is that of a timm encoder."""
    sources = all_sources()
    return sources.get(kind_of(stem), sources["timm"])


def companions(file: Path, paths: Paths) -> list[Path]:
    """What may lie beside a file and belongs to it: its record; beside features the names of their
    rows, beside the table of images their colours."""
    files = [record_path(file)]
    if file.parent.name == "features":
        files.append(names_file(file))

    if file == paths.images:
        files.append(paths.colours)

    return files
