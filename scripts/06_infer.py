"""A member's predictions: the rows of its own fold, which it never saw, and every test row.

Reads   working/<category>/folds.csv and what the member's model reads
Writes  working/<category>/pred/<member>.npz: id (n,), pred (n, k) float32, bad (n,) true where there was no picture to see
        and the class frequencies of the other folds are the answer
Run     python scripts/06_infer.py c2 --member net_0
"""
import numpy as np

from common import errors
from common.cli import start
from common.device import stop_in_time
from common.io import log
from common.models import load_model
from common.rows import load_pictures, load_rows


def main(argv=None):
    job = start(__doc__, argv, ("--member", {"default": "net_0", "help": "<model>_<fold>, e.g. %(default)s"}))
    name, k = job.member()
    stop_in_time(job.config.run)
    with job.writing(job.paths.pred(job.args.member)) as (part, record):
        rows = load_rows(job)
        _, position = load_pictures(job, rows)
        wanted = rows.predicted(k)
        seen = position[wanted] >= 0
        pred = np.tile(rows.prior(k).astype(np.float32), (len(wanted), 1))
        pred[seen] = load_model(name).predict(job, k, rows, wanted[seen])
        own = rows.fold[wanted] == k
        record |= {"score": rows.score(pred[own], wanted[own]), "rows": len(wanted), "without_picture": int((~seen).sum())}
        np.savez(part, id=rows.id[wanted], pred=pred, bad=~seen)
    load_model(name).done(job, k)
    log(member=job.args.member, out_of_fold=record["score"], rows=len(wanted), answered_by_class_frequencies=int((~seen).sum()))


if __name__ == "__main__":
    errors.run(main)
