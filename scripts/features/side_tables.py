"""Numeric tables beside train.csv and test.csv: columns made elsewhere, predictions of others."""

import numpy as np
import pandas as pd

from common.errors import UserError
from common.files import digest
from common.log import log
from common.paths import input_folder
from common.rows import row_id
from common.tables import id_problems, read_csv


def read_numbers(data, files, ids: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Numbers (n, c) that tables in the data folder hold for the rows `ids` (n,) "train:12", nan
    where a cell is empty, and the columns' names: those that files.train and files.test (config)
    share, but the ids, labels and texts. (n, 0) without.

    Raises UserError when a row is missing, doubled or foreign, or a cell is no number.
    """
    if not files.train and not files.test:
        return np.zeros((len(ids), 0)), []
    parts, folder = [], input_folder(data.folder, data.train)
    for split, name in (("train", files.train), ("test", files.test)):
        if not name:
            raise UserError(f"tables come in pairs: the one of the {split} rows is not named")
        table, wanted = (
            read_csv(folder / name, [data.id]),
            pd.Series(ids[np.char.startswith(ids, row_id(split, ""))]).str.removeprefix(
                row_id(split, "")
            ),
        )
        if wrong := id_problems(table[data.id], wanted, data.id):
            raise UserError(f"{folder / name} has other rows than folds.csv: {'; '.join(wrong)}")
        parts.append(table.set_index(row_id(split, table[data.id])))
    names = [c for c in parts[0] if c in parts[1] and c not in (data.id, *data.labels, *data.text)]
    if not names:
        raise UserError(
            f"{files.train} and {files.test} have no column in common beside {data.id}; "
            f"they have: {', '.join(parts[0])}; {', '.join(parts[1])}"
        )
    if alone := [c for c in parts[0] if c not in parts[1] and c not in (*data.labels, *data.text)]:
        log(left_out=", ".join(alone), because=f"not in {files.test}")
    table = pd.concat([part[names] for part in parts]).loc[ids]
    numbers = table.apply(pd.to_numeric, errors="coerce")
    if (wrong := numbers.isna() & (table != "")).any(axis=None):
        row, column = np.argwhere(wrong.to_numpy())[0]
        raise UserError(
            f"{files.train}, {files.test}: {names[column]} is {table.iat[row, column]!r} "
            f"at {ids[row]}; it must be a number"
        )
    return numbers.to_numpy(float), names


def digests(data, files) -> dict:
    """{name: digest} of the tables that files.train and files.test name, for the record of what is
    made of them."""
    names = [name for name in (files.train, files.test) if name]
    return {name: digest(input_folder(data.folder, data.train) / name) for name in names}
