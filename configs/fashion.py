"""Fashion products, 60x80 pixels, 7 attributes: any table of many attributes by config alone, on
frozen encoders.

Run     make all CATEGORY=fashion SET="run.weights=<folder>"
Needs   CPU; a folder of tf_efficientnet_lite0.safetensors and tf_efficientnet_lite2.safetensors, or
        a network; train.csv, test.csv and images/ in input/fashion
Took    25 minutes on two cores, 26,368 rows
Score   .698 HM out-of-fold, .722 expected at the test set's size
"""

from config import Config

config = Config(
    task="attributes",
    models=("knn", "heads"),
    data=dict(
        folder="fashion",
        category_column="",
        train_image="images/{id}.jpg",
        test_image="images/{id}.jpg",
        labels=(
            "gender",
            "masterCategory",
            "subCategory",
            "articleType",
            "baseColour",
            "season",
            "usage",
        ),
    ),
    images=dict(size=128),
    features=dict(
        encoders=("tf_efficientnet_lite0", "tf_efficientnet_lite2"), stages=True, views=2
    ),
    heads=dict(
        source="encoders",
        hidden=256,
        dropout=0.3,
        class_weight=0.5,
        epochs=10,
        batch=512,
        lr=2e-3,
        weight_decay=0.05,
    ),
    knn=dict(k=15),
)
