"""timm backbones: created with their pretrained weights, and what they tell of an image: a map, one
embedding, the means of their stages."""

import math
from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from common.errors import UserError
from common.files import digest
from networks.weights import load_strict, read_weights, weights_file


def feature_map(backbone: nn.Module, x):
    """The map (b, d, h, w) of what a timm backbone's forward_features gives, x.

    A transformer's tokens (b, n, d), without its class token, and channels-last maps (b, h, w, d)
    are brought to this shape.
    """
    if x.ndim == 3:
        prefix_tokens = getattr(backbone, "num_prefix_tokens", 0)
        patches = x[:, prefix_tokens:]
        side = math.isqrt(patches.shape[1])
        channels_first = patches.transpose(1, 2)
        return channels_first.reshape(len(x), -1, side, side)

    if x.shape[1] == backbone.num_features:
        return x

    return x.permute(0, 3, 1, 2)


def stage_means(backbone: nn.Module, images):
    """Pooled features (b, d), then the mean of each stage's map: (b, d + channels of stages)."""
    final, maps = backbone.forward_intermediates(images, output_fmt="NCHW")
    pooled = backbone.forward_head(final, pre_logits=True)
    means = [stage.mean((2, 3)) for stage in maps]
    return torch.cat([pooled, *means], 1)


def embed(backbone: nn.Module, x):
    """The backbone's own pooled embedding (b, head_hidden_size) of what its forward_features gives,
    x: a ConvNeXt's mean and norm, a CLIP's class token, a SigLIP's attention pool."""
    return backbone.forward_head(x, pre_logits=True)


def create_backbone(name: str, pretrained: bool, weights_dir: str, size: int = 0):
    """A timm model without its classifier, and its weights for the record.

    The weights are {name: digest of the file}, {name: None} when they come from the hub, {} when
    they are random. A file in weights_dir (run.weights) is used before the hub; with a weights_dir
    the hub is never asked. Raises UserError when the weights are not found or do not fit, or when
    the model does not take images of `size` pixels (0 = do not check).
    """
    file = None
    if pretrained:
        file = weights_file(name, weights_dir)
        if weights_dir and file is None:
            raise missing_file(name, weights_dir)

    model = create_timm_model(name, from_hub=pretrained and file is None)
    config = model.pretrained_cfg
    model.reset_classifier(0)

    own_size = config["input_size"][-1]
    if size and size != own_size and config.get("fixed_input_size"):
        raise UserError(
            f"{name} takes images of {own_size} pixels, not {size}; set "
            "net.size or features.size to that"
        )

    if file is not None:
        load_strict(model, without_classifier(read_weights(file), config), file)
        return model, {name: digest(file)}

    return model, {name: None} if pretrained else {}


def missing_file(name: str, weights_dir: str) -> UserError:
    """The error when weights_dir does not have the weights: it lists what is there."""
    names = sorted(file.name for file in Path(weights_dir).expanduser().iterdir())
    return UserError(
        f"no {name}.safetensors in run.weights={weights_dir}; there are: "
        f"{', '.join(names) or 'no files'}. "
        "Put it there, or leave run.weights empty: the hub is asked then"
    )


def create_timm_model(name: str, from_hub: bool) -> nn.Module:
    """The whole timm model, with random weights or the hub's.

    It keeps its classifier: without one, timm loads weights loosely.
    """
    import timm

    try:
        return timm.create_model(name, pretrained=from_hub)
    except Exception as error:  # timm, the hub, its HTTP client and torch each raise their own
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"no backbone {name}: asked timm and the hub: {type(error).__name__}: {reason}. "
            "Set run.weights to a "
            "folder that has it, or pretrained=false to start from random weights"
        ) from None


def without_classifier(state: dict, config: dict) -> dict:
    """The state dict without the classifiers that timm's config names."""
    names = config["classifier"]
    if not isinstance(names, (tuple, list)):
        names = [names]

    prefixes = tuple(f"{name}." for name in names)

    return {key: tensor for key, tensor in state.items() if not key.startswith(prefixes)}


def normalize_images(images, backbone: nn.Module, device, size: int):
    """uint8 (b, s, s, 3) → float32 (b, 3, size, size) on the device; size=0 keeps s.

    Mean and standard deviation are the backbone's own. The channels stay last in memory, as the
    images come: GPUs like it best, and bf16 on a CPU is 3 times faster so (measured).
    """
    x = torch.as_tensor(images)
    x = x.to(device, non_blocking=True)
    x = x.permute(0, 3, 1, 2).float()
    if size and x.shape[-1] != size:
        x = F.interpolate(x, (size, size), mode="bilinear", antialias=True, align_corners=False)

    config = backbone.pretrained_cfg
    mean = channel_values(tuple(config["mean"]), device)
    std = channel_values(tuple(config["std"]), device)
    return (x - mean) / std


@lru_cache
def channel_values(values: tuple[float, ...], device):
    """One value per channel, given for levels 0 to 1, as a tensor (1, 3, 1, 1) for 0 to 255."""
    return 255 * torch.tensor(values, device=device).view(1, 3, 1, 1)
