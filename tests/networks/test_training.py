"""Training survives: resumed equals uninterrupted bit for bit, time and memory limits, heads that
never touch one another."""

import os
import signal
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from common.errors import UserError
from common.questions import NUMBER
from common.sections import Run
from common.time_limit import deadline
from conftest import CATALOGUE, PREPARATION, kill, run_script, start_script, wait_until
from models.heads import HeadsLearner, Settings as Heads
from models.net import Settings as Net
from networks import training
from networks.attributes import HeadSet
from networks.batches import epoch_batches, length_batches
from networks.checkpoint import TrainingState, load_checkpoint
from networks.learner import Learner, copy_state
from networks.training import Trainer
from networks.weights import read_weights
from tasks import attributes

OUTPUTS = {"x": ["a", "b", "c"], "y": ["a", "b"]}
CPU = torch.device("cpu")
TRAIN_IDX, VAL_IDX = np.arange(30), np.arange(30, 32)


class TinyLearner(Learner):
    """A regression on 4 random columns: row numbers are the data. At step number `stop_at` the
    power goes."""

    def __init__(self, mode: str, settings, run):
        torch.manual_seed(0)
        net = torch.nn.Sequential(
            torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1)
        )
        task = SimpleNamespace(MODE=mode, ASKS=NUMBER)
        rows = SimpleNamespace(task=task, sizes=[1], target=np.zeros((30, 1)))
        super().__init__(net, settings, rows, run, CPU)
        x = np.random.default_rng(0).normal(size=(30, 4))
        self.x = torch.as_tensor(x, dtype=torch.float32)
        self.stop_at = None

    def parameters(self):
        return [{"params": self.net.parameters(), "lr": 0.01}]

    def read(self, groups):
        return iter(groups)

    def loss(self, forward, data, part, batch, step):
        if step == self.stop_at:
            raise KeyboardInterrupt
        x = self.x[data[part]]
        return (forward(x) - x.sum(1, keepdim=True)).square().sum() / len(batch)

    def evaluate(self, net, val_idx):
        return -float(sum(p.square().sum() for p in net.parameters()).detach())


def tiny_trainer(tmp_path, mode="max", **settings):
    settings = Net(**{"batch": 8, "epochs": 3, "ema": 0.9, "cycle": 1} | settings)
    learner = TinyLearner(mode, settings, Run(amp="fp32", save_every=0))
    return Trainer(learner, 1, tmp_path / "x.pt", "key")


def run_trainer(trainer, stop_at=None):
    trainer.learner.stop_at = stop_at
    return trainer.fit(TRAIN_IDX, VAL_IDX)


def untimed(history):
    return [entry | {"seconds": 0} for entry in history]


@pytest.mark.parametrize("stop_at", [0, 1, 3, 4, 7, 11])
@pytest.mark.parametrize("schedule", ["cosine", "restarts"])
def test_resumed_equals_uninterrupted_at_every_step(tmp_path, stop_at, schedule):
    whole, history = run_trainer(tiny_trainer(tmp_path / "a", schedule=schedule))
    with pytest.raises(KeyboardInterrupt):
        run_trainer(tiny_trainer(tmp_path / "b", schedule=schedule), stop_at)
    resumed, again = run_trainer(tiny_trainer(tmp_path / "b", schedule=schedule))
    assert all(torch.equal(whole[k], resumed[k]) for k in whole)
    assert untimed(history) == untimed(again)


def test_checkpoints_are_written_by_time_and_not_by_epoch(tmp_path, monkeypatch):
    """Epochs of seconds must not write gigabytes; what is killed between two checkpoints is made
    again."""
    whole, history = run_trainer(tiny_trainer(tmp_path / "a"))
    trainer = tiny_trainer(tmp_path / "b")
    trainer.run = Run(amp="fp32", save_every=5)
    assert untimed(run_trainer(trainer)[1]) == untimed(history)
    assert not trainer.checkpoint.exists()

    trainer = tiny_trainer(tmp_path / "b")
    trainer.run = Run(amp="fp32", save_every=5)
    trainer.saved -= 600  # the first step's checkpoint is due, none after it
    with pytest.raises(KeyboardInterrupt):
        run_trainer(trainer, stop_at=7)
    at = load_checkpoint(trainer.checkpoint, "key")["at"]
    assert (at["epoch"], at["step"]) == (0, 1)
    resumed, again = run_trainer(tiny_trainer(tmp_path / "b"))
    assert all(torch.equal(whole[k], resumed[k]) for k in whole)
    assert untimed(history) == untimed(again)


