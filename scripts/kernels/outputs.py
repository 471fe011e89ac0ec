"""Outputs of kernels that were run before, attached to this one: what it has use for is copied into
its working folder."""

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError
from common.files import digest, replacing
from common.log import log
from common.paths import TEST, Paths
from kernels.kernel import Kernel
from pipeline import graph
from pipeline.sources import companions

# One of them is in every category's folder that was worked on.
SIGNS = ("folds.csv.json", "images.csv.json", "images/rows.growing")


def take_over(kernel: Kernel, config, paths: Paths, folders: list[Path]) -> None:
    """Copy what attached outputs of the kernel's category have and the working folder has not.

    folders: all that are attached. Raises UserError when two outputs are not of the same rows, or
    there is no space for the copies.
    """
    outputs = find_outputs(kernel["category"], folders)
    folds = versions("folds.csv", outputs)
    if len(folds) > 1:
        raise UserError(
            f"{' and '.join(map(str, folds))} hold other rows or folds: run one of them again "
            "with the other's data and settings"
        )

    image_tables = versions("images.csv", outputs)
    images_differ = len(image_tables) > 1
    if images_differ:
        log(
            note="images that one session had another had not: rows of a language model "
            "that they change are asked again",
            see=" and ".join(map(str, image_tables)),
        )

    with_images = not kernel["sessions"] or bool(kernel["remaining"]) or images_differ
    use = find_use(kernel, config, paths, with_images)
    copies = list_copies(outputs, paths, use)
    require_space(copies, paths.dir)

    for target, source in copies.items():
        with replacing(target) as tmp:
            shutil.copyfile(source, tmp)

    for output in outputs:
        n = sum(output.parent in source.parents for source in copies.values())
        log(took_over=output, files=n)


def find_outputs(category: str, folders: list[Path]) -> list[Path]:
    """The category's folders among those attached, first those with a table of images and their
    cache."""
    outputs = []
    for folder in folders:
        if folder.name != category:
            continue

        if any((folder / sign).exists() for sign in SIGNS):
            outputs.append(folder)

    def lacks_images(output: Path) -> tuple[bool, bool]:
        return not (output / "images.csv").exists(), not (output / "images").exists()

    return sorted(outputs, key=lacks_images)


def versions(name: str, outputs: list[Path]) -> list[Path]:
    """An output for each different content that the file `name` has in them."""
    by_hash = {}
    for output in outputs:
        file = output / name
        if file.exists():
            sha256 = digest(file)["sha256"]
            by_hash[sha256] = output

    return list(by_hash.values())


@dataclass(frozen=True)
class Use:
    """What a kernel has use for, by the names that files would have in its working folder."""

    everything: bool  # of the category's folder
    files: frozenset[Path]
    begun: tuple[str, ...]  # starts of names: what may have been begun of a file, a checkpoint
    with_images: bool  # the cache of images, and downloads

    def has(self, file: Path, paths: Paths) -> bool:
        if self.everything or file in self.files:
            return True

        if file.name.startswith(self.begun):
            return True

        caches = (paths.cache, paths.of(TEST).cache, paths.downloads)
        is_image = any(cache in file.parents for cache in caches)
        return is_image and self.with_images


def find_use(kernel: Kernel, config, paths: Paths, with_images: bool) -> Use:
    """A kernel that merges sessions has use for their targets and what these are made from, not for
    what they made beside; of the targets left to it, also for what was begun of them. One that
    answers has use for what was learnt. Any other has use for everything."""
    if kernel["learnt"]:
        learnt = {paths.dir / name for name in kernel["learnt"]}
        return Use(
            everything=False,
            files=with_companions(learnt, paths),
            begun=(),
            with_images=False,
        )

    if not kernel["sessions"]:
        return Use(everything=True, files=frozenset(), begun=(), with_images=with_images)

    def files_of(targets: list[str]) -> set[Path]:
        files = [paths.dir / target for target in targets]
        return set(graph.upstream(files, config, paths))

    test = paths.of(TEST)
    files = {paths.folds, paths.images, test.table, test.images}

    for targets in kernel["sessions"].values():
        files |= files_of(targets)

    remaining = files_of(kernel["remaining"])
    return Use(
        everything=False,
        files=with_companions(files, paths),
        begun=tuple(f"{file.stem}." for file in remaining),
        with_images=with_images,
    )


def with_companions(files: set[Path], paths: Paths) -> frozenset[Path]:
    """The files and what belongs to each."""
    everything = set(files)
    for file in files:
        everything.update(companions(file, paths))

    return frozenset(everything)


def list_copies(outputs: list[Path], paths: Paths, use: Use) -> dict[Path, Path]:
    """{file in the working folder: the attached file that it is copied from} of what there is use
    for and not there yet.

    A file and its record come from one output, the first that has either, and so do the table of
    images and their cache. A cache that is here already is left alone.
    """
    copies: dict[Path, Path] = {}
    output_of: dict[Path, Path] = {}
    caches = [paths.cache, paths.of(TEST).cache]
    existing_caches = [cache for cache in caches if cache.exists()]

    for output in outputs:
        for source, target in attached_files(output, paths, use.with_images):
            if target.exists() or not use.has(target, paths):
                continue

            if any(cache in target.parents for cache in existing_caches):
                continue

            together = copied_with(target, paths)
            first = output_of.setdefault(together, output)
            if first == output:
                copies[target] = source

    return copies


def attached_files(output: Path, paths: Paths, with_images: bool) -> Iterator[tuple[Path, Path]]:
    """(attached file, where it belongs in the working folder) of an output, but hidden files."""
    folder_of = {output: paths.dir}
    if with_images:
        downloads = output.parent / "downloads"
        folder_of[downloads] = paths.downloads

    for top, folder in folder_of.items():
        for source in sorted(top.rglob("*")):
            name = source.relative_to(top)
            is_hidden = any(part.startswith(".") for part in name.parts)
            if source.is_file() and not is_hidden:
                yield source, folder / name


def copied_with(target: Path, paths: Paths) -> Path:
    """What stands for all files that must come from the same output as `target`."""
    for own in (paths, paths.of(TEST)):
        image_table = (own.images, *companions(own.images, own))
        if target in image_table or own.cache in target.parents:
            return own.cache

    # a record is called like its file, with .json at the end; and see features.store.names_file
    name = target.name.removesuffix(".json").replace(".names.npy", ".npy")
    return target.with_name(name)


def require_space(copies: dict[Path, Path], to: Path) -> None:
    """Raises UserError when the disk of the folder `to` has less space than the copies take."""
    sizes: Counter = Counter()
    for source in copies.values():
        sizes[source.parent] += source.stat().st_size

    existing = next(folder for folder in (to, *to.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    if sizes.total() > free:
        [(largest, size)] = sizes.most_common(1)
        raise UserError(
            f"{sizes.total() / 1e9:.2f} GB of attached outputs are to be taken over, and "
            f"{existing} has room for {free / 1e9:.2f} GB; nothing was copied. The most, "
            f"{size / 1e9:.2f} GB, is {largest}: attach fewer outputs, or a dataset of them "
            "without what is not needed"
        )
