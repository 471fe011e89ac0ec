"""A further table of labels (ranker.labels), which the label statistics count too."""

import numpy as np

from common.errors import UserError
from common.files import digest
from common.log import log
from common.paths import input_folder
from common.tables import group_column, read_csv
from models.ranker.label_stats import Labels, group_numbers
from texts.value_codes import ENTITY_NAMES, encode_values

NO_LABELS = Labels(np.zeros((0, 2)), np.zeros(0))


def further_labels(config) -> Labels:
    """Labels of the table ranker.labels, without the rows of data.train's and data.test's images;
    none where it is not set, or the file is not there."""
    data = config.data
    name = config.ranker.labels
    if not name:
        return NO_LABELS

    folder = input_folder(data.folder, data.train)
    file = folder / name
    if not file.is_file():
        log(left_out=name, because=f"{folder} has no such file")
        return NO_LABELS

    groups = group_column(data)
    if not groups:
        raise UserError(
            f"ranker.labels={name} needs data.group, the column by which it is kept apart "
            f"from {data.train} and {data.test}"
        )

    label = data.labels[0]
    category = data.category_column
    columns = [*groups, data.question, label]

    if category:
        columns.append(category)

    table = read_csv(file, columns)

    known_groups = set()
    for known in (data.train, data.test):
        known_table = read_csv(folder / known, groups)
        known_groups.update(known_table[data.group])

    is_new = ~table[data.group].isin(known_groups)
    has_entity = table[data.question].isin(ENTITY_NAMES)
    table = table[is_new & has_entity]
    log(labels=name, rows=len(table))

    target = encode_values(table[label], table[data.question])
    categories = table[category] if category else None
    return Labels(target, group_numbers(categories, len(table)))


def raw_labels(config) -> dict:
    """{ranker.labels: digest, None where there is no such file}, for the record."""
    name = config.ranker.labels
    if not name:
        return {}

    folder = input_folder(config.data.folder, config.data.train)
    file = folder / name
    return {name: digest(file) if file.is_file() else None}
