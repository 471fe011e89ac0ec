"""Calibration of confidences: of the answers given with confidence 0.8, are 80 % right?"""

import numpy as np
import pandas as pd

BINS = 10


def reliability(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> pd.DataFrame:
    """A row per bin of confidence: rows, mean confidence, share of the answers that is right.

    confidence (n,) in (0, 1], right (n,) bool. Bins have equal width and hold their upper edge;
    empty bins are left out.
    """
    upper_edge = np.ceil(np.asarray(confidence, float) * bins).astype(int)
    bin_of_row = np.clip(upper_edge - 1, 0, bins - 1)

    table = pd.DataFrame(
        {
            "bin": bin_of_row,
            "confidence": confidence,
            "right": np.asarray(right, float),
        }
    )
    per_bin = table.groupby("bin").agg(
        rows=("right", "size"),
        confidence=("confidence", "mean"),
        right=("right", "mean"),
    )
    return per_bin.reset_index(drop=True)


def expected_error(table: pd.DataFrame) -> float:
    """Expected calibration error of a reliability table: the mean of |right - confidence| over its
    bins, weighted by their rows (Naeini et al. 2015; Guo et al. 2017, equation 3)."""
    gap = (table.right - table.confidence).abs()
    n = max(table.rows.sum(), 1)
    return float((table.rows * gap).sum() / n)
