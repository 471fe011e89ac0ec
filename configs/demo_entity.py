"""The sample's packs: what entity_photos does, in a minute.

make demo
"""

from config import Config

config = Config(
    task="entity",
    models=("ranker",),
    data=dict(
        folder="demo_entity",
        id="index",
        question="entity_name",
        category_column="group_id",
        labels=("entity_value",),
        group="image_link",
        train_image="images/{image_link:name}",
        test_image="images/{image_link:name}",
        n_folds=3,
    ),
    images=dict(cache=False),
)
