"""A small set of entity questions in the official layout: drawn packs and product pages.

in:  draw(Path("input/demo_entity"))
out: train.csv with rows like `https://.../1f.jpg,308856,item_weight,12.0 ounce`, test.csv,
     solution.csv, images/1f.jpg

A product has facts, as item_weight → 12 ounce. Its image prints them beside other numbers, and a
question asks for one of them. Now and then the fact that is asked for is not printed.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from common.log import progress
from sample.folder import draw_files, make_link, replacing_folder, spoil_files
from sample.labels import draw_file
from tasks.entity.sample_products import Product, make_product

FOLDER = "demo_entity"  # in input_path
ROWS = {"train": 240, "test": 60}  # questions
RANGES = 0.027  # share of the training labels that are ranges


def draw(folder: Path, seed: int = 0, rows: dict = ROWS) -> dict:
    """Draw questions and images into `folder`, which they replace at the end; return counts.

    The same seed draws the same bytes.
    """
    with replacing_folder(folder) as half:
        rng = np.random.default_rng([seed, 0])
        products, questions = list_questions(rows, seed, rng)
        write_tables(half, questions, rng)

        images = half / "images"
        images.mkdir()
        links = questions.image_link.unique()
        files = [images / Path(link).name for link in links]
        sizes = draw_files(draw_file, files, products, seed)
        megabytes = sum(progress(sizes, "sample", len(files), unit="img"))
        spoiled = spoil_files(files, rng)

    n_printed = questions.printed.sum()
    return {
        "train_rows": rows["train"],
        "test_rows": rows["test"],
        "images": len(files),
        "unprinted": int(len(questions) - n_printed),
        "megabytes": round(megabytes, 1),
        **spoiled,
    }


def list_questions(rows: dict, seed: int, rng) -> tuple[list[Product], pd.DataFrame]:
    """The products, and the questions {split: n} about them as a table.

    Its columns are split, image_link, group_id, entity_name, entity_value, printed. No image is in
    both splits. What is not printed has no value in the test split, but has one in training, as in
    the official tables.
    """
    products, questions = [], []
    for split, n in rows.items():
        end = len(questions) + n
        while len(questions) < end:
            product = make_product(seed, len(products) + 1)
            products.append(product)
            link = make_link(rng)

            for entity in product.asked[: end - len(questions)]:
                numbers, unit = product.facts[entity]
                question = {
                    "split": split,
                    "image_link": link,
                    "group_id": product.group,
                    "entity_name": entity,
                    "numbers": numbers,
                    "unit": unit,
                    "printed": entity not in product.hidden,
                }
                questions.append(question)

    table = pd.DataFrame(questions)
    table["entity_value"] = write_labels(table, rng)
    return products, table


def write_labels(questions: pd.DataFrame, rng) -> list[str]:
    """The values of the questions as labels: "12.0 ounce", a few ranges, "" for no value."""
    labels = []
    ranges = []  # training rows whose value is one
    for i, question in enumerate(questions.itertuples()):
        is_train = question.split == "train"
        number = question.numbers[0]
        label = f"{number} {question.unit}"
        if not is_train and not question.printed:
            label = ""
        labels.append(label)
        if is_train and len(question.numbers) == 2:
            ranges.append(i)

    # All ranges but a few are labelled with their lower end.
    is_train = questions.split == "train"
    n_ranges = round(RANGES * is_train.sum())
    shuffled = rng.permutation(ranges)
    for i in shuffled[:n_ranges]:
        low, high = questions.numbers[i]
        unit = questions.unit[i]
        in_brackets = f"[{low}, {high}] {unit}"
        in_words = f"{low:g} {unit} to {high:g} {unit}"
        labels[i] = rng.choice([in_brackets, in_words], p=[0.8, 0.2])
    return labels


def write_tables(folder: Path, questions: pd.DataFrame, rng) -> None:
    """Write train.csv, which has no index, test.csv, whose indices have gaps, and solution.csv."""
    asked = ["image_link", "group_id", "entity_name"]
    labelled = [*asked, "entity_value"]
    train = questions[questions.split == "train"]
    train.to_csv(folder / "train.csv", columns=labelled, index=False)

    test = questions[questions.split == "test"]
    n = len(test)
    n_gaps = n // 10 + 1
    indices = rng.choice(n + n_gaps, n, replace=False)
    indices = np.sort(indices)
    test = test.assign(index=indices)

    numbered = ["index", *asked]
    test.to_csv(folder / "test.csv", columns=numbered, index=False)

    answers = ["index", "entity_value"]
    test.to_csv(folder / "solution.csv", columns=answers, index=False)
