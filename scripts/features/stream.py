"""Features of a frozen network, made batch by batch: a killed run goes on where it was."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from common.files import replacing
from common.log import log, progress
from common.stops import check_time_limit, deadline
from features.store import FeatureWriter, names_file
from networks.device import use_device


@dataclass(frozen=True)
class Stream:
    """names (n,): of pictures, or ids of rows; shape: of one name's features; stream(done) yields
    tensors (b, *shape) from the done-th name on; record: what the features' record says of how they
    were made."""

    names: np.ndarray
    shape: tuple[int, ...]
    stream: Callable
    record: dict = field(default_factory=dict)


def write_stream(job, stem: str, open_stream: Callable) -> None:
    """features/<stem>.npy and its names, going on where an earlier run stopped.

    open_stream(job, stem, where) gives the Stream, on the torch.device `where`.
    """
    target = job.paths.features(stem)
    with job.writing(target) as (part, record):
        with use_device(job.config.run) as device:
            source = open_stream(job, stem, device)
            out = FeatureWriter(target, (len(source.names), *source.shape), job.key(target))
            bar = progress(what=stem, total=len(source.names), done=out.done, unit="row")
            for block in source.stream(out.done):
                out.add(block.half().cpu().numpy())
                bar.update(len(block))
                if time.time() > deadline(job.config.run):
                    out.save()
                    check_time_limit(job.config.run)
        target.unlink(missing_ok=True)  # before its names become another file's
        with replacing(names_file(target)) as names:
            np.save(names, source.names.astype(str))  # no objects: they would be pickled
        out.finish(part)
        record |= source.record | {"shape": out.array.shape}
    log(source=stem, rows=len(source.names), shape=out.array.shape)
