"""T1 trains on the GPU as on the CPU: losses in every precision, resuming, and running out of
memory."""

import numpy as np
import pytest

from synthetic import SyntheticTraining


def losses(device, size, checkpoint, steps: int, **settings) -> np.ndarray:
    """Losses (steps,) without dropout: its random masks differ between devices, precisions and
    compilers."""
    training = SyntheticTraining(device, size, checkpoint, **settings)
    training.net.eval()
    return training.train_steps(steps)


@pytest.mark.parametrize(
    "amp, compiled, tolerance",
    [
        ("bf16", False, 0.03),
        ("fp16", False, 0.01),
        pytest.param("fp32", True, 0.003, marks=pytest.mark.gpu_only),
        pytest.param("bf16", True, 0.03, marks=pytest.mark.gpu_only),
    ],
)
def test_losses_equal_those_of_fp32(device, size, tmp_path, amp, compiled, tolerance):
    expected = losses(device, size, tmp_path / "fp32.pt", 4, amp="fp32")
    actual = losses(device, size, tmp_path / "other.pt", 4, amp=amp, compile=compiled)
    print(f"fp32 {expected.round(4)}, {amp} {actual.round(4)}, compiled: {compiled}")
    assert np.abs(actual / expected - 1).max() < tolerance  # false for nan, too
    if amp != "fp32":
        assert (actual != expected).any()  # half precision was really used


@pytest.mark.gpu_only
def test_losses_equal_those_of_the_cpu(device, size, tmp_path):
    """In fp32, with TF32 on as in every script."""
    import torch

    actual = losses(device, size, tmp_path / "gpu.pt", 3, amp="fp32")
    expected = losses(torch.device("cpu"), size, tmp_path / "cpu.pt", 3, amp="fp32", device="cpu")
    print(f"CPU {expected.round(4)}, GPU {actual.round(4)}")
    assert np.abs(actual / expected - 1).max() < 5e-3


def distance(weights: dict, others: dict) -> float:
    """Euclidean distance between two state dicts."""
    squares = [
        (weights[name] - others[name]).double().square().sum().item()
        for name in weights
        if weights[name].is_floating_point()
    ]
    return sum(squares) ** 0.5


def test_a_resumed_run_ends_near_the_uninterrupted_one(device, size, tmp_path, no_tf32):
    """A GPU sums in no fixed order, so the two runs are not bit for bit equal, as they are on a
    CPU. But their final weights are much closer to each other than to the initial weights.

    Tried on a CPU with noise added to the gradients, distance as a share of the way from the
    initial weights: .01 to .03 for the rounding noise of fp32 (1e-6 to 1e-5 of the gradients), .13
    for an optimizer that lost its moments, .8 for other dropout masks.
    """

    def train(checkpoint, kill_at=None):
        training = SyntheticTraining(device, size, checkpoint, amp="fp32", save_every=0)
        initial = {name: tensor.cpu().clone() for name, tensor in training.net.state_dict().items()}

        loss = training.learner.loss

        def killed(forward, images, part, batch, step):
            if step == kill_at:
                raise KeyboardInterrupt
            return loss(forward, images, part, batch, step)

        training.learner.loss = killed
        final, history = training.trainer.fit(training.rows, np.arange(0))
        return initial, final, [epoch["loss"] for epoch in history]

    initial, uninterrupted, history = train(tmp_path / "uninterrupted.pt")
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "killed.pt", kill_at=8)
    _, resumed, resumed_history = train(tmp_path / "killed.pt")
    share = distance(uninterrupted, resumed) / distance(uninterrupted, initial)
    print(f"distance {share:.3f} of the way; losses {history} and {resumed_history}")
    assert share < 0.08
    assert np.allclose(history, resumed_history, rtol=5e-3)


@pytest.mark.gpu_only
def test_out_of_memory_halves_the_micro_batch_and_keeps_the_gradient(device, size, tmp_path):
    """GPU memory is capped at several places between what half a batch needs and what a whole one
    needs, so that it runs out in the forward pass or in the backward pass."""
    import torch

    def one_step(name, micro_batch):
        """Returns the final micro-batch, the loss, the gradient and the peak memory."""
        training = SyntheticTraining(device, size, tmp_path / name, amp="bf16", mmd=0)
        training.net.eval()
        training.trainer.micro = micro_batch
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        loss = training.train_steps(1)[0]
        gradients = [p.grad for p in training.net.parameters() if p.grad is not None]
        gradient = torch.cat([part.float().cpu().flatten() for part in gradients])
        return training.trainer.micro, loss, gradient, torch.cuda.max_memory_reserved()

    _, expected_loss, expected_gradient, whole_peak = one_step("whole.pt", size.batch)
    *_, half_peak = one_step("half.pt", size.batch // 2)
    total = torch.cuda.get_device_properties(device).total_memory
    micro_batches = []
    for share in (0.3, 0.6, 0.9, 0.97):
        cap = half_peak + share * (whole_peak - half_peak)
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(cap / total)
        try:
            micro_batch, loss, gradient, _ = one_step(f"{share}.pt", size.batch)
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
        loss_error = abs(loss / expected_loss - 1)
        difference = (gradient - expected_gradient).norm() / expected_gradient.norm()
        print(
            f"cap {cap / 2**20:.0f} MB: micro-batch {micro_batch}, relative error of the loss "
            f"{loss_error:.1e}, of the gradient {difference:.1e}"
        )
        assert loss_error < 0.01
        assert difference < 0.05
        micro_batches.append(micro_batch)
    assert min(micro_batches) >= size.batch // 4  # a half fits; a quarter if memory is fragmented
    assert min(micro_batches) < size.batch  # memory did run out


def test_fp16_skips_a_step_that_overflows(device, size, tmp_path):
    import torch

    training = SyntheticTraining(device, size, tmp_path / "x.pt", amp="fp16")
    initial = {name: tensor.clone() for name, tensor in training.net.state_dict().items()}
    training.trainer.scaler.update(2.0**40)
    training.train_steps(2)
    assert training.trainer.scaler.get_scale() < 2.0**40
    for name, tensor in training.net.state_dict().items():
        assert torch.equal(tensor, initial[name]), name


def test_averaged_weights_change_and_keep_their_names(device, size, tmp_path):
    """Also when the network is compiled: torch.compile puts a prefix before every name."""
    import torch

    training = SyntheticTraining(
        device, size, tmp_path / "x.pt", ema=0.9, amp="fp32", compile=device.type == "cuda"
    )
    initial = {name: tensor.clone() for name, tensor in training.net.state_dict().items()}
    training.train_steps(4)  # in the first steps the average is the network itself
    current = training.net.state_dict()
    averaged = training.trainer.averaged.state_dict()
    assert list(averaged) == list(current) == list(initial)
    name = "heads.0.mlp.0.weight"
    assert not torch.equal(averaged[name], initial[name])
    assert not torch.equal(averaged[name], current[name])
