"""Settings that every network has which is trained: how, at what rate, by which loss."""

from typing import Annotated, Literal

from pydantic import Field

from common.sections import Count, NonNegative, Positive, Section, Share


class Training(Section):
    """What every network that is trained end to end is trained by."""

    epochs: Count = 12
    batch: Count = 32  # rows per step; a smaller micro-batch that memory forces keeps the step
    lr: Positive = 1e-5  # peak
    weight_decay: NonNegative = 0.01
    schedule: Literal["cosine", "plateau", "restarts"] = (
        "cosine"  # plateau: halved after 2 epochs without a better score
    )
    # epochs of the first cycle of restarts; each next one is twice as long (Loshchilov & Hutter
    # 2017)
    cycle: Count = 20
    warmup: NonNegative = 0.5  # epochs, at the start; not with plateau
    clip: NonNegative = 1.0  # norm of the gradient; 0 = no clipping
    ema: Share = 0.0  # decay of the averaged weights per step; 0 = none
    patience: Annotated[int, Field(ge=0)] = (
        0  # stop after so many epochs without a better score on the validation rows; 0 = never
    )


class FineTuning(Training):
    """What a pretrained backbone and what is new on it are trained by; lr is that of the backbone's
    last layer."""

    head_lr: NonNegative = 5e-5  # peak, of what is new; 0 = lr
    layer_decay: Annotated[float, Field(gt=0, le=1)] = (
        1.0  # lr factor per backbone layer, downwards
    )


class Loss(Section):
    """Cross-entropy over the labelled cells of a batch, mean over attributes; the means against
    imbalance."""

    label_smoothing: Share = 0.0
    class_weight: NonNegative = (
        0.0  # weight of a class = frequency^-this: 0 none, .5 root, 1 balanced
    )
    logit_adjustment: NonNegative = (
        0.0  # tau: logits + tau log prior while training (Menon et al. 2021); 1 = balanced
    )
