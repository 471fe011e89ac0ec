"""Settings of the price system's models; their defaults are the published ones where there are such."""
from typing import Annotated, Literal

from pydantic import Field, model_validator

from common.config_types import Count, FineTuning, Names, NonNegative, Positive, Section, Share, Training


class Encode(Section):
    """What 03 keeps of an encoder of texts, of pictures, or of both together (joint)."""
    tokens: Count = 1                 # of a row's features: 1 = pooled (d,), more = at most so many tokens (tokens, d)
    max_length: Count = 512           # tokens of a text that are read
    prompt: str = ""                  # before every text; "" = the encoder's own


class Fusion(Training):
    """V2: picture and text attend to each other over cached features, residual MLPs, one number. Its defaults are the seed's."""
    image: str = "google/siglip-base-patch16-224"  # directory or hub name; timm:<name>; joint:<name> = after text and picture
    text: str = "google/embeddinggemma-300m"       # likewise
    width: Count = 512                # of both sides after projection
    heads: Count = 8
    hidden: Count = 2048              # of the residual MLPs
    blocks: Count = 2
    dropout: Share = 0.1
    attention_dropout: Share = 0.05
    beta: Positive = 0.1              # of SmoothL1 on log1p
    epochs: Count = 60                # 20 + 40: two cycles
    batch: Count = 150
    lr: Positive = 4e-5
    weight_decay: NonNegative = 1e-8
    schedule: Literal["cosine", "plateau", "restarts"] = "restarts"
    warmup: NonNegative = 0.0

    @model_validator(mode="after")
    def one_side_or_two(self):
        if not self.image and not self.text:
            raise ValueError("fusion.image and fusion.text are both empty: name one or both")
        return self


class Clip(Training):
    """V1: CLIP trained in its last layers, tokens of either side attending to the other's, wide and deep head."""
    model: str = "openai/clip-vit-base-patch32"
    layers: Count = 1                 # of either encoder that are trained, from its end, with the projections
    width: Count = 512                # of the wide layer and of the deep blocks
    blocks: Count = 2                 # of the deep side
    dropout: Share = 0.1
    alpha: Annotated[float, Field(ge=0, le=1)] = 0.5  # loss = (1 - alpha) Huber + alpha SMAPE / 200, SMAPE on prices
    target: Literal["log", "standard"] = "log"  # Huber on log1p, or on the price less its mean in standard deviations
    epochs: Count = 10
    batch: Count = 64
    lr: Positive = 1e-7               # of CLIP's last layers
    head_lr: NonNegative = 1e-5       # of what is new; 0 = lr


class Text(FineTuning):
    """A text encoder fine-tuned end to end on log1p of the price."""
    model: str = "microsoft/deberta-v3-base"
    max_length: Count = 192           # tokens
    quantities: bool = True           # parsed quantities beside the text, at the head
    dropout: Share = 0.0
    beta: Positive = 0.1              # of SmoothL1 on log1p
    epochs: Count = 4
    lr: Positive = 2e-5
    head_lr: NonNegative = 1e-3
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 0.9
    warmup: NonNegative = 0.2


class Words(Section):
    """The n-grams of texts that ridge, mlp and table read."""
    min_rows: Count = 2               # that a word of a name is in; of whole texts and characters one more
    columns: Count = 100_000          # of each block, the most frequent
    space: Count = 128                # singular directions of each, for neighbours


class Ridge(Section):
    """A linear model on n-grams and binned quantities."""
    alpha: Positive = 2.0


class Mlp(Training):
    """A small network on n-grams and binned quantities."""
    width: Count = 128                # of the words' embeddings
    hidden: Count = 64
    seeds: Count = 2                  # networks per fold, averaged
    epochs: Count = 4
    batch: Count = 128
    lr: Positive = 1e-2
    weight_decay: NonNegative = 0.0


class Svr(Section):
    """Support vectors on words, quantities and embeddings."""
    rows: Count = 15_000              # trained on at most; minutes grow with its square
    c: Positive = 3.0
    gamma: Positive = 0.5             # of the Gaussian kernel


class Table(Section):
    """LightGBM on quantities, namesakes, neighbours and a ridge."""
    encoder: str = ""                 # of texts, to find neighbours among; a directory or hub name; "" = none
    image: str = ""                   # of pictures, likewise; timm:<name> = a timm encoder
    train: str = ""                   # table in data.folder of numeric columns of the training rows (id, columns); "" = none
    test: str = ""                    # the same columns of the test rows
    rounds: Count = 400
    leaves: Annotated[int, Field(ge=2)] = 31
    lr: Positive = 0.05
    seeds: Count = 3                  # models per fold, averaged


class Stack(Section):
    """LightGBM over the other models' out-of-fold predictions and those of tables from elsewhere."""
    train: str = ""                   # table in data.folder of out-of-fold predictions of training rows (id, columns); "" = none
    test: str = ""                    # the same columns for the test rows
    trust: Names = ()                 # columns that the leak check takes for too good, and you know why
