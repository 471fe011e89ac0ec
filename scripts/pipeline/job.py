"""One command line for all scripts: `python scripts/04_train_fold.py c2 --member net_0
net.epochs=1`."""

import argparse
import hashlib
import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from common.errors import UserError
from common.files import read_record, writing
from common.log import log
from common.paths import Paths
from common.processes import world_size
from common.rows import Rows
from common.stops import note_file
from config import Config, load
from models import is_trained, load_model, pred_file, split_member, weights_of
from pipeline import graph
from pipeline.load import load_rows


@dataclass(frozen=True)
class Job:
    """What a script was asked: a category's config and paths, and the script's own options."""

    config: Config
    paths: Paths
    args: argparse.Namespace
    overrides: list[str] = field(default_factory=list)

    @cached_property
    def rows(self) -> Rows:
        """The rows of the category, read once."""
        return load_rows(self)

    @property
    def weights(self) -> list[str]:
        """Names of the pretrained weights that the category's models start from."""
        return weights_of(self.config.models, self.config)

    def member(self, target: str) -> tuple[str, int]:
        """--member as ("net", 0); target: the TARGET of the script that asks. Raises UserError when it is none
        of the category's, or another script writes such a file of it."""
        member, members = self.args.member, graph.members(self.config)
        name, k = split_member(member)
        load_model(name)  # a word for it where there is no such model
        if member not in members:
            raise UserError(
                f"{member} is not a member of {self.paths.category}; there are: "
                f"{', '.join(members)}"
            )
        file = pred_file(self.paths, member)
        if target.startswith("model/"):
            if not is_trained(name):
                command = graph.step_of(file, self.config, self.paths).shell
                raise UserError(f"nothing trains {member}; to predict run: {command}")
            file = self.paths.model(member)
        if target != graph.script_of(file, self.paths).TARGET:
            command = graph.step_of(file, self.config, self.paths).shell
            raise UserError(f"another script makes {file.name}; run: {command}")
        return name, k

    @contextmanager
    def writing(self, target: Path, **record):
        """Yield (part, record): a temporary path that becomes `target`, and its record, which the
        block may add to.

        Stops before any work when an input is missing or was made with settings that are no longer
        the config's.
        """
        step = graph.step_of(target, self.config, self.paths)
        self.check(step)
        full = {
            "settings": graph.values(self.config, step.settings),
            "inputs": graph.versions(step.needs),
        }
        before = read_record(target) or {}
        if before.get("evicted") and all(before[key] == value for key, value in full.items()):
            full["version"] = before[
                "version"
            ]  # the same file again: nothing that follows is stale
        full |= {"command": step.command, "overrides": self.overrides, **record}
        with writing(target, full) as part:
            yield part, full
        note_file(step.command).unlink(missing_ok=True)
        below = self.paths.dir in target.parents
        log(wrote=target.relative_to(self.paths.dir) if below else target)

    def key(self, target: Path, inputs: bool = True) -> str:
        """What `target` is made with, settings and inputs, as a hash: unfinished work under another
        key is not gone on with. Without inputs, for work that looks row by row whether they are the
        same, the data folder stands for them."""
        step = graph.step_of(target, self.config, self.paths)
        made_with = [
            graph.values(self.config, step.settings),
            graph.versions(step.needs) if inputs else self.config.data.folder,
        ]
        return hashlib.sha256(json.dumps(made_with).encode()).hexdigest()

    def check(self, step: graph.Step) -> None:
        """UserError with the command to run when a file that `step` reads is missing or stale."""
        inputs = graph.upstream(
            [need for need in step.needs if self.paths.dir in need.parents], self.config, self.paths
        )
        why = graph.stale(self.config, inputs, step)
        if why:
            first = next(iter(why))
            overrides = " ".join(self.overrides)
            raise UserError(
                f"{first} {why[first]}; run: {inputs[first].shell} {overrides}".rstrip()
            )


def start(
    doc: str, argv=None, *options: tuple[str, dict], joins: bool = False, shares: bool = False
) -> Job:
    """Parse what all scripts take, and the script's own options, each (name, argparse keywords);
    joins: a category that joins others has something for this script to do; shares: several
    processes of torchrun can do it together."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("category", help="a file of configs/, e.g. c2")
    parser.add_argument(
        "overrides", nargs="*", metavar="section.key=value", help="settings for this run"
    )
    for name, keywords in options:
        parser.add_argument(name, **keywords)
    args = parser.parse_intermixed_args(argv)
    if world_size() > 1 and not shares:
        raise UserError("this script runs in one process; start it with python, not torchrun")
    config = load(args.category, args.overrides)
    if config.concat and not joins:
        raise UserError(
            f"{args.category} joins {', '.join(config.concat)} and has no rows of its own; "
            f"run: make every COMPETITION={args.category}"
        )
    return Job(config, Paths(args.category), args, args.overrides)
