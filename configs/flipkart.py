"""Another shop by config alone: texts, one image, a price in rupees.

Its descriptions say "for Rs.449": three of four state the very price that is asked for, in test.csv
too. The leak check takes the model that reads it for one that saw its own rows; hence stack.trust.

Run     make all CATEGORY=flipkart
        make all CATEGORY=flipkart SET="lightgbm.encoder=<folder of a sentence-transformers model>"
        make all CATEGORY=flipkart SET="lightgbm.image=timm:tf_efficientnet_lite0"
Needs   CPU; train.csv, test.csv and images/ in input/flipkart
Took    1.7 minutes on two cores, 841 rows
Score   18.2 SMAPE out-of-fold
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
