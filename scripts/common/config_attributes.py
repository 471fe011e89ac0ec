"""Settings of the attribute system's models."""
from typing import Annotated, Literal

from pydantic import Field

from common.config_types import Augment, Count, FineTuning, Names, NonNegative, Positive, Section, Share


class Loss(Section):
    """Cross-entropy over the labelled cells of a batch, mean over attributes; the means against imbalance."""
    label_smoothing: Share = 0.0
    class_weight: NonNegative = 0.0   # weight of a class = frequency^-this: 0 none, .5 root, 1 balanced
    logit_adjustment: NonNegative = 0.0  # tau: logits + tau log prior while training (Menon et al. 2021); 1 = balanced


class Net(Loss, FineTuning):
    """T1: a backbone trained end to end with a head per attribute."""
    backbone: str = "convnext_base.fb_in22k_ft_in1k_384"  # any timm name
    pretrained: bool = True
    head: Literal["attention", "mlp"] = "attention"  # the seed's, or AvgPool-Linear-LayerNorm-ReLU-Dropout-Linear
    width: Annotated[int, Field(ge=32, multiple_of=32)] = 512  # of the head
    size: Annotated[int, Field(ge=0)] = 0  # pixels, square; 0 = images.size
    rows: Literal["all", "complete"] = "all"  # complete = only rows with no label missing, as the seed did
    sampling: NonNegative = 0.0       # rows drawn by (frequency of their rarest class)^-this; 0 = each row once an epoch
    augment: Augment = "seed"
    mmd: NonNegative = 0.1            # weight of the discrepancy to unlabelled test pictures; 0 = off


class Features(Section):
    """What 03 keeps of a frozen network: pooled (d,) of an encoder, the map (d, h, w) of a trained net's trunk."""
    encoders: Names = ("convnext_base.fb_in22k_ft_in1k_384",)  # timm names
    pretrained: bool = True
    size: Annotated[int, Field(ge=0)] = 0  # pixels, square; 0 = images.size
    stages: bool = False              # an encoder's features end with the means of its earlier stages: colour and texture
    views: Count = 1                  # 1 the picture, 2 and its mirror image, more: augmented
    augment: Augment = "seed"         # of views 3 and up


class Heads(Loss):
    """T2: all attribute heads together on cached features, each keeping its own best epoch."""
    source: Literal["net", "encoders"] = "net"  # trunk of net_<fold> with its heads to go on from, or the encoders' features
    hidden: Annotated[int, Field(ge=0)] = 512   # of a new head on encoders' features; 0 = linear
    dropout: Share = 0.1              # likewise; the heads of a net keep their own
    epochs: Count = 3
    batch: Count = 64
    lr: Positive = 1e-3               # peak, cosine to 0
    weight_decay: NonNegative = 0.01


class Knn(Section):
    """Vote of the nearest training rows in the encoders' space."""
    k: Count = 10
    temperature: Positive = 0.08      # a neighbour's weight is exp(cosine / temperature)
