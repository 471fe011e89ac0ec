"""The published notebook's final system: V2 on Qwen2.5-VL's embeddings of image and text.

Run     make all CATEGORY=price_qwen
        make all CATEGORY=price_qwen SET="fusion.text=joint:Qwen/Qwen2.5-VL-3B-Instruct"
            the text side after seeing the image
Needs   a GPU; the competition's files in input/price; Qwen/Qwen2.5-VL-3B-Instruct
        from the hub or run.weights
Took    not run here: no GPU
Score   not run here; the published notebook has 43.08 on the challenge's test set
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
    images=dict(size=448),
    encode=dict(max_length=1024),
    fusion=dict(image="Qwen/Qwen2.5-VL-3B-Instruct", text="Qwen/Qwen2.5-VL-3B-Instruct"),
)
