"""When a network is compiled, and which of its layers."""

from types import SimpleNamespace

import pytest
import timm
import torch
import transformers
from torch import nn

from common.sections import Run
from networks import compile as compiling
from networks.compile import WhenToCompile, compile_layers, repeated_layers

GPU, CPU = torch.device("cuda"), torch.device("cpu")


@pytest.fixture
def answers(monkeypatch):
    """answers(when, seconds a step): what `when` says before each of 60 steps."""
    monkeypatch.setattr(compiling, "fall_back_on_errors", lambda: None)

    def ask(when, seconds: float) -> list[int]:
        now = [0.0]
        monkeypatch.setattr(compiling, "time", SimpleNamespace(perf_counter=lambda: now[0]))
        steps = []
        for step in range(60):
            if when.now():
                steps.append(step)
            now[0] += seconds
        return steps

    return ask


@pytest.mark.parametrize(
    "mode, device, steps, seconds, expected",
    [
        ("auto", GPU, 10_000, 0.1, [20]),  # 1,000 seconds
        ("auto", GPU, 1_000, 0.1, []),  # 100 seconds
        ("auto", GPU, 1_000, 2.0, [20]),
        ("auto", CPU, 10_000, 10.0, []),  # bytes on a CPU stay what they are
        ("on", GPU, 10, 0.1, [0]),
        ("on", CPU, 10, 0.1, [0]),
        ("off", GPU, 10_000, 10.0, []),
    ],
)
def test_auto_compiles_on_a_gpu_what_is_long_enough(
    answers, mode, device, steps, seconds, expected
):
    when = WhenToCompile(Run(compile=mode), device, steps, seconds=300)
    assert answers(when, seconds) == expected


def test_auto_leaves_what_cannot_gain(answers):
    when = WhenToCompile(Run(), GPU, 10_000, seconds=300, possible=False)
    assert answers(when, 1.0) == []


def test_the_repeated_layers_of_known_networks():
    with torch.device("meta"):
        convnext = timm.create_model("convnext_atto")
        gemma = transformers.Gemma3TextModel(transformers.Gemma3TextConfig(vocab_size=32))
    assert len(repeated_layers(convnext)) == 12
    assert len(repeated_layers(gemma)) == 26


def test_layers_that_differ_or_stand_alone_are_left():
    def block(width):
        return nn.Sequential(nn.Linear(4, width), nn.GELU(), nn.Linear(width, 4))

    heads = nn.ModuleList([block(5), block(6), block(7)])
    assert repeated_layers(heads) == []
    assert len(repeated_layers(nn.ModuleList([block(5), block(6), block(5)]))) == 2


def test_compiled_layers_keep_their_names_and_values(monkeypatch):
    compile_module = nn.Module.compile
    monkeypatch.setattr(
        nn.Module, "compile", lambda self, **how: compile_module(self, backend="eager", **how)
    )
    torch.manual_seed(0)
    net = timm.create_model("test_convnext", num_classes=0).eval()
    images = torch.randn(3, 3, 64, 64)
    before = dict(net.state_dict())
    with torch.inference_mode():
        expected = net(images)
        count = compile_layers(net)
        actual = net(images)
        fewer = net(images[:2])
    torch._dynamo.reset()
    assert list(net.state_dict()) == list(before)
    torch.testing.assert_close(actual, expected)
    torch.testing.assert_close(fewer, expected[:2])
    assert count == len(repeated_layers(net))
