"""All attribute heads of a fold trained together on cached features of a frozen network, each
keeping its own best epoch.

Reads   working/<category>/folds.csv, features/<source>.npy (n, views, d) or (n, views, d, h, w)
Writes  working/<category>/model/<member>.safetensors, its record with history and each head's best
        epoch
Run     python scripts/05_train_attr_heads.py c2 --member heads_0
"""

from models import inputs_of, load_model, split_member
from pipeline.job import start
from pipeline.stops import run

TARGET = "model/heads_*.safetensors"
OPTION = "--member"


def needs(config, paths, member):
    return [paths.folds, *inputs_of(member, config, paths)]


def settings(config, paths, member):
    return load_model(split_member(member)[0]).FIT_SETTINGS


def gpus(config, member):
    return 1


def main(argv=None):
    member = ("--member", {"default": "heads_0", "help": "heads_<fold>, e.g. %(default)s"})
    job = start(__doc__, argv, member)
    name, k = job.member(TARGET)

    with job.writing(job.paths.model(job.args.member)) as (tmp, record):
        record |= load_model(name).fit(job, k, job.rows, tmp)

    job.paths.checkpoint(job.args.member).unlink(missing_ok=True)


if __name__ == "__main__":
    run(main)
