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

import time
from pathlib import Path

import numpy as np
import torch

from common.errors import UserError
from common.files import replacing
from common.log import log, progress
from common.processes import is_first, rank
from common.stops import deadline, time_is_up
from networks.device import autocast, precision
from networks.distributed import (
    all_reduce_sum,
    broadcast_parameters,
    reduce_gradients,
    require_same,
    shard,
)


def epoch_batches(
    rows: np.ndarray, batch: int, seed: int, epoch: int, weight: np.ndarray | None = None
) -> list[np.ndarray]:
    """The rows (n,) of an epoch in its own order, cut into batches; weight (n,) draws them with
    replacement instead."""
    rng = np.random.default_rng([seed, epoch])
    order = (
        rng.permutation(rows)
        if weight is None
        else rng.choice(rows, len(rows), p=weight / weight.sum())
    )
    return [order[i : i + batch] for i in range(0, len(order), batch)]


def length_batches(
    rows: np.ndarray, batch: int, seed: int, epoch: int, length: np.ndarray
) -> list[np.ndarray]:
    """Batches of rows of about the same length (by row number), in random order: shuffled, sorted
    within each 50 batches, cut."""
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(rows)
    pools = [order[i : i + 50 * batch] for i in range(0, len(order), 50 * batch)]
    order = np.concatenate([pool[np.argsort(length[pool], kind="stable")] for pool in pools])
    cut = [order[i : i + batch] for i in range(0, len(order), batch)]
    return [cut[i] for i in rng.permutation(len(cut))]


def decay_groups(module, lr: float, weight_decay: float) -> list[dict]:
    """AdamW groups of a module's trained parameters at `lr`; no decay on biases and norms."""
    from timm.optim import param_groups_weight_decay

    return [
        group | {"lr": lr}
        for group in param_groups_weight_decay(module, weight_decay)
        if group["params"]
    ]


def save_checkpoint(file: Path, **state) -> None:
    """Tensors, numbers, strings and containers of them, whole or not at all."""
    with replacing(file) as part:
        torch.save(state, part)


def load_checkpoint(file: Path, key: str) -> dict:
    """The state saved under the same key (what it was made with); {} where there is none."""
    if not file.exists():
        return {}
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch has one for every way in which a file can be broken
        log(checkpoint=file.name, unreadable=f"{type(error).__name__}; starting anew")
        return {}
    if state["key"] == key:
        return state
    log(checkpoint=file.name, made="with other settings; starting anew")
    return {}


