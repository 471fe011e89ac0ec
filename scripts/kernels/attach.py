"""What a kernel without a network needs attached: pretrained weights, and wheels of packages that
its Python lacks; where both are sought."""

import os
import platform
import re
from importlib import metadata
from pathlib import Path

from common.errors import UserError
from common.paths import ROOT, Paths, folder, safe_name
from config import Config
from models import NAMES, load_model, split_member, weights_of
from networks.weights import SIDES, TIMM, split_weights, weights_file
from pipeline import graph

DEEP = 5  # folders below input_path: notebooks/<owner>/<slug>/<category>/pred
SPARE = (
    "simplejpeg",
    "pytest",
    "hypothesis",
    "ray",
)  # of requirements.txt: faster, for tests, for a cluster


def attached(top: Path | None = None, deep: int = DEEP) -> list[Path]:
    """The input folder and the folders in it, the nearest first; a competition's are many files in
    few folders."""
    found = [place for place in (top or folder("input"),) if place.is_dir()]
    for place in found:
        if len(place.relative_to(found[0]).parts) < deep:
            with os.scandir(place) as entries:
                found += sorted(
                    Path(entry)
                    for entry in entries
                    if entry.is_dir() and not entry.name.startswith(".")
                )
    return found


def files_of(kernel: dict, config: Config, paths: Paths) -> set[Path]:
    """The files that a kernel may have to make itself: see kernels.session.work."""
    own = [paths.dir / target for target in kernel["targets"] + kernel["left"]]
    some = own or kernel["sessions"]
    return set(graph.upstream(own if some else graph.finished(config, paths), config, paths))


def weights_of_members(config: Config, members) -> list[str]:
    """Names of the pretrained weights that the members' models start from."""
    return weights_of({split_member(member)[0] for member in members}, config)


def weight_places(config: Config) -> tuple[list[Path], str]:
    """The folders where weights are sought, run.weights or else all that are attached, and the same
    in words."""
    if config.run.weights:
        own = Path(config.run.weights).expanduser()
        return [
            own
        ] * own.is_dir(), f"run.weights={own}{'' if own.is_dir() else ', which is no folder'}"
    places = attached()
    return places, f"{folder('input')} and the {max(len(places) - 1, 0)} folders in it"


def spellings(name: str) -> tuple[str, list[str]]:
    """A weights name without its side or timm:, and what it may be called in an attached folder."""
    side, bare = split_weights(name)
    if side in SIDES:
        return bare, list(dict.fromkeys((bare.split("/")[-1], safe_name(bare))))
    return bare, [f"{bare}.safetensors", f"{bare.rpartition('/')[2]}/model.safetensors"]


def find_weights(name: str, places: list[Path]) -> Path | None:
    """The directory of a transformers model, or the file of a timm backbone, in the first of
    `places` that has it; None in none."""
    bare, called = spellings(name)
    if split_weights(name)[0] == TIMM:
        return next((file for place in places if (file := weights_file(bare, str(place)))), None)
    tried = (place / spelling for place in places for spelling in (bare, *called))
    return next((model for model in tried if model.is_dir() and any(model.glob("*.json"))), None)


def link_weights(found: dict[str, Path], to: Path) -> None:
    """One folder, as run.weights wants it, of weights that lie in several: symbolic links by the
    names in full, as two repositories may end alike. Raises UserError when one folder was found for two of
    these.
    """
    whose: dict[Path, str] = {}
    for name, place in found.items():
        bare, _ = spellings(name)
        if whose.setdefault(place, bare) != bare:
            raise UserError(
                f"{place} was taken for {whose[place]} and for {bare}: attach each as a "
                f"folder of its full name, {safe_name(whose[place])} "
                f"and {safe_name(bare)}"
            )
        link = to / (safe_name(bare) if place.is_dir() else f"{bare}.safetensors")
        if (
            not bare.startswith(("/", ".", "~")) and not link.is_symlink()
        ):  # a path is found by itself; the text's model may be the picture's
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(place.absolute())


def requirements(config: Config, files: set[Path], paths: Paths) -> list:
    """packaging's Requirement for each package of requirements.txt that making `files` takes."""
    from packaging.requirements import Requirement

    takes = dict.fromkeys(SPARE, False) | optional(config, files, paths)
    lines = re.findall(
        r"^(# )?([a-z][\w-]*(?:[<>=!~][^\s#]*)?) *(?:#.*)?$",
        (ROOT / "requirements.txt").read_text(),
        re.M,
    )
    return [
        need
        for off, need in ((off, Requirement(line)) for off, line in lines)
        if takes.get(need.name, not off)
    ]


