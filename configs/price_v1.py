"""V1: CLIP ViT-B/32 trained in its last layers, attention both ways, wide and deep head, Huber with
SMAPE on prices.

Run     make all CATEGORY=price_v1
        make all CATEGORY=price_v1 SET="run.weights=<folder>"
            without the hub, from a folder that holds clip-vit-base-patch32/
Needs   a GPU; the competition's files in input/price; openai/clip-vit-base-patch32
        from the hub or run.weights
Took    not run here: no GPU
Score   not run here
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
