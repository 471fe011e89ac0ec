"""The sample's prices: what price does, in a minute.

Run     make demo, or make all CATEGORY=demo_price
Needs   CPU; the sample that make demo draws; 6 MB of disk
Took    half a minute on two cores
Score   39.6 SMAPE out-of-fold, 34.7 on the 100 rows held back
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
