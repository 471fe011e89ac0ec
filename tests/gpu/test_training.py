"""T1 trains on the GPU as on the CPU: losses in every precision, resuming, and running out of
memory."""

import numpy as np
import pytest

from synthetic import TINY, SyntheticFusion, SyntheticTraining

COMPILED = (pytest.mark.gpu_only, pytest.mark.compiles)


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
        pytest.param("bf16", True, 0.03, marks=COMPILED),
    ],
)
def test_losses_equal_those_of_fp32(device, size, tmp_path, amp, compiled, tolerance):
    how = {}
    if compiled:
        size, how = TINY, {"compile": "on"}  # a small network compiles in half a minute
    expected = losses(device, size, tmp_path / "fp32.pt", 4, amp="fp32")
    actual = losses(device, size, tmp_path / "other.pt", 4, amp=amp, **how)
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

    from networks.memory import free_memory

    def one_step(name, micro_batch, cap: float = 1.0):
        """Returns the final micro-batch, the loss, the gradient and the peak of reserved memory.
        cap: share of the GPU's memory that may be used, once the network is there."""
        training = SyntheticTraining(device, size, tmp_path / name, amp="bf16", mmd=0)
        training.net.eval()
        training.trainer.micro = micro_batch
        free_memory()
        torch.cuda.reset_peak_memory_stats()
        torch.cuda.set_per_process_memory_fraction(cap)
        try:
            loss = training.train_steps(1)[0]
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
        gradients = [p.grad for p in training.net.parameters() if p.grad is not None]
        gradient = torch.cat([part.float().cpu().flatten() for part in gradients])
        return training.trainer.micro, loss, gradient, torch.cuda.max_memory_reserved()

    # cuDNN's search for the fastest algorithm would take workspaces of any size
    torch.backends.cudnn.benchmark = False
    one_step("warm.pt", size.batch)  # sets up cuBLAS and cuDNN, whose memory then stays
    _, expected_loss, expected_gradient, whole_peak = one_step("whole.pt", size.batch)
    *_, half_peak = one_step("half.pt", size.batch // 2)
    total = torch.cuda.get_device_properties(device).total_memory
    print(f"peak of a half {half_peak / 2**20:.0f} MB, of a whole {whole_peak / 2**20:.0f} MB")
    assert half_peak < 0.9 * whole_peak

    micro_batches = []
    for share in (0.3, 0.6, 0.9, 0.97):
        cap = half_peak + share * (whole_peak - half_peak)
        micro_batch, loss, gradient, peak = one_step(f"{share}.pt", size.batch, cap / total)
        loss_error = abs(loss / expected_loss - 1)
        difference = (gradient - expected_gradient).norm() / expected_gradient.norm()
        print(
            f"cap {cap / 2**20:.0f} MB: micro-batch {micro_batch}, peak {peak / 2**20:.0f} MB, "
            f"relative error of the loss {loss_error:.1e}, of the gradient {difference:.1e}"
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


@pytest.mark.parametrize("compiled", ["off", pytest.param("on", marks=COMPILED)])
def test_averaged_weights_change_and_keep_their_names(device, tmp_path, compiled):
    """Also when the network is compiled: torch.compile puts a prefix before every name."""
    import torch

    training = SyntheticTraining(
        device, TINY, tmp_path / "x.pt", ema=0.9, amp="bf16", compile=compiled
    )
    training.net.eval()  # what the test of losses has compiled need not be compiled again
    initial = {name: tensor.clone() for name, tensor in training.net.state_dict().items()}
    training.train_steps(4)  # in the first steps the average is the network itself
    current = training.net.state_dict()
    averaged = training.trainer.averaged.state_dict()
    assert list(averaged) == list(current) == list(initial)
    name = next(name for name in initial if name.startswith("heads.0.") and "weight" in name)
    assert not torch.equal(averaged[name], initial[name])
    assert not torch.equal(averaged[name], current[name])


def fusion_steps(device, folder, graph: bool, count: int = 8):
    """The losses (count,) of V2's first steps and its last one's weights, with or without a CUDA
    graph; the last batch is short. Dropout is on."""
    import torch

    from networks.training import Trainer

    learner = SyntheticFusion(device, folder, 1200, d=32, width=64, amp="fp32")
    learner.is_on_device = graph and device.type == "cuda"
    trainer = Trainer(learner, 1, folder / "x.pt", "key")
    trainer.resume(count)
    learner.net.train()
    batches = learner.batches(np.arange(1120), 1, 0)[:count]
    losses = []
    for number, data in enumerate(learner.load(batches, 0, 0)):
        losses.append(trainer.step(data, batches[number], number))
    weights = torch.cat([p.detach().flatten().cpu() for p in learner.net.parameters()])
    return np.array([float(loss) for loss in losses]), weights, trainer


def test_v2_as_a_cuda_graph_trains_as_without(device, tmp_path, no_tf32):
    expected, expected_weights, _ = fusion_steps(device, tmp_path, graph=False)
    actual, weights, trainer = fusion_steps(device, tmp_path, graph=True)
    print(f"kernel by kernel {expected.round(5)}, as a graph {actual.round(5)}")
    assert len(actual) == 8  # seven whole batches, of which the last four are the graph's
    if device.type == "cuda":
        assert trainer.graphed.graph is not None
    assert np.abs(actual / expected - 1).max() < 1e-3
    assert (weights - expected_weights).norm() / expected_weights.norm() < 1e-4


def test_images_are_copied_ahead(device):
    from networks.prefetch import prefetch

    rng = np.random.default_rng(0)
    arrays = [rng.integers(0, 256, (4, 64, 64, 3), np.uint8) for _ in range(20)]
    copied = [
        np.array(batch.cpu()) if device.type == "cuda" else batch
        for batch in prefetch(iter(arrays), device)
    ]
    assert all(map(np.array_equal, arrays, copied))
    assert len(copied) == 20

    # a loop that ends early ends the thread
    for _ in prefetch(iter(arrays), device):
        break


def test_predictions_are_the_same_when_memory_ends(device, size, tmp_path):
    """The allocator is asked for more than there is, as large batches would."""
    import torch

    from networks.memory import batches_that_fit

    sizes = []

    def batches(done: int, rows: int):
        for start in range(done, 12, rows):
            sizes.append(rows)
            if rows > 3 and device.type == "cuda":
                torch.empty(2**42, dtype=torch.uint8, device=device)
            yield torch.arange(start, min(start + rows, 12), device=device)

    assert torch.cat(list(batches_that_fit(batches, 0, 12))).tolist() == list(range(12))
    if device.type == "cuda":
        assert sizes == [12, 6, 3, 3, 3, 3]
