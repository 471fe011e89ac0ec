"""Row vectors."""

import numpy as np


def unit_rows(x: np.ndarray) -> np.ndarray:
    """The rows of x (n, d) at length 1; a row of zeros stays."""
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return x / length.clip(1e-9)
