"""What a kernel needs beside the data: attached wheels are installed, weights found; or all that is
missing is listed before any work."""

import os
import site
import sys
from pathlib import Path

from common.errors import UserError
from common.log import log
from kernels.kernel import Kernel, steps_to_make
from kernels.weights import (
    find_attached,
    how_to_attach,
    link_weights,
    search_folders,
    weights_of_members,
)
from kernels.wheels import (
    find_wheels,
    how_to_download,
    lacking,
    pip_install,
    requirements,
)
from pipeline import graph


def equip(kernel: Kernel, config, paths, folders: list[Path], toolkit: Path) -> list[str]:
    """Install the attached wheels that are needed and find the weights.

    folders: all that are attached. Returns the setting that names the folder of the weights, or [].
    Raises UserError with the list of all that is missing.
    """
    if not kernel["internet"]:
        stay_inside(toolkit)

    missing_packages = install_packages(kernel, config, paths, folders, toolkit)

    searched, description = search_folders(config)

    needed = needed_weights(kernel, config)
    if kernel["learnt"]:
        names = needed
    else:  # 01 asks for those of all members, whatever this kernel makes
        names = weights_of_members(config, graph.members(config))

    weights = {}
    for name in names:
        path = find_attached(name, searched)
        log(weights=name, at=path or "nowhere")

        if path:
            weights[name] = path

    absent = [name for name in needed if name not in weights]

    has_hub = kernel["internet"] and not config.run.weights
    if missing_packages or (absent and not has_hub):
        lines = [
            f"not attached, nothing was begun; weights were looked for in {description}:",
            *how_to_attach(absent),
            *how_to_download(missing_packages),
        ]

        raise UserError("\n  ".join(lines))

    if config.run.weights or absent or not weights:
        return []

    link_weights(weights, toolkit / "weights")
    return [f"run.weights={toolkit / 'weights'}"]


def stay_inside(toolkit: Path) -> None:
    """Let this process and its children write nothing outside, and ask no hub.

    Not called where there is internet: downloads of the hub then stay in its usual cache, outside
    the working folder.
    """
    home = toolkit / "home"
    home.mkdir()
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["PYTHONUSERBASE"] = site.getuserbase()  # HOME moves, packages of the user do not
    os.environ["HOME"] = str(home)
    os.environ["TMPDIR"] = str(home)


def install_packages(kernel: Kernel, config, paths, folders: list[Path], toolkit: Path) -> list:
    """Install the packages that this Python lacks: from wheels, the others from the internet where
    it is there. Returns the requirements that are still not met."""
    files = steps_to_make(kernel, config, paths)
    lacks = lacking(requirements(config, set(files), paths))

    wheels, unmet = find_wheels(folders, lacks)
    if wheels:
        install_wheels(wheels, str(toolkit / "packages"))

    if unmet and kernel["internet"]:
        pip_install(*(f"{need.name}{need.specifier}" for need in unmet))
        return []

    named_by_wheels = [str(need) for need in unmet if need not in lacks]
    if named_by_wheels:
        log(
            note="these wheels name packages that are not here either",
            packages=", ".join(named_by_wheels),
        )

    return [need for need in unmet if need in lacks]


def install_wheels(wheels: list[Path], to: str) -> None:
    """Install wheels into the folder `to`, where this process and its children find them."""
    for wheel in wheels:
        log(wheel=wheel)

    pip_install("--no-index", "--no-deps", "--target", to, *map(str, wheels))

    sys.path.append(to)
    before = os.environ.get("PYTHONPATH")
    python_path = [before, to] if before else [to]
    os.environ["PYTHONPATH"] = os.pathsep.join(python_path)


def needed_weights(kernel: Kernel, config) -> list[str]:
    """Names of the weights that the kernel cannot do without: one that merges sessions starts only
    the members that are left to it, one that answers starts none."""
    members = graph.members(config)
    if kernel["learnt"]:
        return weights_of_members(config, members, to_answer=True)

    if kernel["sessions"]:
        members = [Path(target).stem for target in kernel["remaining"]]

    return weights_of_members(config, members)
