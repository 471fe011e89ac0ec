"""What a kernel without a network needs attached: pretrained weights, and wheels of packages that its Python lacks; where both are sought."""
import os
import platform
import re
from importlib import metadata
from pathlib import Path

from common import graph
from common.config import Config
from common.models import load_model, split_member
from common.paths import ROOT, Paths, folder, plain
from common.weights import weights_file

DEEP = 5  # folders below input_path: notebooks/<owner>/<slug>/<category>/pred
SIDES = ("text", "image", "joint", "chat")  # of a transformers model; any other name is a timm backbone


def attached(top: Path | None = None, deep: int = DEEP) -> list[Path]:
    """The input folder and the folders in it, the nearest first; a competition's are many files in few folders."""
    found = [place for place in (top or folder("input"),) if place.is_dir()]
    for place in found:
        if len(place.relative_to(found[0]).parts) < deep:
            with os.scandir(place) as entries:
                found += sorted(Path(entry) for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    return found


def closure(targets, config: Config, paths: Paths) -> set[Path]:
    """The files of the category that `targets` are made from, themselves too."""
    found, todo = set(), list(targets)
    while todo:
        if (target := todo.pop()) not in found:
            found.add(target)
            todo += [need for need in graph.step_of(target, config, paths).needs if paths.dir in need.parents]
    return found


def files_of(kernel: dict, config: Config, paths: Paths) -> set[Path]:
    """The files that a kernel may have to make itself: see common.session.work."""
    own = [paths.dir / target for target in kernel["targets"] + kernel["left"]]
    return closure(own if own or kernel["sessions"] else [paths.submission], config, paths)


def weights_of(config: Config, members) -> list[str]:
    """Names of the pretrained weights that the members' models start from, as common.models has them."""
    return sorted({name for model in {split_member(member)[0] for member in members} for name in load_model(model).weights(config)})


def weight_places(config: Config) -> tuple[list[Path], str]:
    """The folders where weights are sought, run.weights or else all that are attached, and the same in words."""
    if config.run.weights:
        own = Path(config.run.weights).expanduser()
        return [own] * own.is_dir(), f"run.weights={own}{'' if own.is_dir() else ', which is no folder'}"
    places = attached()
    return places, f"{folder('input')} and the {max(len(places) - 1, 0)} folders in it"


def spellings(name: str) -> tuple[str, list[str]]:
    """A weights name without its side or timm:, and what it may be called in an attached folder."""
    side, _, rest = name.removeprefix("timm:").partition(":")
    if side in SIDES:
        return rest, list(dict.fromkeys((rest.split("/")[-1], plain(rest))))
    bare = name.removeprefix("timm:")
    return bare, [f"{bare}.safetensors", f"{bare.rpartition('/')[2]}/model.safetensors"]


def find_weights(name: str, places: list[Path]) -> Path | None:
    """The directory of a transformers model, or the file of a timm backbone, in the first of `places` that has it; None in none."""
    bare, called = spellings(name)
    if name.removeprefix("timm:").partition(":")[0] not in SIDES:
        return next((file for place in places if (file := weights_file(bare, str(place)))), None)
    tried = (place / spelling for place in places for spelling in (bare, *called))
    return next((model for model in tried if model.is_dir() and any(model.glob("*.json"))), None)


def link_weights(found: dict[str, Path], to: Path) -> None:
    """One folder, as run.weights wants it, of weights that lie in several: symbolic links."""
    for name, place in found.items():
        bare, called = spellings(name)
        link = to / (called[0] if place.is_dir() else f"{bare}.safetensors")
        if not bare.startswith(("/", ".", "~")):  # a path is found by itself
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(place.absolute())


def requirements(config: Config, files: set[Path], paths: Paths) -> list:
    """packaging's Requirement for each package of requirements.txt that making `files` takes."""
    from packaging.requirements import Requirement

    models = [section for section in (config.vlm, config.refine) if not section.endpoint
              and any(file.stem.startswith(type(section).__name__.lower() + "_") for file in files)]
    reads = paths.ocr in files
    takes = {"simplejpeg": False, "pytest": False, "hypothesis": False, "ray": False,  # faster, for tests, for a cluster
             "rapidocr": reads, "onnxruntime": reads,
             "bitsandbytes": any(section.bits for section in models), "xgrammar": any(section.bound for section in models)}
    lines = re.findall(r"^(# )?([a-z][\w-]*(?:[<>=!~][^\s#]*)?) *(?:#.*)?$", (ROOT / "requirements.txt").read_text(), re.M)
    return [need for off, need in ((off, Requirement(line)) for off, line in lines) if takes.get(need.name, not off)]


def lacking(needs: list) -> list:
    """Those of the requirements that this Python does not meet."""
    return [need for need in needs if not (version := installed(need.name)) or not need.specifier.contains(version, prereleases=True)]


def installed(name: str) -> str | None:
    """The version of a package that this Python has; None where it has none."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def find_wheels(places: list[Path], wanted: list) -> list[Path]:
    """Attached wheels, the newest of a package, of those that are `wanted` or not here at all: none that hides what is installed."""
    from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

    names, newest = {canonicalize_name(need.name) for need in wanted}, {}
    for file in (file for place in places for file in sorted(place.glob("*.whl"))):
        try:
            name, version, *_ = parse_wheel_filename(file.name)
        except InvalidWheelFilename:
            continue
        if (name in names or not installed(name)) and (name not in newest or version > newest[name][0]):
            newest[name] = version, file
    return [file for _, file in newest.values()]


def how_to_attach(weights: list[str], packages: list) -> list[str]:
    """Lines for a person: what to put into a dataset, and the commands that get it where there is a network."""
    lines = []
    for name in weights:
        bare, called = spellings(name)
        hub = f"{bare} --local-dir weights/{called[0]}" if name.removeprefix("timm:").partition(":")[0] in SIDES else \
            f"timm/{bare} model.safetensors --local-dir weights/{bare}"
        lines.append(f"weights {bare}: a dataset with {' or '.join(called)}; hf download {hub}")
    if packages:
        names = " ".join(f"'{need}'" for need in packages)
        version = ".".join(platform.python_version_tuple()[:2])
        lines.append(f"packages {', '.join(map(str, packages))}: a dataset with their wheels; pip download --only-binary=:all: "
                     f"--python-version {version} --platform manylinux_2_28_x86_64 --platform manylinux2014_x86_64 --dest wheels {names}")
    return lines
