"""Fashion products, 60x80 pixels, 7 attributes: any many-attribute table by config alone, on frozen
encoders.

make all CATEGORY=fashion SET="run.weights=<folder>"

The folder holds tf_efficientnet_lite0.safetensors and tf_efficientnet_lite2.safetensors.
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
