"""A frozen network's features of every good picture, once: a pretrained encoder's, or the trunk of a trained net's.

Reads   working/<category>/images.csv and the cache; model/net_<fold>.safetensors for --source net_<fold>
Writes  working/<category>/features/<source>.npy float16: (n, views, d) pooled, of a net the map (n, views, d, h, w);
        <source>.names.npy: the n pictures
Run     python scripts/03_extract_features.py c2 --source net_0
"""
import time

import numpy as np

from common import errors
from common.augment import augmenter
from common.cli import start
from common.device import autocast, deadline, device, precision, stop_in_time
from common.features import Growing, names_file
from common.images import Cache, batches
from common.io import log, progress, replacing
from common.paths import plain


def frozen(job, source: str):
    """function (pictures (b, 3, s, s)) → features, the module it belongs to, its input size, the weights for the record."""
    from common.models import load_model, split_member
    from common.networks import create_backbone, stage_means
    from common.rows import load_rows

    config = job.config
    if source.startswith("net_"):
        net = load_model("net").load(job, split_member(source)[1], load_rows(job))
        return net.trunk, net, net.backbone, config.net.size or config.images.size, {}
    name = next((e for e in config.features.encoders if plain(e) == plain(source)), None)
    if name is None:
        raise errors.Stop(f"no source {source!r}; there are: net_<fold>, {', '.join(config.features.encoders)} (features.encoders)")
    size = config.features.size or config.images.size
    encoder, weights = create_backbone(name, config.features.pretrained, config.run.weights, size)
    network = (lambda x: stage_means(encoder, x)) if config.features.stages else encoder
    return network, encoder, encoder, size, weights


def view(pictures: np.ndarray, v: int, change, first: int) -> np.ndarray:
    """View v of pictures (b, s, s, 3): 0 as they are, 1 mirrored, 2 and up augmented by their place in the table."""
    if v == 0:
        return pictures
    return pictures[:, :, ::-1] if v == 1 else np.stack([change(p, v, first + i) for i, p in enumerate(pictures)])


def extract(job, source: str, cache: Cache, good: np.ndarray, where, key: str) -> tuple[Growing, dict]:
    """All features of the pictures at `good` (n,), going on where an earlier run stopped."""
    import torch

    from common.networks import normalised

    config, settings = job.config, job.config.features
    network, module, backbone, size, weights = frozen(job, source)
    module.eval().to(where, memory_format=torch.channels_last)
    change = augmenter(settings.augment if settings.views > 2 else "none", config.images.size, (config.data.seed,))
    out, step = None, config.run.infer_batch
    with torch.inference_mode(), autocast(where, precision(config.run, where)):
        shape = network(normalised(cache.read(good[0])[None], backbone, where, size)).shape[1:]
        out = Growing(job.paths.features(source), (len(good), settings.views, *shape), key)
        groups = [good[i:i + step] for i in range(out.done, len(good), step)]
        bar = progress(what=source, total=len(good), done=out.done, unit="img")
        for pictures in batches(cache, groups, config.run.workers):
            views = [network(normalised(np.ascontiguousarray(view(pictures, v, change, out.done)), backbone, where, size))
                     for v in range(settings.views)]
            out.add(torch.stack(views, 1).half().cpu().numpy())
            bar.update(len(pictures))
            if time.time() > deadline(config.run):
                out.save()
                stop_in_time(config.run)
    return out, weights


def main(argv=None):
    job = start(__doc__, argv, ("--source", {"required": True, "help": "net_<fold>, or one of features.encoders"}))
    target = job.paths.features(job.args.source)
    with job.writing(target) as (part, record):
        cache = Cache(job.paths.images, job.paths.cache)
        good = np.flatnonzero(cache.ok)
        with device(job.config.run) as where:
            out, record["weights"] = extract(job, job.args.source, cache, good, where, job.key(target))
        with replacing(names_file(target)) as names:
            np.save(names, cache.names[good])
        out.finish(part)
        record["shape"] = out.array.shape
    log(source=job.args.source, pictures=len(good), shape=out.array.shape)


if __name__ == "__main__":
    errors.run(main)
