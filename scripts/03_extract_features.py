"""Features that are made once: a frozen network's of every picture or text, a trained net's maps, the words of every text.

Reads   working/<category>/folds.csv, images.csv and the cache, model/net_<fold>.safetensors: what the source needs of them
Writes  working/<category>/features/<source>.npy float16 and <source>.names.npy, the n pictures or ids it holds:
          net_<fold>           (n, views, d, h, w) maps of its trunk
          <timm encoder>       (n, views, d) pooled
          text:<encoder>, image:<encoder>, joint:<encoder>  (n, d) pooled or (n, tokens, d), of a transformers model
        features/words.npz: the texts' n-grams, sparse
        A killed run goes on where it was
Run     python scripts/03_extract_features.py c2 --source net_0
        python scripts/03_extract_features.py price_v2 --source text:google/embeddinggemma-300m
"""
import time

import numpy as np

from common import errors
from common.cli import start
from common.device import deadline, device, stop_in_time
from common.features import Growing, names_file
from common.io import log, progress, replacing
from common.paths import plain
from common.sources import open_source


def write_dense(job, stem: str) -> None:
    """features/<stem>.npy and its names, going on where an earlier run stopped."""
    target = job.paths.features(stem)
    with job.writing(target) as (part, record):
        with device(job.config.run) as where:
            source = open_source(job, stem, where)
            out = Growing(target, (len(source.names), *source.shape), job.key(target))
            bar = progress(what=stem, total=len(source.names), done=out.done, unit="row")
            for block in source.stream(out.done):
                out.add(block.half().cpu().numpy())
                bar.update(len(block))
                if time.time() > deadline(job.config.run):
                    out.save()
                    stop_in_time(job.config.run)
        with replacing(names_file(target)) as names:
            np.save(names, source.names)
        out.finish(part)
        record |= source.record | {"shape": out.array.shape}
    log(source=stem, rows=len(source.names), shape=out.array.shape)


def write_words(job) -> None:
    """features/words.npz: the texts' n-grams."""
    from scipy import sparse

    from common.rows import load_rows
    from common.words import count_words

    with job.writing(job.paths.words) as (part, record):
        matrix = count_words(load_rows(job).text, job.config.words)
        sparse.save_npz(part, matrix)
    log(source="words", rows=matrix.shape[0], columns=matrix.shape[1], filled=matrix.nnz)


def main(argv=None):
    job = start(__doc__, argv, ("--source", {"required": True, "help": "as above; with words for the n-grams"}))
    stem = plain(job.args.source)
    return write_words(job) if stem == "words" else write_dense(job, stem)


if __name__ == "__main__":
    errors.run(main)
