"""Text alone, fine-tuned: DeBERTa-v3 on log1p of the price, with parsed quantities at its head;
what 3rd place did with the large model.

Run     make all CATEGORY=price_text
        make all CATEGORY=price_text SET="transformer.model=microsoft/deberta-v3-large"
Needs   a GPU; the competition's files in input/price; microsoft/deberta-v3-base
        from the hub or run.weights
Took    not run here: no GPU
Score   not run here; 3rd place is known to have 40.33 (large)
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
