"""LightGBM boosters of models: the parameters that all of them share, how they are saved and read,
and what their trees split by."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from common.errors import UserError
from networks.weights import read_arrays


def tree_parameters(settings, seed: int) -> dict:
    """LightGBM's parameters but for the objective: trees that try one random split per column
    (extra_trees), few columns each.

    settings: a config section with `lr` and `leaves`.
    """
    return {
        "learning_rate": settings.lr,
        "num_leaves": settings.leaves,
        "min_data_in_leaf": 20,
        "lambda_l2": 1.0,
        "feature_fraction": 0.4,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "extra_trees": True,
        "seed": seed,
        "deterministic": True,
        "force_col_wise": True,
        "verbose": -1,
    }


def booster_arrays(boosters: list) -> dict[str, np.ndarray]:
    """{booster_0: LightGBM's text of the first, as bytes (b,) uint8, ...}, for
    networks.weights.save_arrays."""
    arrays = {}
    for i, booster in enumerate(boosters):
        text = booster.model_to_string().encode()
        arrays[f"booster_{i}"] = np.frombuffer(text, np.uint8)

    return arrays


def read_boosters(file: Path, *names: str) -> tuple[list, dict[str, np.ndarray]]:
    """The boosters in a file of booster_arrays, in their order, and the other arrays in it, which
    have these names.

    Raises UserError when the file lacks one of them or cannot be read.
    """
    import lightgbm

    arrays = read_arrays(file)
    boosters = []
    try:
        others = {name: arrays.pop(name) for name in names}
        # by number: in the file booster_10 stands before booster_2
        for i in range(len(arrays)):
            text = arrays[f"booster_{i}"].tobytes().decode()
            boosters.append(lightgbm.Booster(model_str=text))
    except (KeyError, UnicodeDecodeError, lightgbm.basic.LightGBMError) as error:
        raise UserError(f"cannot read {file}: {error}; remove it and run make again") from None

    return boosters, others


def gain_shares(boosters: list, names: Sequence[str]) -> dict[str, float]:
    """{column: its share of the gain of all splits}, the largest first."""
    gains = [booster.feature_importance("gain") for booster in boosters]
    gain = sum(gains)  # (c,)
    total = max(gain.sum(), 1e-9)
    share = (gain / total).round(4)

    shares = {}
    for i in np.argsort(-share, kind="stable"):
        name = names[i]
        shares[name] = float(share[i])

    return shares
