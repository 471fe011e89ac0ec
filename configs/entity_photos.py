"""Entity values on the CPU: text on the images is read once, LightGBM picks the value.

Run     make all CATEGORY=entity_photos
            images in images/, or an archive of them; to download them instead, set
            data.train_image={image_link} and data.test_image={image_link}
Needs   CPU; the competition's files in input/entity; rapidocr from requirements.txt
Took    15 minutes of OCR on two cores, then half a minute; 946 questions
Score   .804 F1 out-of-fold
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
