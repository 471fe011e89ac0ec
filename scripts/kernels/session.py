"""What a kernel of `make kernels` does: see that all is attached, take over what was made before,
make its files, say how to go on."""

import os
import shlex
import shutil
import site
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from common.errors import AGAIN, UserError
from common.files import digest, record_path, replacing
from common.log import log
from common.paths import Paths, input_folder
from common.stops import deadline, stops_since
from config import load
from kernels.attach import (
    attached,
    files_of,
    find_weights,
    find_wheels,
    how_to_attach,
    how_to_download,
    lacking,
    link_weights,
    requirements,
    weight_places,
    weights_of_members,
)
from pipeline import graph

BEGUN = (
    "folds.csv.json",
    "images.csv.json",
    "images/rows.growing",
)  # one of them is in every category's folder that was worked on


def work(kernel: dict, toolkit: Path) -> int:
    """Run a kernel and give its exit code: 0 also where the time is over, so that Kaggle keeps the
    output. UserError before any work when something is not attached.

    kernel: id, category, settings, internet (bool); targets, the files of a session, [] for all;
    and of one that merges sessions {id: targets} and left, the targets of none of them.
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
    jobs = len(list(Path("/dev").glob("nvidia[0-9]*"))) or 1  # one on each GPU: networks.device
    began = time.time()
    made = subprocess.run(
        [
            "make",
            f"-j{jobs}",
            "-C",
            toolkit,
            f"PYTHON={sys.executable}",
            f"CATEGORY={category}",
            f"SET={for_make(settings)}",
            *targets,
        ]
    )
    again = (
        f'add "{kernel["id"]}" to kernel_sources in its kernel-metadata.json and push it '
        "again: it goes on from its own output"
    )
    failed = [note for note in stops_since(category, began) if note["code"] != AGAIN]
    if made.returncode and (failed or time.time() <= deadline(config.run)):
        why = (
            f"{failed[0]['command']} failed: {failed[0]['message']}"
            if failed
            else "the lines above say why"
        )
        raise UserError(f"make ended with {made.returncode}: {why}. Then {again}")
    if made.returncode:
        log(kernel=kernel["id"], stopped=f"at the time limit, not done; {again}")
    else:
        log(
            kernel=kernel["id"],
            done=f"{len(kernel['targets'])} members" if kernel["targets"] else paths.submission,
        )
    return 0


def for_make(settings: list[str]) -> str:
    """What SET= is given so that make's shell hands on each setting as it is."""
    return " ".join(shlex.quote(setting).replace("$", "$$") for setting in settings)


def equip(
    config, paths, kernel: dict, files: set[Path], places: list[Path], toolkit: Path
) -> list[str]:
    """Install the attached wheels that are needed, find the weights; gives the setting that names
    their folder. UserError with the list of all that is missing."""
    # Without the internet nothing is written outside. With it the hub's files go where they always
    # go: they are better not in the working folder.
    if not kernel["internet"]:
        (toolkit / "home").mkdir()
        os.environ |= {
            "HF_HUB_OFFLINE": "1",
            "PYTHONUSERBASE": site.getuserbase(),
            **dict.fromkeys(("HOME", "TMPDIR"), str(toolkit / "home")),
        }
    needs, (seek, places) = requirements(config, files, paths), weight_places(config)
    wheels, unmet = find_wheels(places, lacks := lacking(needs))
    if wheels:
        install(
            ["--no-index", "--no-deps", "--target", str(toolkit / "packages"), *map(str, wheels)]
        )
        sys.path.append(str(toolkit / "packages"))
        os.environ["PYTHONPATH"] = os.pathsep.join(
            filter(None, (os.environ.get("PYTHONPATH"), str(toolkit / "packages")))
        )
    if unmet and kernel["internet"]:
        install(f"{need.name}{need.specifier}" for need in unmet)
        unmet = []
    missing = [need for need in unmet if need in lacks]
    names = weights_of_members(config, graph.members(config))  # 01 asks for those of all members
    must = (
        weights_of_members(config, [Path(target).stem for target in kernel["left"]])
        if kernel["sessions"]
        else names
    )
    found = {name: place for name in names if (place := find_weights(name, seek))}
    for name in names:
        log(weights=name, at=found.get(name, "nowhere"))
    for wheel in wheels:
        log(wheel=wheel)
    if further := [str(need) for need in unmet if need not in lacks]:
        log(note="these wheels name packages that are not here either", packages=", ".join(further))
    absent = [name for name in must if name not in found]
    hub = kernel["internet"] and not config.run.weights
    if missing or absent and not hub:
        raise UserError(
            "\n  ".join(
                [
                    f"not attached, nothing was begun; weights were looked for in {places}:",
                    *how_to_attach(absent),
                    *how_to_download(missing),
                ]
            )
        )
    if config.run.weights or absent or not found:
        return []
    link_weights(found, toolkit / "weights")
    return [f"run.weights={toolkit / 'weights'}"]


def install(what) -> None:
    """pip install; Raises UserError when it fails."""
    if subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-cache-dir",
            *what,
        ]
    ).returncode:
        raise UserError(
            "pip could not install: its lines above say why; attach wheels for this "
            "Python, or remove those that are not"
        )