def test_restarts_begin_anew_after_one_two_and_four_cycles(tmp_path):
    trainer = tiny_trainer(tmp_path, schedule="restarts", cycle=2, warmup=0.0)
    trainer.resume(steps=10)
    rates = []
    for step in range(140):
        trainer.scheduler.step_update(step)
        rates.append(trainer.optimizer.param_groups[0]["lr"])
    assert [i for i in range(140) if rates[i] == 0.01] == [0, 20, 60]
    assert rates[19] < 1e-4 and rates[40] == pytest.approx(0.005) and rates[30] < rates[21]


@pytest.mark.parametrize("mode, best", [("max", 2), ("min", 1)])
def test_patience_stops_after_the_best_epoch_by_its_own_mode_also_when_resumed(
    tmp_path, mode, best
):
    scores = [0.5, 0.9, 0.6, 0.2, 0.3, 0.4, 0.5, 0.6]
    for _ in range(2):  # the second finds that it is done
        trainer = tiny_trainer(tmp_path, mode, epochs=8, patience=2)
        remaining = iter(scores)
        trainer.learner.evaluate = lambda net, val_idx, scores=remaining: next(scores)
        history = run_trainer(trainer)[1]
        assert [entry["score"] for entry in history] == scores[: best + 2]


def test_patience_without_validation_rows_stops_before_the_first_step(tmp_path):
    with pytest.raises(UserError, match="patience goes by the score on validation rows"):
        tiny_trainer(tmp_path, patience=2).fit(TRAIN_IDX, VAL_IDX[:0])


def padding(batches, length) -> float:
    """Padded tokens for each token."""
    padded = sum(len(batch) * length[batch].max() for batch in batches)
    return padded / sum(length[batch].sum() for batch in batches)


def test_length_batches_hold_every_row_once_and_waste_little():
    rng = np.random.default_rng(0)
    rows, length = rng.permutation(1000)[:700], rng.integers(5, 200, 1000)
    batches = length_batches(rows, 16, 0, 1, length)
    assert sorted(np.concatenate(batches)) == sorted(rows) and len(batches) == 44
    assert padding(batches, length) < 1.06 < padding(epoch_batches(rows, 16, 0, 1), length)
    again, other = (length_batches(rows, 16, 0, epoch, length) for epoch in (1, 2))
    assert all(map(np.array_equal, batches, again)) and not all(map(np.array_equal, batches, other))
    means = [length[batch].mean() for batch in batches]
    assert np.corrcoef(range(44), means)[0, 1] < 0.5  # in no order of length


def test_a_checkpoint_that_cannot_be_read_starts_anew(tmp_path):
    (tmp_path / "x.pt").write_bytes(b"PK half")
    assert load_checkpoint(tmp_path / "x.pt", "key") == {}


def test_a_checkpoint_of_another_form_starts_anew(tmp_path):
    torch.save({"key": "key", "epoch": 1}, tmp_path / "x.pt")
    assert load_checkpoint(tmp_path / "x.pt", "key") == {}


def with_loss(trainer, loss):
    """The trainer, with another loss."""
    trainer.learner.loss = loss
    return trainer


def test_fp16_that_overflows_in_every_step_stops(tmp_path):
    def endless(forward, data, part, batch, step):
        return forward(torch.ones(8, 4)).sum() * float("inf")

    trainer = with_loss(tiny_trainer(tmp_path), endless)
    trainer.scaler = torch.amp.GradScaler("cpu")
    trainer.resume(1)
    with pytest.raises(UserError, match="every step overflows in fp16"):
        for number in range(100):
            trainer.step(None, np.arange(8), number)


def test_a_checkpoint_of_other_settings_is_not_gone_on_with(tmp_path):
    run_trainer(tiny_trainer(tmp_path))
    assert load_checkpoint(tmp_path / "x.pt", "key")["at"]["epoch"] == 3
    assert load_checkpoint(tmp_path / "x.pt", "other") == {}


def test_micro_batches_keep_the_gradient(tmp_path):
    gradients = []
    for micro in (8, 3):
        trainer = tiny_trainer(tmp_path / str(micro))
        trainer.net.eval()  # no dropout: its draws are the micro-batch's own
        trainer.micro = micro
        trainer.add_gradients(np.arange(8), np.arange(8), 0)
        gradients.append([p.grad.clone() for p in trainer.net.parameters()])
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(*gradients, strict=True))


