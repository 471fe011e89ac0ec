"""torch.compile, where it pays: it takes minutes, and then makes a network 1.2 to 3 times faster.

run.compile=auto compiles on a GPU, once the work that is left would take long enough at the pace
that was measured. On a CPU it never does: results there are the same to the last bit from run to
run, and compiled code rounds in another way.
"""

import time
from collections import Counter

from common.log import log

# seconds of work left from which on it pays to compile
WHOLE_NETWORK = 300  # forward and backward: one to two minutes
LAYERS = 120  # one layer of each kind, forward only: 10 to 30 seconds
# steps that are not timed, since cuDNN tries its algorithms in them, and steps that are
WARM_UP = 5
TIMED = 15
# code that torch compiles for one layer's class; its default of 8 is less than some networks have
VARIANTS = 64


class WhenToCompile:
    """Says once whether to compile now.

    steps: how many are left; seconds: work left from which on it pays; possible: False = auto never
    compiles.
    """

    def __init__(self, run, device, steps: int, seconds: float, possible: bool = True):
        self.mode = run.compile
        if self.mode == "auto" and (device.type != "cuda" or not possible):
            self.mode = "off"

        self.steps, self.seconds = steps, seconds
        self.count = 0
        self.started = 0.0

    def now(self) -> bool:
        """Ask before every step. True at most once: where it is to be compiled now."""
        if self.mode not in ("auto", "on"):
            return False

        if self.mode == "on":
            self.mode = "off"
            return True

        if self.count == WARM_UP:
            self.started = time.perf_counter()

        self.count += 1
        if self.count <= WARM_UP + TIMED:
            return False

        self.mode = "off"
        pace = (time.perf_counter() - self.started) / TIMED

        seconds_left = pace * (self.steps - WARM_UP - TIMED)
        if seconds_left < self.seconds:
            return False

        log(compiling="yes", minutes_left=round(seconds_left / 60, 1))
        fall_back_on_errors()
        return True


def fall_back_on_errors() -> None:
    """What cannot be compiled on this machine is computed as before, with a warning."""
    import torch._dynamo

    torch._dynamo.config.suppress_errors = True


def compile_layers(net) -> int:
    """Compile the repeated layers of a network in place, for inputs of any batch size and length.

    A layer is repeated where one beside it has the same class and the same shapes of parameters:
    torch compiles them once. Names and weights stay as they are. Returns how many layers.
    """
    import torch._dynamo

    torch._dynamo.config.recompile_limit = VARIANTS

    layers = repeated_layers(net)
    for layer in layers:
        layer.compile(dynamic=True)

    return len(layers)


def repeated_layers(net) -> list:
    """The layers of the innermost stacks (ModuleList, Sequential) of a network."""
    from torch import nn

    inner = []
    for child in net.children():
        inner += repeated_layers(child)

    if inner or not isinstance(net, (nn.ModuleList, nn.Sequential)):
        return inner

    counts = Counter(kind_of(layer) for layer in net)
    return [layer for layer in net if is_block(layer) and counts[kind_of(layer)] > 1]


def kind_of(layer) -> tuple:
    """The class of a layer, and the shapes of its parameters."""
    shapes = tuple(parameter.shape for parameter in layer.parameters())
    return type(layer), shapes


def is_block(layer) -> bool:
    """Whether a layer is made of others (to compile a single one gains nothing), and none of them
    goes by what it finds in its input, as networks.windows does: torch would compile ever anew."""
    inner = list(layer.modules())
    return len(inner) > 1 and not any(hasattr(module, "window_plans") for module in inner)
