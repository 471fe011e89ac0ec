"""Many attributes per picture, each one of several classes, most labels missing: visual taxonomy,
fashion, any such table.

A prediction (n, k) holds the probabilities of all attributes side by side; `outputs` {attribute:
[classes]} says which columns are whose. A target or answer (n, a) is a class number per attribute;
-1, not labelled, counts nowhere. Score: per attribute HM = 2 micro macro / (micro + macro) of the
F1s, mean over a category's attributes, then over categories.
"""

from math import fsum

import numpy as np
import pandas as pd

from common.errors import UserError
from common.questions import CLASSES
from common.rows import row_id
from common.tables import FIXED, group_column, id_problems, read_csv, require_distinct
from images.names import image_names
from metrics import f1
from tasks.attributes import offsets

ASKS, MODE, SCORE, RANGE, BASELINE = CLASSES, "max", "hm", (0, 1), "majority"
Outputs = dict[str, list[str]]


def read_rows(data, folder) -> tuple[pd.DataFrame, list[str]]:
    """The category's rows, train then test, and the names of the files read.

    Columns: id "train:12" (both files may count from 0), split, image, group, then a column per
    attribute, "" where not labelled: its own name, or "<category>/<name>" where rows have
    categories.
    """
    group = group_column(data)
    category = [data.category_column] if data.category_column else []
    train = read_csv(folder / data.train, [data.id, *category, *data.labels, *group])
    test = read_csv(folder / data.test, [data.id, *category])
    wanted = list(data.categories) or (
        sorted(set(train[data.category_column])) if category else [""]
    )
    labels = (
        {name: data.labels for name in wanted}
        if data.labels
        else label_columns(folder / data.attributes, wanted)
    )
    if absent := sorted({c for columns in labels.values() for c in columns} - set(train)):
        raise UserError(
            f"{folder / data.train} has no column {', '.join(absent)}; it has: {', '.join(train)}"
        )
    every = [c for columns in labels.values() for c in columns]
    if wrong := {*FIXED, data.id} & {*every} if not category else set():
        raise UserError(
            f"data.labels: {', '.join(sorted(wrong))} is the name of a column that "
            f"folds.csv needs; rename it in {folder / data.train}"
        )
    if not category and len(set(every)) < len(every):
        raise UserError("data.labels names a column twice")
    parts = []
    for split, table, pattern in (
        ("train", train, data.train_image),
        ("test", test, data.test_image),
    ):
        require_distinct(table, data.id, folder / getattr(data, split))
        mine = table[table[data.category_column].isin(wanted)] if category else table
        if mine.empty:
            there = (
                f"; column {data.category_column} holds: "
                f"{', '.join(sorted(set(table[data.category_column])))}"
                if category
                else ""
            )
            raise UserError(
                f"{folder / getattr(data, split)} has no row of category {', '.join(wanted)}{there}"
            )
        part = {
            "id": row_id(split, mine[data.id]),
            "split": split,
            "image": image_names(mine, pattern, folder),
            "group": mine[data.group] if group and split == "train" else "",
        }
        for name, columns in labels.items():
            for column in columns:
                label = mine[column] if split == "train" else ""
                part[f"{name}/{column}" if category else column] = (
                    np.where(mine[data.category_column] == name, label, "") if category else label
                )
        parts.append(pd.DataFrame(part))
    files = [data.train, data.test] + ([] if data.labels else [data.attributes])
    return pd.concat(parts, ignore_index=True), files


def label_columns(file, categories) -> dict[str, list[str]]:
    """{category: [attr_1 .. attr_k]} as the organisers' table of attributes says."""
    if not file.exists():
        raise UserError(f"no {file}: put it there, or name the label columns in data.labels")
    try:
        table = pd.read_parquet(file, columns=["Category", "No_of_attribute"])
    except (
        Exception
    ) as error:  # pyarrow has its own, for files that are no parquet and for missing columns
        raise UserError(
            f"cannot read Category and No_of_attribute from {file}: "
            f"{' '.join(str(error).split())[:150]}"
        ) from None
    counts = dict(zip(table.Category.str.strip(), table.No_of_attribute, strict=True))
    if unknown := [c for c in categories if c not in counts]:
        raise UserError(
            f"data.categories: {unknown[0]!r} is not in {file}; there are: {', '.join(counts)}"
        )
    return {c: [f"attr_{i + 1}" for i in range(counts[c])] for c in categories}


