"""Entity values where the text is a column of the table, without places and without images.

Run     make all CATEGORY=entity_ocr
Needs   CPU; train.csv and test.csv with a column ocr in input/entity_ocr, beside them the official
        labels as labels_263k.csv.gz where you have them
Took    1 minute on two cores, 2,278 questions
Score   .674 F1 out-of-fold, .647 without the table of labels
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
