"""One command line for all scripts: `python scripts/04_train_fold.py c2 --member net_0
net.epochs=1`."""

import argparse
import hashlib
import json
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from common.errors import UserError
from common.files import read_record, writing
from common.log import log
from common.paths import Paths, input_folder
from common.processes import world_size
from common.rows import Rows
from config import Config, load
from models import is_trained, load_model, pred_file, split_member, weights_of
from pipeline import graph, staleness
from pipeline.code import code_of
from pipeline.load import load_rows
from pipeline.preflight import require_models
from pipeline.stops import note_file

ROWS_HELP = "rows to answer, e.g. test, those of data.test"


@dataclass(frozen=True)
class Job:
    """What a script was asked for: a category's config and paths, and the script's own options."""

    config: Config
    paths: Paths
    args: argparse.Namespace
    overrides: list[str] = field(default_factory=list)  # "section.key=value" of this run

    @cached_property
    def rows(self) -> Rows:
        """The training rows; with --rows those to answer after them. Read once."""
        return load_rows(self)

    @property
    def input_folder(self) -> Path:
        """The folder of the raw table that the rows are in, and of their images."""
        data = self.config.data
        return input_folder(data.folder, data.test if self.paths.rows else data.train)

    @property
    def weights(self) -> list[str]:
        """Names of the pretrained weights that the category's models start from."""
        return weights_of(self.config.models, self.config)

    def make_command(self, goal: str) -> str:
        """A goal of make for this category with this run's settings, as a person types it, e.g.
        `make retry CATEGORY=c2 SET="net.epochs=1"`."""
        settings = f' SET="{" ".join(self.overrides)}"' if self.overrides else ""
        return f"make {goal} CATEGORY={self.paths.category}{settings}"

    def member(self, target: str) -> tuple[str, int]:
        """--member as ("net", 0).

        target: the TARGET of the script. Raises UserError when the category has no such member, or
        another script writes its file.
        """
        member = self.args.member
        name, k = split_member(member)
        load_model(name)  # raises where there is no such model

        members = graph.members(self.config)
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
    def writing(self, target: Path, **extra):
        """Yield (tmp, record): a temporary path that becomes `target` when the block ends well, and
        its record, which the block may add to.

        extra: more for the record. Raises UserError, before any work, when a file that the step
        reads is missing or stale.
        """
        step = graph.step_of(target, self.config, self.paths)
        self.check(step)
        made_with = {
            "settings": staleness.values(self.config, step.settings),
            "inputs": staleness.versions(step.inputs),
        }
        record = dict(made_with)

        before = read_record(target) or {}
        if before.get("evicted") and all(before[key] == made_with[key] for key in made_with):
            # the same file once more: nothing that was made from it is stale
            record["version"] = before["version"]

        record |= {"command": step.command, "overrides": self.overrides, **extra}
        record["code"] = code_of(target)
        with writing(target, record) as tmp:
            yield tmp, record

        note_file(step.command).unlink(missing_ok=True)
        is_in_category = self.paths.dir in target.parents
        log(wrote=target.relative_to(self.paths.dir) if is_in_category else target)

    def key(self, target: Path, inputs: bool = True) -> str:
        """A hash of what `target` is made with: unfinished work under another key is not gone on
        with.

        inputs: whether the versions of the files that it reads count; if not, the data folder
        stands for them, and the work checks row by row what is still right.
        """
        step = graph.step_of(target, self.config, self.paths)
        settings = staleness.values(self.config, step.settings)
        sources = staleness.versions(step.inputs) if inputs else self.config.data.folder
        return hashlib.sha256(json.dumps([settings, sources]).encode()).hexdigest()

    def check(self, step: graph.Step) -> None:
        """Raises UserError, with the command to run first, when a file that `step` reads is missing
        or stale."""
        needs = [need for need in step.needs if graph.is_of_category(need, self.paths)]
        is_answering = bool(self.paths.rows)
        steps = graph.upstream(needs, self.config, self.paths, as_learnt=is_answering)

        reasons = staleness.stale(self.config, steps, step)
        if not reasons:
            return

        file = next(iter(reasons))  # the first in order: what others are made from
        command = " ".join([steps[file].shell, *self.overrides])
        raise UserError(f"{file} {reasons[file]}; run: {command}")


def check_name(rows: str) -> None:
    """Raises UserError where rows to answer cannot have this name: it becomes a folder."""
    if rows and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,60}", rows):
        raise UserError(
            f"rows to answer cannot be called {rows!r}: name them with letters, digits, _ and -"
        )


def start(
    doc: str,
    argv=None,
    *options: tuple[str, dict],
    joins: bool = False,
    shares: bool = False,
    models: bool = True,
    answers: str | None = None,
) -> Job:
    """Parse a script's command line: category, settings, and the script's own options.

    doc: the script's docstring, printed by --help. options: (name, argparse keywords) each.
    joins: the script has something to do for a category that is made of others.
    shares: several processes of torchrun can do it together.
    models: the config's models must be able to answer the task; False where none is asked.
    answers: its work can be done for rows to answer, which --rows names; where it is left out,
    this is its value: "" the training rows.
    """
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("category", help="a file of configs/, e.g. c2")
    parser.add_argument(
        "overrides", nargs="*", metavar="section.key=value", help="settings for this run"
    )

    for name, keywords in options:
        parser.add_argument(name, **keywords)

    parser.set_defaults(rows="")
    if answers is not None:
        parser.add_argument("--rows", default=answers, help=ROWS_HELP)

    args = parser.parse_intermixed_args(argv)
    if world_size() > 1 and not shares:
        raise UserError("this script runs in one process; start it with python, not torchrun")

    check_name(args.rows)
    config = load(args.category, args.overrides)
    if config.concat and not joins:
        raise UserError(
            f"{args.category} is made of {', '.join(config.concat)} and has no rows of its own; "
            f"run: make every COMPETITION={args.category}"
        )

    if models and not config.concat:
        require_models(config)

    return Job(config, Paths(args.category, args.rows), args, args.overrides)
