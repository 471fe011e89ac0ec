"""Training survives: resumed equals uninterrupted bit for bit, time and memory limits, heads that
never touch one another."""

import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from common.errors import UserError
from common.sections import Run
from common.stops import deadline
from conftest import CATALOGUE, kill, run_script, start_script, wait_until
from models.heads import Settings as Heads, train_heads
from models.net import Settings as Net
from networks import training
from networks.attributes import HeadSet
from networks.weights import read_weights
from tasks import attributes

OUTPUTS = {"x": ["a", "b", "c"], "y": ["a", "b"]}


def tiny_trainer(tmp_path, mode="max", **settings):
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))
    settings = Net(**{"batch": 8, "epochs": 3, "ema": 0.9, "cycle": 1} | settings)
    return training.Trainer(
        net,
        [{"params": net.parameters(), "lr": 0.01}],
        settings,
        Run(amp="fp32", save_every=0),
        torch.device("cpu"),
        1,
        tmp_path / "x.pt",
        "key",
        mode,
    )


def run_trainer(trainer, stop_at=None, micro=None):
    """Train on a fixed regression; at step number `stop_at` the power goes."""
    x = torch.as_tensor(np.random.default_rng(0).normal(size=(30, 4)), dtype=torch.float32)
    trainer.micro = micro or trainer.micro

    def load(groups, epoch, first):
        return iter(groups[first:])

    def loss(forward, data, part, rows, number):
        if number == stop_at:
            raise KeyboardInterrupt
        batch = x[data[part]]
        return (forward(batch) - batch.sum(1, keepdim=True)).square().sum() / len(rows)

    return trainer.fit(
        np.arange(30),
        load,
        loss,
        lambda net: -float(sum(p.square().sum() for p in net.parameters()).detach()),
    )


@pytest.mark.parametrize("stop_at", [0, 1, 3, 4, 7, 11])
@pytest.mark.parametrize("schedule", ["cosine", "plateau", "restarts"])
def test_resumed_equals_uninterrupted_at_every_step(tmp_path, stop_at, schedule):
    whole, history = run_trainer(tiny_trainer(tmp_path / "a", schedule=schedule))
    with pytest.raises(KeyboardInterrupt):
        run_trainer(tiny_trainer(tmp_path / "b", schedule=schedule), stop_at)
    resumed, again = run_trainer(tiny_trainer(tmp_path / "b", schedule=schedule))
    assert all(torch.equal(whole[k], resumed[k]) for k in whole)
    assert [h | {"seconds": 0} for h in history] == [h | {"seconds": 0} for h in again]


def test_the_plateau_is_remembered(tmp_path):
    """The lr halves after two epochs without a better score, also when every epoch is a process of
    its own."""
    scores = iter([0.5, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4])
    rates = []
    for _ in range(8):
        trainer = tiny_trainer(tmp_path, schedule="plateau")
        trainer.resume(1)
        state = training.load_checkpoint(tmp_path / "x.pt", "key")
        trainer.scheduler.step(next(scores))
        rates.append(trainer.optimizer.param_groups[0]["lr"])
        trainer.save(state.get("at", {"epoch": 0, "step": 0}))
    assert rates == [0.01] * 3 + [0.005] * 3 + [0.0025] * 2


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

    def load(groups, epoch, first):
        return iter(groups[first:])

    def loss(forward, data, part, rows, step):
        return forward(torch.ones(2, 4)).square().mean()

    def fit(trainer):
        return trainer.fit(
            np.arange(8),
            load,
            loss,
            lambda net: scores[len(read.get("at", {"history": []})["history"])],
        )

    for _ in range(2):  # the second finds that it is done
        read = {}
        trainer = tiny_trainer(tmp_path, mode, epochs=8, patience=2)
        save = trainer.save
        trainer.save = lambda at: (save(at), read.update(at=at))
        history = fit(trainer)[1]
        assert len(history) == best + 2 and [h["score"] for h in history] == scores[: best + 2]


def test_length_batches_hold_every_row_once_and_waste_little(tmp_path):
    rng = np.random.default_rng(0)
    rows, length = rng.permutation(1000)[:700], rng.integers(5, 200, 1000)
    groups = training.length_batches(rows, 16, 0, 1, length)
    assert sorted(np.concatenate(groups)) == sorted(rows) and len(groups) == 44
    padded = sum(len(g) * length[g].max() for g in groups)
    assert (
        padded
        < 1.06 * length[rows].sum()
        < sum(len(g) * length[g].max() for g in training.epoch_batches(rows, 16, 0, 1))
    )
    again, other = (
        training.length_batches(rows, 16, 0, 1, length),
        training.length_batches(rows, 16, 0, 2, length),
    )
    assert all(map(np.array_equal, groups, again)) and not all(map(np.array_equal, groups, other))
    assert (
        np.corrcoef(range(44), [length[g].mean() for g in groups])[0, 1] < 0.5
    )  # in no order of length


def test_a_checkpoint_that_cannot_be_read_starts_anew(tmp_path):
    (tmp_path / "x.pt").write_bytes(b"PK half")
    assert training.load_checkpoint(tmp_path / "x.pt", "key") == {}


def test_fp16_that_overflows_in_every_step_stops(tmp_path):
    trainer = tiny_trainer(tmp_path)
    trainer.scaler = torch.amp.GradScaler("cpu")
    trainer.resume(1)
    with pytest.raises(UserError, match="every step overflows in fp16"):
        for number in range(100):
            trainer.step(
                lambda forward, data, part, rows, n: forward(torch.ones(8, 4)).sum() * float("inf"),
                None,
                np.arange(8),
                number,
            )


