"""What 03_extract_features.py makes: the store of features, and the sources that fill it.

Every file here may be imported. A file with SOURCES makes features; its Settings are the config's
section of the file's name (or of its SECTION).
"""

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType


def load_features() -> list[ModuleType]:
    """The files of this folder that make features."""
    modules = [import_module(f"features.{module.name}") for module in iter_modules(__path__)]
    return [module for module in modules if hasattr(module, "SOURCES")]
