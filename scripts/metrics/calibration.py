"""Whether confidences are what they say: of answers given with 80 %, are 80 % right?"""

import numpy as np
import pandas as pd

BINS = 10


def reliability(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> pd.DataFrame:
    """Answers (n,) by their confidence in (0, 1], in bins of equal width: rows, mean confidence,
    share that is right; no empty bins."""
    which = np.clip(np.ceil(np.asarray(confidence, float) * bins).astype(int) - 1, 0, bins - 1)
    table = pd.DataFrame(
        {"bin": which, "confidence": confidence, "right": np.asarray(right, float)}
    )
    found = table.groupby("bin").agg(
        rows=("right", "size"), confidence=("confidence", "mean"), right=("right", "mean")
    )
    return found.reset_index(drop=True)


def error(table: pd.DataFrame) -> float:
    """Expected calibration error of a reliability table: the bins' |right - confidence|, weighted
    by their rows (Naeini, Cooper and Hauskrecht 2015; Guo et al. 2017, equation 3)."""
    return float(
        (table.rows * (table.right - table.confidence).abs()).sum() / max(table.rows.sum(), 1)
    )