def test_memory_that_ends_halves_the_micro_batch_and_keeps_the_step(tmp_path):
    sizes = []
    x = torch.randn(8, 4)

    def hungry(forward, data, part, batch, step):
        sizes.append(part.stop - part.start)
        if sizes[-1] > 2:
            raise torch.OutOfMemoryError
        return forward(x[part]).sum()

    def starving(forward, data, part, batch, step):
        raise torch.OutOfMemoryError

    trainer = with_loss(tiny_trainer(tmp_path), hungry)
    trainer.resume(1)
    trainer.step(None, np.arange(8), 0)
    assert sizes == [8, 4, 2, 2, 2, 2] and trainer.micro == 2
    trainer.micro = 1
    with pytest.raises(UserError, match="out of memory with one row"):
        with_loss(trainer, starving).step(None, np.arange(8), 0)


def test_the_time_limit_stops_with_a_checkpoint_and_code_75(tmp_path, monkeypatch):
    monkeypatch.setenv("MAKE_STARTED", str(time.time() - 3600))
    trainer = tiny_trainer(tmp_path)
    trainer.run = Run(amp="fp32", time_limit=0.5)
    with pytest.raises(UserError) as stopped:
        run_trainer(trainer)
    assert stopped.value.code == 75
    assert load_checkpoint(tmp_path / "x.pt", "key")["at"]["step"] == 1
    assert deadline(Run()) == float("inf")


