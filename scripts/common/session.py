"""What a kernel of `make kernels` does: see that all is attached, take over what was made before, make its files, say how to go on."""
import os
import shutil
import site
import subprocess
import sys
import time
from pathlib import Path

from common import graph
from common.device import deadline
from common.errors import Stop
from common.io import digest, log
from common.paths import Paths, input_folder
from common.preflight import (attached, closure, files_of, find_weights, find_wheels, how_to_attach, lacking, link_weights, requirements,
                              weight_places, weights_of)
from common.settings import load

BEGUN = ("folds.csv.json", "images.csv.json", "images/rows.growing")  # one of them is in every category's folder that was worked on


def work(kernel: dict, toolkit: Path) -> int:
    """Run a kernel and give its exit code: 0 also where the time is over, so that Kaggle keeps the output. Stop before any work when
    something is not attached.

    kernel: id, category, settings, internet (bool); targets, the files of a session, [] for all; and of one that merges sessions
    {id: targets} and left, the targets of none of them.
    """
    category, settings = kernel["category"], kernel["settings"]
    config, paths, places = load(category, settings), Paths(category), attached()
    files = files_of(kernel, config, paths)
    input_folder(config.data.folder, config.data.train)
    settings = settings + equip(config, paths, kernel, files, places, toolkit)
    take_over(kernel, config, paths, places)
    if kernel["sessions"]:
        check_sessions(kernel, config, paths)
    targets = [str((paths.dir / target).absolute()) for target in kernel["targets"]] or ["all"]
    jobs = len(list(Path("/dev").glob("nvidia[0-9]*"))) or 1  # one on each GPU: common.device
    made = subprocess.run(["make", f"-j{jobs}", "-C", toolkit, f"PYTHON={sys.executable}", f"CATEGORY={category}",
                           f"SET={' '.join(settings)}", *targets])
    again = f'add "{kernel["id"]}" to kernel_sources in its kernel-metadata.json and push it again: it goes on from its own output'
    if made.returncode and time.time() <= deadline(config.run):
        raise Stop(f"make ended with {made.returncode}: the lines above say why. Then {again}")
    if made.returncode:
        log(kernel=kernel["id"], stopped=f"at the time limit, not done; {again}")
    else:
        log(kernel=kernel["id"], done=f"{len(kernel['targets'])} members" if kernel["targets"] else paths.submission)
    return 0


def equip(config, paths, kernel: dict, files: set[Path], places: list[Path], toolkit: Path) -> list[str]:
    """Install attached wheels, find the weights; gives the setting that names their folder. Stop with the list of all that is missing."""
    if not kernel["internet"]:  # then nothing is written outside; with it, what the hub gives is better not in the working folder
        (toolkit / "home").mkdir()
        os.environ |= {"HF_HUB_OFFLINE": "1", "PYTHONUSERBASE": site.getuserbase(), **dict.fromkeys(("HOME", "TMPDIR"), str(toolkit / "home"))}
    needs, (seek, where) = requirements(config, files, paths), weight_places(config)
    if wheels := find_wheels(places, lacking(needs)):
        install(["--no-index", "--no-deps", "--target", str(toolkit / "packages"), *map(str, wheels)])
        sys.path.insert(0, str(toolkit / "packages"))
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(toolkit / "packages"), os.environ.get("PYTHONPATH"))))
    if (missing := lacking(needs)) and kernel["internet"]:
        install(map(str, missing))
        missing = lacking(needs)
    names = weights_of(config, graph.members(config))  # 01 asks for those of all members
    must = weights_of(config, [Path(target).stem for target in kernel["left"]]) if kernel["sessions"] else names
    found = {name: place for name in names if (place := find_weights(name, seek))}
    for name in names:
        log(weights=name, at=found.get(name, "nowhere"))
    for wheel in wheels:
        log(wheel=wheel)
    absent = [name for name in must if name not in found]
    hub = kernel["internet"] and not config.run.weights
    if missing or absent and not hub:
        raise Stop("\n  ".join([f"not attached, nothing was begun; weights were looked for in {where}:", *how_to_attach(absent, missing)]))
    if config.run.weights or absent or not found:
        return []
    link_weights(found, toolkit / "weights")
    return [f"run.weights={toolkit / 'weights'}"]


def install(what) -> None:
    """pip install; Stop when it fails."""
    if subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-cache-dir", *what]).returncode:
        raise Stop("pip could not install: its lines above say why; attach wheels for this Python, or remove those that are not")


def take_over(kernel: dict, config, paths, places: list[Path]) -> None:
    """Copy what attached outputs of this category have and the working folder has not. Stop when they are not of the same rows."""
    outputs = sorted((place for place in places if place.name == kernel["category"] and any((place / sign).exists() for sign in BEGUN)),
                     key=lambda place: not (place / "images.csv").exists())  # the pictures' table and their cache from one output
    tables = {name: {digest(place / name)["sha256"]: place for place in outputs if (place / name).exists()} for name in ("folds.csv", "images.csv")}
    if len(tables["folds.csv"]) > 1:
        raise Stop(f"{' and '.join(map(str, tables['folds.csv'].values()))} hold other rows or folds: run one of them again with the "
                   "other's data and settings")
    if differ := len(tables["images.csv"]) > 1:
        log(note="pictures that one session had another had not: rows of a language model that they change are asked again",
            see=" and ".join(map(str, tables["images.csv"].values())))
    pictures = not kernel["sessions"] or kernel["left"] or differ
    for place in outputs:
        copied = copy_absent(place, paths.dir, () if pictures else ("images",))
        copied += copy_absent(place.parent / "downloads", paths.downloads) if pictures else 0
        log(took_over=place, files=copied)


def copy_absent(source: Path, target: Path, without=()) -> int:
    """Copy the files of `source` that `target` has not, but for the folders `without`; gives their number. A picture cache that is there is
    left alone: its files belong together."""
    without, copied = {*without, *["images"] * (target / "images").exists()}, 0
    for file in sorted(source.rglob("*")) if source.is_dir() else ():
        name = file.relative_to(source)
        if file.is_file() and not file.name.startswith(".") and name.parts[0] not in without and not (target / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target / name)
            copied += 1
    return copied


def check_sessions(kernel: dict, config, paths) -> None:
    """Stop naming the sessions whose files are missing, not whole, or made with other settings or pictures; a language model's replies to
    other pictures are let pass, as make asks again only where a row's own is another."""
    why, lines = graph.stale(config, graph.steps(config, paths)), []
    for session, targets in kernel["sessions"].items():
        files = closure([paths.dir / target for target in targets], config, paths)
        bad = [f"{file.relative_to(paths.dir)} {reason}" for file, reason in why.items() if file in files and not (
            reason.startswith(("comes after", "was made from other files")) and file.match("pred/*.csv"))]
        if bad:
            lines.append(f"{session}: {bad[0]}{f' and {len(bad) - 1} more like it' if len(bad) > 1 else ''}")
    if lines:
        raise Stop("\n  ".join(["these sessions are to be run again, then attached here:", *lines]))
