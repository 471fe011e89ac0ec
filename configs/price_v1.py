"""V1: CLIP ViT-B/32 trained in its last layers, attention both ways, wide and deep head, Huber with
SMAPE on prices.

make all CATEGORY=price_v1

Without a call to the hub, from a folder that holds clip-vit-base-patch32/:
make all CATEGORY=price_v1 SET="run.weights=<folder>"
"""

from config import Config

config = Config(
    task="price",
    models=("clip",),
    data=dict(
        folder="price",
        id="sample_id",
        category_column="",
        labels=("price",),
        text=("catalog_content",),
        train_image="{image_link}",
        test_image="{image_link}",
    ),
    images=dict(size=224),
)
