"""Another shop by config alone: texts, one picture, a price in rupees; 841 rows.

Its descriptions say "for Rs.449": three of four state the very price that is asked for, in test.csv
too. The leak check takes the model that reads it for one that saw its own rows; hence stack.trust.

    make all CATEGORY=flipkart
    make all CATEGORY=flipkart SET="lightgbm.encoder=<folder> lightgbm.image=timm:tf_efficientnet_lite0"

The folder is one of a sentence-transformers model.
"""

from config import Config

config = Config(
    task="price",
    models=("ridge", "mlp", "svr", "lightgbm", "stack"),
    data=dict(
        folder="flipkart",
        id="uniq_id",
        category_column="",
        labels=("discounted_price",),
        text=(
            "product_name",
            "brand",
            "product_category_tree",
            "description",
            "product_specifications",
        ),
        train_image="images/{image}",
        test_image="images/{image}",
    ),
    images=dict(size=224),
    stack=dict(trust=("lightgbm",)),
)
