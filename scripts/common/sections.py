"""What settings are made of, and the config's sections that every category has."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator


def as_tuple(value):
    """A tuple of one string where a string was given; () of an empty one."""
    if isinstance(value, str):
        return (value,) if value else ()

    return value


Count = Annotated[int, Field(ge=1)]
CountOrZero = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Names = Annotated[tuple[str, ...], BeforeValidator(as_tuple)]
Augment = Literal["none", "light", "medium", "strong", "published"]


class Section(BaseModel):
    """A section of a config; an unknown setting is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(Section):
    """Which rows, which labels, which folds."""

    # the competition's folder in input_path, and the tables there
    folder: str = "visual-taxonomy"
    train: str = "train.csv"
    test: str = "test.csv"
    # column of the ids, distinct within train and within test
    id: str = "id"
    # column that names each row's category; "" = there is none
    category_column: str = "Category"
    # values of category_column whose rows are taken; () = all rows
    categories: Names = ()
    # label columns, one of a price; () = attr_1 .. attr_k as the table `attributes` says
    labels: Names = ()
    # columns of text, read one below the other; () = rows have no text
    text: Names = ()
    # table (id, column, value; an empty value = no label) laid over the labels of train; "" = none
    corrections: str = ""
    # table of each category's attributes (Category, Attribute_list)
    attributes: str = "category_attributes.parquet"
    # name of a row's image, {column} or {column:06d} of the row, or a link; "" = rows have none
    train_image: str = "train_images/{id:06d}.jpg"
    test_image: str = "test_images/{id:06d}.jpg"
    # column of what is asked of a row: the entity
    question: str = ""
    # rows that stay in one fold: column of train.csv with equal values; "twins" = rows whose images
    # or texts are the same or nearly, "image" = images alone; "auto" = twins, unless test rows have
    # theirs in train as often; "" = every row is alone
    group: str = "auto"
    n_folds: Annotated[int, Field(ge=2)] = 5
    # shards of the rows for language models: each is one command, on any machine
    parts: Count = 100
    # training rows taken, drawn at random; 0 = all
    max_train_rows: CountOrZero = 0
    # share of a member's rows that picks its epoch and is never trained on; 0 = the last epoch
    validation: Annotated[float, Field(ge=0, le=0.5)] = 0.1
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0

    @model_validator(mode="after")
    def column_of_categories(self):
        if self.categories and not self.category_column:
            raise ValueError(
                "data.categories are values of data.category_column, and that is empty: "
                "set both or neither"
            )

        return self


class Infer(Section):
    """How images are predicted."""

    flip: bool = True  # average with the mirror image


class Post(Section):
    """From merged predictions to the submission."""

    # fitted: on out-of-fold rows, offsets per class for HM, a shift for SMAPE, a threshold for F1;
    # where that does not gain, plain is used
    decode: Literal["plain", "fitted"] = "fitted"
    # cell of columns that a category does not use
    filler: str = "dummy_value"


class Run(Section):
    """How things are computed, not what: none of these settings makes a file stale."""

    # folder of <name>.safetensors or <name>/model.safetensors, searched instead of the hub
    weights: str = ""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    # auto: bf16 where it is fast, else fp16, else fp32
    amp: Literal["auto", "bf16", "fp16", "fp32"] = "auto"
    # torch.compile; auto: on a GPU, where the work is long enough to gain by it
    compile: Literal["auto", "on", "off"] = "auto"
    # rows per forward and backward pass; 0 = the whole batch, halved when memory ends
    micro_batch: CountOrZero = 0
    # torchrun processes that train one member together, a GPU each: net, clip and transformer
    processes: Count = 1
    infer_batch: Count = 64
    # threads that decode images; 0 = one per core
    workers: CountOrZero = 0
    # true: questions that an endpoint does not answer become rows without a reply; false: their
    # part is not done
    leave_failed: bool = False
    # hours from the start of make, then stop cleanly with exit code 75; 0 = no limit
    time_limit: NonNegative = 0.0
    # minutes between checkpoints; 0 = every step
    save_every: NonNegative = 5.0
