"""When the memory of the GPU, or of this machine, is not enough: go on with smaller batches."""

import gc
from collections.abc import Callable, Iterator

from common.errors import UserError
from common.log import log

# what torch says in a plain RuntimeError
MESSAGES = ("not enough memory", "can't allocate memory", "ALLOC_FAILED")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the error says that memory is not enough, of the GPU or of this machine."""
    import torch

    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True

    is_allocation = any(words in str(error) for words in MESSAGES)
    return isinstance(error, RuntimeError) and is_allocation


def free_memory() -> None:
    """Give back what torch keeps of memory that nobody uses.

    Call it outside the `except` block: the error holds the frames that it came through, and their
    tensors. What a cycle of references holds only gc can free.
    """
    import torch

    gc.collect()
    torch.cuda.empty_cache()


def batches_that_fit(batches: Callable, done: int, size: int) -> Iterator:
    """Yield the tensors (b, ...) of batches(done, size), which computes from row `done` on, `size`
    rows at a time. When memory is not enough it goes on behind the last one with half the size.

    Raises UserError when a single row is too large.
    """
    while True:
        try:
            for batch in batches(done, size):
                yield batch
                done += len(batch)

            return
        except Exception as error:
            if not is_out_of_memory(error):
                raise

            if size == 1:
                raise UserError(
                    "out of memory with one row at a time; take a smaller network, smaller images "
                    "(images.size) or shorter texts (max_length), or set run.device=cpu"
                ) from None

        size //= 2
        free_memory()
        log(out_of_memory="yes", batch=size)