def outputs(rows: pd.DataFrame) -> Outputs:
    """{attribute: its classes, sorted}, from the labels. Raises UserError on an attribute that no row is
    labelled for."""
    found = {c: sorted(set(rows[c]) - {""}) for c in rows if c not in FIXED}
    if empty := [name for name, classes in found.items() if not classes]:
        raise UserError(
            f"attribute {empty[0]} has no label in any training row; leave it out of "
            "data.labels or its category "
            "out of data.categories"
        )
    return found


def sizes(outputs: Outputs) -> list[int]:
    """Columns of each attribute in a prediction: its classes."""
    return [len(classes) for classes in outputs.values()]


def encode(rows: pd.DataFrame, outputs: Outputs) -> np.ndarray:
    """Class numbers (n, a) int64 of the rows' labels, -1 where not labelled."""
    return np.stack(
        [pd.Index(classes).get_indexer(rows[name]) for name, classes in outputs.items()], axis=1
    ).astype(np.int64)


def encode_table(table: pd.DataFrame, outputs: Outputs, data) -> np.ndarray:
    """Class numbers (n, a) of a table in the organisers' columns, a submission or labels; -1 where
    a cell is none of the classes."""

    def column(name):
        category, _, label = name.rpartition("/")
        return (
            np.where(table[data.category_column] == category, table[label], "")
            if category
            else table[label]
        )

    return encode(pd.DataFrame({name: column(name) for name in outputs}), outputs)


def truth_columns(data) -> list[str]:
    """What a table of labels must have."""
    return [data.id, *filter(None, [data.category_column]), *official_columns(data)]


def read_answers(table: pd.DataFrame, outputs: Outputs, data) -> np.ndarray:
    """Class numbers (n, a) of a submission."""
    return encode_table(table, outputs, data)


def strata(target: np.ndarray) -> np.ndarray:
    """Each row's rarest label (n,), -1 where it has none: spread evenly over folds, it spreads the
    rare classes of every attribute; the frequent ones spread by themselves."""
    counts = [np.bincount(column[column >= 0], minlength=column.max() + 1) for column in target.T]
    first = np.cumsum(
        [0] + [len(c) for c in counts[:-1]]
    )  # a number of its own for every class of every attribute
    rarity = np.stack(
        [
            np.where(column >= 0, c[column], np.iinfo(int).max)
            for column, c in zip(target.T, counts, strict=True)
        ],
        axis=1,
    )
    rarest = rarity.argmin(1)
    row = np.arange(len(target))
    return np.where(target[row, rarest] >= 0, first[rarest] + target[row, rarest], -1)


def slices(outputs: Outputs) -> list[slice]:
    """The columns of each attribute in a prediction."""
    return [
        slice(end - size, end)
        for end, size in zip(np.cumsum(sizes(outputs)), sizes(outputs), strict=True)
    ]


def baseline(target: np.ndarray, outputs: Outputs) -> np.ndarray:
    """Class frequencies (k,) of the labelled rows: the answer where there is no picture; uniform
    where nothing is labelled."""
    counts = [
        np.bincount(t[t >= 0], minlength=len(classes))
        for t, classes in zip(target.T, outputs.values(), strict=True)
    ]
    return np.concatenate([c / c.sum() if c.sum() else np.full(len(c), 1 / len(c)) for c in counts])


def answer(pred: np.ndarray, outputs: Outputs) -> np.ndarray:
    """The likeliest class of each attribute (n, a)."""
    return np.stack([pred[:, s].argmax(1) for s in slices(outputs)], axis=1)


def average(preds: np.ndarray) -> np.ndarray:
    """The mean (n, k) of predictions (m, n, k)."""
    return preds.mean(0)


