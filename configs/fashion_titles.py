"""Fashion products by picture and name: 7 attributes, on frozen encoders and on words.

Run     make all CATEGORY=fashion_titles SET="run.weights=<folder>"
        make all CATEGORY=fashion_titles SET="models=ridge"
            names alone, without images
Needs   CPU; what configs/fashion.py needs, and test_titles.csv in input/fashion: the test rows'
        names
Took    ridge alone 4 minutes on two cores, 26,368 rows; the others were not timed
Score   names alone by ridge: .850 HM out-of-fold, .878 expected at the test set's size
"""

from config import Config

config = Config(
    task="attributes",
    models=("knn", "heads", "ridge", "lightgbm", "stack"),
    data=dict(
        folder="fashion",
        test="test_titles.csv",
        category_column="",
        text=("productDisplayName",),
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
    lightgbm=dict(rounds=100, seeds=1),
)
