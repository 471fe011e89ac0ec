"""Features that are made once: embeddings of frozen networks, maps of a trained net, text on
images, n-grams, neighbours.

Reads   working/<category>/folds.csv, images.csv and the cache, model/net_<fold>.safetensors: what
        the source needs of them
Writes  working/<category>/features/<source>.npy float16 and <source>.names.npy, the n images or
        ids it holds:
          net_<fold>           (n, views, d, h, w) maps of its trunk
          <timm encoder>       (n, views, d) pooled
          text:<encoder>, image:<encoder>, joint:<encoder>
                               (n, d) pooled or (n, tokens, d), of a transformers model
          lightgbm_<fold>      (n, c) the columns that lightgbm_<fold> reads
        features/ocr.csv       lines of text on the images: image, line (-1: none), text, score,
                               corners, size of the image
        features/vocabulary.npz   n-grams and quantities of the training rows' texts, as learnt
        features/ngrams.npz    the texts' n-grams
        features/neighbors.npz each row's nearest training rows
        of rows to answer in working/<category>/answers/<rows>/features/
        A network's features and ocr go on where a killed run was
Run     python scripts/03_extract_features.py c2 --source net_0
        python scripts/03_extract_features.py price_v2 --source text:google/embeddinggemma-300m
        python scripts/03_extract_features.py c2 --source net_0 --rows test
"""

from common.errors import UserError
from common.paths import safe_name
from features.source import kind_of
from pipeline import graph
from pipeline.job import start
from pipeline.sources import all_sources, source_of
from pipeline.stops import run

TARGET = "features/*"
OPTION = "--source"


def needs(config, paths, stem):
    return source_of(stem).needs(config, paths, stem)


def settings(config, paths, stem):
    return source_of(stem).settings


def gpus(config, stem):
    return int(source_of(stem).network)


def require_source(job, stem: str) -> None:
    """Raises UserError where --source is a name that neither this category nor any other has."""
    steps = graph.steps(job.config, job.paths)
    names = sorted(file.stem for file in steps if file.parent.name == "features")
    if stem not in names and kind_of(stem) not in all_sources():
        raise UserError(
            f"no source {job.args.source!r}; those of {job.paths.category} are: "
            f"{', '.join(names) or 'none'}"
        )


def main(argv=None):
    help_ = "one of the above, e.g. ngrams, net_0, text:<encoder>"
    job = start(__doc__, argv, (OPTION, {"required": True, "help": help_}), answers="")
    stem = safe_name(job.args.source)
    require_source(job, stem)
    source_of(stem).write(job, stem)


if __name__ == "__main__":
    run(main)
