"""A further table of labels (ranker.labels), which the label statistics count too."""

import numpy as np

from common.errors import UserError
from common.files import digest
from common.log import log
from common.paths import input_folder
from common.tables import read_csv
from models.ranker.label_stats import Labels, group_numbers
from texts.value_codes import ENTITY_NAMES, encode_values

NO_LABELS = Labels(np.zeros((0, 2)), np.zeros(0))


def further_labels(config) -> Labels:
    """Labels of the table ranker.labels, without the rows of data.train's and data.test's images;
    none where it is not set, or the file is not there."""
    data, name = config.data, config.ranker.labels
    if not name:
        return NO_LABELS
    folder = input_folder(data.folder, data.train)
    if not (folder / name).is_file():
        log(left_out=name, because=f"{folder} has no such file")
        return NO_LABELS
    if not data.group:
        raise UserError(
            f"ranker.labels={name} needs data.group, the column by which it is kept apart "
            f"from {data.train} and {data.test}"
        )

    label, category = data.labels[0], data.category_column
    columns = [data.group, data.question, label]
    if category:
        columns.append(category)
    table = read_csv(folder / name, columns)
    known_groups = set()
    for file in (data.train, data.test):
        known_groups.update(read_csv(folder / file, [data.group])[data.group])
    is_new = ~table[data.group].isin(known_groups)
    table = table[is_new & table[data.question].isin(ENTITY_NAMES)]
    log(labels=name, rows=len(table))

    target = encode_values(table[label], table[data.question])
    return Labels(target, group_numbers(table[category] if category else None, len(table)))


def raw_labels(config) -> dict:
    """{ranker.labels: digest, None where there is no such file}, for the record."""
    name = config.ranker.labels
    if not name:
        return {}
    file = input_folder(config.data.folder, config.data.train) / name
    return {name: digest(file) if file.is_file() else None}
