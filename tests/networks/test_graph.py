"""What is recorded as a CUDA graph is the step of the trainer. The recording itself needs a GPU:
tests/gpu."""

import numpy as np
import pytest
import torch

from networks.graph import GraphedStep, loss_on_device
from networks.learner import copy_state
from networks.objectives import objective_of
from networks.training import Trainer
from synthetic import SyntheticFusion
from tasks import attributes

CPU = torch.device("cpu")
ROWS = 450


@pytest.fixture
def open_trainer(tmp_path):
    """open_trainer() gives a trainer of a small V2, always with the same weights."""

    def open_it() -> Trainer:
        learner = SyntheticFusion(CPU, tmp_path, ROWS, d=8, width=16, amp="fp32")
        trainer = Trainer(learner, 1, tmp_path / "x.pt", "key")
        trainer.resume(3)
        learner.net.train()
        return trainer

    return open_it


def test_the_recorded_computation_is_the_step(open_trainer):
    batches = np.random.default_rng(0).permutation(ROWS).reshape(3, 150)
    trainer = open_trainer()
    assert trainer.graphed is None  # on a CPU
    losses = []
    for number, data in enumerate(trainer.learner.load(list(batches), 0, 0)):
        losses.append(float(trainer.step(data, batches[number], number)))
    expected = copy_state(trainer.net)

    trainer = open_trainer()
    step = GraphedStep(trainer)
    recorded = []
    for number, batch in enumerate(batches):
        trainer.set_rates(number)
        step.fill(batch)
        torch.manual_seed(trainer.step_seed(number))
        with step.changeable_rates():
            trainer.optimizer.zero_grad(set_to_none=True)
            step.compute()
        recorded.append(float(step.loss))

    assert recorded == pytest.approx(losses, rel=1e-5)
    for name, tensor in copy_state(trainer.net).items():
        torch.testing.assert_close(tensor, expected[name], atol=1e-6, rtol=1e-4)
    group = trainer.optimizer.param_groups[0]
    assert isinstance(group["lr"], float)
    assert not group["capturable"]


def test_whole_batches_go_to_the_graph_and_its_failure_is_survived(open_trainer, monkeypatch):
    trainer = open_trainer()
    step = GraphedStep(trainer)
    whole, short = np.arange(150), np.arange(20)
    monkeypatch.setattr(step, "record", lambda: setattr(step, "graph", "recorded"))
    ready = [step.is_ready(batch) for batch in (whole, short, whole, whole, whole, short, whole)]
    assert ready == [False, False, False, False, True, False, True]

    step = GraphedStep(trainer)  # here there is no GPU to record on
    assert [step.is_ready(whole) for _ in range(6)] == [False] * 6
    assert step.failed


@pytest.mark.parametrize("labelled", [1.0, 0.6, 0.0])
def test_the_loss_on_the_device_is_the_objectives(labelled):
    from types import SimpleNamespace

    from models.net import Settings

    rng = np.random.default_rng(0)
    target = np.stack([rng.integers(0, 3, 40), rng.integers(0, 2, 40)], 1)
    target[rng.random((40, 2)) >= labelled] = -1
    outputs = {"x": ["a", "b", "c"], "y": ["a", "b"]}
    rows = SimpleNamespace(sizes=[3, 2], task=attributes, target=target, outputs=outputs)
    objective = objective_of(rows, Settings(), CPU, np.arange(40))
    batch = np.arange(5, 25)
    logits = torch.randn(20, 5)
    expected = objective.loss(logits, batch, batch)
    actual = loss_on_device(objective, logits, objective.target[batch])
    torch.testing.assert_close(actual, expected)
