"""One member trained on the rows outside its fold.

Reads   working/<category>/folds.csv, and what its model reads: images.csv and the cache, features, weights from run.weights or the hub
Writes  working/<category>/model/<member>.safetensors, its record with what the model adds, e.g. history
        working/<category>/checkpoints/<member>.pt while it runs: a killed run goes on from there, exactly
Run     python scripts/04_train_fold.py c2 --member net_0 net.epochs=1
"""
from common import errors
from common.cli import start
from common.models import load_model
from common.rows import load_rows


def main(argv=None):
    job = start(__doc__, argv, ("--member", {"default": "net_0", "help": "<model>_<fold>, e.g. %(default)s"}))
    name, k = job.member("04_train_fold")
    with job.writing(job.paths.model(job.args.member)) as (part, record):
        record |= load_model(name).fit(job, k, load_rows(job), part)
    job.paths.checkpoint(job.args.member).unlink(missing_ok=True)


if __name__ == "__main__":
    errors.run(main)
