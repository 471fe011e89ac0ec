"""A submission of the attribute task: how it is written, read back and checked."""

import numpy as np
import pandas as pd

from common.rows import row_id
from common.tables import id_problems
from tasks.attributes.read import MAX_ATTRIBUTES, official_columns
from tasks.raw import name_cell

Outputs = dict[str, list[str]]


def category_of(output: str) -> str:
    """ "Sarees" of "Sarees/attr_1"; "" of "tone"."""
    return output.rpartition("/")[0]


def label_column(output: str) -> str:
    """ "attr_1" of "Sarees/attr_1"; "tone" of "tone"."""
    return output.rpartition("/")[2]


def sizes(outputs: Outputs) -> list[int]:
    """Columns of each attribute in a prediction: the number of its classes."""
    return [len(classes) for classes in outputs.values()]


def slices(outputs: Outputs) -> list[slice]:
    """Where the columns of each attribute stand in a prediction."""
    n_columns = sizes(outputs)
    ends = np.cumsum(n_columns)
    starts = ends - n_columns
    return [slice(start, end) for start, end in zip(starts, ends, strict=True)]


def submitted_label_columns(data) -> list[str]:
    """The label columns of a submission: data.labels, else attr_1 .. attr_10."""
    return list(data.labels) or official_columns(MAX_ATTRIBUTES)


def truth_columns(data) -> list[str]:
    """The columns that a table of labels must have."""
    category = [data.category_column] if data.category_column else []
    return [data.id, *category, *submitted_label_columns(data)]


def submission_columns(data) -> list[str]:
    """The columns of a submission, in their order."""
    category = [data.category_column, "len"] if data.category_column else []
    return [data.id, *category, *submitted_label_columns(data)]


def encode(rows: pd.DataFrame, outputs: Outputs) -> np.ndarray:
    """Class numbers (n, a) int64 of the rows' labels; -1 where a cell is none of the classes."""
    columns = []
    for name, classes in outputs.items():
        labels = rows[name]
        numbers = pd.Index(classes).get_indexer(labels)
        columns.append(numbers)

    target = np.stack(columns, axis=1)
    return target.astype(np.int64)


def encode_table(table: pd.DataFrame, outputs: Outputs, data) -> np.ndarray:
    """Class numbers (n, a) of a table in the organisers' columns, a submission or labels."""
    labels = {}
    for output in outputs:
        label = table[label_column(output)]
        category = category_of(output)
        if category:
            in_category = table[data.category_column] == category
            label = np.where(in_category, label, "")

        labels[output] = label

    return encode(pd.DataFrame(labels), outputs)


def read_answers(table: pd.DataFrame, outputs: Outputs, data) -> np.ndarray:
    """Class numbers (n, a) of a submission."""
    return encode_table(table, outputs, data)


def format_answers(answer: np.ndarray, outputs: Outputs) -> pd.DataFrame:
    """Answers (n, a) as the names of their classes, a column per attribute."""
    labels = {}
    for a, (output, classes) in enumerate(outputs.items()):
        names = np.array(classes)
        class_numbers = answer[:, a]
        labels[output] = names[class_numbers]

    return pd.DataFrame(labels)


def submission(test: pd.DataFrame, answers: pd.DataFrame, data, post) -> pd.DataFrame:
    """The organisers' table, in the order of test.csv.

    test: the raw test.csv. answers: the table of `format_answers` with the rows' ids as its index.
    With categories: id, Category, len, attr_1 .. attr_10, where post.filler stands in the columns
    that a row's category does not use. Without: id and the label columns.
    """
    ids = row_id("test", test[data.id])
    is_answered = ids.isin(answers.index)
    test = test[is_answered]
    answered_ids = ids[is_answered]
    rows = answers.reindex(answered_ids)

    records = rows.to_dict("records")
    table = {data.id: test[data.id].tolist()}

    if data.category_column:
        categories = test[data.category_column].tolist()
        pairs = zip(records, categories, strict=True)
        records = [labels_of_category(record, category) for record, category in pairs]
        table[data.category_column] = categories
        table["len"] = [len(record) for record in records]

    for column in submitted_label_columns(data):
        cells = [record.get(column, post.filler) for record in records]
        table[column] = cells

    return pd.DataFrame(table)


def labels_of_category(record: dict[str, str], category: str) -> dict[str, str]:
    """{attr_1: label} of a category, of a record {"Sarees/attr_1": label, "Kurtis/attr_1": ...}."""
    prefix = f"{category}/"
    labels = {}
    for output, label in record.items():
        if output.startswith(prefix):
            column = label_column(output)
            labels[column] = label

    return labels


def problems(table: pd.DataFrame, test: pd.DataFrame, outputs: Outputs, data, post) -> list[str]:
    """What the organisers would refuse in a submission read as text, a line each; [] if nothing.

    test: the rows of test.csv that it must answer, each once. outputs: the classes that may be
    answered.
    """
    columns = submission_columns(data)
    if list(table) != columns:
        return [f"columns are {','.join(table)}; they must be {','.join(columns)}"]

    ids = table[data.id]
    test_ids = test[data.id]
    lines = id_problems(ids, test_ids, data.id)

    for column in columns[1:]:
        lines += empty_cells(table, column, data.id)

    if lines:
        return lines

    if not data.category_column:
        return wrong_classes(table, outputs, data.id, "it")

    expected = dict(zip(test_ids, test[data.category_column], strict=True))
    category = ids.map(expected)
    lines = wrong_categories(table, category, data)

    for name in sorted(set(category)):
        rows = table[category == name]
        classes = labels_of_category(outputs, name)
        lines += wrong_lengths(rows, len(classes), data.id, name)
        lines += wrong_classes(rows, classes, data.id, name)

    return lines


def empty_cells(table: pd.DataFrame, column: str, id_column: str) -> list[str]:
    """A line if cells of the column are empty."""
    stripped = table[column].str.strip()
    is_empty = stripped == ""

    ids = table[id_column][is_empty]
    if ids.empty:
        return []

    example = f"{id_column} {ids.iloc[0]}"
    return [f"{column} is empty in {len(ids)} rows, e.g. {example}"]


def wrong_categories(table: pd.DataFrame, category: pd.Series, data) -> list[str]:
    """A line if rows have another category (n,) than in test.csv."""
    column = data.category_column
    differs = table[column] != category

    ids = table[data.id][differs]
    if ids.empty:
        return []

    example = f"{data.id} {ids.iloc[0]}"
    return [f"{column} differs from test.csv in {len(ids)} rows, e.g. {example}"]


def wrong_lengths(rows: pd.DataFrame, n: int, id_column: str, category: str) -> list[str]:
    """A line if `len` is not n, the number of attributes of the rows' category."""
    is_wrong = rows["len"] != str(n)

    wrong = rows[is_wrong]
    if wrong.empty:
        return []

    first = wrong.iloc[0]
    length = first["len"]
    example = f"{id_column} {first[id_column]}"
    return [f"len must be {n} for {category}; it is {length} at {example}"]


def wrong_classes(
    rows: pd.DataFrame,
    classes: dict[str, list[str]],
    id_column: str,
    category: str,
) -> list[str]:
    """A line for each column of {column: [classes]} with a cell that is none of its classes."""
    lines = []
    for column, allowed in classes.items():
        is_allowed = rows[column].isin(allowed)
        wrong = rows[~is_allowed]
        if len(wrong):
            cell = name_cell(wrong, column, id_column)
            lines.append(f"{cell}; for {category} it must be one of: {', '.join(allowed)}")

    return lines
