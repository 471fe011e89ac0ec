"""What a source of features is: who writes its files, from what, shaped by which settings."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

from common.errors import UserError


@dataclass(frozen=True)
class Source:
    """A source of features, named by the first word of its files: "net" makes features/net_0.npy.

    A file of features/ or of models/ has its own in SOURCES = {name: Source(...)}.
    """

    write: Callable  # write(job, stem) makes features/<stem>.npy, .npz or .csv
    needs: Callable  # needs(config, paths, stem): the files that it reads
    settings: tuple[str, ...] = ()  # sections of the config, or section.key, that shape it
    network: bool = False  # it computes on a GPU where there is one


def kind_of(stem: str) -> str:
    """The source that makes features/<stem>: "net" of "net_0", "text" of "text--minilm"."""
    first, *_ = re.split("--|_(?=[0-9]+$)", stem)
    return first


def collect_sources(modules: list[ModuleType]) -> dict[str, Source]:
    """Every source of these modules by name. Raises UserError where two have the same name."""
    sources: dict[str, Source] = {}
    for module in modules:
        for name, source in module.SOURCES.items():
            if name in sources:
                raise UserError(f"{module.__name__}: there is a source {name!r} already; rename it")

            sources[name] = source

    return sources