def test_a_checkpoint_of_other_settings_is_not_gone_on_with(tmp_path):
    run_trainer(tiny_trainer(tmp_path))
    assert training.load_checkpoint(tmp_path / "x.pt", "key")["at"]["epoch"] == 3
    assert training.load_checkpoint(tmp_path / "x.pt", "other") == {}


def test_micro_batches_keep_the_gradient(tmp_path):
    grads = []
    for micro in (8, 3):
        trainer = tiny_trainer(tmp_path / str(micro))
        trainer.net.eval()  # no dropout: its draws are the micro-batch's own
        trainer.micro = micro
        trainer.resume(4)
        trainer.scaler.step = lambda optimizer: grads.append(
            [p.grad.clone() for p in trainer.net.parameters()]
        )
        x = torch.randn(8, 4, generator=torch.Generator().manual_seed(3))
        trainer.step(
            lambda forward, data, part, rows, n: forward(x[part]).square().sum() / len(rows),
            None,
            np.arange(8),
            0,
        )
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(*grads, strict=True))


def test_memory_that_ends_halves_the_micro_batch_and_keeps_the_step(tmp_path):
    trainer, seen = tiny_trainer(tmp_path), []
    trainer.resume(1)
    x = torch.randn(8, 4)

    def loss(forward, data, part, rows, n):
        seen.append(part.stop - part.start)
        if seen[-1] > 2:
            raise torch.OutOfMemoryError
        return forward(x[part]).sum()

    trainer.step(loss, None, np.arange(8), 0)
    assert seen == [8, 4, 2, 2, 2, 2] and trainer.micro == 2
    trainer.micro = 1
    with pytest.raises(UserError, match="out of memory with one row"):
        trainer.step(
            lambda *a: (_ for _ in ()).throw(torch.OutOfMemoryError()), None, np.arange(8), 0
        )


def test_the_time_limit_stops_with_a_checkpoint_and_code_75(tmp_path, monkeypatch):
    monkeypatch.setenv("MAKE_STARTED", str(time.time() - 3600))
    trainer = tiny_trainer(tmp_path)
    trainer.run = Run(amp="fp32", time_limit=0.5)
    with pytest.raises(UserError) as stopped:
        run_trainer(trainer)
    assert (
        stopped.value.code == 75
        and training.load_checkpoint(tmp_path / "x.pt", "key")["at"]["step"] == 1
    )
    assert deadline(Run()) == float("inf")


def heads_case():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 12)).astype(np.float32)
    target = np.stack([x[:, :3].argmax(1), (x[:, 3] > 0).astype(int)], 1)
    target[rng.random((200, 2)) < 0.4] = -1
    return x, target


def fit_heads(x, target, tmp_path, name):
    rows = SimpleNamespace(
        sizes=[3, 2],
        outputs=OUTPUTS,
        target=target,
        id=np.arange(200),
        task=attributes,
        hm=lambda pred, use: [
            r["hm"]
            for r in attributes.table(
                attributes.answer(pred, OUTPUTS), target[use], OUTPUTS
            ).values()
        ],
    )
    torch.manual_seed(0)
    heads = HeadSet(12, [3, 2], "mlp", 32, dropout=0.3)
    return train_heads(
        heads,
        lambda rows, view: x[rows],
        rows,
        np.arange(150),
        np.arange(150, 200),
        Heads(epochs=4, batch=16, lr=0.01),
        1,
        torch.device("cpu"),
        0,
        tmp_path / name,
        "key",
        Run(),
    )[0]


def test_heads_together_equal_each_alone_on_its_labelled_rows(tmp_path):
    x, target = heads_case()
    together = fit_heads(x, target, tmp_path, "both")
    for a in range(2):
        alone_target, alone_x = target.copy(), x.copy()
        alone_target[:, 1 - a] = -1
        alone_x[target[:, a] < 0] = (
            np.nan
        )  # its unlabelled rows are never looked at, let alone learnt from
        alone_x[150:][target[150:, a] < 0] = 0
        alone = fit_heads(alone_x, alone_target, tmp_path, f"alone{a}")
        keys = [k for k in together if k.startswith(f"heads.{a}.")]
        assert keys and all(torch.equal(together[k], alone[k]) for k in keys)


def test_each_head_keeps_its_own_best_epoch():
    from models.heads import keep_best

    heads, states = HeadSet(4, [2, 2], "mlp", 8), []
    best, score = heads.state_dict(), [-1.0, -1.0]
    for values in ([0.5, 0.9], [0.6, 0.8], [0.4, float("nan")]):
        with torch.no_grad():
            for p in heads.parameters():
                p.add_(1)
        states.append({k: v.clone() for k, v in heads.state_dict().items()})
        best, score = keep_best(heads, best, score, values)
    assert score == [0.6, 0.9]
    assert all(
        torch.equal(v, states[1 if k.startswith("heads.0.") else 2][k]) for k, v in best.items()
    )


@pytest.mark.slow
def test_killed_mid_epoch_and_resumed_is_bit_for_bit(catalogue, folders):
    """SIGKILL at a random moment of T1, in a process of its own, as a pulled plug does it."""
    settings = [*CATALOGUE, "net.epochs=6", "net.augment=light", "net.mmd=0.1", "net.ema=0.9"]
    for name in ("split_files", "download_images"):
        assert run_script(name, "fashion", *settings).returncode == 0
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