class Trainer:
    """Trains `net` by `settings` (config section Training) and keeps the weights of the best epoch.

    parameters: AdamW groups with their lr. checkpoint: where to save to and go on from; key: what
    the run is made with; mode: whether the best score is the "max" or the "min"; order(rows, batch,
    seed, epoch): an epoch's batches, shuffled by default.
    """

    def __init__(
        self,
        net,
        parameters,
        settings,
        run,
        device,
        seed: int,
        checkpoint: Path,
        key: str,
        mode: str = "max",
        order=epoch_batches,
    ):
        from timm.utils import ModelEmaV3

        self.net, self.settings, self.run, self.device, self.seed = net, settings, run, device, seed
        self.mode, self.order = mode, order
        broadcast_parameters(net)
        self.checkpoint, self.key = checkpoint, key
        self.dtype = precision(run, device, training=True)
        self.forward = torch.compile(net) if run.compile else net
        self.optimizer = torch.optim.AdamW(parameters, fused=True)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.dtype == torch.float16)
        self.scaler.scale(
            torch.zeros((), device=device)
        )  # it starts with what it scales, and a process's first share may be empty
        self.ema = ModelEmaV3(net, decay=settings.ema, use_warmup=True) if settings.ema else None
        self.micro = run.micro_batch or settings.batch
        self.saved = time.time()

    @property
    def averaged(self):
        """The network to judge and to keep."""
        return self.ema.module if self.ema else self.net

    def fit(self, rows: np.ndarray, load, loss, evaluate) -> tuple[dict, list[dict]]:
        """Train on row numbers (n,). Gives the best epoch's state dict (CPU; not the first process:
        {}) and the history, one entry per epoch.

        load(groups, epoch, first) yields the data of each batch in groups[first:], of this
        process's share of its rows; loss(forward, data, part, rows, step) the loss of the slice
        `part` of that share, as its share of the loss of the whole batch, `rows`; evaluate(net) the
        score, or None to keep the last epoch.
        """
        at = self.resume(steps := -(-len(rows) // self.settings.batch))
        require_same((self.key, str(self.dtype), at["epoch"], at["step"]))
        for epoch in range(at["epoch"], self.settings.epochs):
            if 0 < self.settings.patience <= at["epoch"] - at["best_epoch"]:
                log(
                    stopped=f"no better score in {self.settings.patience} epochs",
                    best_epoch=at["best_epoch"],
                )
                break
            groups, started = self.order(rows, self.settings.batch, self.seed, epoch), time.time()
            self.net.train()
            bar = progress(
                what=f"epoch {epoch + 1}/{self.settings.epochs}", total=steps, done=at["step"]
            )
            for data in load(groups, epoch, at["step"]):
                number = epoch * steps + at["step"]
                at["loss"] += self.step(loss, data, groups[at["step"]], number)
                at["step"] += 1
                self.save_if_due(at)
                bar.update()
            bar.close()
            broadcast_parameters(self.net, self.averaged)
            score = evaluate(self.averaged)
            at["history"].append(
                {
                    "epoch": epoch + 1,
                    "loss": at["loss"] / steps,
                    "score": score,
                    "lr": max(g["lr"] for g in self.optimizer.param_groups),
                    "seconds": round(time.time() - started, 1),
                }
            )
            log(**at["history"][-1])
            if score is None and (self.settings.patience or self.settings.schedule == "plateau"):
                raise UserError(
                    "patience and schedule=plateau go by the score on validation rows, and "
                    "there are none: set data.validation, or neither"
                )
            if self.better(score, at["best_score"]):
                at |= {
                    "best_score": score,
                    "best_epoch": epoch + 1,
                    "best": {
                        k: v.detach().cpu().clone() for k, v in self.averaged.state_dict().items()
                    }
                    if is_first()
                    else {},
                }
            if self.settings.schedule == "plateau" and score is not None:
                self.scheduler.step(score)
            at |= {"epoch": epoch + 1, "step": 0, "loss": 0.0}
            self.save(at)
        return at["best"], at["history"]

    def better(self, score: float | None, best: float | None) -> bool:
        """Whether an epoch is to be kept: the first, one without a score, one with a better
        score."""
        return (
            score is None or best is None or (score > best if self.mode == "max" else score < best)
        )

    def step(self, loss, data, rows, number: int) -> float:
        """One optimizer step; its gradient is the batch's whatever the micro-batch, which is halved
        when memory ends."""
        own = len(shard(rows))
        while True:
            try:
                self.optimizer.zero_grad(set_to_none=True)
                torch.manual_seed(
                    self.seed * 1_000_003 + number + (rank() << 40)
                )  # no two processes drop out the same
                total = 0.0
                for i in range(0, own, self.micro):
                    with autocast(self.device, self.dtype):
                        part = loss(self.forward, data, slice(i, i + self.micro), rows, number)
                    self.scaler.scale(part).backward()
                    total += float(part.detach())
                break
            except torch.OutOfMemoryError:
                if self.micro == 1:
                    raise UserError(
                        "out of memory with one row at a time; take a smaller network, "
                        "smaller pictures (images.size) or shorter "
                        "texts (max_length)"
                    ) from None
                self.micro = min(self.micro, own) // 2 or 1
            torch.cuda.empty_cache()
            log(out_of_memory="yes", micro_batch=self.micro)
        total = all_reduce_sum(total)
        reduce_gradients(self.net.parameters())
        if (
            not np.isfinite(total) and not self.scaler.is_enabled()
        ):  # with a scaler, an overflow only skips the step
            raise UserError(
                f"the loss is {total} at step {number}; lower the learning rate, or set "
                "run.amp=fp32"
            )
        if self.settings.schedule != "plateau":
            self.scheduler.step_update(number + 0.5)  # neither the first nor the last step is at 0
        self.scaler.unscale_(self.optimizer)
        if self.settings.clip:
            torch.nn.utils.clip_grad_norm_(self.net.parameters(), self.settings.clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.scaler.is_enabled() and self.scaler.get_scale() < 1e-3:
            raise UserError(
                f"every step overflows in fp16 (step {number}); lower the learning rate, "
                "or set run.amp=fp32"
            )
        if self.ema:
            self.ema.update(self.net, step=number)
        return total

    def resume(self, steps: int) -> dict:
        """Where the run stands: what the checkpoint says, or the start."""
        self.scheduler = self.schedule(steps)
        state = load_checkpoint(self.checkpoint, self.key)
        if not state:
            return {
                "epoch": 0,
                "step": 0,
                "loss": 0.0,
                "history": [],
                "best": {},
                "best_score": None,
                "best_epoch": 0,
            }
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
        if (
            state["scaler"] and self.scaler.is_enabled()
        ):  # another GPU may train in another precision
            self.scaler.load_state_dict(state["scaler"])
        if self.ema:
            self.ema.module.load_state_dict(state["ema"])
        log(resumed=self.checkpoint.stem, epoch=state["at"]["epoch"], step=state["at"]["step"])
        return state["at"]

    def schedule(self, steps: int):
        """The learning rate's way over epochs of `steps` steps."""
        from timm.scheduler import CosineLRScheduler

        s = self.settings
        if s.schedule == "plateau":
            return torch.optim.lr_scheduler.ReduceLROnPlateau(
                self.optimizer, self.mode, factor=0.5, patience=2
            )
        if s.schedule == "restarts":  # from the top again after cycle, 2 cycle, 4 cycle ... epochs
            return CosineLRScheduler(
                self.optimizer,
                s.cycle * steps,
                cycle_mul=2.0,
                cycle_limit=30,
                warmup_t=s.warmup * steps,
                t_in_epochs=False,
            )
        return CosineLRScheduler(
            self.optimizer, s.epochs * steps, warmup_t=s.warmup * steps, t_in_epochs=False
        )

    def save_if_due(self, at: dict) -> None:
        """Checkpoint every run.save_every minutes; at the time limit, checkpoint and stop."""
        late = all_reduce_sum(time.time() > deadline(self.run))
        if late or time.time() - self.saved >= 60 * self.run.save_every:
            self.save(at)
        if late:
            all_reduce_sum(
                0
            )  # torchrun ends all as soon as one has gone: not before the first has saved
            raise time_is_up(self.run)

    def save(self, at: dict) -> None:
        if is_first():
            save_checkpoint(
                self.checkpoint,
                key=self.key,
                at=at,
                net=self.net.state_dict(),
                optimizer=self.optimizer.state_dict(),
                scheduler=self.scheduler.state_dict(),
                scaler=self.scaler.state_dict(),
                ema=self.ema.module.state_dict() if self.ema else {},
            )
        self.saved = time.time()