def take_over(kernel: dict, config, paths, places: list[Path]) -> None:
    """Copy what attached outputs of this category have and the working folder has not. Raises UserError when
    they are not of the same rows."""
    outputs = sorted(
        (
            place
            for place in places
            if place.name == kernel["category"] and any((place / sign).exists() for sign in BEGUN)
        ),
        key=lambda place: (not (place / "images.csv").exists(), not (place / "images").exists()),
    )
    tables = {
        name: {
            digest(place / name)["sha256"]: place for place in outputs if (place / name).exists()
        }
        for name in ("folds.csv", "images.csv")
    }
    if len(tables["folds.csv"]) > 1:
        raise UserError(
            f"{' and '.join(map(str, tables['folds.csv'].values()))} hold other rows or "
            "folds: run one of them again with the "
            "other's data and settings"
        )
    if differ := len(tables["images.csv"]) > 1:
        log(
            note="pictures that one session had another had not: rows of a language model "
            "that they change are asked again",
            see=" and ".join(map(str, tables["images.csv"].values())),
        )
    pictures = bool(not kernel["sessions"] or kernel["left"] or differ)
    copies = to_copy(outputs, paths, wanted(kernel, config, paths, pictures), pictures)
    check_room(copies, paths)
    for target, source in copies.items():
        with replacing(target) as part:
            shutil.copyfile(source, part)
    for place in outputs:
        log(
            took_over=place, files=sum(place.parent in source.parents for source in copies.values())
        )


def wanted(kernel: dict, config, paths, pictures: bool):
    """A function that says of a file of an attached output, by the name that it would have here,
    whether this kernel has use for it. One that merges sessions has none for what they made beside
    their targets; for the members left to it, also for what was begun of them.
    """
    if not kernel["sessions"]:
        return lambda file: True

    def of(targets):
        return set(graph.upstream([paths.dir / target for target in targets], config, paths))

    whole = of(target for targets in kernel["sessions"].values() for target in targets) | {
        paths.folds,
        paths.images,
    }
    whole |= set(map(record_path, whole))
    begun = tuple(f"{file.stem}." for file in of(kernel["left"]))
    return lambda file: (
        file in whole
        or file.name.startswith(begun)
        or pictures
        and not {paths.cache, paths.downloads}.isdisjoint(file.parents)
    )


def to_copy(outputs: list[Path], paths, use, pictures: bool) -> dict[Path, Path]:
    """{file: where it is copied from} of what the working folder has not and there is `use` for,
    with the downloads where `pictures`. A file and its record come from one output, the first that
    has either, and so do the table of pictures and their cache; a cache that is here already is
    left alone."""
    copies, whose, cached = {}, {}, paths.cache.exists()
    together = {paths.images: paths.cache, record_path(paths.images): paths.cache}
    for place in outputs:
        for top, to in ((place, paths.dir), (place.parent / "downloads", paths.downloads))[
            : 1 + pictures
        ]:
            for source in sorted(top.rglob("*")):
                name = source.relative_to(top)
                target, hidden = to / name, any(part.startswith(".") for part in name.parts)
                of_cache = paths.cache in target.parents
                if (
                    hidden
                    or not use(target)
                    or not source.is_file()
                    or target.exists()
                    or of_cache
                    and cached
                ):
                    continue
                one = (
                    paths.cache
                    if of_cache
                    else together.get(target) or target.with_name(target.name.removesuffix(".json"))
                )
                if whose.setdefault(one, place) == place:
                    copies[target] = source
    return copies


def check_room(copies: dict[Path, Path], paths) -> None:
    """Raises UserError when there is less space than the copies take."""
    sizes: Counter = Counter()
    for _target, source in copies.items():
        sizes[source.parent] += source.stat().st_size
    place = next(place for place in (paths.dir, *paths.dir.parents) if place.exists())
    if (need := sizes.total()) > (free := shutil.disk_usage(place).free):
        largest, size = sizes.most_common(1)[0]
        raise UserError(
            f"{need / 1e9:.2f} GB of attached outputs are to be taken over, and {place} "
            f"has room for {free / 1e9:.2f} GB; nothing was "
            f"copied. The most, {size / 1e9:.2f} GB, is {largest}: attach fewer outputs, "
            "or a dataset of them without what is not needed"
        )


def check_sessions(kernel: dict, config, paths) -> None:
    """UserError naming the sessions whose files are missing, not whole, or made with other settings or
    pictures; a language model's replies to other pictures are let pass, as make asks again only
    where a row's own is another."""
    why, lines = graph.stale(config, graph.steps(config, paths)), []
    for session, targets in kernel["sessions"].items():
        files = graph.upstream([paths.dir / target for target in targets], config, paths)
        bad = [
            f"{file.relative_to(paths.dir)} {reason}"
            for file, reason in why.items()
            if file in files
            and not (
                reason.startswith(("comes after", "was made from other files"))
                and file.match("pred/*.csv")
            )
        ]
        if bad:
            lines.append(
                f"{session}: {bad[0]}{f' and {len(bad) - 1} more like it' if len(bad) > 1 else ''}"
            )
    if lines:
        raise UserError(
            "\n  ".join(["these sessions are to be run again, then attached here:", *lines])
        )
