"""When memory ends: smaller batches from where it was, and an end where one row is too much."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from common.errors import UserError
from common.sections import Run
from models.mlp import Settings
from networks.learner import Learner
from networks.memory import batches_that_fit, is_out_of_memory
from tasks import price


def doubled(fits: int, sizes: list[int], error=torch.OutOfMemoryError):
    """batches(done, size) of the numbers 0 to 9, twice each, where `fits` rows fit in memory."""

    def batches(done: int, size: int):
        for start in range(done, 10, size):
            rows = torch.arange(start, min(start + size, 10))
            sizes.append(len(rows))
            # only the later ones are too large
            if len(rows) > fits and start >= 4:
                raise error("out of memory")
            yield 2 * rows

    return batches


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError, lambda text: RuntimeError(f"CUDA error: ALLOC_FAILED, {text}")],
)
def test_memory_that_ends_halves_the_batch_and_goes_on_where_it_was(error):
    sizes = []
    batches = list(batches_that_fit(doubled(2, sizes, error), 0, 4))
    assert torch.cat(batches).tolist() == list(range(0, 20, 2))
    assert sizes == [4, 4, 2, 2, 2]


def test_one_row_that_does_not_fit_is_an_error_that_says_what_to_do():
    with pytest.raises(UserError, match=r"one row at a time; take .*images.size"):
        list(batches_that_fit(doubled(0, []), 0, 4))


def test_other_errors_pass():
    with pytest.raises(ValueError):
        list(batches_that_fit(doubled(2, [], ValueError), 0, 4))
    assert not is_out_of_memory(RuntimeError("broken"))
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory"))


class Narrow(Learner):
    """A network on a card on which three rows fit."""

    predict_batch = 8

    def __init__(self):
        rows = SimpleNamespace(sizes=[1], task=price, target=np.zeros((20, 1)), outputs={})
        net = torch.nn.Linear(1, 1)
        super().__init__(net, Settings(), rows, Run(amp="fp32"), torch.device("cpu"))
        self.groups = []

    def read(self, groups):
        for group in groups:
            self.groups.append(len(group))
            yield [torch.as_tensor(group)[:, None].float()]

    def answer(self, net, data):
        if len(data[0]) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().answer(net, data)


def test_predictions_of_a_small_card_are_those_of_a_large_one():
    learner = Narrow()
    idx = np.arange(20)[::-1].copy()
    pred = learner.predict(learner.net, idx)
    with torch.inference_mode():
        expected = learner.net(torch.as_tensor(idx)[:, None].float())
    assert np.array_equal(pred, expected.numpy())
    assert learner.groups == [8, 4, *[2] * 10]
