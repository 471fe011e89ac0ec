"""V2: SigLIP and EmbeddingGemma embeddings, cross-attention both ways; 11.3 M parameters, 60
epochs, 5 folds.

Run     make all CATEGORY=price_v2
        make all CATEGORY=price_v2 SET="encode.tokens=64"
            attention over token sequences; 1, the published notebook's, is one vector a side
Needs   a GPU; the competition's files in input/price; google/siglip-base-patch16-224 and
        google/embeddinggemma-300m from the hub or run.weights
Took    not run here: no GPU
Score   not run here
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
