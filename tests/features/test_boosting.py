"""Boosters come back from their file in the order they were written in."""

import lightgbm
import numpy as np
import pytest

from common.errors import UserError
from features.boosting import booster_arrays, read_boosters
from networks.weights import save_arrays

PARAMETERS = {"verbose": -1, "min_data_in_leaf": 1, "num_threads": 1}
X = np.zeros((20, 1))


def booster_of(number: float):
    """A booster that answers this number to every row."""
    data = lightgbm.Dataset(X, np.full(len(X), number))
    return lightgbm.train(PARAMETERS, data, 1)


def test_more_than_ten_boosters_keep_their_order(tmp_path):
    file = tmp_path / "m.safetensors"
    numbers = np.arange(12.0)
    boosters = [booster_of(number) for number in numbers]
    save_arrays({"number": numbers, **booster_arrays(boosters)}, file)

    boosters, others = read_boosters(file, "number")
    answers = [booster.predict(X)[0] for booster in boosters]
    assert answers == pytest.approx(others["number"])


@pytest.mark.parametrize("lost", ["number", "booster_0"])
def test_a_file_without_one_of_its_arrays_is_refused(tmp_path, lost):
    file = tmp_path / "m.safetensors"
    arrays = {"number": np.zeros(2), **booster_arrays([booster_of(0), booster_of(1)])}
    del arrays[lost]
    save_arrays(arrays, file)
    with pytest.raises(UserError, match=f"cannot read {file}: '{lost}'; remove it"):
        read_boosters(file, "number")