def fit_blend(pred: np.ndarray, target: np.ndarray, outputs: Outputs) -> np.ndarray:
    """Weights (m, a) of m models, pred (m, n, k), that make the labels of each attribute likeliest;
    each column sums to 1.

    EM for the weights of a mixture (Dempster et al. 1977): no step size, one optimum, a useless
    model falls to 0.
    """
    weights = np.full((len(pred), len(outputs)), 1 / len(pred))
    for a, s in enumerate(slices(outputs)):
        known = target[:, a] >= 0
        likelihood = (
            pred[:, known, s][:, np.arange(known.sum()), target[known, a]].astype(float) + 1e-9
        )  # (m, n)
        for _ in range(200 if known.any() else 0):
            share = weights[:, a, None] * likelihood
            weights[:, a] = (share / share.sum(0)).mean(1)
    return weights


def apply_blend(pred: np.ndarray, weights: np.ndarray, outputs: Outputs) -> np.ndarray:
    """Weighted mean (n, k) of models' predictions (m, n, k)."""
    return np.einsum("mnk,mk->nk", pred, np.repeat(weights, sizes(outputs), axis=1))


def fit_decode(pred: np.ndarray, target: np.ndarray, outputs: Outputs) -> np.ndarray:
    """Offsets (k,) to log probabilities that maximise each attribute's HM on the labelled rows."""
    return np.concatenate(
        [offsets.fit_if_worth(pred[:, s], target[:, a]) for a, s in enumerate(slices(outputs))]
    )


def apply_decode(pred: np.ndarray, fitted: np.ndarray, outputs: Outputs) -> np.ndarray:
    """Answer (n, a) with the offsets of fit_decode."""
    return answer(np.log(np.maximum(pred, 1e-9)) + fitted, outputs)


def score(answer: np.ndarray, target: np.ndarray, outputs: Outputs) -> float:
    """The competition's score, 0 to 1, higher is better; attributes without a labelled row are left
    out."""
    return official_mean({name: row["hm"] for name, row in table(answer, target, outputs).items()})


def score_at_size(
    answer: np.ndarray, target: np.ndarray, outputs: Outputs, n: int, draws: int = 20
) -> float:
    """Mean score of random draws of n rows: what to expect of a test set of that size. Macro F1
    counts every class that is there as one, and in fewer rows fewer of the rarest classes, the
    hardest, are there."""
    if n >= len(target):
        return score(answer, target, outputs)
    rng = np.random.default_rng(0)
    rows = [rng.choice(len(target), n, replace=False) for _ in range(draws)]
    return float(np.mean([score(answer[r], target[r], outputs) for r in rows]))


def score_replicates(
    answer: np.ndarray, target: np.ndarray, outputs: Outputs, weights: np.ndarray
) -> np.ndarray:
    """The score (b,) where row i counts weights[:, i] times, weights (b, n) whole numbers."""
    parts = {
        name: f1.hm_replicates(answer[:, a], target[:, a], len(classes), weights)
        for a, (name, classes) in enumerate(outputs.items())
    }
    return np.array(
        [
            official_mean(dict(zip(parts, draw, strict=True)))
            for draw in zip(*parts.values(), strict=True)
        ]
    )


def official_mean(values: dict[str, float]) -> float:
    """Mean over the attributes "<category>/<name>" of each category, then over categories."""
    parts: dict[str, list[float]] = {}
    for name, value in values.items():
        if not np.isnan(value):
            parts.setdefault(name.rpartition("/")[0], []).append(value)
    means = [fsum(own) / len(own) for own in parts.values()]
    return fsum(means) / len(means) if means else float("nan")


def table(
    answer: np.ndarray, target: np.ndarray, outputs: Outputs, pred: np.ndarray | None = None
) -> dict[str, dict]:
    """The published notebook's table {attribute: {val_loss, accuracy, weighted_f1, micro_f1, macro_f1, hm}};
    val_loss needs pred (n, k)."""
    found = {}
    for a, (name, s) in enumerate(zip(outputs, slices(outputs), strict=True)):
        known = target[:, a] >= 0
        likelihood = (
            pred[known, s][np.arange(known.sum()), target[known, a]]
            if pred is not None and known.any()
            else np.array([np.nan])
        )
        loss = -np.log(np.maximum(likelihood, 1e-9)).mean()
        found[name] = {"val_loss": float(loss)} | {
            k: float(v)
            for k, v in f1.scores(answer[:, a], target[:, a], len(outputs[name])).items()
        }
    return found


