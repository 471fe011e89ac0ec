"""What lightgbm reads of a row itself, whatever other rows are: quantities of its text, and columns
of side tables.

in: "Basmati rice 5 kg" → out: 5,000 grams, pack of 1, ...
"""

import numpy as np

from features.ngrams import load_ngrams
from features.side_tables import read_side
from texts.quantities import quantities


def own_columns(job, rows) -> tuple[np.ndarray, list[str]]:
    """These columns (n, r) float64 of every row, and their names."""
    config = job.config
    ngrams = load_ngrams(job, rows)
    _, quantity_names = quantities([])
    side, side_names = read_side(config.data, config.lightgbm, rows.id)

    values = np.concatenate([ngrams["numbers"], side], 1)
    return values, [*quantity_names, *side_names]
