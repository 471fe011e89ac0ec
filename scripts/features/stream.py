"""Features of a frozen network, computed batch by batch: a killed run goes on where it was."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from common.log import log, progress
from common.time_limit import check_time_limit, deadline
from features.store import remove_old_and_write_names
from features.writer import FeatureWriter
from networks.device import use_device
from networks.memory import batches_that_fit


@dataclass(frozen=True)
class Stream:
    """The features of a source, before they are computed."""

    names: np.ndarray  # (n,) of images, or ids of rows
    shape: tuple[int, ...]  # of one name's features
    # batches(done, size): tensors (size, *shape) from the done-th name on; the last may be shorter
    batches: Callable
    record: dict = field(default_factory=dict)  # how they are made


def write_stream(job, stem: str, open_stream: Callable) -> None:
    """Write features/<stem>.npy and its names, going on where an earlier run stopped.

    open_stream(job, stem, device) returns the Stream, on a torch.device.
    """
    run = job.config.run
    file = job.paths.features(stem)
    with job.writing(file) as (tmp, record):
        with use_device(run) as device:
            stream = open_stream(job, stem, device)
            n = len(stream.names)
            shape = (n, *stream.shape)

            key = job.key(file)
            writer = FeatureWriter(file, shape, key)
            write_batches(stream, writer, stem, run)

        remove_old_and_write_names(file, stream.names)
        writer.finish(tmp)
        record |= stream.record
        record["shape"] = shape

    log(source=stem, rows=n, shape=shape)


def write_batches(stream: Stream, writer: FeatureWriter, stem: str, run) -> None:
    """Compute what the writer does not have yet. Raises UserError at the time limit, with all that
    is computed saved."""
    total = len(stream.names)
    bar = progress(what=stem, total=total, done=writer.done, unit="row")
    end = deadline(run)

    for batch in batches_that_fit(stream.batches, writer.done, run.infer_batch):
        features = batch.half().cpu()
        writer.add(features.numpy())
        bar.update(len(batch))

        if time.time() > end:
            writer.save()
            check_time_limit(run)