def format_answers(answer: np.ndarray, outputs: Outputs) -> pd.DataFrame:
    """The answers (n, a) as classes by name, a column per attribute."""
    return pd.DataFrame(
        {
            name: np.array(classes)[column]
            for (name, classes), column in zip(outputs.items(), answer.T, strict=True)
        }
    )


def submission(test: pd.DataFrame, answers: pd.DataFrame, data, post) -> pd.DataFrame:
    """The organisers' table, in the order of test.csv.

    test: the raw test.csv. answers: `format_answers`'s table with the rows' ids as its index. With
    categories: id, Category, len, attr_1 .. attr_10, the columns that a category does not use
    filled with post.filler; else id and the label columns.
    """
    mine = test[row_id("test", test[data.id]).isin(answers.index)]
    found = answers.reindex(row_id("test", mine[data.id])).to_dict("records")
    if not data.category_column:
        return pd.DataFrame(
            {data.id: mine[data.id].tolist()} | {c: [row[c] for row in found] for c in data.labels}
        )
    short = [
        {
            name.rpartition("/")[2]: label
            for name, label in row.items()
            if name.startswith(category + "/")
        }
        for row, category in zip(found, mine[data.category_column], strict=True)
    ]
    columns = {c: [row.get(c, post.filler) for row in short] for c in official_columns(data)}
    return pd.DataFrame(
        {
            data.id: mine[data.id].tolist(),
            data.category_column: mine[data.category_column].tolist(),
            "len": [len(row) for row in short],
            **columns,
        }
    )


def official_columns(data) -> list[str]:
    """The label columns of a submission: data.labels, else attr_1 .. attr_10."""
    return list(data.labels) or [f"attr_{i}" for i in range(1, 11)]


def problems(table: pd.DataFrame, test: pd.DataFrame, outputs: Outputs, data, post) -> list[str]:
    """What the organisers would refuse in a submission read as text, a line each; [] when it is
    right.

    test: the rows of test.csv that it must answer, each once. outputs: the classes that may be
    answered.
    """
    category = data.category_column
    columns = [data.id, *([category, "len"] if category else []), *official_columns(data)]
    if list(table) != columns:
        return [f"columns are {','.join(table)}; they must be {','.join(columns)}"]
    ids = table[data.id]
    found = id_problems(ids, test[data.id], data.id)
    for column in columns[1:]:
        if len(empty := ids[table[column].str.strip() == ""]):
            found.append(f"{column} is empty in {len(empty)} rows, e.g. {data.id} {empty.iloc[0]}")
    if found:
        return found
    kind = (
        table[data.id].map(dict(zip(test[data.id], test[category], strict=True)))
        if category
        else pd.Series("", table.index)
    )
    if category and len(wrong := ids[table[category] != kind]):
        found.append(
            f"{category} differs from test.csv in {len(wrong)} rows, e.g. {data.id} {wrong.iloc[0]}"
        )
    for name in sorted(set(kind)):
        own, allowed = (
            table[kind == name],
            {
                o.rpartition("/")[2]: c
                for o, c in outputs.items()
                if not category or o.startswith(name + "/")
            },
        )
        if category and len(wrong := own[own["len"] != str(len(allowed))]):
            found.append(
                f"len must be {len(allowed)} for {name}; it is {wrong['len'].iloc[0]} at "
                f"{data.id} {wrong[data.id].iloc[0]}"
            )
        for column, classes in allowed.items():
            if len(wrong := own[~own[column].isin(classes)]):
                found.append(
                    f"{column} is {wrong[column].iloc[0]!r} at {data.id} "
                    f"{wrong[data.id].iloc[0]} and {len(wrong) - 1} more rows; "
                    f"for {name or 'it'} it must be one of: {', '.join(classes)}"
                )
    return found
