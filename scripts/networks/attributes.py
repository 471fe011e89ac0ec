"""The image network: a timm backbone, and per attribute the published attention head or a plain
MLP. A number has one head, of one output.

in: images (b, 3, 512, 512) → out: logits (b, 5), for attributes of 3 and of 2 classes
"""

import math

import torch
from torch import nn

from networks.backbone import embed, feature_map


class AttentionHead(nn.Module):
    """Spatial and channel attention over a feature map, then an MLP: (b, d, h, w) → (b, classes).

    With d=1024 and width=512 it has 1,407,104 + 513 classes parameters, as the published system.
    """

    def __init__(self, d: int, classes: int, width: int = 512):
        super().__init__()
        groups = math.gcd(32, d)
        self.spatial = nn.Sequential(
            nn.Conv2d(d, width, 3, padding=1, groups=groups),
            nn.GELU(),
            nn.Conv2d(width, width, 3, padding=1, groups=groups),
            nn.GELU(),
        )
        self.channel = nn.Sequential(
            nn.Linear(width, width // 4),
            nn.GELU(),
            nn.Linear(width // 4, width),
            nn.Sigmoid(),
        )
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width),
            nn.LayerNorm(2 * width),
            nn.GELU(),
            nn.Dropout(0.2),
            nn.Linear(2 * width, width),
            nn.LayerNorm(width),
            nn.Sigmoid(),
            nn.Dropout(0.1),
            nn.Linear(width, classes),
        )

    def forward(self, x):
        x = self.spatial(x)
        pooled = x.mean((2, 3))
        # the gate is one number per channel, so it may be applied after the mean
        return self.mlp(pooled * self.channel(pooled))


class MlpHead(nn.Module):
    """Linear, LayerNorm, ReLU, Dropout, Linear on features (b, d) → logits (b, classes).

    hidden=0 leaves one linear layer.
    """

    def __init__(self, d: int, classes: int, hidden: int = 512, dropout: float = 0.1):
        super().__init__()
        # moments of the training features; whoever trains the head on fixed features sets them
        self.register_buffer("mean", torch.zeros(d))
        self.register_buffer("std", torch.ones(d))

        if not hidden:
            self.mlp = nn.Linear(d, classes)
            return

        self.mlp = nn.Sequential(
            nn.Linear(d, hidden),
            nn.LayerNorm(hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, classes),
        )

    def forward(self, x):
        return self.mlp((x - self.mean) / self.std)


def last_linear(head: nn.Module) -> nn.Linear:
    """The layer that gives a head's outputs."""
    layers = [module for module in head.modules() if isinstance(module, nn.Linear)]
    return layers[-1]


def create_heads(
    d: int, sizes: list[int], head: str, width: int, dropout: float = 0.1
) -> nn.ModuleList:
    """One head per attribute on d features. sizes: classes of each; head: "attention" or "mlp"."""
    if head == "attention":
        heads = [AttentionHead(d, classes, width) for classes in sizes]
    else:
        heads = [MlpHead(d, classes, width, dropout) for classes in sizes]

    return nn.ModuleList(heads)


class AttributeNet(nn.Module):
    """A timm backbone, then one head per attribute: attention heads on its map after Conv1x1, GELU
    and Dropout, or MLPs on its own pooled embedding."""

    def __init__(
        self, backbone: nn.Module, sizes: list[int], head: str = "attention", width: int = 512
    ):
        super().__init__()
        self.backbone = backbone
        self.reads_map = head == "attention"

        d = backbone.head_hidden_size

        self.reduce = nn.Sequential()
        if self.reads_map:
            d = backbone.num_features
            self.reduce = nn.Sequential(
                nn.Conv2d(d, d, 1),
                nn.GELU(),
                nn.Dropout(0.1),
            )

        self.heads = create_heads(d, sizes, head, width)

    def head_inputs(self, x):
        """What the heads read, a map (b, d, h, w) or an embedding (b, d), of what the backbone's
        forward_features gives, x."""
        if self.reads_map:
            return self.reduce(feature_map(self.backbone, x))

        return embed(self.backbone, x)

    def trunk(self, images):
        """What the heads read of images (b, 3, s, s): T2 freezes it and 03 keeps it."""
        return self.head_inputs(self.backbone.forward_features(images))

    def forward(self, images):
        """images (b, 3, s, s) → outputs (b, K) of all heads, pooled embedding (b, d)."""
        x = self.backbone.forward_features(images)
        inputs = self.head_inputs(x)
        outputs = torch.cat([head(inputs) for head in self.heads], 1)
        embedding = embed(self.backbone, x) if self.reads_map else inputs
        return outputs, embedding


class HeadSet(nn.Module):
    """One head per attribute on features (b, d) or maps (b, d, h, w) made before."""

    def __init__(self, d: int, sizes: list[int], head: str, width: int, dropout: float = 0.1):
        super().__init__()
        self.sizes = sizes
        self.heads = create_heads(d, sizes, head, width, dropout)

    def attribute_logits(self, a: int, x):
        """Logits (b, classes) of attribute a."""
        return self.heads[a](x)
