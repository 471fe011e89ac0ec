"""A training loop that survives: exact resume after a kill at any moment, stop in time, memory
answered by smaller steps.

All randomness is a function of (seed, epoch, step), never of a generator's history: a run that goes
on from a checkpoint draws what the uninterrupted one would have drawn, and nothing about generators
needs saving.

Under torchrun (networks.distributed) every process takes its share of each batch, and all make the
same step. Batches, their order and their augmentations are those of one process, and so is the
gradient, to rounding; only what one process would draw per row while it computes, dropout, differs,
as it does between two seeds, and MMD and batch norms see the slice, as with micro-batches. The
first process keeps the checkpoint, so a run may go on with another number of processes.
"""

import math
import signal
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from common.errors import UserError
from common.log import log, progress
from common.processes import is_first, rank, world_size
from common.time_limit import deadline, time_is_up
from networks.checkpoint import TrainingState, load_checkpoint, save_checkpoint
from networks.compile import WHOLE_NETWORK, WhenToCompile
from networks.device import autocast, precision, use_device
from networks.distributed import (
    all_reduce_sum,
    broadcast_parameters,
    reduce_gradients,
    require_same,
    shard,
)
from networks.graph import GraphedStep
from networks.memory import free_memory
from networks.weights import load_strict, read_weights, save_weights

CHECK_EVERY = 20  # steps on a GPU between looks at the loss: to read it is to wait for the GPU


def fit_network(
    job, name: str, k: int, make_learner, train_idx: np.ndarray, val_idx: np.ndarray, file: Path
) -> dict:
    """Train member <name>_<k> on the row numbers train_idx, write the weights of its best epoch on
    val_idx to `file`, and return what its record adds.

    make_learner(device) returns a networks.learner.Learner; what is new in its network is drawn
    from the seed that is set here.
    """
    member, seed = f"{name}_{k}", job.config.data.seed
    with use_device(job.config.run) as device:
        torch.manual_seed(seed + k)
        learner = make_learner(device)
        log(member=member, train=len(train_idx), validation=len(val_idx), **learner.facts)

        trainer = Trainer(
            learner,
            seed=seed * 1000 + k,
            checkpoint=job.paths.checkpoint(member),
            key=job.key(job.paths.model(member)),
        )
        best, history = trainer.fit(train_idx, val_idx)
        save_weights(best, file)

    return {"history": history} | learner.record


def predict_network(job, name: str, k: int, make_learner, idx: np.ndarray) -> np.ndarray:
    """Predictions (m, K) of the trained member <name>_<k> for row numbers idx (m,)."""
    file = job.paths.model(f"{name}_{k}")
    with use_device(job.config.run) as device:
        learner = make_learner(device)
        learner.COMPILES_PREDICTIONS = True
        load_strict(learner.net, read_weights(file), file)
        return learner.predict(learner.net, idx)


