"""The networks: a timm trunk, the seed's attention head per attribute, plain heads on pooled features, and their losses."""
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from common.errors import Stop
from common.io import digest
from common.weights import load_strict, read_weights, weights_file


class AttentionHead(nn.Module):
    """Spatial and channel attention over the trunk's map, then an MLP: (b, d, h, w) → logits (b, classes).

    With d=1024 and width=512 it has 1,407,104 + 513 classes parameters, the published system's count.
    """

    def __init__(self, d: int, classes: int, width: int = 512):
        super().__init__()
        groups = math.gcd(32, d)
        self.spatial = nn.Sequential(nn.Conv2d(d, width, 3, padding=1, groups=groups), nn.GELU(),
                                     nn.Conv2d(width, width, 3, padding=1, groups=groups), nn.GELU())
        self.channel = nn.Sequential(nn.Linear(width, width // 4), nn.GELU(), nn.Linear(width // 4, width), nn.Sigmoid())
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.LayerNorm(2 * width), nn.GELU(), nn.Dropout(0.2),
            nn.Linear(2 * width, width), nn.LayerNorm(width), nn.Sigmoid(), nn.Dropout(0.1), nn.Linear(width, classes))

    def forward(self, x):
        x = self.spatial(x)
        pooled = x.mean((2, 3))
        return self.mlp(pooled * self.channel(pooled))  # the gate is one number per channel: it commutes with the mean


class MlpHead(nn.Module):
    """Linear-LayerNorm-ReLU-Dropout-Linear on pooled features (b, d), or a map (b, d, h, w) that it averages; hidden 0 = linear."""

    def __init__(self, d: int, classes: int, hidden: int = 512, dropout: float = 0.1):
        super().__init__()
        self.register_buffer("mean", torch.zeros(d))
        self.register_buffer("std", torch.ones(d))  # of the features, where whoever trains it knows them
        self.mlp = nn.Linear(d, classes) if not hidden else nn.Sequential(
            nn.Linear(d, hidden), nn.LayerNorm(hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, classes))

    def forward(self, x):
        x = x.mean((2, 3)) if x.ndim == 4 else x
        return self.mlp((x - self.mean) / self.std)


class AttributeNet(nn.Module):
    """Backbone → Conv1x1, GELU, Dropout → a head per attribute. Images (b, 3, s, s) → logits (b, k), pooled features (b, d)."""

    def __init__(self, backbone: nn.Module, sizes: list[int], head: str = "attention", width: int = 512):
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


def feature_map(backbone: nn.Module, images):
    """A timm backbone's last map (b, d, h, w), also of a transformer's tokens (b, n, d) and of channels-last maps."""
    x = backbone.forward_features(images)
    if x.ndim == 3:
        x = x[:, getattr(backbone, "num_prefix_tokens", 0):]
        side = math.isqrt(x.shape[1])
        return x.transpose(1, 2).reshape(len(x), -1, side, side)
    return x if x.shape[1] == backbone.num_features else x.permute(0, 3, 1, 2)


def stage_means(backbone: nn.Module, images):
    """A timm encoder's pooled features with the mean of every stage's map after them: (b, d + channels of all stages)."""
    final, maps = backbone.forward_intermediates(images, output_fmt="NCHW")
    return torch.cat([backbone.forward_head(final, pre_logits=True), *(m.mean((2, 3)) for m in maps)], 1)


def pool(backbone: nn.Module, features):
    """Mean over places of a map (b, d, h, w), through the backbone's last norm where it has one over channels: (b, d)."""
    norm = getattr(getattr(backbone, "head", None), "norm", None)
    pooled = features.mean((2, 3), keepdim=True)
    return (norm(pooled) if norm is not None else pooled).flatten(1)


def create_backbone(name: str, pretrained: bool, place: str, size: int = 0):
    """A timm model without classifier, and for its record {name: digest of the weights file}, {name: None} from the hub, {}
    for random weights. A file in `place` wins, is loaded strictly, and nothing calls home. Stop when neither has it, or when
    the model cannot take pictures of `size` pixels.
    """
    import timm

    file = weights_file(name, place) if pretrained else None
    if pretrained and place and not file:
        raise Stop(f"no {name}.safetensors in run.weights={place}; there are: "
                   f"{', '.join(sorted(p.name for p in Path(place).expanduser().iterdir())) or 'no files'}. Put it there, or leave run.weights empty: the hub is asked then")
    try:
        model = timm.create_model(name, pretrained=pretrained and not file)  # whole, since timm loads loosely without its classifier
    except Exception as error:  # timm, the hub, its HTTP client and torch each raise their own
        what = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise Stop(f"no backbone {name}: asked timm and the hub: {what}. Set run.weights to a folder that has it, or pretrained=false to start from random weights") from None
    cfg = model.pretrained_cfg
    model.reset_classifier(0)
    if size and cfg.get("fixed_input_size") and size != cfg["input_size"][-1]:
        raise Stop(f"{name} takes pictures of {cfg['input_size'][-1]} pixels, not {size}; set net.size or features.size to that")
    if file:
        heads = cfg["classifier"] if isinstance(cfg["classifier"], (tuple, list)) else [cfg["classifier"]]
        state = {k: v for k, v in read_weights(file).items() if not k.startswith(tuple(f"{head}." for head in heads))}
        load_strict(model, state, file)
    return model, {name: digest(file) if file else None} if pretrained else {}


def normalised(pictures, backbone, device, size: int):
    """uint8 (b, s, s, 3) → float (b, 3, size, size) on the device, by the backbone's own mean and std; size 0 keeps s.

    The channels stay last in memory, as pictures come: what GPUs want, and bf16 on a CPU (3x, measured).
    """
    x = torch.as_tensor(pictures).to(device, non_blocking=True).permute(0, 3, 1, 2).float()
    if size and x.shape[-1] != size:
        x = F.interpolate(x, (size, size), mode="bilinear", antialias=True, align_corners=False)
    mean, std = (255 * torch.tensor(backbone.pretrained_cfg[key], device=device).view(1, 3, 1, 1) for key in ("mean", "std"))
    return (x - mean) / std


class MaskedLoss(nn.Module):
    """Cross-entropy of the labelled cells: per attribute its mean, then the mean over attributes.

    prior (k,): class frequencies of the training rows, for class weights and logit adjustment.
    """

    def __init__(self, sizes: list[int], prior, settings):
        super().__init__()
        self.sizes, self.smoothing = sizes, settings.label_smoothing
        prior = torch.as_tensor(prior, dtype=torch.float32).clamp(min=1e-6)
        self.register_buffer("adjust", settings.logit_adjustment * prior.log())
        there = (prior > 1e-6).float()  # a class that no training row has gets no weight: smoothing would multiply it
        weights = [t * p.pow(-settings.class_weight) / (t * p.pow(1 - settings.class_weight)).sum()
                   for p, t in zip(prior.split(sizes), there.split(sizes))] if settings.class_weight else [torch.ones_like(prior)]
        self.register_buffer("weight", torch.cat(weights))  # so that the mean weight of a row is 1

    def of(self, a: int, logits, target):
        """Sum over rows of attribute a's loss: logits (b, classes), target (b,), -1 where not labelled."""
        start = sum(self.sizes[:a])
        own = slice(start, start + self.sizes[a])
        return F.cross_entropy(logits.float() + self.adjust[own], target, self.weight[own], ignore_index=-1, reduction="sum",
                               label_smoothing=self.smoothing)

    def forward(self, logits, target, counts):
        """logits (b, k), target (b, a) of a micro-batch. counts (a,): labelled rows of the whole batch, so that the losses of
        its micro-batches add up to the batch's."""
        losses = [self.of(a, z, target[:, a]) / n for a, (z, n) in enumerate(zip(logits.split(self.sizes, 1), counts.tolist())) if n]
        return sum(losses) / len(losses) if losses else logits.sum() * 0


def mmd(x, y):
    """Biased squared maximum mean discrepancy of x (n, d) and y (m, d), Gaussian kernels at 6 bandwidths around the median.

    MMD² = mean k(x,x) + mean k(y,y) − 2 mean k(x,y) (Gretton et al. 2012); 0 for equal samples. The bandwidth follows the
    median distance of the pooled sample, without a gradient of its own.
    """
    with torch.autocast(x.device.type, enabled=False):  # half precision would cancel in |x|² + |y|² - 2xy
        both = torch.cat([x, y]).float()
        norm = both.square().sum(1)
        distance = (norm[:, None] + norm[None] - 2 * both @ both.T).clamp(min=0)
        median = distance.detach().flatten().median().clamp(min=1e-12)
        kernel = sum(torch.exp(-distance / (median * scale)) for scale in (0.125, 0.25, 0.5, 1, 2, 4)) / 6
    n = len(x)
    return kernel[:n, :n].mean() + kernel[n:, n:].mean() - 2 * kernel[:n, n:].mean()


def probabilities(logits, sizes: list[int]):
    """Softmax attribute by attribute (b, k)."""
    return torch.cat([z.float().softmax(1) for z in logits.split(sizes, 1)], 1)
