"""The same questions on the CPU: text on the pictures is read once, LightGBM picks the value.

Photos in images/, or an archive of them:
    make all CATEGORY=entity_photos
Downloaded:
    make all CATEGORY=entity_photos SET="data.train_image={image_link} data.test_image={image_link}"
"""

from config import Config

config = Config(
    task="entity",
    models=("ranker",),
    data=dict(
        folder="entity",
        id="index",
        question="entity_name",
        category_column="group_id",
        labels=("entity_value",),
        group="image_link",
        train_image="images/{image_link:name}",
        test_image="images/{image_link:name}",
    ),
    images=dict(cache=False),
    ocr=dict(scales=(2, 1)),
    ranker=dict(labels="labels_263k.csv.gz"),
)
