"""A text encoder with one number at its head."""

import re

import torch
from torch import nn


class TextNet(nn.Module):
    """Encoder → mean over the text's tokens, beside it q numbers through a small MLP → (b, 1)."""

    def __init__(self, encoder: nn.Module, q: int, dropout: float):
        super().__init__()
        self.encoder = encoder
        self.numbers = nn.Sequential(nn.Linear(q, 64), nn.GELU()) if q else None
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(encoder.config.hidden_size + (64 if q else 0), 1)

    def forward(self, ids, mask, extra):
        """ids and mask (b, t), extra (b, q) → (b, 1)."""
        hidden = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        weight = mask[..., None].to(hidden.dtype)
        pooled = (hidden * weight).sum(1) / weight.sum(1).clamp(min=1)
        pooled = pooled if self.numbers is None else torch.cat([pooled, self.numbers(extra)], 1)
        return self.head(self.dropout(pooled))

    def groups(self, settings) -> list[dict]:
        """AdamW groups: layer i of n at lr layer_decay^(n - i), the embeddings below them all, what
        is new at head_lr."""
        depth = self.encoder.config.num_hidden_layers
        found: dict[tuple, list] = {}
        for name, parameter in self.named_parameters():
            layer = re.search(r"\.(?:layers?|h)\.(\d+)\.", name)
            below = depth - 1 - int(layer[1]) if layer else depth if "embed" in name else 0
            lr = (
                settings.lr * settings.layer_decay**below
                if name.startswith("encoder.")
                else settings.head_lr or settings.lr
            )
            found.setdefault((lr, settings.weight_decay if parameter.ndim > 1 else 0.0), []).append(
                parameter
            )
        return [
            {"params": parameters, "lr": lr, "weight_decay": decay}
            for (lr, decay), parameters in found.items()
        ]
