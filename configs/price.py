"""Amazon ML Challenge 2025 on the CPU: no pictures, no downloaded weights.

make all CATEGORY=price

With the embeddings of a sentence-transformers model, and neighbours in them too:
make all CATEGORY=price SET="lightgbm.encoder=<its folder>"
"""

from config import Config

config = Config(
    task="price",
    models=("ridge", "mlp", "svr", "lightgbm", "stack"),
    data=dict(
        folder="price",
        id="sample_id",
        category_column="",
        labels=("price",),
        text=("catalog_content",),
        train_image="",
        test_image="",
    ),
)
