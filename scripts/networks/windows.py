"""Qwen's vision towers attend within windows, and transformers calls attention once per window:
2,272 calls for one image of 1008 x 980 pixels, more work for the host than for a GPU. Here all
windows of one length are the rows of one call: the same values in 60 calls.

Flash attention takes windows of any length at once, so a tower that uses it is left as it is.
"""

import inspect
import sys
from types import MethodType

import torch
from torch import nn

# transformers' classes whose forward is known (5.0 to 5.23), and what that forward works with
KNOWN = ("Qwen2_5_VLVisionAttention", "VisionAttention", "Qwen3VLVisionAttention")
ATTRIBUTES = ("qkv", "proj", "num_heads", "scaling", "config")
PARAMETERS = {
    "hidden_states",
    "cu_seqlens",
    "max_seqlen",
    "rotary_pos_emb",
    "position_embeddings",
    "kwargs",
}
ROTARY = "apply_rotary_pos_emb_vision"


def group_windows(model: nn.Module) -> int:
    """Let the model's vision tower attend to all windows of one length at once.

    Returns how many layers do so from now on: 0 where the model has no such tower.
    """
    plans = Plans()
    count = 0
    for module in model.modules():
        if is_known(module):
            module.window_plans = plans
            module.forward = MethodType(grouped_forward, module)
            count += 1

    return count


def is_known(module: nn.Module) -> bool:
    """Whether a module is a layer's attention that `grouped_forward` can stand for."""
    if type(module).__name__ not in KNOWN:
        return False

    if not all(hasattr(module, name) for name in ATTRIBUTES):
        return False

    parameters = inspect.signature(module.forward).parameters
    uses_sdpa = getattr(module.config, "_attn_implementation", None) == "sdpa"
    has_rotary = hasattr(sys.modules[type(module).__module__], ROTARY)
    return uses_sdpa and has_rotary and set(parameters) <= PARAMETERS


class Plans:
    """The windows of the last batch, by length: looked up once and not in every layer."""

    def __init__(self):
        # a tower has two kinds of layers: some see a window, some a whole image
        self.last: list[tuple] = []

    def groups(self, ends: torch.Tensor) -> list[torch.Tensor]:
        """The positions (n, length) of the windows of each length. ends (k,): 0, then where each
        window ends."""
        for known_ends, groups in self.last:
            if known_ends is ends:
                return groups

        groups = windows_by_length(ends)
        self.last = [*self.last[-1:], (ends, groups)]
        return groups


def windows_by_length(ends: torch.Tensor) -> list[torch.Tensor]:
    """The positions (n, length) of the windows of each length, on the device of ends (k,)."""
    bounds = ends.tolist()
    starts: dict[int, list[int]] = {}
    for start, end in zip(bounds, bounds[1:], strict=False):
        if end > start:
            starts.setdefault(end - start, []).append(start)

    groups = []
    for length, firsts in starts.items():
        first = torch.tensor(firsts)
        positions = first[:, None] + torch.arange(length)
        groups.append(positions.to(ends.device))

    return groups


def grouped_forward(self, hidden_states, cu_seqlens, position_embeddings=None, **kwargs):
    """The attention (n, d) of one layer: transformers' own forward, but for its loop over windows.

    hidden_states (n, d): all patches of the batch; cu_seqlens (k,): where the windows end.
    """
    n = len(hidden_states)
    qkv = self.qkv(hidden_states).reshape(n, 3, self.num_heads, -1)
    query, key, value = qkv.permute(1, 0, 2, 3).unbind(0)

    rotate = getattr(sys.modules[type(self).__module__], ROTARY)
    query, key = rotate(query, key, *position_embeddings)

    out = torch.empty_like(value, memory_format=torch.contiguous_format)

    for positions in self.window_plans.groups(cu_seqlens):
        out[positions] = attend(query[positions], key[positions], value[positions], self.scaling)

    return self.proj(out.reshape(n, -1))


def attend(query, key, value, scaling: float):
    """Attention (windows, length, heads, d) within each window."""
    attention = nn.functional.scaled_dot_product_attention(
        query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), scale=scaling
    )
    return attention.transpose(1, 2)
