"""The configuration: what can be set, its default, its unit. One section per concept; the defaults are the published systems.

A file of configs/ holds one `config = Config(...)` with what differs. A file is stale when a section it was made with has
changed: `run` says how, never what, and is not one.
"""
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Names = Annotated[tuple[str, ...], BeforeValidator(lambda value: tuple(filter(None, [value])) if isinstance(value, str) else value)]
Augment = Literal["none", "light", "medium", "strong", "seed"]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(Section):
    """Which rows, which labels, which folds."""
    folder: str = "visual-taxonomy"   # the competition's folder in input_path
    train: str = "train.csv"
    test: str = "test.csv"
    id: str = "id"                    # column, distinct within train and within test
    category_column: str = "Category" # column naming each row's category; "" = there is none
    categories: Names = ()  # the rows to take: values of category_column; () = all of them
    labels: Names = ()      # label columns; () = attr_1 .. attr_k as the table below says; of a price, its one column
    text: Names = ()        # columns of text, one below the other; () = rows have none
    attributes: str = "category_attributes.parquet"  # names of each category's attributes (Category, Attribute_list)
    train_image: str = "train_images/{id:06d}.jpg"   # in the folder; {column} or {column:06d} of the row; "" = rows have no picture
    test_image: str = "test_images/{id:06d}.jpg"
    group: str = ""                   # column of train.csv whose equal values stay in one fold
    n_folds: Annotated[int, Field(ge=2)] = 5
    dev: Annotated[float, Field(ge=0, le=0.5)] = 0.1                  # share of the rows that picks each member's epoch; never trained on, 0 = the last epoch
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0

    @model_validator(mode="after")
    def column_of_categories(self):
        if self.categories and not self.category_column:
            raise ValueError("data.categories are values of data.category_column, and that is empty: set both or neither")
        return self


class Images(Section):
    """What a picture must be, and the cache that is made of it."""
    size: Count = 512                 # pixels, square
    fit: Literal["squash", "pad"] = "squash"  # to the square: stretch it, or keep the aspect on grey
    quality: Annotated[int, Field(ge=1, le=100)] = 90  # of the cached JPEG
    min_side: Count = 8               # pixels; a smaller picture is bad
    max_megapixels: Positive = 64     # a larger picture is bad
    convert: bool = False             # take CMYK, 16-bit and the first frame of animated pictures instead of leaving them out


class Loss(Section):
    """Cross-entropy over the labelled cells of a batch, mean over attributes; the means against imbalance."""
    label_smoothing: Share = 0.0
    class_weight: NonNegative = 0.0   # weight of a class = frequency^-this: 0 none, .5 root, 1 balanced
    logit_adjustment: NonNegative = 0.0  # tau: logits + tau log prior while training (Menon et al. 2021); 1 = balanced


class Training(Section):
    """What every network that is trained end to end is trained by."""
    epochs: Count = 12
    batch: Count = 32                 # rows per step; a smaller micro-batch that memory forces keeps the step
    lr: Positive = 1e-5               # peak, of the backbone's last layer
    head_lr: NonNegative = 5e-5       # peak, of what is new on the backbone; 0 = lr
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0  # lr factor per backbone layer, downwards
    weight_decay: NonNegative = 0.01
    schedule: Literal["cosine", "plateau", "restarts"] = "cosine"  # plateau: halved after 2 epochs without a better score
    cycle: Count = 20                 # epochs of the first cycle of restarts; each next one is twice as long (Loshchilov & Hutter 2017)
    warmup: NonNegative = 0.5         # epochs of cosine
    clip: NonNegative = 1.0           # norm of the gradient; 0 = no clipping
    ema: Share = 0.0                  # decay of the averaged weights per step; 0 = none
    patience: Annotated[int, Field(ge=0)] = 0  # stop after so many epochs without a better score on the dev rows; 0 = never


class Net(Loss, Training):
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
    head_lr: NonNegative = 1e-5


class Text(Training):
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
    ema: Share = 0.0


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


class Infer(Section):
    flip: bool = True                 # average with the mirror image


class Post(Section):
    """From merged predictions to the submission."""
    decode: Literal["plain", "fitted"] = "fitted"  # fitted on out-of-fold rows: offsets per class for HM, a shift for SMAPE
    filler: str = "dummy_value"       # of the columns that a category does not use


class Run(Section):
    """How, not what: none of these makes a file stale."""
    weights: str = ""                 # folder of <name>.safetensors or <name>/model.safetensors, asked instead of the hub
    device: Literal["auto", "cpu", "cuda"] = "auto"
    amp: Literal["auto", "bf16", "fp16", "fp32"] = "auto"  # auto: bf16 where it is fast, else fp16, else fp32
    compile: bool = False             # torch.compile
    micro_batch: Annotated[int, Field(ge=0)] = 0  # rows per forward and backward; 0 = the batch, halved when memory ends
    infer_batch: Count = 64
    workers: Annotated[int, Field(ge=0)] = 0  # threads that decode; 0 = one per core
    time_limit: NonNegative = 0.0     # hours from the start of make; then stop cleanly with exit code 75; 0 = none
    save_every: NonNegative = 5.0     # minutes between checkpoints; 0 = every step


class Config(Section):
    """All that a category is made with."""
    task: str                         # a file of common/tasks/
    models: Names = ()      # files of common/models/: what is trained, predicted and ensembled
    join: Names = ()        # categories whose submissions make this one; then models are theirs
    data: Data = Data()
    images: Images = Images()
    net: Net = Net()
    features: Features = Features()
    heads: Heads = Heads()
    knn: Knn = Knn()
    encode: Encode = Encode()
    fusion: Fusion = Fusion()
    clip: Clip = Clip()
    text: Text = Text()
    words: Words = Words()
    ridge: Ridge = Ridge()
    mlp: Mlp = Mlp()
    svr: Svr = Svr()
    table: Table = Table()
    stack: Stack = Stack()
    infer: Infer = Infer()
    post: Post = Post()
    run: Run = Run()

    @model_validator(mode="after")
    def models_or_join(self):
        if not self.models and not self.join:
            raise ValueError("a category has models, or it joins others: set models or join")
        return self
