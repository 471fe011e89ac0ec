"""Packages that a kernel without a network takes and its Python lacks: the attached wheels that
have them. Which wheel fits, and of several which is best, is pip's to say.

What is missing is not pip's: its resolver stops at the first package that it cannot find, so the
others would not be listed, and takes an older wheel rather than one that names an absent package.
"""

import json
import platform
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlparse

from common.errors import UserError
from common.paths import ROOT, Paths
from config import Config
from models import NAMES, load_model, split_member

# Of requirements.txt: for speed, for tests, for a cluster.
NOT_NEEDED = ("simplejpeg", "pytest", "hypothesis", "ray")
# A line of requirements.txt, "# " before one that is off.
LINE = re.compile(r"^(# )?([a-z][\w-]*(?:[<>=!~][^\s#]*)?) *(?:#.*)?$", re.MULTILINE)
PIP = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]


def requirements(config: Config, files: set[Path], paths: Paths) -> list:
    """packaging's Requirement for each package of requirements.txt that making `files` takes."""
    from packaging.requirements import Requirement

    is_needed = dict.fromkeys(NOT_NEEDED, False)
    is_needed |= optional_packages(config, files, paths)

    text = (ROOT / "requirements.txt").read_text()
    needs = []
    for off, line in LINE.findall(text):
        need = Requirement(line)
        if is_needed.get(need.name, not off):
            needs.append(need)

    return needs


def optional_packages(config: Config, files: set[Path], paths: Paths) -> dict[str, bool]:
    """{package that only some models take: whether one does whose predictions are among files}."""
    models = set()
    for file in files:
        if file.parent.name == "pred":
            model, _ = split_member(file.stem)
            models.add(model)

    is_needed: dict[str, bool] = {}
    for model in NAMES:
        packages = load_model(model).packages(config)
        for package, takes_it in packages.items():
            is_needed.setdefault(package, False)
            if takes_it and model in models:
                is_needed[package] = True

    return is_needed


def lacking(needs: list) -> list:
    """Those of the requirements that this Python does not meet."""
    return [need for need in needs if not meets(installed(need.name), need)]


def meets(version: str | None, need) -> bool:
    """Whether a version, None where there is none, is one that the requirement takes."""
    return version is not None and need.specifier.contains(version, prereleases=True)


def installed(name: str) -> str | None:
    """The version of a package that this Python has; None where it has none."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def find_wheels(folders: list[Path], needs: list) -> tuple[list[Path], list]:
    """The wheels that meet the requirements, and those that these wheels need in turn and this
    Python has in no version; and the requirements, of either kind, that none meets."""
    from packaging.utils import canonicalize_name

    folders = [folder for folder in folders if any(folder.glob("*.whl"))]

    wheels: dict[str, Path] = {}  # by package
    unmet = []
    todo = list(needs)
    while todo:
        need = todo.pop(0)
        package = canonicalize_name(need.name)
        if package in wheels:
            continue

        choice = choose_wheel(need, folders)
        if choice is None:
            unmet.append(need)
            continue

        url = choice["download_info"]["url"]
        wheels[package] = Path(unquote(urlparse(url).path))
        todo += needed_by(choice["metadata"], need.extras)

    return list(wheels.values()), unmet


def choose_wheel(need, folders: list[Path]) -> dict | None:
    """The wheel that pip would install, as an entry of its report: download_info and metadata
    (https://pip.pypa.io/en/stable/reference/installation-report). None where no wheel fits."""
    if not folders:
        return None

    command = [
        *PIP,
        "--dry-run",
        "--report=-",
        "--isolated",  # from the user's pip.conf and PIP_* variables
        "--ignore-installed",
        "--no-deps",
        "--no-index",
        "--only-binary=:all:",  # nothing is built
        "--pre",
        *(f"--find-links={folder}" for folder in folders),
        f"{need.name}{need.specifier}",  # without the marker, which pip would look at
    ]

    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return None

    report = json.loads(done.stdout)
    return report["install"][0]


def needed_by(wheel: dict, extras) -> list:
    """The requirements of a wheel with these extras whose packages this Python has in no version.

    wheel: its metadata in pip's report.
    """
    from packaging.requirements import Requirement

    needs = []
    for line in wheel.get("requires_dist", []):
        need = Requirement(line)
        if applies(need.marker, extras) and not installed(need.name):
            needs.append(need)

    return needs


def applies(marker, extras) -> bool:
    """Whether a requirement's marker, None = none, is true here, with one of the extras or none."""
    if marker is None:
        return True

    return any(marker.evaluate({"extra": extra}) for extra in {"", *extras})


def pip_install(*arguments: str) -> None:
    """pip install. Raises UserError when it fails."""
    if subprocess.run([*PIP, "--no-cache-dir", *arguments]).returncode:
        raise UserError(
            "pip could not install: its lines above say why; attach wheels for this "
            "Python, or remove those that are not"
        )


def how_to_download(needs: list) -> list[str]:
    """A line for a person: the command that gets packages for this Python, which is to be the one
    that lacks them; [] of none."""
    if not needs:
        return []

    version = ".".join(platform.python_version_tuple()[:2])
    quoted = " ".join(repr(str(need)) for need in needs)
    return [
        f"packages {', '.join(map(str, needs))}: a dataset with their wheels; pip download "
        f"--only-binary=:all: --python-version {version} --platform manylinux_2_28_x86_64 "
        f"--platform manylinux2014_x86_64 --dest wheels {quoted} (gets all that they stand on, "
        "too; what is here already may be left out, and is not used)"
    ]
