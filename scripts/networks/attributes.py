"""The network of the attributes: a timm trunk, the published attention head per attribute, or plain
heads on pooled features."""

import math

import torch
from torch import nn

from networks.backbone import feature_map, pool


class AttentionHead(nn.Module):
    """Spatial and channel attention over the trunk's map, then an MLP: (b, d, h, w) → logits (b,
    classes).

    With d=1024 and width=512 it has 1,407,104 + 513 classes parameters, the published system's
    count.
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
            nn.Linear(width, width // 4), nn.GELU(), nn.Linear(width // 4, width), nn.Sigmoid()
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
        return self.mlp(
            pooled * self.channel(pooled)
        )  # the gate is one number per channel: it commutes with the mean


class MlpHead(nn.Module):
    """Linear-LayerNorm-ReLU-Dropout-Linear on pooled features (b, d), or a map (b, d, h, w) that it
    averages; hidden 0 = linear."""

    def __init__(self, d: int, classes: int, hidden: int = 512, dropout: float = 0.1):
        super().__init__()
        self.register_buffer("mean", torch.zeros(d))
        self.register_buffer(
            "std", torch.ones(d)
        )  # of the features, where whoever trains it knows them
        self.mlp = (
            nn.Linear(d, classes)
            if not hidden
            else nn.Sequential(
                nn.Linear(d, hidden),
                nn.LayerNorm(hidden),
                nn.ReLU(),
                nn.Dropout(dropout),
                nn.Linear(hidden, classes),
            )
        )

    def forward(self, x):
        x = x.mean((2, 3)) if x.ndim == 4 else x
        return self.mlp((x - self.mean) / self.std)


class AttributeNet(nn.Module):
    """Backbone → Conv1x1, GELU, Dropout → a head per attribute. Images (b, 3, s, s) → logits (b,
    k), pooled features (b, d)."""

    def __init__(
        self, backbone: nn.Module, sizes: list[int], head: str = "attention", width: int = 512
    ):
        super().__init__()
        d = backbone.num_features
        self.backbone = backbone
        self.reduce = nn.Sequential(nn.Conv2d(d, d, 1), nn.GELU(), nn.Dropout(0.1))
        make = AttentionHead if head == "attention" else MlpHead
        self.heads = nn.ModuleList(make(d, classes, width) for classes in sizes)

    def trunk(self, images):
        """The map (b, d, h, w) that the heads look at: what T2 freezes and 03 keeps."""
        return self.reduce(feature_map(self.backbone, images))

    def forward(self, images):
        features = feature_map(self.backbone, images)
        maps = self.reduce(features)
        return torch.cat([head(maps) for head in self.heads], 1), pool(self.backbone, features)


class HeadSet(nn.Module):
    """A head per attribute on given features (b, d) or maps (b, d, h, w)."""

    def __init__(self, d: int, sizes: list[int], head: str, width: int, dropout: float = 0.1):
        super().__init__()
        self.sizes = sizes
        make = AttentionHead if head == "attention" else lambda d, c, w: MlpHead(d, c, w, dropout)
        self.heads = nn.ModuleList(make(d, classes, width) for classes in sizes)

    def one(self, a: int, x):
        """Logits (b, classes) of attribute a."""
        return self.heads[a](x)
