"""What settings are made of: their types, and what every network that is trained has."""
from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Names = Annotated[tuple[str, ...], BeforeValidator(lambda value: tuple(filter(None, [value])) if isinstance(value, str) else value)]
Networks = Annotated[Names, AfterValidator(lambda names: tuple(str(ip_network(name)) for name in names))]
Augment = Literal["none", "light", "medium", "strong", "seed"]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Training(Section):
    """What every network that is trained end to end is trained by."""
    epochs: Count = 12
    batch: Count = 32                 # rows per step; a smaller micro-batch that memory forces keeps the step
    lr: Positive = 1e-5               # peak
    weight_decay: NonNegative = 0.01
    schedule: Literal["cosine", "plateau", "restarts"] = "cosine"  # plateau: halved after 2 epochs without a better score
    cycle: Count = 20                 # epochs of the first cycle of restarts; each next one is twice as long (Loshchilov & Hutter 2017)
    warmup: NonNegative = 0.5         # epochs, at the start; not with plateau
    clip: NonNegative = 1.0           # norm of the gradient; 0 = no clipping
    ema: Share = 0.0                  # decay of the averaged weights per step; 0 = none
    patience: Annotated[int, Field(ge=0)] = 0  # stop after so many epochs without a better score on the dev rows; 0 = never


class FineTuning(Training):
    """What a pretrained backbone and what is new on it are trained by; lr is that of the backbone's last layer."""
    head_lr: NonNegative = 5e-5       # peak, of what is new; 0 = lr
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0  # lr factor per backbone layer, downwards