def heads_case():
    """Features (200, 12) and two attributes that they tell, two fifths unlabelled."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 12)).astype(np.float32)
    target = np.stack([x[:, :3].argmax(1), (x[:, 3] > 0).astype(int)], 1)
    target[rng.random((200, 2)) < 0.4] = -1
    return x, target


def heads_trainer(x, target, checkpoint, micro_batch: int = 0, **settings):
    rows = SimpleNamespace(
        sizes=[3, 2], outputs=OUTPUTS, target=target, id=np.arange(200), task=attributes
    )
    features = SimpleNamespace(views=1, take=lambda idx, view: x[idx])
    settings = Heads(**{"epochs": 4, "batch": 16, "lr": 0.01} | settings)
    torch.manual_seed(0)
    heads = HeadSet(12, [3, 2], "mlp", 32, dropout=0.3)
    run = Run(save_every=0, micro_batch=micro_batch)
    train_idx = np.arange(150)
    learner = HeadsLearner(heads, features, settings, rows, run, CPU, train_idx=train_idx)
    return Trainer(learner, 0, checkpoint, "key")


def fit_heads(trainer):
    return trainer.fit(np.arange(150), np.arange(150, 200))


def test_heads_together_equal_each_alone_on_its_labelled_rows(tmp_path):
    x, target = heads_case()
    together, _ = fit_heads(heads_trainer(x, target, tmp_path / "both"))
    for a in range(2):
        alone_target, alone_x = target.copy(), x.copy()
        alone_target[:, 1 - a] = -1
        # its unlabelled rows are never looked at, let alone learnt from
        alone_x[target[:, a] < 0] = np.nan
        alone_x[150:][target[150:, a] < 0] = 0
        alone, _ = fit_heads(heads_trainer(alone_x, alone_target, tmp_path / f"alone{a}"))
        keys = [key for key in together if key.startswith(f"heads.{a}.")]
        assert keys and all(torch.equal(together[key], alone[key]) for key in keys)


def test_a_batch_without_any_label_has_no_loss_and_moves_no_head(tmp_path):
    x, target = heads_case()
    target[16:32] = -1
    trainer = heads_trainer(x, target, tmp_path / "heads")
    trainer.resume(2)
    labelled, unlabelled = np.arange(16), np.arange(16, 32)

    # AdamW has momentum after a step: a gradient of 0 would move the heads
    first, second = trainer.learner.load([labelled, unlabelled], 0, 0)
    assert trainer.step(first, labelled, 0) > 0
    before = copy_state(trainer.net)
    assert trainer.step(second, unlabelled, 1) == 0
    after = copy_state(trainer.net)
    assert all(torch.equal(before[key], after[key]) for key in before)


@pytest.mark.parametrize("stop_at", [0, 1, 9, 10, 25, 39])
def test_heads_resumed_equal_uninterrupted(tmp_path, stop_at):
    """Also the best epochs of the heads, which are not the same."""
    x, target = heads_case()
    whole, history = fit_heads(heads_trainer(x, target, tmp_path / "whole"))
    trainer = heads_trainer(x, target, tmp_path / "killed")
    loss = trainer.learner.loss

    def killed(forward, data, part, batch, step):
        if step == stop_at:
            raise KeyboardInterrupt
        return loss(forward, data, part, batch, step)

    with pytest.raises(KeyboardInterrupt):
        fit_heads(with_loss(trainer, killed))
    resumed, again = fit_heads(heads_trainer(x, target, tmp_path / "killed"))
    assert len(history) == 4 and untimed(history) == untimed(again)
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_heads_in_micro_batches_have_the_gradient_of_the_batch(tmp_path):
    x, target = heads_case()
    gradients = []
    for micro in (0, 5):
        trainer = heads_trainer(x, target, tmp_path / str(micro), micro_batch=micro)
        trainer.net.eval()
        batch = np.arange(16)
        trainer.add_gradients(torch.as_tensor(x[batch]), batch, 0)
        gradients.append([p.grad.clone() for p in trainer.net.parameters()])
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(*gradients, strict=True))


def test_each_head_keeps_its_own_best_epoch(tmp_path):
    trainer = heads_trainer(*heads_case(), tmp_path / "x.pt")
    heads, learner = trainer.net, trainer.learner
    state, states = TrainingState(), []
    for score in ([0.5, 0.9], [0.6, 0.8], [0.4, float("nan")]):
        with torch.no_grad():
            for p in heads.parameters():
                p.add_(1)
        states.append({key: value.clone() for key, value in heads.state_dict().items()})
        learner.keep_best(state, heads, score)
    assert state.best_score == [0.6, 0.9]
    for key, value in state.best.items():
        expected = states[1] if key.startswith("heads.0.") else states[2]
        assert torch.equal(value, expected[key])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_saves_after_the_step_and_goes_on_exactly(
    number, catalogue, folders, script, monkeypatch
):
    """Ctrl-C, with the next checkpoint an hour away."""
    settings = [*CATALOGUE, "run.save_every=60"]
    for name, *rows in PREPARATION:
        script(name).main(["fashion", *settings, *rows])
    model = folders / "working/fashion/model/net_0.safetensors"
    checkpoint = folders / "working/fashion/checkpoints/net_0.pt"
    train = ["fashion", "--member", "net_0", *settings]

    script("train_fold").main(train)
    whole = read_weights(model)
    model.unlink()

    step = training.Trainer.step

    def interrupted(self, data, batch, step_number):
        if step_number == 2:
            os.kill(os.getpid(), number)
        return step(self, data, batch, step_number)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(training.Trainer, "step", interrupted)
        script("train_fold").main(train)
    assert checkpoint.exists()
    assert not model.exists()

    script("train_fold").main(train)
    resumed = read_weights(model)
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


@pytest.mark.slow
def test_killed_mid_epoch_and_resumed_is_bit_for_bit(catalogue, folders):
    """SIGKILL at a random moment of T1, in a process of its own, as a pulled plug does it."""
    settings = [*CATALOGUE, "net.epochs=6", "net.augment=light", "net.mmd=0.1", "net.ema=0.9"]
    for name, *rows in PREPARATION:
        assert run_script(name, "fashion", *settings, *rows).returncode == 0
    model = folders / "working/fashion/model/net_0.safetensors"
    checkpoint = folders / "working/fashion/checkpoints/net_0.pt"
    train = ["train_fold", "fashion", "--member", "net_0", *settings]

    assert run_script(*train).returncode == 0
    whole = read_weights(model)
    model.unlink()

    for seconds in (0.15, 0.05, 0, 0, 0):  # once more, where a busy machine came too late
        process = start_script(*train)
        wait_until(lambda: checkpoint.exists() or process.poll() is not None)
        time.sleep(seconds)
        kill(process)
        if not model.exists():
            break
        model.unlink()  # it had ended
        checkpoint.unlink(missing_ok=True)
    assert not model.exists() and checkpoint.exists()
    done = run_script(*train)
    assert "resumed net_0" in done.stdout, done.stderr
    resumed = read_weights(model)
    assert whole.keys() == resumed.keys() and all(torch.equal(whole[k], resumed[k]) for k in whole)
    assert not checkpoint.exists()
