"""The stack alone, over other teams' out-of-fold predictions: the columns of train.csv and test.csv
beside the price.

make all CATEGORY=price_oof
"""

from config import Config

config = Config(
    task="price",
    models=("stack",),
    data=dict(
        folder="price_oof",
        id="sample_id",
        category_column="",
        labels=("price",),
        train_image="",
        test_image="",
    ),
    stack=dict(train="train.csv", test="test.csv"),
)
