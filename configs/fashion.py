"""Fashion products (60x80 pixels, 7 attributes): any many-attribute table by config alone.

    make all CATEGORY=fashion SET="run.weights=<folder of tf_efficientnet_lite0.safetensors>"
"""
from common.config import Config, Data, Images

config = Config(
    task="attributes", models=("knn", "heads"),
    data=Data(folder="fashion", category_column="", labels=("gender", "masterCategory", "subCategory", "articleType", "baseColour", "season", "usage"),
              train_image="images/{id}.jpg", test_image="images/{id}.jpg"),
    images=Images(size=128),
)
