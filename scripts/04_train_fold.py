"""One member trained on the rows outside its fold.

Reads   working/<category>/folds.csv, and what its model reads: images.csv and the cache, features,
        weights from run.weights or the hub
Writes  working/<category>/model/<member>.safetensors
            its record has what the model adds, e.g. history
        working/<category>/checkpoints/<member>.pt
            while it runs: a killed run goes on from there, exactly
Run     python scripts/04_train_fold.py c2 --member net_0 net.epochs=1
        python scripts/04_train_fold.py c2 --member net_0 run.processes=2
            net, clip and transformer: one member on two GPUs, by torchrun
        torchrun --nnodes 2 --nproc-per-node 4 ... scripts/04_train_fold.py c2 --member net_0
            on two machines with one working folder
"""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from common.errors import UserError
from common.processes import die_with_parent, is_first, world_size
from models import inputs_of, load_model, split_member
from networks.distributed import launch
from pipeline.job import start
from pipeline.stops import run, stops_since

TARGET = "model/*.safetensors"
OPTION = "--member"


def needs(config, paths, member):
    return [paths.folds, *inputs_of(member, config, paths)]


def settings(config, paths, member):
    return load_model(split_member(member)[0]).FIT_SETTINGS


def gpus(config, member):
    model = load_model(split_member(member)[0])
    return config.run.processes if model.DISTRIBUTED else int(model.NETWORK)


def by_torchrun(job, argv) -> None:
    """The same command in run.processes processes. Stop as the first of them did: torchrun makes 1
    of every exit code."""
    began = time.time()
    failed = launch(__file__, argv, job.config.run.processes)
    if not failed:
        return

    for note in stops_since(job.paths.category, began):
        if note["command"].endswith(f" {job.args.member}"):
            raise UserError(note["message"], note["code"])

    raise UserError(
        "one of its processes was killed, most often for want of memory; "
        "torchrun's lines above say which",
        137,
    )


def fit_without_writing(model, job, k: int) -> None:
    """One of several processes that is not the first: only what the first one writes counts."""
    with TemporaryDirectory() as scratch:
        model.fit(job, k, job.rows, Path(scratch) / "model.safetensors")


def main(argv=None):
    argv = sys.argv[1:] if argv is None else argv
    member = ("--member", {"default": "net_0", "help": "<model>_<fold>, e.g. %(default)s"})
    job = start(__doc__, argv, member, shares=True)
    name, k = job.member(TARGET)

    model = load_model(name)
    if model.DISTRIBUTED and world_size() == 1 and job.config.run.processes > 1:
        return by_torchrun(job, argv)

    if world_size() > 1 and not model.DISTRIBUTED:
        raise UserError(
            f"{job.args.member} trains in one process; run: python "
            f"scripts/04_train_fold.py {job.paths.category} --member {job.args.member}"
        )

    if world_size() > 1:
        die_with_parent()  # to torchrun: killed, it takes all with it

    if not is_first():
        return fit_without_writing(model, job, k)

    with job.writing(job.paths.model(job.args.member), processes=world_size()) as (tmp, record):
        record |= model.fit(job, k, job.rows, tmp)

    job.paths.checkpoint(job.args.member).unlink(missing_ok=True)


if __name__ == "__main__":
    run(main)
