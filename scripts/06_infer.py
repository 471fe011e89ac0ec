"""A member's predictions: the rows of its own fold, which it never saw, and every test row; or a
language model's replies, a part.

Reads   working/<category>/folds.csv and what the member's model reads
Writes  working/<category>/pred/<member>.npz: id (n,), pred (n, k), bad (n,) true where the model
        had no picture to see and what is commonest in the other folds is the answer
        of a language model pred/<member>.csv: id, reply, reason why there is none; row by row, so
        that a killed run goes on
Run     python scripts/06_infer.py c2 --member net_0
        python scripts/06_infer.py entity --member vlm_17
"""

import numpy as np

from common.log import log
from common.stops import run, stop_in_time
from images.cache import load_pictures
from llm.replies import write_replies
from models import is_trained, load_model, split_member
from pipeline.job import start
from pipeline.load import load_rows

TARGET = "pred/*"
OPTION = "--member"


def needs(config, paths, member):
    model, k = split_member(member)
    files = [paths.folds, *load_model(model).inputs(config, paths, k)]
    return [*files, paths.model(member)] if is_trained(model) else files


def settings(config, member):
    return load_model(split_member(member)[0]).PREDICT_SETTINGS


def gpus(config, member):
    """None where a language model is behind an endpoint: it has no weights here."""
    model = load_model(split_member(member)[0])
    return int(model.NETWORK and (model.PER != "part" or bool(model.weights(config))))


def main(argv=None):
    job = start(
        __doc__,
        argv,
        ("--member", {"default": "net_0", "help": "<model>_<fold>, e.g. %(default)s"}),
    )
    name, k = job.member(TARGET)
    stop_in_time(job.config.run)
    if load_model(name).PER == "part":
        return write_replies(job, load_model(name), name, k, load_rows)
    with job.writing(job.paths.pred(job.args.member)) as (part, record):
        rows, model = load_rows(job), load_model(name)
        wanted = rows.predicted(k)
        seen = (
            load_pictures(job, rows)[1][wanted] >= 0
            if model.NEEDS_IMAGE
            else np.ones(len(wanted), bool)
        )
        pred = np.tile(rows.prior(k), (len(wanted), 1))
        pred[seen] = model.predict(job, k, rows, wanted[seen])
        bad = model.unseen(job, rows)[wanted] if hasattr(model, "unseen") else ~seen
        own = rows.fold[wanted] == k
        record |= {
            "score": rows.score(pred[own], wanted[own]),
            "rows": len(wanted),
            "without_picture": int(bad.sum()),
        }
        np.savez(part, id=rows.id[wanted], pred=pred, bad=bad)
    if hasattr(model, "done"):
        model.done(job, k)
    blind = {"without_picture": int(bad.sum())} if model.NEEDS_IMAGE or bad.any() else {}
    log(
        member=job.args.member,
        out_of_fold=record["score"],
        rows=int(own.sum()),
        test_rows=int((~own).sum()),
        **blind,
    )


if __name__ == "__main__":
    run(main)
