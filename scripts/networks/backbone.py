"""timm backbones: made, with weights found or asked for, and what is read of their stages."""

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from common.errors import UserError
from common.files import digest
from networks.weights import load_strict, read_weights, weights_file


def feature_map(backbone: nn.Module, images):
    """A timm backbone's last map (b, d, h, w), also of a transformer's tokens (b, n, d) and of
    channels-last maps."""
    x = backbone.forward_features(images)
    if x.ndim == 3:
        x = x[:, getattr(backbone, "num_prefix_tokens", 0) :]
        side = math.isqrt(x.shape[1])
        return x.transpose(1, 2).reshape(len(x), -1, side, side)
    return x if x.shape[1] == backbone.num_features else x.permute(0, 3, 1, 2)


def stage_means(backbone: nn.Module, images):
    """A timm encoder's pooled features with the mean of every stage's map after them: (b, d +
    channels of all stages)."""
    final, maps = backbone.forward_intermediates(images, output_fmt="NCHW")
    return torch.cat(
        [backbone.forward_head(final, pre_logits=True), *(m.mean((2, 3)) for m in maps)], 1
    )


def pool(backbone: nn.Module, features):
    """Mean over places of a map (b, d, h, w), through the backbone's last norm where it has one
    over channels: (b, d)."""
    norm = getattr(getattr(backbone, "head", None), "norm", None)
    pooled = features.mean((2, 3), keepdim=True)
    return (norm(pooled) if norm is not None else pooled).flatten(1)


def create_backbone(name: str, pretrained: bool, place: str, size: int = 0):
    """A timm model without classifier, and for its record {name: digest of the weights file},
    {name: None} from the hub, {} for random weights. A file in `place` wins, is loaded strictly,
    and nothing calls home. Raises UserError when neither has it, or when the model cannot take pictures of
    `size` pixels.
    """
    import timm

    file = weights_file(name, place) if pretrained else None
    if pretrained and place and not file:
        there = ", ".join(sorted(p.name for p in Path(place).expanduser().iterdir()))
        raise UserError(
            f"no {name}.safetensors in run.weights={place}; there are: {there or 'no files'}. "
            "Put it there, or leave run.weights empty: the hub is asked then"
        )
    try:
        model = timm.create_model(
            name, pretrained=pretrained and not file
        )  # whole, since timm loads loosely without its classifier
    except Exception as error:  # timm, the hub, its HTTP client and torch each raise their own
        what = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise UserError(
            f"no backbone {name}: asked timm and the hub: {what}. Set run.weights to a "
            "folder that has it, or pretrained=false to start from random weights"
        ) from None
    cfg = model.pretrained_cfg
    model.reset_classifier(0)
    if size and cfg.get("fixed_input_size") and size != cfg["input_size"][-1]:
        raise UserError(
            f"{name} takes pictures of {cfg['input_size'][-1]} pixels, not {size}; set "
            "net.size or features.size to that"
        )
    if file:
        heads = (
            cfg["classifier"]
            if isinstance(cfg["classifier"], (tuple, list))
            else [cfg["classifier"]]
        )
        state = {
            k: v
            for k, v in read_weights(file).items()
            if not k.startswith(tuple(f"{head}." for head in heads))
        }
        load_strict(model, state, file)
    return model, {name: digest(file) if file else None} if pretrained else {}


def normalised(pictures, backbone, device, size: int):
    """uint8 (b, s, s, 3) → float (b, 3, size, size) on the device, by the backbone's own mean and
    std; size 0 keeps s.

    The channels stay last in memory, as pictures come: what GPUs want, and bf16 on a CPU (3x,
    measured).
    """
    x = torch.as_tensor(pictures).to(device, non_blocking=True).permute(0, 3, 1, 2).float()
    if size and x.shape[-1] != size:
        x = F.interpolate(x, (size, size), mode="bilinear", antialias=True, align_corners=False)
    mean, std = (
        255 * torch.tensor(backbone.pretrained_cfg[key], device=device).view(1, 3, 1, 1)
        for key in ("mean", "std")
    )
    return (x - mean) / std
