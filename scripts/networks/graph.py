"""A training step as one CUDA graph: a small network's step is some 250 kernels, and to start them
one by one takes ten times longer than to run them. A graph starts all of them at once.
"""

import numpy as np
import torch

from common.log import log

WARM_UP = 3  # steps made one kernel at a time before the graph is recorded: they set up libraries


class GraphedStep:
    """The step of a networks.training.Trainer whose learner has everything on the GPU.

    A graph repeats the same kernels on the same memory, so what differs from step to step lies in
    tensors that are filled before: row numbers, targets, learning rates. Dropout draws anew in each
    step, what an ordinary step of the same seed would draw.
    """

    def __init__(self, trainer):
        self.trainer = trainer
        self.graph = None
        self.steps = 0
        self.failed = False

        device = trainer.device
        batch = trainer.settings.batch
        target = trainer.learner.objective.target
        self.idx = torch.zeros(batch, dtype=torch.long, device=device)
        self.target = torch.zeros(batch, *target.shape[1:], dtype=target.dtype, device=device)
        self.rates = [torch.zeros((), device=device) for _ in trainer.optimizer.param_groups]
        self.loss = torch.zeros((), device=device)

    def is_ready(self, batch: np.ndarray) -> bool:
        """Whether the step of this batch can be made by the graph; it is recorded at the fourth
        whole batch."""
        if self.failed or len(batch) != len(self.idx):
            return False

        if self.graph is None:
            self.steps += 1
            if self.steps <= WARM_UP:
                return False

            self.record()

        return self.graph is not None

    def record(self) -> None:
        """Record the graph. Where that fails, steps are made one kernel at a time, as before."""
        try:
            torch.cuda.synchronize()
            with self.changeable_rates():
                self.trainer.optimizer.zero_grad(set_to_none=True)
                graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(graph):
                    self.compute()

            self.graph = graph
        except Exception as error:  # whatever it is, the steps go on without a graph
            self.failed = True
            log(no_cuda_graph=f"{type(error).__name__}: {str(error)[:200]}")

        self.trainer.optimizer.zero_grad(set_to_none=True)

    def run(self, batch: np.ndarray, seed: int) -> torch.Tensor:
        """Make the step of a batch of row numbers. Returns its loss, on the GPU."""
        self.fill(batch)
        torch.manual_seed(seed)
        self.graph.replay()
        return self.loss.double()

    def fill(self, batch: np.ndarray) -> None:
        """Put in place what this step differs in from the one before."""
        idx = torch.as_tensor(batch)
        copy_later(self.idx, idx)
        copy_later(self.target, self.trainer.learner.objective.target[idx])

        groups = self.trainer.optimizer.param_groups
        for rate, group in zip(self.rates, groups, strict=True):
            rate.fill_(group["lr"])

    def changeable_rates(self):
        """The optimizer inside the block reads the learning rates from self.rates."""
        return ChangeableRates(self.trainer.optimizer, self.rates)

    def compute(self) -> None:
        """What is recorded: the loss, its gradient, and the optimizer's step."""
        trainer = self.trainer
        learner = trainer.learner
        inputs = learner.inputs(self.idx, slice(None))
        output = trainer.forward(*inputs)

        loss = loss_on_device(learner.objective, output, self.target)
        loss.backward()
        self.loss.copy_(loss.detach())
        trainer.clip_gradients()
        trainer.optimizer.step()


class ChangeableRates:
    """A context: the learning rates of an optimizer are tensors, and its step can be recorded."""

    def __init__(self, optimizer, rates: list[torch.Tensor]):
        self.groups = optimizer.param_groups
        self.rates = rates

    def __enter__(self):
        self.before = [(group["lr"], group["capturable"]) for group in self.groups]
        for group, rate in zip(self.groups, self.rates, strict=True):
            group["lr"] = rate
            group["capturable"] = True

    def __exit__(self, *error):
        for group, (rate, capturable) in zip(self.groups, self.before, strict=True):
            group["lr"] = rate
            group["capturable"] = capturable


def loss_on_device(objective, output, target):
    """networks.objectives.Objective.loss of a whole batch, without asking the GPU how many cells
    are labelled: output (b, K), target (b, a)."""
    count = (target >= 0).sum(0)
    columns = output.split(objective.sizes, 1)
    losses = [objective.output_loss(a, columns[a], target[:, a]) for a in range(len(columns))]

    mean = torch.stack(losses) / count.clamp(min=1)
    return mean.sum() / (count > 0).sum().clamp(min=1)


def copy_later(tensor: torch.Tensor, values: torch.Tensor) -> None:
    """Copy values to a tensor on the GPU, without waiting for what the GPU still has to do."""
    if tensor.device.type == "cuda":
        values = values.pin_memory()

    tensor.copy_(values, non_blocking=True)
