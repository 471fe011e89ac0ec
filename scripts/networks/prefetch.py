"""Batches of images are on the GPU before they are asked for."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

END = object()  # of the batches


def prefetch(batches: Iterable[np.ndarray], device) -> Iterator:
    """Yield the arrays as tensors on the GPU. A thread reads the next one and copies it, through
    memory that the GPU can read by itself, while the GPU computes. On a CPU: the arrays themselves.
    """
    if device.type != "cuda":
        yield from batches
        return

    import torch

    stream = torch.cuda.Stream(device)
    iterator = iter(batches)

    def fetch():
        array = next(iterator, END)
        if array is END:
            return END, None

        # in the block this thread's GPU is the stream's; elsewhere it would be the first
        with torch.cuda.stream(stream):
            pinned = torch.from_numpy(np.ascontiguousarray(array)).pin_memory()
            tensor = pinned.to(device, non_blocking=True)
            return tensor, stream.record_event()

    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(fetch)
        while True:
            tensor, copied = pending.result()
            if tensor is END:
                return

            pending = pool.submit(fetch)
            current = torch.cuda.current_stream(device)
            current.wait_event(copied)
            tensor.record_stream(current)  # its memory is not reused before `current` is through
            yield tensor


def concatenate(*images):
    """Images (b, s, s, 3), arrays or tensors, one after the other."""
    if isinstance(images[0], np.ndarray):
        return np.concatenate(images)

    import torch

    return torch.cat(images)
