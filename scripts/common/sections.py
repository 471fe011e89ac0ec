"""What settings are made of, and the config's sections that every category has."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Names = Annotated[
    tuple[str, ...],
    BeforeValidator(
        lambda value: tuple(filter(None, [value])) if isinstance(value, str) else value
    ),
]
Augment = Literal["none", "light", "medium", "strong", "published"]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(Section):
    """Which rows, which labels, which folds."""

    folder: str = "visual-taxonomy"  # the competition's folder in input_path
    train: str = "train.csv"
    test: str = "test.csv"
    id: str = "id"  # column, distinct within train and within test
    category_column: str = "Category"  # column naming each row's category; "" = there is none
    categories: Names = ()  # the rows to take: values of category_column; () = all of them
    # label columns; () = attr_1 .. attr_k as the table below says; of a price, its one column
    labels: Names = ()
    text: Names = ()  # columns of text, one below the other; () = rows have none
    # names of each category's attributes (Category, Attribute_list)
    attributes: str = "category_attributes.parquet"
    # in the folder; {column} or {column:06d} of the row, a link too; "" = none
    train_image: str = "train_images/{id:06d}.jpg"
    test_image: str = "test_images/{id:06d}.jpg"
    question: str = ""  # column of what is asked of a row, an entity
    # column of train.csv whose equal values stay in one fold; image = what shows the same picture,
    # or nearly
    group: str = ""
    n_folds: Annotated[int, Field(ge=2)] = 5
    parts: Count = (
        100  # that the rows are cut in for language models: each is one command, on any machine
    )
    max_train_rows: Annotated[int, Field(ge=0)] = (
        0  # training rows that are taken, drawn at random; 0 = all
    )
    validation: Annotated[float, Field(ge=0, le=0.5)] = (
        # share of the rows that picks each member's epoch; never trained on, 0 = the last epoch
        0.1
    )
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0

    @model_validator(mode="after")
    def column_of_categories(self):
        if self.categories and not self.category_column:
            raise ValueError(
                "data.categories are values of data.category_column, and that is empty: "
                "set both or neither"
            )
        return self


class Images(Section):
    """What a picture must be, and the cache that is made of it."""

    size: Annotated[int, Field(ge=1, le=4096)] = 512  # pixels, square
    fit: Literal["squash", "pad"] = (
        "squash"  # to the square: stretch it, or keep the aspect on grey
    )
    quality: Annotated[int, Field(ge=0, le=100)] = (
        90  # of the cached JPEG; 0 = plain uint8, 3 size² bytes a picture
    )
    min_side: Count = 8  # pixels; a smaller picture is bad
    max_megapixels: Positive = 64  # a larger picture is bad
    convert: bool = (
        True  # take CMYK, 16-bit and the first frame of animated pictures; false = they are bad
    )
    cache: bool = (
        True  # false: pictures are fetched and judged, no more, for models that read the files
    )


class Infer(Section):
    flip: bool = True  # average with the mirror image


class Post(Section):
    """From merged predictions to the submission."""

    decode: Literal["plain", "fitted"] = (
        # fitted on out-of-fold rows: offsets per class for HM, a shift for SMAPE, a threshold for
        # F1; not where it loses
        "fitted"
    )
    filler: str = "dummy_value"  # of the columns that a category does not use


class Run(Section):
    """How, not what: none of these makes a file stale."""

    weights: str = (
        ""  # folder of <name>.safetensors or <name>/model.safetensors, asked instead of the hub
    )
    device: Literal["auto", "cpu", "cuda"] = "auto"
    amp: Literal["auto", "bf16", "fp16", "fp32"] = (
        "auto"  # auto: bf16 where it is fast, else fp16, else fp32
    )
    compile: bool = False  # torch.compile
    micro_batch: Annotated[int, Field(ge=0)] = (
        0  # rows per forward and backward; 0 = the batch, halved when memory ends
    )
    processes: Count = (
        1  # of torchrun that train one member together, each on its own GPU: net, clip and text
    )
    infer_batch: Count = 64
    workers: Annotated[int, Field(ge=0)] = 0  # threads that decode; 0 = one per core
    # questions that an endpoint does not answer are rows without a reply; else their part is not
    # done
    leave_failed: bool = False
    time_limit: NonNegative = (
        0.0  # hours from the start of make; then stop cleanly with exit code 75; 0 = none
    )
    save_every: NonNegative = 5.0  # minutes between checkpoints; 0 = every step
