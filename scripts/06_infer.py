"""A member's predictions: of the training rows those of its own fold, which it never saw, or all
rows to answer; or a language model's replies, a part.

Reads   working/<category>/folds.csv, answers/<rows>/rows.csv and what the member's model reads
Writes  working/<category>/pred/<member>.npz, or working/<category>/answers/<rows>/pred/<member>.npz
            id (m,), pred (m, K), missing_image (m,): True where the row has no usable image; its
            prediction is the baseline
        working/<category>/pred/<member>.csv, of a language model
            id, reply, reason why there is none; row by row, so that a killed run goes on
Run     python scripts/06_infer.py c2 --member net_0
        python scripts/06_infer.py c2 --member net_0 --rows test
        python scripts/06_infer.py entity --member vlm_17
"""

import numpy as np

from common.log import log
from common.time_limit import check_time_limit
from images.cache import open_cache
from llm.replies import write_replies
from models import inputs_of, is_trained, load_model, split_member
from pipeline.job import start
from pipeline.stops import run

TARGET = "pred/*"
OPTION = "--member"


def needs(config, paths, member):
    files = [paths.folds, *inputs_of(member, config, paths)]
    if paths.rows:
        files.insert(1, paths.table)

    return [*files, paths.model(member)] if is_trained(split_member(member)[0]) else files


def settings(config, paths, member):
    return load_model(split_member(member)[0]).PREDICT_SETTINGS


def gpus(config, member):
    """1 for a network; 0 for a language model behind an endpoint, which has no weights here."""
    model = load_model(split_member(member)[0])
    return int(model.NETWORK and (model.PER != "part" or bool(model.weights(config))))


def predict(job, model, k: int) -> dict[str, np.ndarray]:
    """id (m,), pred (m, K) and missing_image (m,) of the rows that member k predicts.

    Where the model needs an image and the row has none, pred is the baseline.
    """
    rows = job.rows
    idx = rows.predicted(k)
    has_image = np.ones(len(idx), bool)

    if model.NEEDS_IMAGE:
        _, position = open_cache(job, rows)
        has_image = position[idx] >= 0

    pred = np.tile(rows.baseline(k), (len(idx), 1))
    pred[has_image] = model.predict(job, k, rows, idx[has_image])
    missing_image = ~has_image

    if hasattr(model, "missing_image"):
        missing_image = model.missing_image(job, rows)[idx]

    return {"id": rows.id[idx], "pred": pred, "missing_image": missing_image}


def main(argv=None):
    option = {"default": "net_0", "help": "<model>_<fold>, e.g. %(default)s"}
    job = start(__doc__, argv, (OPTION, option), answers="")
    name, k = job.member(TARGET)
    model = load_model(name)
    check_time_limit(job.config.run)

    if model.PER == "part":
        return write_replies(job, model, name, k)

    with job.writing(job.paths.pred(job.args.member)) as (tmp, record):
        table = predict(job, model, k)
        idx = job.rows.predicted(k)
        record["rows"] = len(idx)

        if not job.paths.rows:
            record["score"] = job.rows.score(table["pred"], idx)

        record["without_image"] = int(table["missing_image"].sum())
        np.savez(tmp, **table)

    if hasattr(model, "clean_up"):
        model.clean_up(job, k)

    counts = {"rows": len(idx)}
    if model.NEEDS_IMAGE or table["missing_image"].any():
        counts["without_image"] = record["without_image"]

    log(member=job.args.member, out_of_fold=record.get("score"), **counts)


if __name__ == "__main__":
    run(main)
