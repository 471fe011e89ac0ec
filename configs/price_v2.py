"""V2: SigLIP and EmbeddingGemma embeddings, cross-attention both ways; 11.3 M parameters, 60
epochs, 5 folds.

make all CATEGORY=price_v2

Attention over token sequences; 1, the seed's, is one vector a side:
make all CATEGORY=price_v2 SET="encode.tokens=64"
"""

from config import Config

config = Config(
    task="price",
    models=("fusion",),
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
