"""Another shop by config alone: texts, one picture, a price in rupees; 841 rows.

    make all CATEGORY=flipkart
    make all CATEGORY=flipkart SET="table.encoder=<sentence-transformers folder> table.image=<folder of a vision encoder>"
"""
from common.config import Config, Data, Images

config = Config(
    task="price", models=("ridge", "mlp", "svr", "table", "stack"),
    data=Data(folder="flipkart", id="uniq_id", category_column="", labels=("discounted_price",), n_folds=10,
              text=("product_name", "brand", "product_category_tree", "description", "product_specifications"),
              train_image="images/{image}", test_image="images/{image}"),
    images=Images(size=224),
)
