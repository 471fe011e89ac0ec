"""The same where the text is a column of the table, without places and without pictures.

make all CATEGORY=entity_ocr
"""

from config import Config

config = Config(
    task="entity",
    models=("ranker",),
    data=dict(
        folder="entity_ocr",
        id="index",
        question="entity_name",
        category_column="group_id",
        labels=("entity_value",),
        group="image_link",
        text=("ocr",),
        train_image="",
        test_image="",
    ),
    ranker=dict(labels="labels_263k.csv.gz"),
)
