"""The sample's prices: what price does, in a minute.

make demo
"""

from config import Config

config = Config(
    task="price",
    models=("ridge", "lightgbm", "stack"),
    data=dict(
        folder="demo_price",
        id="sample_id",
        category_column="",
        labels=("price",),
        text=("catalog_content",),
        n_folds=3,
        train_image="",
        test_image="",
    ),
)
