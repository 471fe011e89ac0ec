"""Pretrained weights that a kernel has attached: where they lie, and one folder of links to all."""

import os
from pathlib import Path

from common.errors import UserError
from common.paths import folder, safe_name
from config import Config
from models import split_member, weights_of
from networks.weights import SIDES, TIMM, split_weights, weights_file

DEPTH = 5  # folders below input_path: notebooks/<owner>/<slug>/<category>/pred


def attached_folders(top: Path | None = None, depth: int = DEPTH) -> list[Path]:
    """The input folder and the folders in it, the nearest first; a competition's many files lie in
    few folders."""
    top = top or folder("input")
    if not top.is_dir():
        return []

    level = folders = [top]
    for _ in range(depth):
        below = []
        for parent in level:
            below += subfolders(parent)

        folders = folders + below
        level = below

    return folders


def subfolders(parent: Path) -> list[Path]:
    """The folders in a folder but hidden ones, sorted."""
    with os.scandir(parent) as entries:
        return sorted(
            Path(entry) for entry in entries if entry.is_dir() and not entry.name.startswith(".")
        )


def weights_of_members(config: Config, members, to_answer: bool = False) -> list[str]:
    """Names of the pretrained weights that the members' models start from; to_answer: that trained
    ones cannot answer without."""
    models = {split_member(member)[0] for member in members}
    return weights_of(models, config, to_answer)


def search_folders(config: Config) -> tuple[list[Path], str]:
    """The folders where weights are sought, run.weights or else all that are attached; and what to
    call them in a message."""
    if config.run.weights:
        top = Path(config.run.weights).expanduser()
        if not top.is_dir():
            return [], f"run.weights={top}, which is no folder"

        return [top], f"run.weights={top}"

    folders = attached_folders()
    n_below = max(len(folders) - 1, 0)
    return folders, f"{folder('input')} and the {n_below} folders in it"


def attached_names(name: str) -> list[str]:
    """What the weights `name` may be called in an attached folder: ["bert", "google--bert"] of
    "text:google/bert", a timm backbone's file."""
    side, bare = split_weights(name)
    last = bare.split("/")[-1]

    if side not in SIDES:
        return [f"{bare}.safetensors", f"{last}/model.safetensors"]

    full = safe_name(bare)
    return [last] if last == full else [last, full]


def find_attached(name: str, folders: list[Path]) -> Path | None:
    """The directory of a transformers model, or the file of a timm backbone, in the first of the
    folders that has it; None in none."""
    for top in folders:
        path = find_in(name, top)
        if path:
            return path

    return None


def find_in(name: str, top: Path) -> Path | None:
    """The same in one folder."""
    side, bare = split_weights(name)
    if side == TIMM:
        return weights_file(bare, str(top))

    for called in (bare, *attached_names(name)):
        model = top / called
        if model.is_dir() and any(model.glob("*.json")):
            return model

    return None


def link_weights(paths: dict[str, Path], to: Path) -> None:
    """One folder, as run.weights wants it, of symbolic links to weights that lie in several.

    paths: {name of weights: their folder or file}. Links have the names in full, as two
    repositories may end alike. Raises UserError when one folder was found for two of these.
    """
    names: dict[Path, str] = {}
    for name, path in paths.items():
        _, bare = split_weights(name)
        other = names.setdefault(path, bare)
        if other != bare:
            raise UserError(
                f"{path} was taken for {other} and for {bare}: attach each as a folder of its "
                f"full name, {safe_name(other)} and {safe_name(bare)}"
            )

        if bare.startswith(("/", ".", "~")):  # a path, which is found without a link
            continue

        link_name = safe_name(bare) if path.is_dir() else f"{bare}.safetensors"
        link = to / link_name
        if not link.is_symlink():  # else the model of texts is that of images, too
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path.absolute())


def how_to_attach(names: list[str]) -> list[str]:
    """Lines for a person: what to put into a dataset, and the commands that get it where there is a
    network."""
    lines = []
    for name in names:
        side, bare = split_weights(name)
        called = attached_names(name)

        if side in SIDES:
            source = f"{bare} --local-dir weights/{called[0]}"
        else:
            source = f"timm/{bare} model.safetensors --local-dir weights/{bare}"

        lines.append(f"weights {bare}: a dataset with {' or '.join(called)}; hf download {source}")

    return lines