def optional(config: Config, files: set[Path], paths: Paths) -> dict[str, bool]:
    """The packages that only some models take, and whether one does whose predictions are among
    `files`."""
    made = {
        split_member(file.stem)[0] for file in files if file.parent == paths.pred("net_0").parent
    }
    takes: dict[str, bool] = {}
    for model in NAMES:
        for package, taken in load_model(model).packages(config).items():
            takes[package] = takes.get(package, False) or (model in made and taken)
    return takes


def lacking(needs: list) -> list:
    """Those of the requirements that this Python does not meet."""
    return [
        need
        for need in needs
        if not (version := installed(need.name))
        or not need.specifier.contains(version, prereleases=True)
    ]


def installed(name: str) -> str | None:
    """The version of a package that this Python has; None where it has none."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def find_wheels(places: list[Path], wanted: list) -> tuple[list[Path], list]:
    """Attached wheels for the requirements that are `wanted` and for what these wheels name in turn
    and this Python has not; and the requirements of either kind that none meets."""
    from packaging.utils import canonicalize_name

    found, unmet, todo, there = {}, [], list(wanted), usable_wheels(places) if wanted else {}
    for need in todo:
        if (name := canonicalize_name(need.name)) in found:
            continue
        if file := next(
            (
                file
                for version, file in there.get(name, ())
                if need.specifier.contains(version, prereleases=True)
            ),
            None,
        ):
            found[name] = file
            todo += needed_by(file, need.extras)
        else:
            unmet.append(need)
    return list(found.values()), unmet


def usable_wheels(places: list[Path]) -> dict[str, list]:
    """(version, file) of the wheels that this Python can use, by package: the newest first, and of
    a version the one made for it most closely."""
    from packaging.tags import sys_tags
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    rank, found = {tag: -i for i, tag in enumerate(sys_tags())}, {}
    for file in (file for place in places for file in sorted(place.glob("*.whl"))):
        try:
            name, version, build, tags = parse_wheel_filename(file.name)
        except InvalidWheelFilename:
            continue
        if fitting := tags & rank.keys():
            found.setdefault(name, []).append((version, max(map(rank.get, fitting)), build, file))
    return {
        name: [
            (wheel[0], wheel[3])
            for wheel in sorted(wheels, key=lambda wheel: wheel[:3], reverse=True)
        ]
        for name, wheels in found.items()
    }


def needed_by(wheel: Path, extras) -> list:
    """What a wheel says that it needs, with these extras, of packages that this Python has in no
    version."""
    from packaging.requirements import Requirement

    needs = [
        Requirement(line)
        for inside in metadata.distributions(path=[str(wheel)])
        for line in inside.requires or ()
    ]

    def applies(marker):
        return not marker or any(marker.evaluate({"extra": extra}) for extra in {"", *extras})

    return [need for need in needs if applies(need.marker) and not installed(need.name)]


def how_to_attach(weights: list[str]) -> list[str]:
    """Lines for a person: what to put into a dataset, and the commands that get it where there is a
    network."""
    lines = []
    for name in weights:
        bare, called = spellings(name)
        hub = (
            f"{bare} --local-dir weights/{called[0]}"
            if split_weights(name)[0] in SIDES
            else f"timm/{bare} model.safetensors --local-dir weights/{bare}"
        )
        lines.append(f"weights {bare}: a dataset with {' or '.join(called)}; hf download {hub}")
    return lines


def how_to_download(packages: list) -> list[str]:
    """The same of packages for this Python, which is to be the one that lacks them."""
    if not packages:
        return []
    version = ".".join(platform.python_version_tuple()[:2])
    return [
        f"packages {', '.join(map(str, packages))}: a dataset with their wheels; pip "
        f"download --only-binary=:all: --python-version {version} "
        "--platform manylinux_2_28_x86_64 --platform manylinux2014_x86_64 --dest wheels "
        f"{' '.join(repr(str(need)) for need in packages)} "
        "(gets all that they stand on, too; what is here already may be left out, and is not used)"
    ]
