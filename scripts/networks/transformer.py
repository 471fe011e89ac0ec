"""The fine-tuned text network: a transformers encoder with one linear head for the question.

in: token ids (b, t) of "Basmati rice 5 kg", parsed and scaled quantities (b, 2 q)
out: log1p price 3.1 (b, 1); or of "Nike Men Blue Shirt" the logits (b, k) of all attributes
"""

import re

import torch
from torch import nn

from networks.pooling import masked_mean


class TextNet(nn.Module):
    """Encoder, mean over the text's tokens, beside it q quantities through a small MLP → (b, k).

    moments (2, q): mean and deviation of the training rows' quantities; whoever trains sets them.
    """

    NUMBERS_WIDTH = 64

    def __init__(self, encoder: nn.Module, q: int, dropout: float, k: int = 1):
        super().__init__()
        self.encoder = encoder
        self.numbers = None
        d = encoder.config.hidden_size

        if q:
            # of each whether it is there, too
            self.numbers = nn.Sequential(nn.Linear(2 * q, self.NUMBERS_WIDTH), nn.GELU())
            self.register_buffer("moments", torch.zeros(2, q, dtype=torch.float64))
            d += self.NUMBERS_WIDTH

        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(d, k)

    def forward(self, ids, mask, numbers):
        """ids and mask (b, t), scaled quantities (b, 2 q) → (b, k)."""
        hidden = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        features = masked_mean(hidden, mask)

        if self.numbers is not None:
            features = torch.cat([features, self.numbers(numbers)], 1)

        return self.head(self.dropout(features))

    def groups(self, settings) -> list[dict]:
        """AdamW groups with layer-wise learning rate decay: layer i of n at lr layer_decay^(n - i),
        the embeddings below them all, new layers at head_lr. settings: FineTuning."""
        groups: dict[tuple[float, float], dict] = {}
        for name, parameter in self.named_parameters():
            lr = self.learning_rate(name, settings)
            # no decay on biases and norms
            decay = settings.weight_decay if parameter.ndim > 1 else 0.0
            empty = {"params": [], "lr": lr, "weight_decay": decay}
            group = groups.setdefault((lr, decay), empty)
            group["params"].append(parameter)

        return list(groups.values())

    def learning_rate(self, name: str, settings) -> float:
        """The peak learning rate of the parameter `name`."""
        if not name.startswith("encoder."):
            return settings.head_lr or settings.lr

        n_layers = self.encoder.config.num_hidden_layers
        layer = re.search(r"\.(?:layers?|h)\.(\d+)\.", name)
        if layer:
            below_top = n_layers - 1 - int(layer[1])
        elif "embed" in name:
            below_top = n_layers
        else:
            below_top = 0

        return settings.lr * settings.layer_decay**below_top
