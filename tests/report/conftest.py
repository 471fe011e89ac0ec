"""A shop of 60 prices, whose report is made in seconds."""

import numpy as np
import pandas as pd
import pytest

PRICE = ["data.folder=shop", "models=ridge", "data.n_folds=2"]


@pytest.fixture
def price_settings() -> list[str]:
    """The settings of category price for `tea_shop`."""
    return list(PRICE)


@pytest.fixture
def make_settings() -> str:
    """The same as an argument of make."""
    return f"SET={' '.join(PRICE)}"


@pytest.fixture
def tea_shop(folders):
    """60 products with prices as the input of category price; gives its folder."""
    rng = np.random.default_rng(0)
    ounces = rng.integers(1, 20, 60)
    texts = []
    for n in ounces:
        colour = "Green" if n % 2 else "Black"
        texts.append(f"Item Name: Tea {colour} {n} Ounce <script>")
    table = pd.DataFrame(
        {
            "sample_id": range(60),
            "catalog_content": texts,
            "price": (ounces * rng.lognormal(0, 0.2, 60)).round(2),
        }
    )
    folder = folders / "input/shop"
    folder.mkdir(parents=True)
    table[:48].to_csv(folder / "train.csv", index=False)
    table[48:].drop(columns="price").to_csv(folder / "test.csv", index=False)
    return folder