class Trainer:
    """Trains a learner's network and keeps the weights of its best epoch.

    checkpoint: the file to save to and to go on from; key: what the run is made with.
    """

    def __init__(self, learner, seed: int, checkpoint: Path, key: str):
        from timm.utils import ModelEmaV3

        run, device = learner.run, learner.device
        self.learner, self.net, self.settings = learner, learner.net, learner.settings
        self.run, self.device, self.seed = run, device, seed
        self.checkpoint, self.key = checkpoint, key
        broadcast_parameters(self.net)

        self.micro = run.micro_batch or self.settings.batch
        is_whole = self.micro >= self.settings.batch
        can_graph = is_whole and world_size() == 1

        self.dtype = None
        # such a network waits for its kernels to start, and casts would be more of them
        use_graph = learner.on_device and can_graph
        if learner.MIXED_PRECISION and not use_graph:
            self.dtype = precision(run, device, training=True)

        self.forward = torch.compile(self.net) if run.compile == "on" else self.net
        self.optimizer = torch.optim.AdamW(learner.parameters(), fused=True)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.dtype == torch.float16)
        self.interrupts: list[int] = []  # signals that came while it trains
        # the scaler starts with what it scales, and a process's first share may be empty
        self.scaler.scale(torch.zeros((), device=device))

        self.ema = None
        if self.settings.ema:
            self.ema = ModelEmaV3(self.net, decay=self.settings.ema, use_warmup=True)

        # its first steps are made without it; None: all of them
        self.graphed = GraphedStep(self) if use_graph else None
        self.saved = time.time()

    @property
    def averaged(self):
        """The network to score and to keep."""
        return self.ema.module if self.ema else self.net

    def fit(self, train_idx: np.ndarray, val_idx: np.ndarray) -> tuple[dict, list[dict]]:
        """Train on row numbers train_idx (n,), go by the score on val_idx.

        Returns the best epoch's state dict, on the CPU ({} where this is not the first process of
        torchrun), and the history, an entry per epoch.
        """
        if self.settings.patience and not len(val_idx):
            raise UserError(
                "patience goes by the score on validation rows, and there are none: set "
                "data.validation, or no patience"
            )

        steps = math.ceil(len(train_idx) / self.settings.batch)
        state = self.resume(steps)
        require_same((self.key, str(self.dtype), state.epoch, state.step))

        is_untrained = state.epoch == 0 and state.step == 0
        if self.learner.SCORED_BEFORE and is_untrained:
            self.score(state, val_idx)

        steps_left = self.settings.epochs * steps - state.epoch * steps - state.step
        self.when_to_compile = self.compile_after(steps_left)

        with held_interrupts() as self.interrupts:
            while state.epoch < self.settings.epochs and not self.is_out_of_patience(state):
                started = time.time()
                self.train_epoch(state, train_idx, steps)
                self.end_epoch(state, val_idx, steps, started)

        return state.best, state.history

    def compile_after(self, steps: int) -> WhenToCompile:
        """When it pays to compile the network's training, where `steps` steps are left."""
        is_worth_it = self.learner.ONE_SHAPE and not self.graphed
        return WhenToCompile(self.run, self.device, steps, WHOLE_NETWORK, is_worth_it)

    def is_out_of_patience(self, state: TrainingState) -> bool:
        """Whether settings.patience epochs have brought no better score."""
        patience = self.settings.patience
        if not patience or state.epoch - state.best_epoch < patience:
            return False

        log(stopped=f"no better score in {patience} epochs", best_epoch=state.best_epoch)
        return True

    def train_epoch(self, state: TrainingState, train_idx: np.ndarray, steps: int) -> None:
        """Make the steps of an epoch that are not made yet."""
        batches = self.learner.batches(train_idx, self.seed, state.epoch)
        what = f"epoch {state.epoch + 1}/{self.settings.epochs}"
        self.net.train()

        with progress(what=what, total=steps, done=state.step) as bar:
            for data in self.learner.load(batches, state.epoch, state.step):
                if self.forward is self.net and self.when_to_compile.now():
                    self.forward = torch.compile(self.net)

                number = state.epoch * steps + state.step
                batch = batches[state.step]
                state.loss += self.step(data, batch, number)
                state.step += 1
                self.save_if_due(state)
                bar.update()

    def end_epoch(self, state: TrainingState, val_idx, steps: int, started: float) -> None:
        """Score the network, keep it where it is the best so far, and write the epoch down."""
        broadcast_parameters(self.net, self.averaged)
        self.require_finite(state.loss, state.epoch * steps + state.step)
        state.epoch += 1
        score = self.score(state, val_idx)
        entry = {
            "epoch": state.epoch,
            "loss": float(state.loss) / steps,
            "score": score,
            "lr": max(group["lr"] for group in self.optimizer.param_groups),
            "seconds": round(time.time() - started, 1),
        }
        state.history.append(entry)
        log(**entry | {"score": self.learner.shown(score)})

        state.step = 0
        state.loss = 0.0
        if self.is_save_due():
            self.save(state)

    def score(self, state: TrainingState, val_idx: np.ndarray):
        """The score of the network as it is, which is kept where it is the best so far."""
        score = self.learner.evaluate(self.averaged, val_idx)
        self.learner.keep_best(state, self.averaged, score)
        return score

    def step(self, data, batch: np.ndarray, number: int):
        """One optimizer step. Returns the batch's loss, a tensor (): on a GPU it is read only now
        and then, since whoever reads it waits for the GPU."""
        if self.graphed and self.graphed.is_ready(batch):
            self.set_rates(number)
            loss = self.graphed.run(batch, self.step_seed(number))
            self.check_now_and_then(loss, number)
        else:
            loss = all_reduce_sum(self.add_gradients(data, batch, number))
            reduce_gradients(self.net.parameters())
            self.check_now_and_then(loss, number)
            self.set_rates(number)
            self.update_weights(number)

        if self.ema:
            self.ema.update(self.net, step=number)

        return loss

    def check_now_and_then(self, loss, number: int) -> None:
        """Raises UserError when the loss of a step is no number: on a GPU, where all later ones are
        none either, within CHECK_EVERY steps."""
        if self.device.type != "cuda" or number % CHECK_EVERY == 0:
            self.require_finite(loss, number)

    def require_finite(self, loss, number: int) -> None:
        """Raises UserError when a loss, or a sum of them, is no number. With a scaler an overflow
        only skips the step."""
        if not math.isfinite(loss) and not self.scaler.is_enabled():
            raise UserError(
                f"the loss is {float(loss)} at step {number}; lower the learning rate, or set "
                "run.amp=fp32"
            )

    def set_rates(self, number: int) -> None:
        """Set the learning rates of a step, which is counted over all epochs."""
        self.scheduler.step_update(number + self.learner.STEP_OFFSET)

    def update_weights(self, number: int) -> None:
        """Clip the gradients and let the optimizer make its step."""
        self.scaler.unscale_(self.optimizer)
        self.clip_gradients()
        self.scaler.step(self.optimizer)
        self.scaler.update()

        if self.scaler.is_enabled() and self.scaler.get_scale() < 1e-3:
            raise UserError(
                f"every step overflows in fp16 (step {number}); lower the learning rate, "
                "or set run.amp=fp32"
            )

    def clip_gradients(self) -> None:
        """Shorten the gradient to a norm of settings.clip."""
        if self.settings.clip:
            torch.nn.utils.clip_grad_norm_(self.net.parameters(), self.settings.clip)

    def step_seed(self, number: int) -> int:
        """The seed of a step's dropout: no two processes drop out the same."""
        return self.seed * 1_000_003 + number + (rank() << 40)

    def add_gradients(self, data, batch: np.ndarray, number: int):
        """Compute the gradient of this process's share of a batch. Returns the share's loss.

        It is the same whatever the micro-batch, which is halved when memory runs out.
        """
        size = len(shard(batch))
        while True:
            try:
                self.optimizer.zero_grad(set_to_none=True)
                torch.manual_seed(self.step_seed(number))

                loss = 0.0
                for start in range(0, size, self.micro):
                    part = slice(start, start + self.micro)
                    loss = loss + self.backward(data, part, batch, number)

                return loss
            except torch.OutOfMemoryError:
                if self.micro == 1:
                    raise UserError(
                        "out of memory with one row at a time; take a smaller network, "
                        "smaller images (images.size) or shorter "
                        "texts (max_length)"
                    ) from None

                self.micro = min(self.micro, size) // 2 or 1

            free_memory()  # here the error, and what it held, is gone
            log(out_of_memory="yes", micro_batch=self.micro)

    def backward(self, data, part: slice, batch: np.ndarray, number: int):
        """Add the gradient of a micro-batch. Returns its loss, a tensor () of float64."""
        # an epoch's last batch is shorter: another shape, which is not worth compiling for
        is_whole = part.stop <= len(shard(batch))
        forward = self.forward if is_whole else self.net

        with autocast(self.device, self.dtype):
            loss = self.learner.loss(forward, data, part, batch, number)

        self.scaler.scale(loss.sum()).backward()
        return loss.detach().mean().double()

    def resume(self, steps: int) -> TrainingState:
        """Where the run stands: what the checkpoint says, or the start."""
        self.scheduler = schedule(self.optimizer, self.settings, steps)
        saved = load_checkpoint(self.checkpoint, self.key)
        if not saved:
            return TrainingState()

        self.net.load_state_dict(saved["net"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.scheduler.load_state_dict(saved["scheduler"])

        # another GPU may train in another precision
        if saved["scaler"] and self.scaler.is_enabled():
            self.scaler.load_state_dict(saved["scaler"])

        if self.ema:
            self.ema.module.load_state_dict(saved["ema"])

        state = TrainingState(**saved["at"])
        log(resumed=self.checkpoint.stem, epoch=state.epoch, step=state.step)
        return state

    def is_save_due(self) -> bool:
        """Whether the last checkpoint is run.save_every minutes old."""
        return time.time() - self.saved >= 60 * self.run.save_every

    def save_if_due(self, state: TrainingState) -> None:
        """Checkpoint every run.save_every minutes; at the time limit, and where Ctrl-C or SIGTERM
        came, checkpoint and stop."""
        is_late = all_reduce_sum(time.time() > deadline(self.run))
        is_interrupted = all_reduce_sum(len(self.interrupts) > 0)

        is_ending = is_late or is_interrupted
        if is_ending or self.is_save_due():
            self.save(state)

        if is_ending:
            # torchrun ends all as soon as one has gone: not before the first has saved
            all_reduce_sum(0)
            raise time_is_up(self.run) if is_late else KeyboardInterrupt

    def save(self, state: TrainingState) -> None:
        """Write the checkpoint, in the first process alone."""
        state.loss = float(state.loss)
        self.require_finite(state.loss, state.step)

        if is_first():
            save_checkpoint(
                self.checkpoint,
                key=self.key,
                at=vars(state),
                net=self.net.state_dict(),
                optimizer=self.optimizer.state_dict(),
                scheduler=self.scheduler.state_dict(),
                scaler=self.scaler.state_dict(),
                ema=self.ema.module.state_dict() if self.ema else {},
            )

        self.saved = time.time()


@contextmanager
def held_interrupts():
    """Yield a list that gets an entry when Ctrl-C or SIGTERM comes, so that the step under way ends
    and the run can be saved. A second one stops at once."""
    interrupts: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return

    def hold(number, frame):
        if interrupts:
            raise KeyboardInterrupt

        interrupts.append(number)
        print("stopping after this step; once more stops at once", file=sys.stderr)

    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, hold) for number in signals]

    try:
        yield interrupts
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)


def schedule(optimizer, settings, steps: int):
    """The learning rate over epochs of `steps` steps: timm's cosine, once or with restarts."""
    from timm.scheduler import CosineLRScheduler

    warmup = settings.warmup * steps

    if settings.schedule == "cosine":
        total = settings.epochs * steps
        return CosineLRScheduler(optimizer, total, warmup_t=warmup, t_in_epochs=False)

    # from the top again after cycle, 2 cycle, 4 cycle ... epochs
    return CosineLRScheduler(
        optimizer,
        settings.cycle * steps,
        cycle_mul=2.0,
        cycle_limit=30,
        warmup_t=warmup,
        t_in_epochs=False,
    )
