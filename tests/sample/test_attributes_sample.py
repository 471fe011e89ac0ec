"""The attributes sample: the official layout, and faults as real downloads have them."""

import pandas as pd

from conftest import reason_of


def reasons_of(folder, ids) -> list[str]:
    """Why the images are bad, without those that are good."""
    reasons = [reason_of(folder / f"{i:06d}.jpg") for i in ids]
    return [reason for reason in reasons if reason]


def test_the_tables_are_in_the_official_layout(drawn):
    train = pd.read_csv(drawn / "train.csv")
    test = pd.read_csv(drawn / "test.csv")
    solution = pd.read_csv(drawn / "solution.csv")
    assert list(train) == ["id", "Category", "len"] + [f"attr_{i}" for i in range(1, 11)]
    assert list(test) == ["id", "Category"]
    assert train.attr_2.isna().any()
    assert solution.attr_2.notna().all()

    names = pd.read_parquet(drawn / "category_attributes.parquet")
    n_attributes = names.set_index("Category").No_of_attribute
    assert train.groupby("Category").len.first().to_dict() == n_attributes.to_dict()


def test_some_images_are_broken_or_missing(drawn):
    train = pd.read_csv(drawn / "train.csv")
    test = pd.read_csv(drawn / "test.csv")
    train_reasons = reasons_of(drawn / "train_images", train.id)
    assert len(train_reasons) == 3
    assert "missing" in train_reasons
    assert len(reasons_of(drawn / "test_images", test.id)) == 1
