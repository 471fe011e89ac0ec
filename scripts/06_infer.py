"""A member's predictions: the rows of its own fold, which it never saw, and every test row; or a
language model's replies, a part.

Reads   working/<category>/folds.csv and what the member's model reads
Writes  working/<category>/pred/<member>.npz
            id (n,), pred (n, k), bad (n,) true where the model had no picture to see and what is
            commonest in the other folds is the answer
        working/<category>/pred/<member>.csv, of a language model
            id, reply, reason why there is none; row by row, so that a killed run goes on
Run     python scripts/06_infer.py c2 --member net_0
        python scripts/06_infer.py entity --member vlm_17
"""

import numpy as np

from common.log import log
from common.stops import run, stop_in_time
from images.cache import load_pictures
from llm.replies import write_replies
from models import inputs_of, is_trained, load_model, split_member
from pipeline.job import start

TARGET = "pred/*"
OPTION = "--member"


def needs(config, paths, member):
    files = [paths.folds, *inputs_of(member, config, paths)]
    return [*files, paths.model(member)] if is_trained(split_member(member)[0]) else files


def settings(config, member):
    return load_model(split_member(member)[0]).PREDICT_SETTINGS


def gpus(config, member):
    """None where a language model is behind an endpoint: it has no weights here."""
    model = load_model(split_member(member)[0])
    return int(model.NETWORK and (model.PER != "part" or bool(model.weights(config))))


def predict(job, model, k: int) -> dict[str, np.ndarray]:
    """id (m,), pred (m, K) and bad (m,) of the rows that member k predicts; where the model needs a
    picture and there is none, pred is the baseline's."""
    rows = job.rows
    wanted = rows.predicted(k)
    seen = np.ones(len(wanted), bool)
    if model.NEEDS_IMAGE:
        _, position = load_pictures(job, rows)
        seen = position[wanted] >= 0
    pred = np.tile(rows.prior(k), (len(wanted), 1))
    pred[seen] = model.predict(job, k, rows, wanted[seen])
    bad = model.unseen(job, rows)[wanted] if hasattr(model, "unseen") else ~seen
    return {"id": rows.id[wanted], "pred": pred, "bad": bad}


def main(argv=None):
    option = {"default": "net_0", "help": "<model>_<fold>, e.g. %(default)s"}
    job = start(__doc__, argv, (OPTION, option))
    name, k = job.member(TARGET)
    model = load_model(name)
    stop_in_time(job.config.run)
    if model.PER == "part":
        return write_replies(job, model, name, k)
    with job.writing(job.paths.pred(job.args.member)) as (part, record):
        table = predict(job, model, k)
        wanted = job.rows.predicted(k)
        own = job.rows.fold[wanted] == k
        record["score"] = job.rows.score(table["pred"][own], wanted[own])
        record |= {"rows": len(wanted), "without_picture": int(table["bad"].sum())}
        np.savez(part, **table)
    if hasattr(model, "done"):
        model.done(job, k)
    counts = {"rows": int(own.sum()), "test_rows": int((~own).sum())}
    if model.NEEDS_IMAGE or table["bad"].any():
        counts["without_picture"] = record["without_picture"]
    log(member=job.args.member, out_of_fold=record["score"], **counts)


if __name__ == "__main__":
    run(main)
