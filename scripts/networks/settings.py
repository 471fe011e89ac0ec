"""Settings of every network that is trained: how, at what rate, by which loss."""

from typing import Annotated, Literal

from pydantic import Field

from common.sections import Count, CountOrZero, NonNegative, Positive, Section, Share


class Training(Section):
    """How a network is trained end to end."""

    epochs: Count = 12
    batch: Count = 32  # rows per step; a smaller micro-batch that memory forces keeps the step
    lr: Positive = 1e-5  # peak
    weight_decay: NonNegative = 0.01
    schedule: Literal["cosine", "restarts"] = "cosine"
    # epochs of restarts' first cycle; each next is twice as long (Loshchilov & Hutter 2017)
    cycle: Count = 20
    warmup: NonNegative = 0.5  # epochs, at the start
    clip: NonNegative = 1.0  # norm of the gradient; 0 = no clipping
    ema: Share = 0.0  # decay of the averaged weights per step; 0 = none
    # stop after so many epochs without a better score on the validation rows; 0 = never
    patience: CountOrZero = 0


class FineTuning(Training):
    """How a pretrained backbone is trained, and what is new on it; lr is that of the backbone's
    last layer."""

    head_lr: NonNegative = 5e-5  # peak, of what is new; 0 = lr
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0  # lr factor per layer, downwards


class Loss(Section):
    """Of classes: cross-entropy over the labelled cells of a batch, mean over attributes."""

    # weight of a class = frequency^-this: 0 none, .5 root, 1 balanced
    class_weight: NonNegative = 0.0


class SmoothL1(Section):
    """Of a number: SmoothL1 on its log1p."""

    beta: Positive = 0.1  # errors below it count by their square
