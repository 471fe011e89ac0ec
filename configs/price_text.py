"""Text alone, fine-tuned: DeBERTa-v3 on log1p with parsed quantities at its head; what 3rd place
did (40.33, the large model).

make all CATEGORY=price_text
make all CATEGORY=price_text SET="transformer.model=microsoft/deberta-v3-large transformer.batch=16"
"""

from config import Config

config = Config(
    task="price",
    models=("transformer",),
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
